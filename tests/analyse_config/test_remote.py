"""Further settings that let somebody in: SSH of OpenWrt, containers, answer files, media."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.config.reader import configuration
from fwverify.analyse.values import Hit

ALL = "<unattend xmlns='urn:schemas-microsoft-com:unattend'>{}</unattend>"


def hits(text: str | bytes) -> list[Hit]:
    found = configuration(text.encode() if isinstance(text, str) else text)
    assert found[3] == ()
    return list(found[1])


def said(text: str | bytes) -> list[tuple[str, str | None, str]]:
    return [(hit.rule, hit.capability, hit.severity) for hit in hits(text)]


DROPBEAR = """config dropbear
	option PasswordAuth 'on'
	option RootPasswordAuth '{}'
	option Port         '2222'
	option Interface    'wan'
"""


@pytest.mark.parametrize("value", ["on", "1", "yes", "true"])
def test_root_with_a_password_over_ssh(value: str) -> None:
    (hit,) = hits(DROPBEAR.format(value))
    assert (hit.rule, hit.capability) == ("config.ssh_root_password", "remote.shell.ssh")
    assert hit.evidence == ("RootPasswordAuth port 2222 on wan",)
    assert hit.offset == 0


@pytest.mark.parametrize(
    "text",
    [
        DROPBEAR.format("off"),
        DROPBEAR.format("0"),
        DROPBEAR.format("on").replace("PasswordAuth 'on'", "PasswordAuth 'off'", 1),
        DROPBEAR.format("on") + "\toption enable '0'\n",
        DROPBEAR.format("on").replace("config dropbear", "config sshd"),
        DROPBEAR.replace("\toption Root", "\t#option Root").format("on"),
        "config dropbear\n",
    ],
)
def test_other_settings_of_dropbear_are_left_alone(text: str) -> None:
    assert said(text) == []


def test_every_section_of_dropbear_counts() -> None:
    text = DROPBEAR.format("off") + "\n" + DROPBEAR.format("on").replace("2222", "22")
    (hit,) = hits(text)
    assert hit.evidence == ("RootPasswordAuth port 22 on wan",)
    assert text[hit.offset or 0 :].startswith("config dropbear")


@pytest.mark.parametrize(
    ("image", "capability"),
    [
        ("cloudflare/cloudflared:latest", "tunnel.reverse"),
        ('"ngrok/ngrok:3-alpine"', "tunnel.reverse"),
        ("ghcr.io/tailscale/tailscale@sha256:00ff", "tunnel.mesh"),
        ("registry.local:5000/x/frpc", "tunnel.reverse"),
        ("netbirdio/netbird", "tunnel.mesh"),
        ("zerotier/zerotier:1.14", "tunnel.mesh"),
        ("linuxserver/wireguard", "tunnel.vpn"),
        ("dperson/torproxy", "tunnel.anon"),
        ("tsl0922/ttyd:alpine", "remote.shell.web"),
        ("ngrok/docker-ngrok", "tunnel.reverse"),
    ],
)
@pytest.mark.parametrize(
    "form",
    [
        "services:\n  remote:\n    image: {}\n    command: run\n",
        "[Container]\nImage={}\n",
        "kind: Pod\nspec:\n  containers:\n  - image: {}\n",
    ],
)
def test_a_tunnel_in_a_container(image: str, capability: str, form: str) -> None:
    assert said(form.format(image)) == [("config.container_tunnel", capability, "high")]


@pytest.mark.parametrize(
    "text",
    [
        "services:\n  db:\n    image: postgres:16\n",
        "services:\n  web:\n    image: nginx/nginx-prometheus-exporter\n",
        "services:\n  # image: cloudflare/cloudflared\n",
        "see image: cloudflare/cloudflared\n",
        "image: cloudflare/cloudflared is an image\n",
        "services:\n  a:\n    image: cloudflared-team/website\n",
        "services:\n  a:\n    image: ${IMAGE}\n",
    ],
)
def test_other_containers_are_left_alone(text: str) -> None:
    assert said(text) == []


ACCOUNT = (
    "<LocalAccount wcm:action='add'><Password><Value>{}</Value></Password>"
    "<Name>svc</Name><Group>{}</Group></LocalAccount>"
)
LOGON = (
    "<AutoLogon><Password><Value>geheim</Value></Password><Enabled>{}</Enabled>"
    "<Username>op</Username></AutoLogon>"
)
ADMINISTRATOR = "<AdministratorPassword><Value>{}</Value></AdministratorPassword>"


@pytest.mark.parametrize(
    ("body", "rule", "capability", "severity"),
    [
        (ACCOUNT.format("geheim", "Administrators"), "account", "win.user_add", "high"),
        (ACCOUNT.format("geheim", "Users"), "account", "win.user_add", "medium"),
        (ACCOUNT.format("", "Users"), "account", "win.user_add", "medium"),
        (LOGON.format("true"), "logon", "cred.static", "high"),
        (ADMINISTRATOR.format("geheim"), "password", "cred.static", "high"),
        ("<Path>anydesk.exe --install</Path>", "command", "win.service", "high"),
    ],
)
@pytest.mark.parametrize("coding", ["utf-8", "utf-16"])
def test_an_answer_file(body: str, rule: str, capability: str, severity: str, coding: str) -> None:
    text = ALL.format(body)
    (hit,) = hits(text.encode(coding))
    assert (hit.rule, hit.capability, hit.severity) == (
        f"config.unattend_{rule}", capability, severity,
    )  # fmt: skip
    assert "geheim" not in f"{hit.text} {hit.excerpt} {hit.evidence}"
    assert text[hit.offset or 0] == "<" or rule == "command"


def test_another_password_is_another_finding() -> None:
    first, second = (
        hits(ALL.format(ACCOUNT.format(word, "Users")))[0].evidence for word in ("one", "two")
    )
    assert first != second


@pytest.mark.parametrize(
    "text",
    [
        ALL.format(LOGON.format("false")),
        ALL.format(ADMINISTRATOR.format("*SENSITIVE*DATA*DELETED*")),
        ALL.format(ADMINISTRATOR.format("")),
        ALL.format("<Path>setup.exe /quiet</Path>"),
        ACCOUNT.format("x", "Administrators"),
        ALL.format("<LocalAccounts></LocalAccounts>"),
    ],
)
def test_other_answers_are_left_alone(text: str) -> None:
    assert said(text) == []


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        ("[autorun]\r\nopen=setup.exe\r\n", "open=setup.exe"),
        ("; x\n[AutoRun]\nicon=a.ico\nShellExecute = run.vbs\n", "shellexecute=run.vbs"),
        ("[aUtOrUn.amd64]\nshell\\open\\command=x.exe -q\n", "shell\\open\\command=x.exe -q"),
    ],
)
def test_what_a_medium_starts(text: str, evidence: str) -> None:
    (hit,) = hits(text)
    assert (hit.rule, hit.capability, hit.evidence) == (
        "config.autorun", "persist.init", (evidence,),
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "[autorun]\nicon=a.ico\nlabel=x\n",
        "[autorun]\n;open=a.exe\n",
        "open=a.exe\n",
        "see [autorun]\nopen=x\n",
    ],
)
def test_a_medium_that_starts_nothing(text: str) -> None:
    assert said(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "urn:schemas-microsoft-com:unattend" + "<LocalAccount>" * 100_000,
        "urn:schemas-microsoft-com:unattend" + "<AutoLogon><Path>" * 80_000,
        "services:\n" + "image: \n" * 200_000,
        "config dropbear\n" * 100_000,
        "[autorun]\n" + "shell\\" * 200_000,
    ],
)
def test_hostile_text_takes_no_time(text: str) -> None:
    started = time.process_time()
    configuration(text.encode())
    assert time.process_time() - started < 6


def test_more_findings_than_are_kept_are_said() -> None:
    text = "services:\n" + "".join(f"  image: x{number}/ngrok\n" for number in range(2100))
    _, found, _, troubles = configuration(text.encode())
    assert len(found) == 2048
    assert [trouble.code for trouble in troubles] == ["limit.configuration_facts"]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.text(max_size=80), st.sampled_from((ALL, "config dropbear\n{}", "services:\n image: {}")))
def test_no_text_raises(text: str, form: str) -> None:
    configuration(form.replace("{}", text).encode("utf-8", "replace"))
