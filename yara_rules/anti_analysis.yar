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
