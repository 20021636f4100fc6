from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.config import reader, said
from fwverify.analyse.config.packages import TEXTS, versions
from fwverify.analyse.config.reader import READERS, configuration
from fwverify.analyse.windows import Extracted
from fwverify.model import Fact

KEY = "x" * 43 + "="


def hits(text: str) -> list[tuple[str, str | None]]:
    return [(hit.rule, hit.capability) for hit in configuration(text.encode())[1]]


def facts(text: str, kind: str) -> list[str]:
    return [fact.text for fact in configuration(text.encode())[0] if fact.kind == kind]


def endpoints(text: str) -> list[tuple[str, str]]:
    return list(configuration(text.encode())[2])


# --- firewalls ---

IPTABLES = "*filter\n:INPUT DROP [1:2]\n-A INPUT -p tcp --dport {} -j {}\nCOMMIT\n"


@pytest.mark.parametrize(
    ("port", "target", "capability"),
    [
        ("23", "ACCEPT", "remote.shell.telnet"),
        ("22", "ACCEPT", "remote.shell.ssh"),
        ("3389", "ACCEPT", "win.rdp"),
        ("23", "DROP", None),
        ("80", "ACCEPT", None),
        ("2300", "ACCEPT", None),
    ],
)
def test_iptables(port: str, target: str, capability: str | None) -> None:
    text = IPTABLES.format(port, target)
    assert [item[1] for item in hits(text)] == ([capability] if capability else [])
    assert facts(text, "firewall") == [
        f"-A INPUT -p tcp --dport {port} -j {target}",
        ":INPUT DROP",
    ]


def test_a_text_about_iptables_is_none() -> None:
    assert hits("see *filter\n-A INPUT -p tcp --dport 23 -j ACCEPT\n") == []


@pytest.mark.parametrize("ports", ["23", "{ 80, 23 }"])
def test_nftables(ports: str) -> None:
    text = f"table inet f {{\n chain input {{\n  tcp dport {ports} accept\n }}\n}}\n"
    assert hits(text) == [("firewall.remote_port", "remote.shell.telnet")]
    assert hits(text.replace("accept", "drop")) == []
    assert hits(text.replace("table inet f {", "")) == []


UCI = "config zone\n\toption name '{}'\n\toption input '{}'\n\tlist network 'a'\n{}\n"


@pytest.mark.parametrize(
    ("name", "policy", "more", "found"),
    [
        ("wan", "ACCEPT", "", True),
        ("wwan0", "accept", "", True),
        ("lan", "ACCEPT", "", False),
        ("wan", "REJECT", "", False),
        ("wan", "ACCEPT", "\toption enabled '0'", False),
    ],
)
def test_a_zone_of_openwrt(name: str, policy: str, more: str, found: bool) -> None:
    expected = [("firewall.open_zone", "net.firewall_open")] if found else []
    assert hits(UCI.format(name, policy, more)) == expected


def test_a_rule_of_openwrt_for_the_outside() -> None:
    rule = "config rule\n option src 'wan'\n option dest_port '22'\n option target 'ACCEPT'\n"
    assert hits(rule) == [("firewall.remote_port", "remote.shell.ssh")]
    assert hits(rule.replace("wan", "lan")) == []
    assert hits(rule.replace("ACCEPT", "DROP")) == []
    assert facts(rule, "firewall") == ["rule dest_port=22 src=wan target=ACCEPT"]


def test_a_zone_of_firewalld() -> None:
    zone = '<zone target="ACCEPT"><service name="ssh"/><port port="23" protocol="tcp"/></zone>'
    assert hits(zone) == [
        ("firewall.open_zone", "net.firewall_open"),
        ("firewall.remote_port", "remote.shell.telnet"),
    ]
    assert hits(zone.replace("ACCEPT", "DROP").replace('"23"', '"80"')) == []


# --- connections ---

WIREGUARD = (
    f"[Interface]\nPrivateKey = {KEY}\nPostUp = sh /x\n[Peer]\nEndpoint = vpn.acme.test:51820\n"
)


def test_wireguard() -> None:
    assert hits(WIREGUARD) == [("config.wireguard", "tunnel.vpn")]
    assert endpoints(WIREGUARD) == [("host", "vpn.acme.test")]
    assert facts(WIREGUARD, "tunnel") == ["wireguard PostUp runs sh /x"]
    assert KEY[:8] not in repr(configuration(WIREGUARD.encode()))


@pytest.mark.parametrize("gone", ["[Peer]", "PrivateKey"])
def test_half_of_wireguard_is_none(gone: str) -> None:
    assert hits(WIREGUARD.replace(gone, "x")) == []


def test_openvpn() -> None:
    text = "client\ndev tun\nremote vpn.acme.test 1194\nremote 203.0.113.9\nup /etc/up.sh\n"
    assert hits(text) == [("config.openvpn", "tunnel.vpn")]
    assert endpoints(text) == [("host", "vpn.acme.test"), ("ipv4", "203.0.113.9")]
    assert "openvpn up runs /etc/up.sh" in facts(text, "tunnel")
    assert hits(text.replace("dev tun", "")) == []
    assert hits("the remote vpn.acme.test\ndev tun\n") == []
    assert hits("remote vpn.acme.test\nproto udp\n") == [("config.openvpn", "tunnel.vpn")]
    assert hits("talk to the\nremote end of it\nclient side\nproto udp\n") == []


@pytest.mark.parametrize(
    "text",
    [
        "[common]\nserver_addr = 203.0.113.9\nserver_port = 7000\n",
        'serverAddr = "203.0.113.9"\nserverPort = 7000\n',
    ],
)
def test_frp(text: str) -> None:
    assert hits(text) == [("config.frp", "tunnel.reverse")]
    assert endpoints(text) == [("ipv4", "203.0.113.9")]
    assert hits(text.replace("ort", "art")) == []


def test_remote_forward() -> None:
    text = "Host maker\n  HostName relay.acme.test\n  RemoteForward 2222 localhost:22\n"
    assert hits(text) == [("config.remote_forward", "tunnel.reverse")]
    assert endpoints(text) == [("host", "relay.acme.test")]
    assert hits(text.replace("RemoteForward", "LocalForward")) == []
    assert hits(text.replace("  RemoteForward", "# RemoteForward")) == []


@pytest.mark.parametrize(
    "text",
    [
        'OK AT+CGDCONT=1,"IP","m2m.acme"\n',
        'OK \'AT+CGDCONT=1,\\"IPV4V6\\",\\"m2m.acme\\"\'\n',
        "config interface wwan\n\toption apn 'm2m.acme'\n",
        "[gsm]\napn=m2m.acme\n",
    ],
)
def test_an_access_point_name(text: str) -> None:
    assert hits(text) == [("config.apn", "modem.apn")]
    assert endpoints(text) == [("apn", "m2m.acme")]


@pytest.mark.parametrize("text", ["apn=\n", "capn=foo\n", "the apn is set by the SIM\n"])
def test_no_access_point_name(text: str) -> None:
    assert hits(text) == []


def test_wifi_keys_are_sealed() -> None:
    text = 'network={\n ssid="maker"\n psk="topsecret1"\n}\n'
    assert hits(text) == [("config.wifi_key", "cred.static")]
    assert "topsecret" not in repr(configuration(text.encode()))
    assert hits(text.replace("topsecret1", "topsecret2")) == hits(text)
    assert hits(text.replace(' psk="topsecret1"\n', " key_mgmt=NONE\n")) == []


def test_network_manager() -> None:
    text = "[connection]\nid=m\ntype={}\n[vpn]\ngateway=vpn.acme.test\nservice-type=a.b.openvpn\n"
    assert hits(text.format("vpn")) == [("config.nm_vpn", "tunnel.vpn")]
    assert endpoints(text.format("vpn")) == [("host", "vpn.acme.test")]
    assert hits(text.format("ethernet")) == []
    wifi = "[connection]\ntype=wifi\n[wifi]\nssid=x\n[wifi-security]\npsk=topsecret1\n"
    assert hits(wifi) == [("config.wifi_key", "cred.static")]


def test_names_and_time() -> None:
    assert facts("nameserver 8.8.8.8\n", "dns") == ["nameserver 8.8.8.8"]
    ntp = "driftfile /x\nserver time.acme.test iburst\npool pool.acme.test\n"
    assert facts(ntp, "ntp") == ["server pool.acme.test", "server time.acme.test"]
    assert facts(ntp.replace("driftfile", "x"), "ntp") == []
    assert facts("[Time]\nNTP=a.acme.test b.acme.test\n", "ntp") == [
        "server a.acme.test",
        "server b.acme.test",
    ]


# --- the boot loader and D-Bus ---


def test_a_boot_environment() -> None:
    environment = (
        b"\x12\x34\x56\x78bootcmd=tftp 0x80 image; bootm\0bootargs=root=/dev/x init=/bin/sh\0\0"
    )
    found = configuration(environment)
    assert [(hit.rule, hit.capability) for hit in found[1]] == [
        ("config.boot_shell", "cred.empty"),
        ("config.network_boot", "update.no_verify"),
    ]
    assert [fact.text.partition("=")[0] for fact in found[0]] == ["bootargs", "bootcmd"]
    harmless = b"\x12\x34\x56\x78bootcmd=mmc read 0x80; bootm\0bootargs=init=/sbin/init\0\0"
    assert configuration(harmless)[1] == ()


def test_a_program_that_names_bootcmd_is_no_environment() -> None:
    assert configuration(b"\x7fELF" + bytes(60) + b"set bootcmd=tftp x\0")[0] == ()


def test_a_bus_policy_is_a_fact() -> None:
    text = '<busconfig><policy user="root"><allow own="a.b"/></policy></busconfig>'
    assert facts(text, "dbus policy") == ['user="root": allow own="a.b"']


# --- components ---


def test_installed_packages() -> None:
    text = (
        "Package: dropbear\nStatus: install ok installed\nVersion: 2022.83-1\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
        "Package: kept\nStatus: hold ok installed\nVersion: 2\n"
    )
    assert facts(text, "component") == ["dropbear 2022.83-1", "kept 2"]
    assert facts("see\n" + text, "component") == []
    apk = "C:Q1{0}=\nP:musl\nV:1.2.3-r4\n\nC:Q1{0}=\nP:zlib\nV:1.3\n".format("a" * 27)
    assert facts(apk, "component") == ["musl 1.2.3-r4", "zlib 1.3"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"BusyBox v1.35.0 (2022-12-29)", "busybox 1.35.0"),
        (b"SSH-2.0-dropbear_2022.83", "dropbear 2022.83"),
        (b"OpenSSH_9.2p1 Debian-2", "openssh 9.2p1"),
        (b"OpenSSL 3.0.11 19 Sep 2023", "openssl 3.0.11"),
        (b"OpenSSL 1.1.1w  11 Sep 2023", "openssl 1.1.1w"),
        (b"U-Boot 2023.01-rc1 (Jan 01 2023 - 00:00:00)", "u-boot 2023.01-rc1"),
        (b"Linux version 5.10.110-yocto (oe-user@oe-host)", "linux 5.10.110-yocto"),
        (b" deflate 1.2.13 Copyright 1995-2022", "zlib 1.2.13"),
        (b"wpa_supplicant v2.10", "wpa_supplicant 2.10"),
    ],
)
def test_version_texts_of_binaries(content: bytes, text: str) -> None:
    nothing = Extracted(())
    assert versions(b"\0" + content + b"\0", nothing) == (Fact(kind="component", text=text),)
    assert versions(content + b"\n", nothing) == ()  # a text about it
    assert versions(b"\0" + content.replace(b".", b"_") + b"\0", nothing) == ()
    whole = Extracted(((0, len(content) + 2),))
    assert versions(b"\0" + content + b"\0", whole) == ()


def test_every_version_text_is_once() -> None:
    assert len({name for name, _, _ in TEXTS}) == len(TEXTS)


# --- hostile text ---


def test_too_many_facts_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(said, "MAX_FACTS", 3)
    rules = "".join(f"-A INPUT -s 10.0.0.{number} -j DROP\n" for number in range(9))
    _, _, _, (trouble,) = configuration(f"*filter\n{rules}COMMIT\n".encode())
    assert trouble.code == "limit.configuration_facts"


def test_a_text_that_is_too_large_is_said_where_it_configures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "MAX_TEXT_BYTES", 100)
    assert configuration(b"x" * 200)[3] == ()
    assert configuration(b"x" * 200 + WIREGUARD.encode())[3][0].code == "limit.configuration_bytes"


def test_a_nul_does_not_hide_a_text() -> None:
    assert [hit.rule for hit in configuration(b"\0\n" + WIREGUARD.encode())[1]] == [
        "config.wireguard"
    ]


@pytest.mark.parametrize("mark", sorted({mark for item in READERS for mark in item.marks}))
@pytest.mark.parametrize("filler", ["\n", " ", "(", "=", "{", "a"])
def test_no_reader_takes_more_than_linear_time(mark: str, filler: str) -> None:
    began = time.process_time()
    configuration((mark + filler * 60_000 + mark).encode())
    configuration(((mark + filler) * 2_000).encode())
    assert time.process_time() - began < 2


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.sampled_from([mark for item in READERS for mark in item.marks]), st.text(max_size=120))
def test_any_text_around_a_mark_never_raises(mark: str, text: str) -> None:
    configuration((text + mark + text).encode("utf-8", "replace"))
