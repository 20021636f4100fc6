"""The operator's secret file: what opens an encrypted update, as strict TOML.

Guarantees: unknown keys, wrong types and values of impossible length are errors; no
error, warning or ``repr`` repeats a value of the file. A secret that acts on content
which no header calls encrypted must name its nodes by ``path``: nothing is guessed.
Secrets leave this module only inside ``Given``, which travels to workers and nowhere
else (UNPACKING, "Envelopes and secrets").

Key files that an entry names are read relative to the secret file.

Not done here: erasing memory. Python cannot; the process ends with the command.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import Meta

from fwverify.model import Count
from fwverify.model import _Value as Value
from fwverify.strict import InputFileError, parse_toml, read_bounded
from fwverify.unpack.given import Secret

SECRET_SCHEMA: Final = "fwverify.secret/1"  # noqa: S105  (the name of a form)
MAX_FILE_BYTES: Final = 1024 * 1024
MAX_SECRETS: Final = 256
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")

Pattern = Annotated[str, Meta(min_length=1, max_length=4096)]
Text = Annotated[str, Meta(min_length=1, max_length=4096)]
Hexadecimal = Annotated[str, Meta(max_length=8192)]
Length = Annotated[int, Meta(ge=1)]


class PasswordSecret(Value, frozen=True, kw_only=True, tag_field="kind", tag="password"):
    """The password of ZIP, 7z and RAR archives."""

    password: Text
    path: Pattern = "*"


class _Aes(Value, frozen=True, kw_only=True):
    """Where the cipher text lies in the nodes at ``path``, and under which key.

    ``iv`` is the initialisation vector; else it stands at ``iv_offset``. The cipher text
    starts at ``offset`` (behind an IV at the start of the node where that is not given)
    and has ``length`` bytes (to the end).
    """

    path: Pattern
    key: Hexadecimal
    iv: Hexadecimal | None = None
    iv_offset: Count | None = None
    offset: Count | None = None
    length: Length | None = None


class AesCbcSecret(_Aes, frozen=True, kw_only=True, tag_field="kind", tag="aes-cbc"):
    """AES in CBC mode (NIST SP 800-38A) with the padding of PKCS #7, or none."""

    padding: Literal["pkcs7", "none"] = "pkcs7"


class AesCtrSecret(_Aes, frozen=True, kw_only=True, tag_field="kind", tag="aes-ctr"):
    """AES in CTR mode (NIST SP 800-38A); ``iv`` is the whole first counter block."""


class AesGcmSecret(_Aes, frozen=True, kw_only=True, tag_field="kind", tag="aes-gcm"):
    """AES in GCM (NIST SP 800-38D).

    The tag stands at ``tag_offset``, or behind the cipher text.
    """

    tag: Hexadecimal | None = None
    tag_offset: Count | None = None
    tag_length: Annotated[int, Meta(ge=12, le=16)] = 16
    aad: Hexadecimal = ""


class CmsSecret(Value, frozen=True, kw_only=True, tag_field="kind", tag="cms"):
    """The recipient's private key of a CMS envelope, or the content key itself."""

    path: Pattern = "*"
    key: Annotated[str, Meta(max_length=65536)] | None = None
    key_file: Text | None = None
    key_password: Text | None = None
    content_key: Hexadecimal | None = None


class OpenPgpSecret(Value, frozen=True, kw_only=True, tag_field="kind", tag="openpgp"):
    """The password of an OpenPGP message, or its session key."""

    path: Pattern = "*"
    password: Text | None = None
    session_key: Hexadecimal | None = None


class SwupdateSecret(Value, frozen=True, kw_only=True, tag_field="kind", tag="swupdate"):
    """The AES key of an SWUpdate archive and the IV of what has none of its own (``ivt``)."""

    path: Pattern = "*"
    key: Hexadecimal
    iv: Hexadecimal | None = None


class RaucCryptSecret(Value, frozen=True, kw_only=True, tag_field="kind", tag="rauc-crypt"):
    """The recipient's private key of a RAUC crypt bundle."""

    path: Pattern = "*"
    key: Annotated[str, Meta(max_length=65536)] | None = None
    key_file: Text | None = None
    key_password: Text | None = None


class DlmsSecret(Value, frozen=True, kw_only=True, tag_field="kind", tag="dlms"):
    """The encryption key of a DLMS/COSEM server and, where used, its authentication key."""

    path: Pattern = "*"
    encryption_key: Hexadecimal
    authentication_key: Hexadecimal = ""


Entry: TypeAlias = (
    PasswordSecret
    | AesCbcSecret
    | AesCtrSecret
    | AesGcmSecret
    | CmsSecret
    | OpenPgpSecret
    | SwupdateSecret
    | RaucCryptSecret
    | DlmsSecret
)


class SecretFile(Value, frozen=True, kw_only=True):
    """A secret file; ``secret`` is one table per secret."""

    schema: Literal["fwverify.secret/1"]
    secret: Annotated[tuple[Entry, ...], Meta(min_length=1, max_length=MAX_SECRETS)]

    def __repr__(self) -> str:
        return f"SecretFile({len(self.secret)} secrets)"


@dataclass(frozen=True)
class Secrets:
    """What secret files hold. ``files`` are they and the key files they name.

    ``warnings`` are sentences for the operator.
    """

    secrets: tuple[Secret, ...] = field(default=(), repr=False)
    files: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()


_KEY_BYTES: Final = (16, 24, 32)
_HEX_BYTES: Final[dict[tuple[str, str], tuple[int, ...]]] = {
    ("aes-cbc", "key"): _KEY_BYTES,
    ("aes-cbc", "iv"): (16,),
    ("aes-ctr", "key"): _KEY_BYTES,
    ("aes-ctr", "iv"): (16,),
    ("aes-gcm", "key"): _KEY_BYTES,
    ("aes-gcm", "iv"): tuple(range(8, 129)),
    ("aes-gcm", "tag"): (12, 13, 14, 15, 16),
    ("aes-gcm", "aad"): tuple(range(4097)),
    ("cms", "content_key"): _KEY_BYTES,
    ("openpgp", "session_key"): _KEY_BYTES,
    ("swupdate", "key"): _KEY_BYTES,
    ("swupdate", "iv"): (16,),
    ("dlms", "encryption_key"): (16, 32),
    ("dlms", "authentication_key"): (0, 16, 32),
}
_ONE_OF: Final = {
    "aes-cbc": ("iv", "iv_offset"),
    "aes-ctr": ("iv", "iv_offset"),
    "aes-gcm": ("iv", "iv_offset"),
    "cms": ("key", "key_file", "content_key"),
    "openpgp": ("password", "session_key"),
    "rauc-crypt": ("key", "key_file"),
}
"""Of these an entry of the kind has exactly one."""


def load_secrets(paths: Sequence[Path]) -> Secrets:
    """Return what the secret files ``paths`` hold. Raises ``InputFileError``."""
    secrets: list[Secret] = []
    files: list[Path] = []
    warnings: list[str] = []
    for path in paths:
        document = _document(path)
        files.append(path)
        for number, entry in enumerate(document.secret, 1):
            secrets.append(_secret(entry, number, path, files))
    for file in dict.fromkeys(files):
        mode = file.stat().st_mode
        if mode & _OTHERS:
            warnings.append(f"{file.name} can be read by others (mode {mode & 0o7777:04o})")
    return Secrets(tuple(secrets), tuple(dict.fromkeys(files)), tuple(warnings))


def _document(path: Path) -> SecretFile:
    """Return the file ``path``, its errors without the values they speak of."""
    data = read_bounded(path, MAX_FILE_BYTES)
    try:
        return parse_toml(data, path, SecretFile)
    except InputFileError as error:
        key = error.key if _is_known(error.key) else ""
        why = _QUOTED.sub("…", error.why)
        why = why if "unknown field" not in why else "holds an unknown key"
        clean = InputFileError(path, error.line, key, why)
    raise clean


def _is_known(key: str) -> bool:
    """Return whether ``key`` is made of this form's own words, so that it may be shown."""
    words = {name for kind in Entry.__args__ for name in kind.__struct_fields__}
    return all(part.isdigit() or part in words | {"secret", "schema"} for part in key.split("."))


def _secret(entry: Entry, number: int, path: Path, files: list[Path]) -> Secret:
    kind = str(entry.__struct_config__.tag)

    def refuse(name: str, why: str) -> InputFileError:
        return InputFileError(path, None, f"secret.{number}.{name}", why)

    present = {
        name: getattr(entry, name)
        for name in entry.__struct_fields__
        if name != "path" and getattr(entry, name) is not None
    }
    choices = _ONE_OF.get(kind, ())
    if choices and sum(name in present for name in choices) != 1:
        raise refuse(choices[0], f"give exactly one of {', '.join(choices)}")
    values = dict(_values(kind, present, refuse))
    if "key_file" in present:
        file = path.parent / str(present["key_file"])
        try:
            values["key"] = read_bounded(file, MAX_FILE_BYTES)
        except InputFileError as error:
            raise refuse("key_file", f"{error.why}: the file it names") from None
        files.append(file)
    return Secret(kind=kind, path=entry.path, values=values)


def _values(
    kind: str, present: dict[str, Any], refuse: Callable[[str, str], InputFileError]
) -> Iterator[tuple[str, bytes]]:
    for name, value in present.items():
        lengths = _HEX_BYTES.get((kind, name))
        if lengths is None:
            yield name, str(value).encode()
            continue
        raw = _hexadecimal(value)
        if raw is None or len(raw) not in lengths:
            shown = f"{lengths[0]} to {lengths[-1]}" if len(lengths) > 4 else _listed(lengths)
            raise refuse(name, f"is not {shown} bytes in hexadecimal")
        yield name, raw


def _hexadecimal(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text.replace(":", ""))
    except ValueError:
        return None


def _listed(lengths: tuple[int, ...]) -> str:
    return " or ".join(str(each) for each in lengths)
