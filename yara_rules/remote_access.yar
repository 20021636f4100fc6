/*
 * Ways to a command line or a desktop from outside.
 */

rule remote_telnetd_launch
{
    meta:
        description = "a telnet server is started"
        capability = "remote.shell.telnet"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1021/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "manuals in plain text that show the command"
    strings:
        $options = /\b(in\.|u)?telnetd[ \t]{1,4}(-[FKSi][ \t]+)?-[lpbf][ \t]?[\/A-Za-z0-9]/
        $line = /(^|\n)[ \t]*((then|do|else|exec|nohup|busybox|toybox)[ \t]+){0,2}(\/[A-Za-z0-9_.\/-]{0,60}\/)?((busybox|toybox)[ \t]+)?(in\.|u)?telnetd[ \t]*(&|;|\r?\n|-[FKSi]\b)/
        $chained = /(;|&&|\|\|)[ \t]*(busybox[ \t]+)?(\/[A-Za-z0-9_.\/-]{0,60}\/)?(in\.|u)?telnetd[ \t]*(&|;|\r?\n)/
        $daemon = /\bstart-stop-daemon[ \t][^\r\n#]{0,80}(-S|--start)\b[^\r\n#]{0,120}telnetd\b/
    condition:
        $options or (uint16(0) == 0x2123 and any of ($line, $chained, $daemon))
}

rule remote_telnetd_server
{
    meta:
        description = "a program that contains a telnet server"
        capability = "remote.shell.telnet"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1021/"
        r155 = "1.2, 16.1"
        false_positives = "busybox built with the applet: then look for what starts it"
    strings:
        $name = "telnetd" ascii fullword
        $login = "/bin/login" ascii
        $pty = "/dev/ptmx" ascii
        $pts = "/dev/pts" ascii
        $openpty = "openpty" ascii fullword
        $ptsname = /\bgetpt\b|\bptsname(_r)?\b/
    condition:
        uint32(0) == 0x464C457F and $name and $login and any of ($pty, $pts, $openpty, $ptsname)
}

rule remote_reverse_shell_script
{
    meta:
        description = "script text that ties a shell to an outgoing connection"
        capability = "remote.shell.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1059/004/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "texts that teach security testing"
    strings:
        $dev_tcp = /\b(ba|da|a)?sh[ \t]+-i[ \t]*[<>&0-9 \t|]{1,12}[ \t]*\/dev\/tcp\/[A-Za-z0-9.$_{}-]{3,60}\/[0-9$]/
        $exec_tcp = /\bexec[ \t]+[0-9]{1,3}[ \t]*<>[ \t]*\/dev\/tcp\/[A-Za-z0-9.$_{}-]{3,60}\/[0-9$]/
        $fifo = /\bmkfifo[ \t][^\r\n]{1,80}[;&|\n][^\r\n]{0,120}\bsh[ \t]+-i\b[^\r\n]{0,60}\|[ \t]*(nc|ncat|netcat|openssl|telnet)\b/
        $python = /socket\.socket\([^\r\n]{0,200}os\.dup2\([^\r\n]{0,200}(pty\.spawn|subprocess\.(call|Popen))\([^\r\n]{0,20}sh\b/
        $perl = /use[ \t]+Socket;[^\r\n]{0,200}connect\([^\r\n]{0,200}open\(STDIN,[^\r\n]{0,200}exec[^\r\n]{0,10}\/bin\/(ba)?sh/
    condition:
        any of them
}

rule remote_netcat_shell
{
    meta:
        description = "netcat or socat with a shell at the end"
        capability = "remote.shell.bind"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1059/004/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "texts that teach security testing"
    strings:
        $netcat = /\b(nc|ncat|netcat|nc\.traditional)[ \t][^\r\n#]{0,100}(-[a-z]{0,4}[ec]|--(sh-)?exec)[ \t=]+["']?(\/bin\/)?(ba|da|a)?sh\b/
        $socat = /\bsocat[ \t][^\r\n#]{0,160}\b(EXEC|SYSTEM|exec|system):["']?(\/bin\/)?(ba|da|a)?sh\b/
    condition:
        any of them
}

rule remote_web_terminal
{
    meta:
        description = "a command line in a web page (ttyd, shellinabox)"
        capability = "remote.shell.web"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1219/"
        r155 = "1.2, 16.1"
        false_positives = "none known outside the tools themselves"
    strings:
        $shellinabox = "shellinaboxd" ascii fullword
        $ttyd = "ttyd" ascii fullword
        $websockets = "libwebsockets" ascii
        $writable = "--writable" ascii
        $credential = "--credential" ascii
        $vt = "vt100.js" ascii nocase
    condition:
        uint32(0) == 0x464C457F and (($shellinabox and $vt) or ($ttyd and $websockets and ($writable or $credential)))
}

rule remote_vnc_server
{
    meta:
        description = "a VNC server"
        capability = "remote.desktop"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.rfc-editor.org/rfc/rfc6143"
        r155 = "1.2, 16.1"
        false_positives = "virtual machine monitors, which serve their guests screens"
    strings:
        $protocol = /RFB 00[34]\.00[0-9]/
        $x11vnc = "x11vnc" ascii fullword
        $library = "rfbGetScreen" ascii fullword
        $run = "rfbInitServer" ascii
        $wayvnc = "wayvnc" ascii fullword
        $xvnc = "Xvnc" ascii fullword
        $neat = "nvnc_open" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and ((any of ($library, $run, $neat)) or ($protocol and any of ($x11vnc, $wayvnc, $xvnc)))
}

rule remote_desktop_service
{
    meta:
        description = "a commercial remote desktop client with its vendors servers"
        capability = "remote.desktop"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1219/"
        r155 = "1.2, 16.1, 16.2"
        false_positives = "browsers and filters that carry lists of such hosts"
    strings:
        $teamviewer = "TeamViewer" ascii wide fullword
        $teamviewer_host = /\b(master|ping|router)[0-9]{0,3}\.teamviewer\.com\b/ ascii wide nocase
        $anydesk = "AnyDesk" ascii wide fullword
        $anydesk_host = ".net.anydesk.com" ascii wide nocase
        $rustdesk = "rustdesk" ascii wide nocase fullword
        $rustdesk_host = /\brs-[a-z]{2,4}\.rustdesk\.com\b/ ascii wide nocase
        $todesk = "ToDesk" ascii wide fullword
        $todesk_host = /\b[a-z0-9-]{2,30}\.todesk\.com\b/ ascii wide nocase
        $sunlogin = { E5 90 91 E6 97 A5 E8 91 B5 }
        $sunlogin_wide = { 11 54 E5 65 75 84 }
        $sunlogin_name = "SunloginClient" ascii wide
        $sunlogin_host = ".oray.com" ascii wide nocase
    condition:
        ($teamviewer and $teamviewer_host) or ($anydesk and $anydesk_host) or
        ($rustdesk and $rustdesk_host) or ($todesk and $todesk_host) or
        (any of ($sunlogin, $sunlogin_wide, $sunlogin_name) and $sunlogin_host)
}

rule remote_known_magic
{
    meta:
        description = "a magic word of a documented back door"
        capability = "remote.shell.trigger"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.kb.cert.org/vuls/id/248083"
        r155 = "1.2, 27.1, 28.1"
        false_positives = "signature files of other scanners"
    strings:
        $dlink = "xmlset_roodkcableoj28840ybtide" ascii
        $xiongmai = "OpenTelnet:OpenOnce" ascii
        $sercomm_le = { 4D 4D 63 53 [0-64] 73 63 66 67 6D 67 72 }
        $sercomm_name = "scfgmgr" ascii fullword
        $sercomm_magic = { 53 63 4D 4D ( 00 | FF ) }
    condition:
        $dlink or $xiongmai or $sercomm_le or (uint32(0) == 0x464C457F and $sercomm_name and $sercomm_magic)
}
