"""What makes a weak hint a strong finding: the table of combinations.

A name or a text alone says little; the same name in a program that also makes the calls,
opens the sockets or is started by the device says much (DETECTION, "Evidence beyond
YARA"). Each ``Combination`` names the abilities it speaks of, by prefix of their ids, and
groups of supports: one of each group must be there. ``levels`` is by how many levels of
confidence it raises a hit that a rule or an analyser made; severity never changes, and
nothing is ever lowered.

A support is written ``kind:text``: ``call`` (an import, with a library or without, or a
system call), ``needed`` (a library, by the start of its name), ``constant`` (in a call, as
``analyse.code`` reads it), ``module`` (by the start of its name), or ``started`` (a
service of the same file system has the program's name). The rows are this project's
judgement; a row may be added where a test shows the finding and ordinary software is
shown to stay quiet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Combination:
    """Supports that raise hits of the abilities that begin with ``prefix``."""

    prefix: str
    groups: tuple[frozenset[str], ...]
    levels: int = 2


def _any(kind: str, names: str) -> frozenset[str]:
    return frozenset(f"{kind}:{name}" for name in names.split())


_TERMINAL: Final = _any("call", "forkpty openpty getpt posix_openpt grantpt login_tty _getpty")
_ACCEPT: Final = _any("call", "accept accept4")
_LISTEN: Final = _any("call", "listen")
_CONNECT: Final = _any("call", "connect")
_DUPLICATE: Final = _any("call", "dup2 dup3")
_EXEC: Final = _any(
    "call", "execve execv execl execle execlp execvp execvpe fexecve execveat posix_spawn"
)
_SEND: Final = _any(
    "call",
    "curl_easy_perform curl_multi_perform SSL_connect gnutls_handshake mbedtls_ssl_handshake "
    "wolfSSL_connect WinHttpSendRequest HttpSendRequestA HttpSendRequestW InternetOpenUrlA "
    "InternetOpenUrlW",
)
_SCREEN: Final = _any(
    "call", "XShmGetImage XGetImage XTestFakeKeyEvent XTestFakeMotionEvent BitBlt PrintWindow"
) | _any("needed", "libvncserver libXtst libpipewire")
_STARTED: Final = frozenset({"started"})

COMBINATIONS: Final[tuple[Combination, ...]] = (
    Combination("remote.shell.telnet", (_TERMINAL, _LISTEN | _ACCEPT)),
    Combination("remote.shell.ssh", (_TERMINAL, _LISTEN | _ACCEPT)),
    Combination("remote.shell.web", (_TERMINAL, _LISTEN | _ACCEPT)),
    Combination("remote.shell.reverse", (_CONNECT, _DUPLICATE, _EXEC)),
    Combination("remote.shell.bind", (_LISTEN, _ACCEPT, _DUPLICATE, _EXEC)),
    Combination("remote.desktop", (_SCREEN, _LISTEN | _ACCEPT | _CONNECT)),
    Combination("remote.", (_STARTED,), levels=1),
    Combination("tunnel.", (_STARTED,), levels=1),
    Combination("tunnel.", (_any("constant", "TUNSETIFF"), _CONNECT | _any("call", "sendto"))),
    Combination("surv.sniff", (_any("call", "pcap_open_live pcap_create"),)),
    Combination("surv.sniff", (_any("constant", "AF_PACKET"),)),
    Combination("surv.audio", (_any("call", "snd_pcm_readi snd_pcm_readn pa_simple_read"),)),
    Combination("surv.audio", (_any("call", "waveInOpen waveInStart"),)),
    Combination(
        "surv.video", (_any("call", "v4l2_open v4l2_ioctl") | _any("needed", "libcamera"),)
    ),
    Combination("surv.location", (_any("call", "gps_open gps_stream gps_read"),)),
    Combination(
        "surv.keylog",
        (
            _any(
                "call", "SetWindowsHookExA SetWindowsHookExW GetAsyncKeyState XRecordEnableContext"
            ),
        ),
    ),
    Combination("can.", (_any("constant", "AF_CAN"),)),
    Combination("diag.", (_any("constant", "AF_CAN"),)),
    Combination(
        "modem.",
        (_any("call", "tcsetattr cfsetispeed cfsetospeed cfsetspeed"), _any("call", "write")),
    ),
    Combination("exfil.cloud", (_SEND,)),
    Combination("exfil.chat", (_SEND,)),
    Combination("exfil.upload", (_SEND,)),
    Combination("exfil.smtp", (_SEND | _CONNECT,)),
    Combination("win.service", (_any("call", "CreateServiceA CreateServiceW"),)),
    Combination("win.user_add", (_any("call", "NetUserAdd"),)),
)
