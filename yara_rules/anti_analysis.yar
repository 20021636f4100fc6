/*
 * Content that hides what it is or what it did.
 */

rule evade_packed_upx
{
    meta:
        description = "a packed program (UPX): its code is not in sight"
        capability = "evade.packed"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://upx.github.io/"
        r155 = "27.1"
        false_positives = "vendors that save space; unpack it and look again"
    strings:
        $info = "This file is packed with the UPX executable packer" ascii
        $magic = { 55 50 58 21 [0-2] ( 0A | 0B | 0C | 0D | 0E ) }
        $section_one = { 55 50 58 30 00 00 00 00 }
        $section_two = { 55 50 58 31 00 00 00 00 }
    condition:
        (uint32(0) == 0x464C457F and ($info or ($magic in (0..1024)))) or (uint16(0) == 0x5A4D and $section_one in (0..2048) and $section_two in (0..2048))
}

rule evade_log_wipe
{
    meta:
        description = "deletes or empties system logs"
        capability = "evade.log_wipe"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1070/002/"
        r155 = "21.1"
        false_positives = "factory reset scripts; log rotation names files one by one elsewhere"
    strings:
        $remove = /\b(rm[ \t]+(-[rf]+[ \t]+)+|shred[ \t]+[^\r\n]{0,20}|truncate[ \t]+-s[ \t]*0[ \t]+)\/var\/log\/(wtmp|btmp|lastlog|auth\.log|secure|messages|syslog|audit|\*|[ \t\n;])/
        $empty = /(^|[\n;&|])[ \t]*(cat[ \t]+\/dev\/null|echo[ \t]*(-n)?[ \t]*(""|'')?|:)?[ \t]*>[ \t]*\/var\/log\/(wtmp|btmp|lastlog|auth\.log|secure|messages|syslog)\b/
        $history = /\bunset[ \t]+HISTFILE\b|\bHISTFILE=\/dev\/null\b|\bhistory[ \t]+-c\b[ \t]*[;&\n]/
        $journal = /\bjournalctl[ \t][^\r\n]{0,40}--vacuum-(time|size)=[01][a-z]?\b/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or filesize < 64KB) and any of ($remove, $empty, $history, $journal)
}

rule evade_antidebug
{
    meta:
        description = "looks whether it is being watched"
        capability = "evade.antidebug"
        threat = "both"
        severity = "low"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1622/"
        r155 = "27.1"
        false_positives = "debuggers, crash reporters and game protection"
    strings:
        $tracer = "TracerPid:" ascii
        $status = /\/proc\/(self|%d|%u|%ld)\/status/
        $ptrace = "ptrace" ascii fullword
        $gdb = /\b(gdb|strace|ltrace)\b/
    condition:
        uint32(0) == 0x464C457F and $tracer and $status and $ptrace and $gdb
}

rule evade_vm_check
{
    meta:
        description = "looks whether it runs in a virtual machine"
        capability = "evade.antidebug"
        threat = "both"
        severity = "low"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1497/001/"
        r155 = "27.1"
        false_positives = "system information tools"
    strings:
        $vmware = "VMwareVMware" ascii
        $kvm = "KVMKVMKVM" ascii
        $xen = "XenVMMXenVMM" ascii
        $hyperv = "Microsoft Hv" ascii
        $vbox = "VBoxVBoxVBox" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and 3 of them
}

rule evade_packed_altered
{
    meta:
        description = "the program is packed with UPX and its marks were changed so that it cannot be unpacked"
        capability = "evade.packed"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1027/002/"
        r155 = "21.1, 27.1"
        false_positives = "none known"
    strings:
        $stub = "PROT_EXEC|PROT_WRITE failed" ascii
        $stub_two = "$Id: UPX " ascii
        $mark = "UPX!" ascii
    condition:
        uint32(0) == 0x464C457F and any of ($stub, $stub_two) and not $mark
}

rule evade_packed_windows
{
    meta:
        description = "a Windows program inside a packer or protector: its code is not in sight"
        capability = "evade.packed"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1027/002/"
        r155 = "21.1, 27.1"
        false_positives = "vendors that protect licences"
    strings:
        $aspack = ".aspack" ascii
        $mpress = ".MPRESS1" ascii
        $themida = ".themida" ascii
        $vmprotect = ".vmp0" ascii
        $enigma = ".enigma1" ascii
        $petite = ".petite" ascii
        $nspack = ".nsp0" ascii
        $winlicense = ".winlice" ascii
        $obsidium = "obsidium" ascii
    condition:
        uint16(0) == 0x5A4D and any of ($aspack, $mpress, $themida, $vmprotect, $enigma, $petite, $nspack, $winlicense, $obsidium) in (0..2048)
}

rule evade_packed_script
{
    meta:
        description = "a script compiled or scrambled so that nobody reads it (shc, PyArmor, ionCube, eval of a code)"
        capability = "evade.packed"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1027/"
        r155 = "21.1, 27.1"
        false_positives = "vendors that protect their work"
    strings:
        $shc = /\x00(E: neither argv\[0\] nor \$_ works\.|has expired!\n)/
        $shc_two = "neither argv[0] nor $_ works." ascii
        $pyarmor = /\b(__pyarmor__|pyarmor_runtime(_[0-9]{6})?|pytransform)\b/ ascii
        $pyarmor_call = /__pyarmor__\([ \t]*__name__/
        $python = /\bexec\([ \t]*(zlib\.decompress|base64\.b64decode|__import__\(["'](zlib|base64|marshal|codecs)["']\)|marshal\.loads|codecs\.decode|lzma\.decompress|bytes\.fromhex)[ \t]*[(.]/
        $php = /\b(eval|assert)[ \t]*\([ \t]*(gzinflate|gzuncompress|str_rot13|base64_decode|strrev)[ \t]*\(/
        $ioncube = /\bsg_load\(|ionCube Loader/
        $node = /\beval\([ \t]*(atob\(|Buffer\.from\(["'][A-Za-z0-9+\/=]{40,})/
        $perl = /\beval[ \t]*\(?[ \t]*(unpack[ \t]*\(?[ \t]*["']u|decode_base64[ \t]*\()/
        $obfuscator = /\bvar _0x[0-9a-f]{4,6}[ \t]*=[ \t]*\[["'][^\r\n]{40,}/
    condition:
        (uint32(0) == 0x464C457F and any of ($shc, $shc_two)) or $pyarmor_call or ($pyarmor and filesize < 4MB and not uint32(0) == 0x464C457F) or (filesize < 4MB and any of ($python, $php, $ioncube, $node, $perl, $obfuscator))
}

rule evade_kills_watchers
{
    meta:
        description = "stops the programs that would see what it does"
        capability = "evade.antidebug"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1562/001/"
        r155 = "21.1, 27.1"
        false_positives = "none known"
    strings:
        $kill = /\b(killall|pkill)[ \t]+(-[A-Za-z0-9]{1,6}[ \t]+){0,3}["']?(tcpdump|strace|ltrace|gdb(server)?|wireshark|tshark|dumpcap|auditd|snort|suricata|ossec|osqueryd|clamd|falco|sysdig|rsyslogd|syslog-ng|aide|tripwire|wazuh-agentd)\b/
        $detect = /\b(pgrep|pidof)[ \t]+(-[A-Za-z0-9]{1,6}[ \t]+)?["']?(tcpdump|strace|ltrace|wireshark|tshark|gdb(server)?)\b[^\r\n]{0,60}(&&|then|;)[^\r\n]{0,40}(exit|kill|sleep|rm[ \t])/
        $windows = /\btaskkill(\.exe)?["']?[ \t][^\r\n]{0,60}\/im[ \t]+["']?(wireshark|procmon(64)?|procexp(64)?|x64dbg|x32dbg|ollydbg|fiddler|tcpview|autoruns|processhacker|MsMpEng|sysmon(64)?)(\.exe)?\b/ ascii wide nocase
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or uint16(0) == 0x5A4D or filesize < 64KB) and any of them
}

rule evade_tool_names
{
    meta:
        description = "a program knows the tools that are used to examine it by name"
        capability = "evade.antidebug"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1057/"
        r155 = "21.1, 27.1"
        false_positives = "system information and game protection"
    strings:
        $one = "ollydbg" ascii wide nocase
        $two = "x64dbg" ascii wide nocase
        $three = "procmon" ascii wide nocase fullword
        $four = "wireshark" ascii wide nocase fullword
        $five = "fiddler" ascii wide nocase fullword
        $six = "ProcessHacker" ascii wide nocase
        $seven = "SbieDll.dll" ascii wide nocase
        $eight = "VBoxService" ascii wide nocase
        $nine = "vmtoolsd" ascii wide nocase
        $ten = "immunitydebugger" ascii wide nocase
        $eleven = "IsDebuggerPresent" ascii
        $twelve = "CheckRemoteDebuggerPresent" ascii
        $thirteen = "idaq64" ascii wide nocase
        $fourteen = "dumpcap" ascii wide nocase fullword
        $fifteen = "pestudio" ascii wide nocase
    condition:
        uint16(0) == 0x5A4D and 4 of them
}

rule evade_kernel_thread_name
{
    meta:
        description = "a program calls itself by the name of a thread of the kernel"
        capability = "evade.masquerade"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1036/011/"
        r155 = "21.1, 27.1"
        false_positives = "none known"
    strings:
        $name = /\x00\[?(kworker\/[u0-9:]{1,6}[0-9H]{0,3}|kthreadd|ksoftirqd\/[0-9]|migration\/[0-9]|khelper|kswapd0|jbd2\/sd[a-z][0-9]-8|rcu_(sched|preempt|bh)|kblockd|watchdog\/[0-9]|kdevtmpfs|netns|kauditd|scsi_eh_[0-9]|flush-[0-9:]{3,6}|events\/[0-9]|pdflush|nfsiod|ata\/[0-9])\]\x00/
        $exec = /\bexec[ \t]+-a[ \t]+["']?\[?(kworker|kthreadd|ksoftirqd|migration|kswapd|khelper|sshd:|systemd|dbus-daemon|rcu_|jbd2|httpd|crond)[^\s"']{0,20}["']?[ \t]+[^\s]/
        $rename = /\b(prctl\([ \t]*(15|PR_SET_NAME)|setproctitle\(|\$0[ \t]*=)[^\r\n]{0,40}["']\[?(kworker|kthreadd|ksoftirqd|migration|kswapd|khelper|\[)/
        $perl = /\$0[ \t]*=[ \t]*["'](\[kworker|\[kthreadd|\/usr\/sbin\/(httpd|sshd|apache2|crond)|\[ksoftirqd|-bash)/
        $bind_proc = /\bmount[ \t]+(-o[ \t]+bind|--bind|-B)[ \t]+[^\r\n]{1,60}[ \t]\/proc\/(\$|[0-9%])/
    condition:
        (uint32(0) == 0x464C457F and $name) or ((uint16(0) == 0x2123 or uint32(0) == 0x464C457F or filesize < 64KB) and any of ($exec, $rename, $perl, $bind_proc))
}

rule evade_hidden_path_run
{
    meta:
        description = "starts a program whose file name is made not to be seen"
        capability = "evade.masquerade"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1564/001/"
        r155 = "21.1, 27.1"
        false_positives = "none known"
    strings:
        $start = /(^|[\n;&|(\x00]|\bthen|\bdo|\belse|&&|\bnohup|\bsetsid|\bexec|\bsudo)[ \t]*["']?\/(tmp|var\/tmp|dev\/shm|dev|var\/run|run|usr\/lib|usr\/share|usr\/local|usr\/bin|usr\/sbin|bin|sbin|lib|etc|opt|mnt|media|data)\/([A-Za-z0-9_-]{1,30}\/){0,4}\.[A-Za-z0-9_-]{1,30}(\/[A-Za-z0-9._-]{1,40})?["']?([ \t]+-?[A-Za-z0-9_.\/:$@-]{1,80}){0,6}[ \t]*(&|>[ \t]*\/dev\/null)/
        $spaces = /(^|[\n;&|\x00])[ \t]*["']?(\/(tmp|var\/tmp|dev\/shm|dev)\/(\.\.\.|\.\.[ ]|\.[ ]|\.\xC2\xA0)[^\r\n\x00]{0,40})/
        $dev = /(^|[\n;&|(\x00]|&&|\bnohup)[ \t]*["']?\/dev\/(shm\/)?[a-z0-9_.-]{0,20}\/?\.[a-z0-9_.-]{2,30}[ \t]*(&|>|;|\n)/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F) and any of them
}

rule evade_logging_off
{
    meta:
        description = "switches the logs or the audit of the system off"
        capability = "evade.log_wipe"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1562/006/"
        r155 = "21.1, 27.1"
        false_positives = "hardening that replaces one logger by another"
    strings:
        $systemctl = /\bsystemctl[ \t][^\r\n\x00#]{0,30}(stop|disable|mask)[ \t][^\r\n\x00#]{0,40}\b(rsyslog|syslog-ng|syslog|auditd|systemd-journald|fail2ban|apparmor)(\.service|\.socket)?\b/
        $service = /(\bservice[ \t]+(rsyslog|syslog-ng|syslog|auditd|syslogd)[ \t]+stop\b|\/etc\/init\.d\/(rsyslog|syslog-ng|syslog|auditd|syslogd|sysklogd|log)[ \t]+(stop|disable)\b)/
        $audit = /\bauditctl[ \t]+(-e[ \t]*0|-D)\b/
        $selinux = /(^|[\n;&|`(\x00]|&&|\bthen|\bsu(do)?[ \t]+(-c[ \t]+)?["']?)[ \t]*(\/usr\/sbin\/|\/system\/bin\/)?setenforce[ \t]+(0|[Pp]ermissive)\b/
        $selinux_file = /\bsed[ \t]+-i[^\r\n\x00]{0,60}SELINUX=(disabled|permissive)[^\r\n\x00]{0,60}\/etc\/selinux\/config\b/
        $null_link = /\bln[ \t]+-s[a-z]{0,3}[ \t]+\/dev\/null[ \t]+["']?(~|\/root|\/home\/[a-z]{1,20}|\/var\/log)?\/?(\.bash_history|wtmp|utmp|btmp|lastlog|auth\.log|messages|syslog|secure)\b/
        $history = /(^|[\n;&|\x00])[ \t]*(export[ \t]+)?(HISTSIZE|HISTFILESIZE)=0\b|\bset[ \t]+\+o[ \t]+history\b/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or filesize < 32KB) and any of them
}

rule evade_login_record_edit
{
    meta:
        description = "a program that edits who was logged in"
        capability = "evade.log_wipe"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1070/006/"
        r155 = "21.1, 27.1"
        false_positives = "none known"
    strings:
        $wtmp = /\x00\/var\/(log|adm)\/wtmp\x00/
        $utmp = /\x00\/(var\/)?run\/utmp\x00/
        $lastlog = /\x00\/var\/log\/lastlog\x00/
        $word = /\b(wipe(d|r)?|zap(ped|per)?|log ?clean(er|ed)?|erase(d)? (entry|record|user)|clear(ed|ing)? (utmp|wtmp|lastlog|logs?)|remove(d)? (user )?from (utmp|wtmp))\b/ nocase
    condition:
        uint32(0) == 0x464C457F and $wtmp and $utmp and $lastlog and $word
}

rule evade_windows_log_clear
{
    meta:
        description = "empties the event log of Windows or the history of commands"
        capability = "evade.log_wipe"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1070/001/"
        r155 = "21.1, 27.1"
        false_positives = "factory preparation of images"
    strings:
        $wevtutil = /\bwevtutil(\.exe)?["']?[ \t]+(cl|clear-log)[ \t]+["']?[%A-Za-z]/ ascii wide nocase
        $powershell = /\b(Clear-EventLog[ \t]+(-LogName[ \t]+)?|Remove-EventLog[ \t]+|\.ClearLog\(|Limit-EventLog[ \t]+[^\r\n]{0,40}-OverflowAction)/ ascii wide nocase
        $service = /\b(sc(\.exe)?[ \t]+(stop|config)|net[ \t]+stop|Stop-Service|Set-Service)[ \t]+["']?(eventlog|EventLog|SysmonLog|Sysmon(64)?)\b/ ascii wide nocase
        $journal = /\bfsutil(\.exe)?["']?[ \t]+usn[ \t]+deletejournal\b/ ascii wide nocase
        $history = /\b(del|erase|Remove-Item|rm)[ \t][^\r\n]{0,120}(ConsoleHost_history\.txt|\\Prefetch\\\*|\\winevt\\Logs\\)/ ascii wide nocase
        $audit = /\bauditpol(\.exe)?["']?[ \t]+\/(clear|remove|set[ \t][^\r\n]{0,80}\/success:disable)/ ascii wide nocase
    condition:
        any of them
}

rule evade_recovery_off
{
    meta:
        description = "takes away the copies and the recovery of Windows"
        capability = "evade.log_wipe"
        threat = "sabotage"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1490/"
        r155 = "21.1, 27.1"
        false_positives = "none known"
    strings:
        $vssadmin = /\bvssadmin(\.exe)?["']?[ \t]+(delete[ \t]+shadows|resize[ \t]+shadowstorage[ \t][^\r\n]{0,60}maxsize=[0-9]{1,3}MB)/ ascii wide nocase
        $wmic = /\bwmic(\.exe)?["']?[ \t]+[^\r\n]{0,20}shadowcopy[ \t]+(\/nointeractive[ \t]+)?delete\b/ ascii wide nocase
        $wbadmin = /\bwbadmin(\.exe)?["']?[ \t]+delete[ \t]+(catalog|systemstatebackup|backup)\b/ ascii wide nocase
        $bcdedit = /\bbcdedit(\.exe)?["']?[ \t]+[\/-]set[ \t][^\r\n]{0,40}(recoveryenabled[ \t]+no|bootstatuspolicy[ \t]+ignoreallfailures)/ ascii wide nocase
        $powershell = /Win32_ShadowCopy[^\r\n]{0,80}(\.Delete\(|Remove-(WmiObject|CimInstance))/ ascii wide nocase
        $reagent = /\breagentc(\.exe)?["']?[ \t]+\/disable\b/ ascii wide nocase
    condition:
        any of them
}

rule evade_time_forged
{
    meta:
        description = "gives a file the date of another so that it looks old"
        capability = "evade.log_wipe"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1070/006/"
        r155 = "21.1, 27.1"
        false_positives = "build scripts keep dates of their own files"
    strings:
        $touch = /\btouch[ \t]+(-[acmh]{1,3}[ \t]+)?-[acmh]{0,3}r[ \t]*["']?\/((usr\/)?s?bin\/[a-z]{2,12}|etc\/[a-z]{3,12}|lib[a-z0-9]{0,3}\/[A-Za-z0-9_.\/-]{2,60})["']?[ \t]+["']?[\/$.]/
        $touch_date = /\btouch[ \t]+(-[acmh]{1,3}[ \t]+)?-[acmh]{0,3}[td][ \t]+["']?(19|20)[0-9]{2}[0-9: -]{2,16}["']?[ \t]+["']?\/((usr\/)?(local\/)?s?bin|lib|etc|usr\/lib|dev|var\/log)\//
        $debugfs = /\bdebugfs[ \t]+-w[ \t][^\r\n]{0,60}set_inode_field[^\r\n]{0,60}(crtime|ctime|mtime)/
        $powershell = /\)?\.(CreationTime|LastWriteTime)(Utc)?[ \t]*=[ \t]*(\(Get-Item|["'\[]|\$[a-z]{1,20}\.)/ ascii wide nocase
        $set_clock = /\bdate[ \t]+(-s|--set)[ \t=]*["']?[^\r\n;&|]{4,40}["']?[ \t]*(;|&&|\r?\n)[^\x00]{0,160}\btouch[ \t][^\x00]{1,120}\b(date[ \t]+(-s|--set)|hwclock[ \t]+(-s|--hctosys)|ntpdate|ntpd)\b/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or filesize < 32KB) and any of ($touch, $touch_date, $debugfs, $powershell, $set_clock)
}

rule evade_memory_program
{
    meta:
        description = "runs a program that is in no file: it only lives in memory"
        capability = "evade.masquerade"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1620/"
        r155 = "21.1, 27.1"
        false_positives = "container runtimes that protect themselves"
    strings:
        $memfd = /\x00memfd_create(@|\x00)/
        $fexec = /\x00(fexecve|execveat)(@|\x00)/
        $path = /\x00\/proc\/(self|%d|%u|%i)\/fd\/(%d|%u|%i)\x00/
        $exec = /\x00(execve|execv|execl|execle)(@|\x00)/
        $net = /\x00(connect|recv|recvfrom|SSL_read|curl_easy_perform|gethostbyname)(@|\x00)/
        $library = /\b(GNU C Library|musl libc|uClibc|Py_Initialize|PyObject_[A-Z][A-Za-z]{3,12}|perf_event_open|seccomp_[a-z_]{4,16}|ptrace\(|lua_newstate|g_main_loop_run|Perl_[a-z_]{4,12})/
        $python = /\b(os\.memfd_create|ctypes\.CDLL\(None\)\.syscall\([ \t]*(319|385|279)|libc\.syscall\([ \t]*(319|385|279))/
        $python_run = /(os\.exec[lv]p?e?\(|os\.fexecve|subprocess\.(run|Popen|call)\(|\/proc\/(self|\{|%d|["'] ?\+)[^\r\n]{0,40}fd\/)/
        $perl = /\bsyscall\([ \t]*(319|279|385|356)[ \t]*,/
        $perl_run = /\bexec[ \t]*\{?[ \t]*["'(][^\r\n]{0,20}\/proc\/[^\r\n]{1,20}\/fd\//
        $ddexec = /\bdd[ \t][^\r\n]{0,80}of=\/proc\/(self|\$\$|\$[A-Za-z_]{1,12})\/mem\b/
        $systemd = /\b(sd_bus_open_system|crun|runc|libcontainer|bubblewrap|systemd)\b/
    condition:
        (uint32(0) == 0x464C457F and $memfd and ($fexec or ($path and $exec)) and $net and not $systemd and not $library and filesize < 4MB) or ($python and $python_run and filesize < 1MB) or ($perl and $perl_run) or $ddexec
}

rule evade_process_hiding
{
    meta:
        description = "a library stands before the system's own functions and leaves processes, files or connections out"
        capability = "evade.masquerade"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1564/"
        r155 = "21.1, 27.1"
        false_positives = "none known"
    strings:
        $dlsym = /\x00dlsym(@|\x00)/
        $readdir = /\x00readdir\x00/
        $readdir64 = /\x00readdir64\x00/
        $fd = /\x00\/proc\/self\/fd\/%d\x00/
        $stat = /\x00\/proc\/%s\/(stat|status|cmdline|comm|environ)\x00/
        $preload = "ld.so.preload" ascii
        $net = /\x00\/proc\/(self\/)?net\/(tcp6?|udp6?|unix)\x00/
        $fopen = /\x00fopen(64)?\x00/
        $hide = /\x00[^\x00]{0,12}(hide_?(me|pid|proc|file|port|dir|ports?|files?|conn)|hidden_(pid|port|file|proc)|magic_(string|gid|prefix)|process_to_filter|is_invisible|rootkit|unhide)[^\x00]{0,12}\x00/ nocase
        $accept = /\x00(accept|pam_authenticate|unlinkat|lxstat|__lxstat|__xstat|fxstat|opendir|fdopendir)\x00/
    condition:
        uint32(0) == 0x464C457F and uint8(16) == 3 and $dlsym and (($readdir and $readdir64 and (($fd and $stat) or $preload or $hide)) or ($net and $fopen and $hide and ($readdir or $accept)) or ($accept and $readdir and $preload))
}

rule evade_kernel_rootkit
{
    meta:
        description = "a kernel module that changes the kernel's own answers about files, processes or connections"
        capability = "evade.masquerade"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1014/"
        r155 = "21.1, 27.1"
        false_positives = "tracing and protection modules of known makers"
    strings:
        $module = /\x00vermagic=[0-9]\.[0-9]{1,3}/
        $hook = /\x00(kallsyms_lookup_name|kallsyms_on_each_symbol|sys_call_table|ftrace_set_filter_ip|register_ftrace_function|register_kprobe|set_memory_rw|lookup_address)\x00/
        $target = /\x00(__(x64|arm64|ia32)_sys_(getdents(64)?|kill|openat|read|bpf)|sys_(getdents(64)?|kill)|tcp[46]_seq_show|udp[46]_seq_show|filldir(64)?|fillonedir|packet_rcv|tpacket_rcv|proc_root_readdir|find_task_by_vpid|vfs_read|random_read|audit_log_start|sys_getdents64)\x00/
        $hide = /\x00[^\x00]{0,16}(hide_?(me|pid|file|proc|module|tcp|port|prefix)|module_hide|hidden_(pid|port|file)|invisible|give_root|set_root|magic_prefix|is_invisible|unhide|backdoor_key|magic_packet)[^\x00]{0,16}\x00/ nocase
        $root = /\x00(prepare_creds|commit_creds|prepare_kernel_cred|call_usermodehelper(_exec)?)\x00/
    condition:
        uint32(0) == 0x464C457F and $module and (($hook and $target) or ($hook and $hide) or ($hide and $root))
}

rule evade_bpf_rootkit
{
    meta:
        description = "a BPF program that changes what other programs read from the kernel"
        capability = "evade.masquerade"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1014/"
        r155 = "21.1, 27.1"
        false_positives = "none known"
    strings:
        $write = "bpf_probe_write_user" ascii
        $override = "bpf_override_return" ascii
        $target = /\b(sys_(enter|exit)_(getdents64|read|openat|execve|bpf|recvmsg)|getdents64|do_filp_open|tcp4_seq_show)\b/
        $hide = /\b[a-z_]{0,16}(hide|hidden|pid_to_hide|sudoadd|sudoers|textreplace|backdoor|magic_port|exechijack)[a-z_]{0,16}\b/
        $section = /\x00(tp\/syscalls\/|tracepoint\/syscalls\/|kprobe\/|kretprobe\/|fentry\/|fexit\/|\.maps\x00|\.BTF\x00)/
    condition:
        uint32(0) == 0x464C457F and any of ($write, $override) and $target and $hide and $section
}

rule evade_self_delete
{
    meta:
        description = "deletes its own file while or after it runs"
        capability = "evade.log_wipe"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1070/004/"
        r155 = "21.1, 27.1"
        false_positives = "self-extracting installers that tidy up"
    strings:
        $shell = /(^|[\n;&|]|&&|\btrap[ \t]+["'])[ \t]*(rm|unlink|shred)[ \t]+(-[rfuvz]{1,4}[ \t]+){0,2}(--[ \t]+)?["']?(\$0|\$\{0\}|\$\{?BASH_SOURCE(\[0\])?\}?|\$\(readlink[ \t]+-f[ \t]+["']?\$0["']?\))["']?([ \t]*([\n;&|]|$)|["'])/
        $batch = /\bdel[ \t]+(\/[a-z][ \t]+){0,3}["']?%~?f?0["']?/ ascii wide nocase
        $powershell = /\bRemove-Item[ \t][^\r\n]{0,60}\$(MyInvocation\.MyCommand\.(Path|Definition)|PSCommandPath|PSScriptRoot)/ ascii wide nocase
        $python = /\bos\.(remove|unlink)\([ \t]*(sys\.argv\[0\]|__file__|os\.path\.(abspath|realpath)\([ \t]*(__file__|sys\.argv\[0\]))/
        $delayed = /\b(ping|timeout|choice)[ \t][^\r\n&]{1,60}&{1,2}[ \t]*(del|erase)[ \t][^\r\n]{0,40}%s/ ascii wide nocase
    condition:
        (uint16(0) == 0x2123 and $shell) or (filesize < 1MB and any of ($batch, $powershell, $python)) or (uint16(0) == 0x5A4D and $delayed)
}

rule evade_self_delete_program
{
    meta:
        description = "a program finds its own file and can delete it"
        capability = "evade.log_wipe"
        threat = "both"
        severity = "low"
        confidence = "low"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1070/004/"
        r155 = "21.1, 27.1"
        false_positives = "updaters that replace themselves"
    strings:
        $self = /\x00\/proc\/self\/exe\x00/
        $unlink = /\x00(unlink|unlinkat|remove)(@|\x00)/
        $fork = /\x00(fork|daemon|setsid)(@|\x00)/
        $net = /\x00(connect|sendto)(@|\x00)/
        $readlink = /\x00readlink(at)?(@|\x00)/
        $small = /\x00(prctl|setsockopt|kill)(@|\x00)/
    condition:
        uint32(0) == 0x464C457F and filesize < 256KB and all of them
}

rule logic_timebomb_script
{
    meta:
        description = "a script waits for a date and then stops, wipes or changes something"
        capability = "logic.timebomb"
        threat = "sabotage"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1480/"
        r155 = "27.1"
        false_positives = "scripts that check the end of a certificate do not stop the machine"
    strings:
        $compare = /(-ge|-gt|-le|-lt|-eq|\\>)[ \t]+["']?(20[2-4][0-9](0[1-9]|1[0-2])([0-2][0-9]|3[01])([0-9]{4,6})?|1[7-9][0-9]{8}|20[2-4][0-9]-[01][0-9]-[0-3][0-9])["']?[ \t]*(\]|\)|;|then|-a|-o|&)/
        $compare_two = /\(\([ \t]*\$?[A-Za-z_][A-Za-z0-9_]{0,20}[ \t]*[<>]=?[ \t]*(20[2-4][0-9](0[1-9]|1[0-2])([0-2][0-9]|3[01])([0-9]{4,6})?|1[7-9][0-9]{8}|20[2-4][0-9]-[01][0-9]-[0-3][0-9])/
        $compare_three = /\[\[[ \t]+["']?\$[A-Za-z_\{\(][^\r\n\]]{0,40}[ \t][<>][ \t]+["']?(20[2-4][0-9](0[1-9]|1[0-2])([0-2][0-9]|3[01])([0-9]{4,6})?|1[7-9][0-9]{8}|20[2-4][0-9]-[01][0-9]-[0-3][0-9])/
        $date = /\$\([ \t]*date[ \t]+(-u[ \t]+)?["']?\+["']?%(s|Y|F|y)|`[ \t]*date[ \t]+(-u[ \t]+)?["']?\+["']?%(s|Y|F|y)/
        $harm = /(^|[\n;&|]|&&|\bthen|\bdo)[ \t]*(sudo[ \t]+)?(\/s?bin\/|\/usr\/s?bin\/)?(reboot|poweroff|halt|shutdown[ \t]|init[ \t]+[06]|rm[ \t]+-[rf]|dd[ \t]|mkfs|flash_erase|mtd[ \t]+erase|kill(all)?[ \t]|systemctl[ \t]+(stop|disable|mask|poweroff|reboot)|cansend[ \t]|ifconfig[ \t][^\r\n]{1,20}down|ip[ \t]+link[ \t]+set[^\r\n]{1,30}down|iptables[ \t]|mosquitto_pub[ \t]|curl[ \t]|wget[ \t]|chmod[ \t]+-x|fw_setenv[ \t]|echo[ \t]+[01bco][ \t]*>[ \t]*\/(sys|proc))/
    condition:
        uint16(0) == 0x2123 and any of ($compare*) and $date and $harm
}

rule logic_timebomb_code
{
    meta:
        description = "a program in a scripting language acts only after a fixed date"
        capability = "logic.timebomb"
        threat = "sabotage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1480/"
        r155 = "27.1"
        false_positives = "licences with an end, tests"
    strings:
        $python = /\b(datetime\.)?(datetime|date)\.(now|today|utcnow)\([^)\r\n]{0,20}\)(\.date\(\))?[ \t]*(>|>=|<|<=)[ \t]*(datetime\.)?(datetime|date)\([ \t]*20[2-4][0-9][ \t]*,/
        $python_time = /\btime\.time\(\)[ \t]*(>|>=)[ \t]*1[7-9][0-9]{8}\b/
        $js = /\b(new Date\(\)|Date\.now\(\))(\.getTime\(\))?[ \t]*(>|>=|<|<=)[ \t]*(new Date\([ \t]*["']?20[2-4][0-9]|Date\.parse\([ \t]*["']20[2-4][0-9]|1[7-9][0-9]{11}\b)/
        $powershell = /\(?Get-Date\)?[ \t]+-(gt|ge|lt|le)[ \t]+(\[datetime\]|\(?Get-Date)?[ \t]*\(?["']?20[2-4][0-9][-\/]/ ascii wide nocase
        $c = /\b(time\([ \t]*(NULL|0|nullptr)?[ \t]*\)|now|tm->tm_year([ \t]*\+[ \t]*1900)?|tm\.tm_year([ \t]*\+[ \t]*1900)?)[ \t]*(>|>=)[ \t]*(1[7-9][0-9]{8}L?U?L?\b|20[2-4][0-9]\b|1[2-4][0-9]\b)/
        $lua = /\bos\.time\(\)[ \t]*(>|>=)[ \t]*(1[7-9][0-9]{8}\b|os\.time[ \t]*[({])/
        $harm = /\b(os\.system|subprocess\.|reboot|poweroff|shutdown|halt|rmtree|os\.remove|unlink\(|sys\.exit|process\.exit|Stop-Computer|Restart-Computer|Stop-Service|Remove-Item|exec\(|system\(|kill\(|disable|block|lock|format)\b/ nocase
    condition:
        filesize < 4MB and any of ($python, $python_time, $js, $powershell, $c, $lua) and $harm
}

rule logic_timebomb_windows
{
    meta:
        description = "a batch file compares the date and then stops or deletes something, or a task does so once on a day far off"
        capability = "logic.timebomb"
        threat = "sabotage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1480/"
        r155 = "27.1"
        false_positives = "licence scripts"
    strings:
        $batch = /\bif[ \t]+(\/i[ \t]+)?["']?%(date|yyyymmdd|today|year|ymd|curdate)[^\r\n]{0,24}%["']?[ \t]*(GEQ|GTR|EQU|LEQ|LSS|==)[ \t]*["']?20[2-4][0-9]/ ascii wide nocase
        $vbs = /\bIf[ \t]+(Date|Now)(\(\))?[ \t]*(>|>=)[ \t]*(CDate\(["']|#|DateSerial\()[^\r\n]{4,24}/ ascii wide nocase
        $task = /\bschtasks(\.exe)?["']?[ \t]+[\/-]create[ \t][^\r\n]{0,200}\/sc[ \t]+once[^\r\n]{0,80}\/sd[ \t]+[0-9\/.-]{8,10}/ ascii wide nocase
        $harm = /\b(shutdown|del[ \t]|erase[ \t]|format[ \t]|net[ \t]+stop|sc[ \t]+(stop|delete|config)|taskkill|rd[ \t]+\/s|\.Run|DeleteFile|Win32Shutdown|bcdedit)/ ascii wide nocase
    condition:
        any of ($batch, $vbs, $task) and $harm
}

rule logic_lock_words
{
    meta:
        description = "a program counts days or looks at a date and knows words for locking itself"
        capability = "logic.timebomb"
        threat = "sabotage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://media.ccc.de/v/37c3-12142-breaking_drm_in_polish_trains"
        r155 = "27.1"
        false_positives = "licence handling of optional functions"
    strings:
        $count = /\b(idle|standstill|stationary|parked|inactive|unused|offline|stand_?still|no_?contact|since_?service|since_?maintenance)_?(days|day_?count|day_?limit|hours_?limit|seconds_?limit|timer_?days)\b/ ascii wide nocase
        $date = /\b(kill|lock|expire|expiry|block|disable|deadline|brick|stop|shutdown)_?(date|day|month|year|timestamp|epoch)\b/ ascii wide nocase
        $action = /\b(lock(ed|_down|_out|_state|_train|_vehicle|_device)?|block(ed)?_?(start|traction|output|inverter|device)|disable_?(start|output|inverter|traction|device|motor|meter)|immobili[sz]e|force_?(stop|shutdown)|brick(_device|_it)?|self_?destruct|fake_?(error|fault|failure))\b/ ascii wide nocase
        $clock = /\x00(time|gettimeofday|clock_gettime|mktime|localtime(_r)?|gmtime(_r)?|__clock_gettime64|__time64|GetSystemTime|GetLocalTime)(@|\x00)/
        $word = /\b(kill_?date|killdate|time_?bomb|logic_?bomb|dead_?man_?(switch|timer)|kill_?switch)\b/ ascii wide nocase
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D or uint16(0) == 0x2123) and (($count and $action) or ($date and $action and $clock) or ($word and any of ($action, $clock)))
}

rule logic_chosen_machines
{
    meta:
        description = "acts only on machines of a list: their addresses are hashed and compared"
        capability = "logic.timebomb"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1480/001/"
        r155 = "27.1"
        false_positives = "licences bound to a machine"
    strings:
        $script_adapter = /\bcat[ \t]+["']?\/sys\/class\/net\/[^\s"']{1,20}\/address["']?/
        $script_hash = /\b(md5sum|sha1sum|sha256sum)\b/
        $script_list = /\b(case[ \t]+["']?\$\{?[A-Za-z_]{1,16}\}?["']?[ \t]+in|grep[ \t]+-[a-zA-Z]{1,4}[ \t]+["']?\$\{?[A-Za-z_]{1,16}\}?["']?[ \t]+["']?\/)/
        $python = /\buuid\.getnode\(\)/
        $python_hash = /\bhashlib\.(md5|sha1|sha256)\(/
        $python_list = /\bif[ \t]+[A-Za-z_]{1,20}[ \t]+(not[ \t]+)?in[ \t]+(\(|\[|\{|TARGETS?|targets?|ALLOWED|LIST|MACS?)/
    condition:
        ($python and $python_hash and $python_list and filesize < 1MB) or (uint16(0) == 0x2123 and $script_adapter and $script_hash and $script_list)
}

rule evade_encoded_command
{
    meta:
        description = "a command for a shell, written as base64, as hexadecimal digits or under one XOR byte"
        capability = "evade.masquerade"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1027/013/"
        r155 = "21.1, 27.1"
        false_positives = "test vectors and collections of attack texts"
    strings:
        $shell64 = "/bin/sh" ascii wide base64 base64wide
        $bash64 = "/bin/bash" ascii wide base64 base64wide
        $tcp64 = "/dev/tcp/" ascii wide base64 base64wide
        $telnet64 = "telnetd -" ascii wide base64 base64wide
        $netcat64 = "nc -e /" ascii wide base64 base64wide
        $hidden64 = "authorized_keys" ascii wide base64 base64wide
        $shell_hex = "2f62696e2f7368" ascii wide nocase
        $tcp_hex = "2f6465762f7463702f" ascii wide nocase
        $telnet_hex = "74656c6e657464202d" ascii wide nocase
        $shell_x = /\\x2f\\x62\\x69\\x6e\\x2f\\x(62\\x61\\x)?73\\x68/ nocase
        $telnet_x = /\\x74\\x65\\x6c\\x6e\\x65\\x74\\x64/ nocase
        $shell_xor = "/bin/sh" xor(0x01-0x1f)
        $shell_xor_high = "/bin/sh" xor(0x21-0xff)
        $tcp_xor = "/dev/tcp/" xor(0x01-0xff)
        $telnet_xor = "telnetd -" xor(0x01-0x1f)
        $telnet_xor_high = "telnetd -" xor(0x21-0xff)
    condition:
        any of them
}
