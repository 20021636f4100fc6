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
        $write = />[ \t]*["']?[A-Za-z0-9_.\/$\{\}-]{0,40}\/etc\/ld\.so\.preload\b/
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

rule persist_cron_fetch
{
    meta:
        description = "a schedule fetches something and runs it, or runs a file of a writable place"
        capability = "persist.cron"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1053/003/"
        r155 = "22.2"
        false_positives = "health checks that only read an answer are not matched"
    strings:
        $stars_fetch = /\*[ \t]\*[ \t]\*[ \t][^\r\n\x00#]{0,40}\b(curl|wget|tftp|ftpget|uclient-fetch)\b[^\r\n\x00#]{0,120}(\|[ \t]*(\/bin\/)?(ba|da|a)?sh\b|\bchmod\b|;[ \t]*(\/bin\/)?(ba|da|a)?sh[ \t])/
        $stars_tmp = /\*[ \t]\*[ \t]\*[ \t]([a-z_][a-z0-9_-]{0,30}[ \t])?((\/bin\/)?(ba|da|a)?sh[ \t]+)?["']?\/(tmp|var\/tmp|dev\/shm|run|var\/run|mnt|media)\/[A-Za-z0-9._\/-]{1,80}/
        $stars_hidden = /\*[ \t]\*[ \t]\*[ \t]([a-z_][a-z0-9_-]{0,30}[ \t])?((\/bin\/)?(ba|da|a)?sh[ \t]+)?["']?\/[A-Za-z0-9_\/-]{1,60}\/\.[A-Za-z0-9_-]{1,40}/
        $stars_shell = /\*[ \t]\*[ \t]\*[ \t][^\r\n\x00#]{0,80}(\/dev\/tcp\/|\bnc(at)?[ \t][^\r\n\x00#]{0,60}-e[ \t]|\bssh[ \t][^\r\n\x00#]{0,60}-R[ \t]?[0-9])/
        $reboot = /@reboot[ \t][^\r\n\x00#]{0,60}(\/(tmp|var\/tmp|dev\/shm|mnt|media)\/|\/\.[a-z]|\b(curl|wget|nc|ncat|socat)[ \t])/
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x2123 or filesize < 64KB) and any of them
}

rule persist_at_job
{
    meta:
        description = "plans a later run of itself with at"
        capability = "persist.cron"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1053/002/"
        r155 = "22.2"
        false_positives = "maintenance scripts of the operator"
    strings:
        $pipe = /\|[ \t]*(\/usr\/bin\/)?at[ \t]+(-[a-zA-Z][ \t]+)?(now|midnight|noon|tomorrow|[0-9]{1,2}:[0-9]{2})\b/
        $file = /\bat[ \t]+-f[ \t]*["']?\/[^\s"']{1,80}["']?[ \t]+(now|midnight|noon|tomorrow|[0-9]{1,2}:[0-9]{2})\b/
        $here = /(^|\n)[ \t]*at[ \t]+now[ \t]*(\+[ \t]*[0-9]+[ \t]*(min|hour|day)[a-z]*)?[ \t]*<</
        $spool = /\b(echo|cp|cat|printf)[ \t][^\r\n\x00]{1,120}\/var\/spool\/(cron\/atjobs|at)\//
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F) and any of them
}

rule persist_systemd_fetch
{
    meta:
        description = "a unit fetches and runs something, or runs a file of a writable or hidden place"
        capability = "persist.systemd"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1543/002/"
        r155 = "22.2"
        false_positives = "none known"
    strings:
        $service = /(^|\n)\[Service\][ \t]*\r?\n/
        $fetch = /\nExec(Start|StartPre|StartPost|Reload)[ \t]*=[^\r\n]{0,80}\b(curl|wget|tftp|ftpget)\b[^\r\n]{0,200}(\|[ \t]*(\/bin\/)?(ba|da|a)?sh\b|\bchmod\b|;[ \t]*(\/bin\/)?(ba|da|a)?sh[ \t])/
        $place = /\nExec(Start|StartPre|StartPost)[ \t]*=[-+@!]{0,3}((\/usr)?\/bin\/(ba|da)?sh[ \t]+(-c[ \t]+)?)?["']?\/(tmp|var\/tmp|dev\/shm|media|mnt)\/[^\s"']{1,80}/
        $hidden = /\nExec(Start|StartPre|StartPost)[ \t]*=[-+@!]{0,3}((\/usr)?\/bin\/(ba|da)?sh[ \t]+(-c[ \t]+)?)?["']?\/[A-Za-z0-9_\/-]{1,60}\/\.[A-Za-z0-9_-]{1,40}/
        $shell = /\nExec(Start|StartPre|StartPost)[ \t]*=[^\r\n]{0,80}(\/dev\/tcp\/|\bnc(at)?[ \t][^\r\n]{0,60}-e[ \t]|\bsocat[ \t][^\r\n]{0,80}exec:)/
    condition:
        filesize < 256KB and $service and any of ($fetch, $place, $hidden, $shell)
}

rule persist_systemd_transient
{
    meta:
        description = "plans its own start through the service manager without a unit file of a package"
        capability = "persist.systemd"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1053/006/"
        r155 = "22.2"
        false_positives = "maintenance scripts of the operator"
    strings:
        $run = /\bsystemd-run[ \t][^\r\n\x00]{0,80}--(on-boot|on-startup|on-active|on-unit-active|on-calendar|timer-property)[ \t=]/
        $generator = /\b(cp|mv|install|cat|tee|echo|printf|ln)[ \t][^\r\n\x00#]{0,120}\/(etc|run|lib|usr\/lib|usr\/local\/lib)\/systemd\/(system|user)-(generators|shutdown|sleep)\//
        $dropin = /\b(cp|cat|tee|echo|printf)[ \t][^\r\n\x00#]{0,120}\/(etc|run|lib|usr\/lib)\/systemd\/system\/[A-Za-z0-9_.@-]{1,40}\.service\.d\//
        $written = /\b(cat|tee|echo|printf|cp)[ \t][^\r\n\x00#]{0,160}\/(etc|lib|usr\/lib|run)\/systemd\/system\/[A-Za-z0-9_.@$\{\}-]{1,40}\.(service|timer|path)\b/
        $enable = /\bsystemctl[ \t][^\r\n\x00#]{0,30}enable[ \t]/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F) and (any of ($run, $generator, $dropin) or ($written and $enable))
}

rule persist_network_hook
{
    meta:
        description = "a script puts itself where every change of the network runs it"
        capability = "persist.init"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1546/"
        r155 = "22.2"
        false_positives = "packages bring such files by themselves, not by a script"
    strings:
        $write = /\b(echo|printf|cat|tee|cp|mv|install|ln)\b[^\r\n\x00#]{0,160}[ \t>]["']?(\$[A-Za-z_\{\}]{1,20})?\/etc\/(NetworkManager\/dispatcher\.d|network\/if-(pre-)?up\.d|ppp\/ip-up\.d|dhcp\/dhclient-(enter|exit)-hooks\.d|udhcpc(\.d)?|hotplug\.d\/[a-z]{2,12}|networkd-dispatcher\/[a-z]{3,12}\.d|wpa_supplicant\/action|openvpn\/update)\//
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F) and $write
}

rule persist_profile_hook
{
    meta:
        description = "a script puts a command where every login runs it"
        capability = "persist.init"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1546/004/"
        r155 = "22.2"
        false_positives = "installers of development tools that set a search path are not matched"
    strings:
        $write = /\b(echo|printf|tee|cat)\b[^\r\n\x00#]{0,200}(\/tmp\/|\/dev\/shm\/|\/\.[a-z0-9_-]{2,30}[ "'&]|\bcurl\b|\bwget\b|\bnc[ \t]|&[ \t]*["']|nohup|LD_PRELOAD|alias[ \t]+sudo)[^\r\n\x00#]{0,120}>>[ \t]*["']?[^\s"']{0,40}(\/etc\/profile(\.d\/[A-Za-z0-9_.-]{1,40})?|\/etc\/bash\.bashrc|\/\.(bashrc|profile|bash_profile|zshrc|bash_login))\b/
        $motd = /\b(echo|printf|cat|tee|cp|mv|install)\b[^\r\n\x00#]{0,160}[ \t>]["']?\/etc\/update-motd\.d\//
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F) and any of them
}

rule persist_desktop_autostart
{
    meta:
        description = "a desktop start entry runs a shell command, a hidden file or a file of a writable place"
        capability = "persist.init"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1547/013/"
        r155 = "22.2"
        false_positives = "none known"
    strings:
        $entry = "[Desktop Entry]" ascii
        $exec_shell = /\nExec=[^\r\n]{0,40}\b(ba|da)?sh[ \t]+-c[ \t][^\r\n]{0,160}(curl|wget|\/dev\/tcp|\bnc[ \t]|base64|\/tmp\/)/
        $exec_place = /\nExec=["']?\/(tmp|var\/tmp|dev\/shm|[A-Za-z0-9_\/]{1,60}\/\.[a-z])/
        $hidden = /\n(NoDisplay|Hidden|X-GNOME-Autostart-enabled)=/
        $write = /\b(cat|tee|echo|printf|cp|install)\b[^\r\n\x00#]{0,120}\/(etc\/xdg|\.config)\/autostart\/[A-Za-z0-9_. -]{1,40}\.desktop/
    condition:
        ($entry and any of ($exec_shell, $exec_place) and $hidden and filesize < 64KB) or (uint16(0) == 0x2123 and $write)
}

rule persist_pam_script
{
    meta:
        description = "every login runs a program that a login rule names"
        capability = "persist.init"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1556/003/"
        r155 = "22.2"
        false_positives = "none known"
    strings:
        $set = /\b(echo|printf|sed|tee)\b[^\r\n\x00]{0,160}\bpam_(exec|script|python|permit)\.so\b[^\r\n\x00]{0,160}\/etc\/pam\.d\//
        $login = /(^|\n)[ \t]*(auth|session|account|password)[ \t]+[^\r\n#]{1,60}\bpam_exec\.so[ \t][^\r\n#]{0,40}(expose_authtok|\/(tmp|var|dev\/shm|opt|root|home)\/|\/\.[a-z])/
        $copy = /\b(cp|mv|install)[ \t][^\r\n\x00#]{0,80}pam_[a-z0-9_]{2,30}\.so[ \t"'][^\r\n\x00#]{0,60}\/(lib|lib64|usr\/lib)[^\r\n\x00#]{0,40}\/security\b/
    condition:
        any of ($set, $copy) or ($login and filesize < 64KB)
}

rule persist_pam_module
{
    meta:
        description = "a login module that writes passwords to a hidden file or accepts one of its own"
        capability = "cred.static"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1556/003/"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "none known"
    strings:
        $authenticate = "pam_sm_authenticate" ascii
        $token = /pam_get_(authtok|item|user)\b/
        $hidden = /\x00\/(tmp|var\/tmp|dev\/shm|var\/log|usr\/include|usr\/lib|lib|var\/lib|etc|opt)\/([A-Za-z0-9_\/-]{0,40}\/)?\.[A-Za-z0-9_.-]{2,40}\x00/
        $format = /\x00[^\x00\r\n]{0,20}(user(name)?|login)[ :=]{1,3}%s[^\x00\r\n]{0,20}pass(word|wd)?[ :=]{1,3}%s/ nocase
        $pair = /\x00%s:%s:?(%s)?\\?\n?\x00/
        $compare = /\x00(strcmp|strncmp|memcmp)\x00/
        $master = /\x00[^\x00]{0,12}(backdoor|master|magic|hidden|secret)_?(pass|pw|key|login|user)[^\x00]{0,12}\x00/ nocase
    condition:
        uint32(0) == 0x464C457F and $authenticate and $token and ($hidden or $format or ($pair and $compare) or ($master and $compare))
}

rule persist_kernel_module
{
    meta:
        description = "a script loads a kernel module from a writable or hidden place, or has one loaded at each start"
        capability = "persist.init"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1547/006/"
        r155 = "22.2"
        false_positives = "vendors' modules in the modules folder are not matched"
    strings:
        $insmod = /\binsmod[ \t]+(-f[ \t]+)?["']?\/(tmp|var\/tmp|dev\/shm|mnt|media|data\/local|run|root|[A-Za-z0-9_\/]{1,60}\/\.[a-z])[^\s"']{0,80}\.ko\b/
        $load_list = /\b(echo|printf)\b[^\r\n\x00#|]{1,60}>>?[ \t]*["']?\/etc\/(modules(-load\.d\/[A-Za-z0-9_.-]{1,40})?|modules\.d\/[A-Za-z0-9_.-]{1,40})\b/
        $copy = /\b(cp|mv|install)[ \t][^\r\n\x00#]{0,80}\.ko[ \t"'][^\r\n\x00#]{0,20}\/lib\/modules\//
        $depmod = /\b(depmod|modprobe)\b/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F) and ($insmod or ($load_list and ($copy or $depmod)))
}

rule persist_udev_write
{
    meta:
        description = "a script writes a device rule that runs a program"
        capability = "persist.udev"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1546/017/"
        r155 = "22.2"
        false_positives = "installers that only set the rights of a device are not matched"
    strings:
        $write = /\b(echo|printf|cat|tee)\b[^\x00]{0,300}\bRUN\+?=[^\x00]{0,300}\/(etc|lib|usr\/lib|run)\/udev\/rules\.d\//
        $first = /\b(cat|tee)\b[^\r\n\x00]{0,20}>?[ \t]*["']?\/(etc|lib|usr\/lib|run)\/udev\/rules\.d\/[^\x00]{0,300}\bRUN\+?=/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F) and any of them
}

rule persist_inittab_respawn
{
    meta:
        description = "init keeps a shell, a download or a file of a writable place alive for ever"
        capability = "persist.init"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://git.busybox.net/busybox/tree/examples/inittab"
        r155 = "22.2"
        false_positives = "a login shell on a serial line is not matched"
    strings:
        $respawn = /(^|\n)[^#\r\n\x00]{0,20}:(respawn|once|sysinit|boot|wait|bootwait):[^\r\n\x00]{0,60}(\/(tmp|var\/tmp|dev\/shm|mnt|media)\/[A-Za-z0-9._-]|\b(curl|wget|tftp|nc|ncat|socat)[ \t]|\/dev\/tcp\/|\btelnetd\b|\/[A-Za-z0-9_\/]{1,40}\/\.[a-z])/
    condition:
        filesize < 64KB and $respawn
}

rule persist_inetd_shell
{
    meta:
        description = "the internet superserver gives a shell to whoever connects"
        capability = "remote.shell.bind"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1543/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "none known"
    strings:
        $inetd = /\bstream[ \t]+tcp6?[ \t]+(nowait|wait)(\.[0-9]{1,5})?[ \t]+[a-z0-9_.]{1,20}[ \t]+((\/usr)?(\/s?bin)\/)?((busybox[ \t]+)?(ba|da|a|k|z)?sh|busybox|telnetd|nc|python[0-9.]*|perl)[ \t\r\n]/
        $xinetd = /\bserver[ \t]*=[ \t]*((\/usr)?\/bin\/)(ba|da|a)?sh[ \t]*\r?\n/
        $xinetd_service = /(^|\n)[ \t]*service[ \t]+[a-z0-9_-]{1,30}[ \t]*\r?\n?[ \t]*\{/
        $socket = "[Socket]" ascii
        $accept = /\nAccept[ \t]*=[ \t]*(yes|true|1|on)\b/ nocase
        $unit = /ExecStart=-?(\/usr)?\/bin\/(ba|da|a)?sh[ \t]*(-i)?[ \t]*\r?\n/
    condition:
        filesize < 256KB and ($inetd or ($xinetd and $xinetd_service) or ($socket and $accept and $unit))
}

rule persist_android_service
{
    meta:
        description = "an Android start script runs a root service outside its rules or from the user's data"
        capability = "persist.init"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://android.googlesource.com/platform/system/core/+/main/init/README.md"
        r155 = "22.2"
        false_positives = "engineering builds"
    strings:
        $service = /(^|\n)service[ \t]+[A-Za-z0-9_.-]{1,40}[ \t]+\/[^\r\n]{2,160}\r?\n/
        $su_domain = /\n[ \t]+seclabel[ \t]+u:r:(su|sudaemon|permissive|magisk|supersu|init|kernel|recovery):s0/
        $data = /(^|\n)service[ \t]+[A-Za-z0-9_.-]{1,40}[ \t]+["']?\/(data\/local|data\/data|sdcard|mnt\/sdcard|storage|cache)\//
        $shell = /(^|\n)service[ \t]+[A-Za-z0-9_.-]{1,40}[ \t]+\/system\/(x?bin)\/(sh|su|busybox|telnetd|nc|sshd|dropbear)\b[ \t]+-?[^\r\n]{1,120}/
        $root = /\n[ \t]+user[ \t]+root\b/
        $daemonsu = /\n[ \t]*(exec|service)[ \t][^\r\n]{0,60}(daemonsu|--daemon|su[ \t]+--auto-daemon|install-recovery\.sh)/
        $permissive = /\n[ \t]+(exec|write)[ \t][^\r\n]{0,40}(setenforce[ \t]+0|\/sys\/fs\/selinux\/enforce[ \t]+0)/
        $trigger = /\n?on[ \t]+(boot|post-fs-data|property:|late-init|early-init|init)\b/
    condition:
        filesize < 512KB and (($service and $su_domain and $root) or ($data and $root) or ($shell and $root) or ($service and $daemonsu) or ($trigger and $permissive))
}

rule persist_boot_environment
{
    meta:
        description = "changes what the boot loader starts, or starts a shell in place of init"
        capability = "persist.init"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://docs.u-boot.org/en/latest/usage/environment.html"
        r155 = "22.2"
        false_positives = "updaters that only switch between two slots are not matched"
    strings:
        $setenv = /\bfw_setenv[ \t]+["']?(bootcmd|preboot|altbootcmd|bootargs|extra_bootargs|optargs|bootdelay)["']?[ \t]+[^\s;&|]/
        $setenv_script = /\b(echo|printf)\b[^\r\n\x00]{0,60}\b(bootcmd|preboot|bootargs|optargs)[ =][^\r\n\x00]{1,160}\|[ \t]*fw_setenv[ \t]+-s/
        $init = /\b(bootargs|optargs|cmdline|APPEND|GRUB_CMDLINE_LINUX(_DEFAULT)?)["']?[ \t]{0,4}[= ][^\r\n\x00]{0,200}\b(rd)?init=["']?\/((bin|tmp|mnt|media|dev\/shm)\/[A-Za-z.]|[A-Za-z0-9_\/]{0,30}\/\.[a-z])/
        $grub = /\bsed[ \t]+-i[^\r\n\x00]{0,120}GRUB_CMDLINE_LINUX[^\r\n\x00]{0,120}(init=|selinux=0|apparmor=0|module\.sig_enforce=0|lockdown=none|audit=0|mitigations=off)/
    condition:
        ((uint16(0) == 0x2123 or uint32(0) == 0x464C457F) and any of ($setenv, $setenv_script, $grub)) or ($init and filesize < 256KB)
}

rule persist_windows_run_key
{
    meta:
        description = "Windows starts a shell, a script or a file of a writable place at each login"
        capability = "persist.init"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1547/001/"
        r155 = "22.2"
        false_positives = "installers that start a program under Program Files are not matched"
    strings:
        $cmd = /\breg(\.exe)?[ \t]+add[ \t][^\r\n]{0,80}\\CurrentVersion\\(Policies\\Explorer\\)?Run(Once|Services|OnceEx)?["']?[ \t][^\r\n]{0,160}(powershell|cmd(\.exe)?[ \t]+\/c|wscript|cscript|mshta|rundll32|regsvr32|%temp%|%appdata%|%public%|\\temp\\|\\users\\public|\\programdata\\)/ ascii wide nocase
        $ps = /\b(Set|New)-ItemProperty[ \t][^\r\n]{0,100}\\CurrentVersion\\Run(Once)?\b[^\r\n]{0,160}(powershell|cmd(\.exe)?[ \t]+\/c|wscript|mshta|rundll32|\$env:(temp|appdata|public)|\\temp\\|\\users\\public|\\programdata\\)/ ascii wide nocase
        $file = /\\CurrentVersion\\Run(Once|Services)?\][^\[\x00]{0,300}=[ \t]*"[^"\r\n]{0,80}(powershell|cmd(\.exe)?[ \t]+\/c|wscript|mshta|rundll32|\\\\temp\\\\|\\\\users\\\\public|\\\\programdata\\\\|\\\\appdata\\\\)/ ascii nocase
        $startup = /\b(x?copy|move|Copy-Item|CreateShortcut\(|robocopy)[^\r\n]{1,160}\\(Start Menu\\Programs|StartUp)\\(Startup|[A-Za-z0-9_. -]{1,40}\.(lnk|bat|vbs|exe|cmd))/ ascii wide nocase
    condition:
        any of them
}

rule persist_winlogon
{
    meta:
        description = "a program of its own starts with the Windows login"
        capability = "persist.init"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1547/004/"
        r155 = "22.2"
        false_positives = "kiosks whose operator put an own shell in place"
    strings:
        $userinit_cmd = /\\Winlogon["']?[ \t][^\r\n]{0,40}\b(Userinit|Shell)\b["']?[ \t][^\r\n]{0,40}(\/d|-Value)[ \t]+["']?[^\r\n"']{0,80}(userinit\.exe,|explorer\.exe,)[ \t]*[^\s"',][^\r\n"']{2,80}/ ascii wide nocase
        $userinit_file = /\n"(Userinit|Shell)"[ \t]*=[ \t]*"[^"\r\n]{0,80}(userinit\.exe,|explorer\.exe,)[ \t]*[^\s"',][^\r\n"]{2,80}"/ ascii wide nocase
        $notify = /\\Winlogon\\Notify\\{1,2}[A-Za-z0-9_-]{1,40}["'\]]?[^\r\n]{0,80}\b(DllName|DLLName)\b/ ascii wide nocase
        $logon = /\bUserInitMprLogonScript["']?[ \t=][^\r\n]{0,60}\.(bat|cmd|exe|vbs|ps1)/ ascii wide nocase
    condition:
        any of them
}

rule persist_loader_audit
{
    meta:
        description = "a library asks the loader for a say in every symbol that a program looks up"
        capability = "persist.ld_preload"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://man7.org/linux/man-pages/man7/rtld-audit.7.html"
        r155 = "22.2"
        false_positives = "tracing tools (latrace, HPCToolkit)"
    strings:
        $version = /\x00la_version\x00/
        $bind = /\x00la_symbind(32|64)\x00/
        $loader = "_rtld_global" ascii
        $set = /(^|[\n;&|])[ \t]*(export[ \t]+)?LD_AUDIT=["']?\/[^\s"']{2,80}/
        $trace = /\b(ltrace|latrace|hpcrun)\b/
    condition:
        (uint32(0) == 0x464C457F and $version and $bind and not $loader and not $trace) or ($set and filesize < 256KB)
}

rule persist_xz_backdoor
{
    meta:
        description = "the hook that was hidden in xz 5.6.0 and 5.6.1, in its machine code or in the build that put it in"
        capability = "persist.ld_preload"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.openwall.com/lists/oss-security/2024/03/29/4"
        r155 = "22.2"
        false_positives = "programs that look for it"
    strings:
        $function = { F3 0F 1E FA 55 48 89 F5 4C 89 CE 53 89 FB 81 E7 00 00 00 80 48 83 EC 28 48 89 54 24 18 48 89 4C 24 10 }
        $build = "gl_am_configmake=`grep -aErls \"#{4}[[:alnum:]]{5}#{4}$\"" ascii
        $object = "liblzma_la-crc64-fast.o" ascii
        $corrupt = "bad-3-corrupt_lzma2.xz" ascii
        $hook = /\b(eval|head[ \t]+-c|sed[ \t]+rpath|tail[ \t]+-c)\b/
    condition:
        (uint32(0) == 0x464C457F and $function) or $build or ($object and $corrupt) or ($corrupt and $hook and filesize < 256KB)
}

rule persist_symbol_hook
{
    meta:
        description = "a library's own start-up code looks for the functions of the SSH server"
        capability = "persist.ld_preload"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2024-3094"
        r155 = "22.2"
        false_positives = "none known"
    strings:
        $sshd = "/usr/sbin/sshd" ascii
        $decrypt = /\x00RSA_public_decrypt(@|\x00)/
        $ifunc_one = /\x00(_get_cpuid|__get_cpuid|__cpu_indicator_init|lzma_crc(32|64)|getauxval|__tunable_get_val)(@|\x00)/
        $resolve = /\x00(dlsym|dl_iterate_phdr|_dl_find_object|dladdr1?|dlvsym)(@|\x00)/
        $server = /\b(sshd_config|Server listening on|sshd_session)\b/
    condition:
        uint32(0) == 0x464C457F and uint8(16) == 3 and $sshd and $decrypt and any of ($ifunc_one, $resolve) and not $server
}

rule persist_immutable_file
{
    meta:
        description = "a script makes a file undeletable so that nobody takes it away"
        capability = "persist.init"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1222/002/"
        r155 = "22.2"
        false_positives = "hardening of resolv.conf"
    strings:
        $chattr = /\bchattr[ \t]+(-R[ \t]+)?\+[aesAS]{0,3}i[aesAS]{0,3}[ \t]+(-[a-zA-Z][ \t]+)?["']?(\/etc\/(ld\.so\.preload|cron|init\.d|rc|passwd|shadow|systemd|sudoers|hosts)|\/(usr\/)?s?bin\/|\/(tmp|var|dev\/shm|lib|usr\/lib|opt|root)\/|~\/\.ssh|\/[A-Za-z0-9_\/]{1,40}\/\.[a-z])/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or filesize < 64KB) and $chattr
}

rule persist_survive_upgrade
{
    meta:
        description = "a script adds its files to those that survive a firmware upgrade"
        capability = "persist.init"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://openwrt.org/docs/guide-user/installation/generic.sysupgrade"
        r155 = "22.2"
        false_positives = "packages whose settings are meant to stay"
    strings:
        $sysupgrade = /\b(echo|printf|sed|tee)\b[^\r\n\x00]{1,120}\/(bin|sbin|usr|lib|root|etc\/(init\.d|rc|cron|dropbear|hotplug)|opt|tmp)[^\r\n\x00]{0,80}>>?[ \t]*["']?\/(etc\/sysupgrade\.conf|lib\/upgrade\/keep\.d\/[A-Za-z0-9_.-]{1,30})/
        $addond = /\b(cp|cat|echo|install)\b[^\r\n\x00#]{1,120}\/system\/addon\.d\/[0-9]{0,3}-?[A-Za-z0-9_.-]{1,40}/
        $overlay = /\bcp[ \t][^\r\n\x00#]{1,120}[ \t]["']?\/overlay\/upper\/(bin|sbin|usr|etc\/(init\.d|rc\.d|rc\.local|shadow|passwd|dropbear))/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F) and any of them
}
