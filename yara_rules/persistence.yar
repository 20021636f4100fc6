/*
 * Ways to come back after a restart that a script makes for itself.
 */

rule persist_ld_preload
{
    meta:
        description = "makes the loader bring a library into every program"
        capability = "persist.ld_preload"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1574/006/"
        r155 = "22.2, 27.1"
        false_positives = "none known"
    strings:
        $write = />[ \t]*["']?(\/[A-Za-z0-9_.\/$-]{0,40})?\/etc\/ld\.so\.preload\b/
        $copy = /\b(cp|mv|install|tee)[ \t][^\r\n#]{0,100}\/etc\/ld\.so\.preload\b/
        $profile = /(^|\n)[ \t]*(export[ \t]+)?LD_PRELOAD=["']?\/(tmp|var|dev\/shm|run|data|mnt)\/[^\s"']{1,80}/
    condition:
        any of them
}

rule persist_cron_write
{
    meta:
        description = "a script writes a schedule for itself"
        capability = "persist.cron"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1053/003/"
        r155 = "22.2"
        false_positives = "installers of packages that put a schedule in place"
    strings:
        $pipe = /\|[ \t]*crontab[ \t]+-([ \t;&)\n]|u[ \t])/
        $append = /\b(echo|printf)[ \t][^\r\n]{1,200}>>?[ \t]*["']?\/(etc\/crontab|etc\/cron\.d\/|var\/spool\/cron|etc\/crontabs)/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F) and any of them
}

rule persist_init_write
{
    meta:
        description = "a script writes itself into the start of the system"
        capability = "persist.init"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1037/004/"
        r155 = "22.2"
        false_positives = "installers that register a service of their own"
    strings:
        $append = /\b(echo|printf|sed)[ \t][^\r\n]{1,200}>>[ \t]*["']?\/etc\/(rc\.local|rc\.d\/rc\.local|inittab|init\.d\/[A-Za-z0-9_-]{1,30}|profile|rcS)\b/
        $sed = /\bsed[ \t]+-i[^\r\n]{0,160}\/etc\/(rc\.local|inittab|init\.d\/rcS)\b/
        $systemd = /\b(cat|tee|echo|printf)[ \t][^\r\n]{0,120}>[ \t]*["']?\/(etc|lib|usr\/lib)\/systemd\/system\/[A-Za-z0-9_.@-]{1,40}\.service\b/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F) and any of them
}

rule persist_udev_run
{
    meta:
        description = "a device rule runs a shell or a file from a writable place"
        capability = "persist.udev"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1546/017/"
        r155 = "22.2, 18.1"
        false_positives = "none known"
    strings:
        $match = /\b(SUBSYSTEM|ACTION|KERNEL|ATTR)S?(\{[a-zA-Z_]{1,30}\})?==/
        $shell = /\bRUN\+?=[ \t]*"(\/bin\/)?(ba|da|a)?sh[ \t]+-c[ \t]/
        $writable = /\bRUN\+?=[ \t]*"\/(tmp|var\/tmp|dev\/shm|mnt|media|run\/media)\//
    condition:
        $match and ($shell or $writable) and filesize < 1MB
}
