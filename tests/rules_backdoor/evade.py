"""Cases of ``anti_analysis.yar``."""

from __future__ import annotations

import base64

from tests.rules_backdoor.make import Case, case, elf, library, pe, sh, wide

EVADE: tuple[Case, ...] = (
    case(
        "evade_packed_altered",
        (elf("YTS!", "PROT_EXEC|PROT_WRITE failed.\n", "$Id: UPX 3.96 Copyright"),),
        (elf("UPX!", "PROT_EXEC|PROT_WRITE failed.\n"), "PROT_EXEC|PROT_WRITE failed"),
    ),
    case(
        "evade_packed_windows",
        (pe(".text\0\0\0", ".themida"), pe(".MPRESS1", ".MPRESS2"), pe(".vmp0\0\0\0")),
        (pe(".text\0\0\0", ".rdata\0\0"), ".themida", pe(bytes(3000) + b".themida")),
    ),
    case(
        "evade_packed_script",
        (
            elf("E: neither argv[0] nor $_ works.", "x"),
            "from pyarmor_runtime_000000 import __pyarmor__\n__pyarmor__(__name__, __file__, b'x')",
            "exec(zlib.decompress(b'x'))\n",
            "<?php eval(gzinflate(base64_decode('x'))); ?>",
        ),
        (
            "import zlib\ndata = zlib.decompress(b'x')\n",
            "<?php echo base64_decode('x'); ?>",
            elf("E: neither argv"),
        ),
    ),
    case(
        "evade_encoded_command",
        (
            elf(base64.b64encode(b"telnetd -l /bin/sh")),
            base64.b64encode(b"x=1; exec 5<>/dev/tcp/h/1"),
            base64.b64encode("cmd /bin/sh -i".encode("utf-16-le")),
            b"#!/bin/sh -i".hex(),
            b"exec 3<>/dev/tcp/h/1".hex().upper(),
            r"system('\x2f\x62\x69\x6e\x2f\x73\x68')",
            elf(bytes(byte ^ 0x5A for byte in b"/bin/sh")),
            elf(bytes(byte ^ 0xFF for byte in b"telnetd -l")),
        ),
        (
            elf("/bin/sh"),
            elf("telnetd -l"),
            "/BIN/SH",
            base64.b64encode(b"/usr/bin/env"),
            b"/bin/date".hex(),
            elf(bytes(byte ^ 0x5A for byte in b"/bin/ls")),
            bytes(range(256)) * 40,
        ),
    ),
    case(
        "evade_kills_watchers",
        (
            sh("killall -9 tcpdump strace"),
            sh("pgrep tcpdump && exit 0"),
            wide("taskkill /f /im wireshark.exe"),
        ),
        (sh("killall -9 vendor_daemon"), sh("tcpdump -i eth0"), "taskkill /f /im notepad.exe"),
    ),
    case(
        "evade_tool_names",
        (pe(wide("ollydbg.exe"), wide("x64dbg.exe"), wide("procmon.exe"), "IsDebuggerPresent"),),
        (pe("IsDebuggerPresent", wide("wireshark")), "ollydbg x64dbg procmon wireshark"),
    ),
    case(
        "evade_kernel_thread_name",
        (
            elf("[kworker/0:1]", "connect", "/bin/sh"),
            sh("exec -a '[kworker/u8:2]' /opt/u"),
            "$0 = '[kthreadd]';\n",
        ),
        (elf("kworker/0:1", "ps"), sh("exec /opt/u -a"), sh("ps | grep kworker")),
    ),
    case(
        "evade_hidden_path_run",
        (
            sh("/usr/lib/.kdmp --quiet &"),
            sh("nohup /var/tmp/.x/agent > /dev/null"),
            elf("/tmp/.ICE/agent &"),
        ),
        (
            sh("/usr/lib/kdmp &"),
            sh("cat /root/.profile"),
            sh(". /etc/.config"),
            sh("rm -f /tmp/.lock"),
        ),
    ),
    case(
        "evade_logging_off",
        (
            sh("systemctl disable --now rsyslog"),
            sh("setenforce 0"),
            sh("ln -sf /dev/null /root/.bash_history"),
            elf("/etc/init.d/syslog stop"),
        ),
        (
            sh("systemctl restart rsyslog"),
            sh("setenforce 1"),
            elf("usage: setenforce [ Enforcing | Permissive | 1 | 0 ]"),
        ),
    ),
    case(
        "evade_login_record_edit",
        (elf("/var/run/utmp", "/var/log/wtmp", "/var/log/lastlog", "%s wiped from %s"),),
        (
            elf("/var/run/utmp", "/var/log/wtmp", "/var/log/lastlog", "login: "),
            elf("/var/log/wtmp", "wiped"),
        ),
    ),
    case(
        "evade_windows_log_clear",
        (
            "wevtutil cl Security",
            wide("Clear-EventLog -LogName System"),
            "fsutil usn deletejournal /D C:",
        ),
        ("wevtutil qe Security", "Get-EventLog -LogName System"),
    ),
    case(
        "evade_recovery_off",
        ("vssadmin delete shadows /all /quiet", wide("bcdedit /set {default} recoveryenabled no")),
        ("vssadmin list shadows", "bcdedit /set {default} recoveryenabled yes"),
    ),
    case(
        "evade_time_forged",
        (
            sh("touch -r /bin/ls /usr/sbin/u"),
            sh("touch -t 201501010000 /usr/bin/u"),
            "(Get-Item u.exe).LastWriteTime = '2015-01-01'",
        ),
        (sh("touch -r a.c a.o"), sh("touch /var/run/u.pid"), sh("touch -t 202601010000 stamp")),
    ),
    case(
        "evade_memory_program",
        (
            elf("memfd_create", "fexecve", "connect", "recv"),
            elf("memfd_create", "/proc/self/fd/%d", "execve", "recvfrom"),
            "fd = os.memfd_create('')\nos.execve('/proc/self/fd/%d' % fd, a, e)\n",
        ),
        (
            elf("memfd_create", "mmap", "connect"),
            elf("memfd_create", "fexecve", "sd_bus_open_system", "connect"),
            "fd = os.memfd_create('shared')\n",
        ),
    ),
    case(
        "evade_process_hiding",
        (
            library("dlsym", "readdir", "readdir64", "/proc/self/fd/%d", "/proc/%s/stat", "agentd"),
            library("dlsym", "fopen", "/proc/net/tcp", "hide_port", "readdir"),
        ),
        (
            library("dlsym", "readdir", "readdir64"),
            library("readdir", "readdir64", "/proc/self/fd/%d", "/proc/%s/stat"),
            elf("dlsym", "readdir", "readdir64", "/proc/self/fd/%d", "/proc/%s/stat"),
        ),
    ),
    case(
        "evade_kernel_rootkit",
        (
            elf("vermagic=5.10.0 SMP", "kallsyms_lookup_name", "__x64_sys_getdents64"),
            elf("vermagic=4.14.0 SMP", "module_hide", "commit_creds"),
        ),
        (
            elf("vermagic=5.10.0 SMP", "register_kprobe", "schedule"),
            elf("kallsyms_lookup_name", "sys_getdents64"),
        ),
    ),
    case(
        "evade_bpf_rootkit",
        (
            elf(
                "bpf_probe_write_user",
                "tp/syscalls/sys_enter_getdents64",
                ".maps",
                "pid_to_hide",
                "tracepoint/syscalls/",
            ),
        ),
        (elf("bpf_probe_write_user", ".maps"), elf("getdents64", ".maps", "pid_to_hide")),
    ),
    case(
        "evade_self_delete",
        (
            sh("/opt/u &", 'rm -f "$0"'),
            '@del "%~f0"\r\n',
            "os.remove(sys.argv[0])\n",
        ),
        (sh('rm -f "$1"'), sh('echo "usage: $0"'), "os.remove(path)\n", 'del "%1"'),
    ),
    case(
        "evade_self_delete_program",
        (elf("/proc/self/exe", "readlink", "unlink", "fork", "connect", "kill"),),
        (elf("/proc/self/exe", "readlink", "unlink"), elf("unlink", "fork", "connect", "kill")),
    ),
    case(
        "logic_timebomb_script",
        (
            sh("if [ $(date +%Y%m%d) -ge 20270401 ]; then", "  poweroff", "fi"),
            sh("now=`date +%s`", "(( now > 1893456000 )) && rm -rf /opt/app"),
            sh("t=$(date +%Y-%m-%d)", 'if [[ "$t" > "2027-04-01" ]]; then', "  halt", "fi"),
        ),
        (
            sh("if [ $(date +%Y%m%d) -ge 20270401 ]; then", "  echo renew", "fi"),
            sh("if [ $(date +%H) -ge 22 ]; then", "  poweroff", "fi"),
            sh("if [ $SIZE -ge 20270401 ]; then", "  reboot", "fi"),
        ),
    ),
    case(
        "logic_timebomb_code",
        (
            "if datetime.now() > datetime(2027, 4, 1):\n    os.system('reboot')\n",
            "if (Date.now() > new Date('2027-04-01')) process.exit(1);",
            "if ((Get-Date) -gt [datetime]'2027-04-01') { Stop-Computer }",
            "if (time(NULL) > 1893456000) { system(cmd); }",
        ),
        (
            "if datetime.now() > expiry:\n    os.system('reboot')\n",
            "if datetime.now() > datetime(2027, 4, 1):\n    print('old')\n",
            "if (Date.now() > start + 1000) process.exit(1);",
        ),
    ),
    case(
        "logic_timebomb_windows",
        (
            "if %date:~-4% GEQ 2027 shutdown /s /t 0\r\n",
            wide('If Date > CDate("01/04/2027") Then shell.Run "x"'),
            "schtasks /create /tn x /tr shutdown /sc once /st 03:00 /sd 01/04/2027",
        ),
        (
            "if %date:~-4% GEQ 2027 echo new year\r\n",
            "schtasks /create /tn x /tr y /sc daily /st 03:00",
        ),
    ),
    case(
        "logic_lock_words",
        (
            elf("idle_days", "lock_train", "gps"),
            elf("kill_date", "force_shutdown", "localtime"),
            pe("time_bomb", "GetLocalTime"),
        ),
        (
            elf("idle_days", "usage: chage"),
            elf("expire_date", "localtime", "password"),
            "idle_days lock_train",
        ),
    ),
    case(
        "logic_chosen_machines",
        (
            sh(
                "m=$(cat /sys/class/net/eth0/address | md5sum | cut -c1-32)",
                'grep -q "$m" /usr/share/vendor/list && /opt/u',
            ),
            (
                "h = hashlib.md5(str(uuid.getnode()).encode()).hexdigest()\n"
                "if h in TARGETS:\n    go()\n"
            ),
        ),
        (
            sh("cat /sys/class/net/eth0/address"),
            "h = hashlib.md5(str(uuid.getnode()).encode()).hexdigest()\nprint(h)\n",
        ),
    ),
)
