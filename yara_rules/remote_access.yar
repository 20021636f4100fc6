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
        $word = /\x00((\/bin\/)?busybox[ \t]+telnetd|(\/usr)?\/s?bin\/(in\.|u)?telnetd)[ \t]*(&[ \t]*)?\x00/
        $shell = /\x00(system|popen|do_?system|execlp?)\x00/ nocase
    condition:
        $options or (uint16(0) == 0x2123 and any of ($line, $chained, $daemon)) or (uint32(0) == 0x464C457F and $word and $shell)
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
        $fifo = /\b(mkfifo|mknod)[ \t]/
        $fifo_shell = /\b(ba|da|a|z)?sh[ \t]+-i\b[^\r\n|]{0,60}\|[ \t]*(busybox[ \t]+)?(nc|ncat|netcat|openssl|telnet)\b/
        $python = /socket\.socket\([^\r\n]{0,200}os\.dup2\([^\r\n]{0,200}(pty\.spawn|subprocess\.(call|Popen))\([^\r\n]{0,20}sh\b/
        $perl = /use[ \t]+Socket;[^\r\n]{0,200}connect\([^\r\n]{0,200}open\(STDIN,[^\r\n]{0,200}exec[^\r\n]{0,10}\/bin\/(ba)?sh/
    condition:
        any of ($dev_tcp, $exec_tcp, $python, $perl) or ($fifo and $fifo_shell)
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

rule remote_ssh_dropbear
{
    meta:
        description = "the Dropbear ssh server"
        capability = "remote.shell.ssh"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://matt.ucc.asn.au/dropbear/dropbear.html"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "a declared ssh server: then look for what starts it"
    strings:
        $title = "Dropbear server v%s" ascii
        $accepted = "Pubkey auth succeeded for '%s' with %s key %s from %s" ascii
        $password = "Password auth succeeded for '%s' from %s" ascii
        $blank = "Auth succeeded with blank password for '%s' from %s" ascii
        $version = "SSH-2.0-dropbear" ascii
        $hostkey = "/etc/dropbear/dropbear_" ascii
        $child = "Child connection from %s" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and 2 of them
}

rule remote_ssh_openssh
{
    meta:
        description = "the OpenSSH server"
        capability = "remote.shell.ssh"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://man.openbsd.org/sshd"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "a declared ssh server: then look for what starts it"
    strings:
        $listening = "Server listening on %s port %d." ascii
        $accepted = "Accepted %s for %s%.100s from %.200s port %d ssh2" ascii
        $failed = "%s %s%s%s for %s%.100s from %.200s port %d ssh2" ascii
        $config = "/etc/ssh/sshd_config" ascii
        $root = "permitrootlogin" ascii
        $empty = "permitemptypasswords" ascii
        $rexec = "sshd re-exec requires execution with an absolute path" ascii
        $mux = "sshd-session" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and 3 of them
}

rule remote_ssh_tiny
{
    meta:
        description = "a small ssh server (tinyssh, wolfSSH, libssh2-style device servers)"
        capability = "remote.shell.ssh"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.rfc-editor.org/rfc/rfc4251"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "a declared ssh server"
    strings:
        $tiny = "tinysshd" ascii
        $tiny_keys = "tinysshd: usage: tinysshd" ascii
        $tiny_text = "SSH-2.0-tinyssh" ascii
        $tiny_version = "tinysshnoversion" ascii
        $wolf = "SSH-2.0-wolfSSHv" ascii
        $wolf_server = "wolfSSH_accept" ascii
        $routeros = "SSH-2.0-rosssh" ascii
        $rom = "SSH-2.0-RomSShell_" ascii
        $interpeak = "-IPSSH-" ascii
        $mocana = "SSH-2.0-Mocana SSH" ascii
    condition:
        ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (($tiny and any of ($tiny_keys, $tiny_text, $tiny_version)) or $tiny_text or ($wolf and $wolf_server) or $routeros)) or any of ($rom, $mocana) or ($interpeak and (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D))
}

rule remote_ssh_library_server
{
    meta:
        description = "a program that contains an ssh server from a library (libssh, Go, russh, Paramiko, asyncssh)"
        capability = "remote.shell.ssh"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.rfc-editor.org/rfc/rfc4251"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "hosting tools and tests of the library"
    strings:
        $bind = "ssh_bind_listen" ascii
        $bind_accept = "ssh_bind_accept" ascii
        $gliderlabs = "github.com/gliderlabs/ssh.(*Server)" ascii
        $charm = "github.com/charmbracelet/ssh.(*Server)" ascii
        $goserver = "golang.org/x/crypto/ssh.NewServerConn" ascii
        $russh = "russh::server" ascii
        $thrussh = "thrussh::server" ascii
        $paramiko = "paramiko.ServerInterface" ascii
        $paramiko_start = ".start_server(" ascii
        $asyncssh = "asyncssh.create_server(" ascii
    condition:
        ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (($bind and $bind_accept) or any of ($gliderlabs, $charm, $goserver, $russh, $thrussh))) or ($paramiko and $paramiko_start) or $asyncssh
}

rule remote_ssh_launch
{
    meta:
        description = "a script starts an ssh server on a port of its own or without passwords"
        capability = "remote.shell.ssh"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://man.openbsd.org/sshd"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "manuals in plain text that show the command"
    strings:
        $dropbear = /(^|\n|[;&|])[ \t]*([\/\w.-]*\/)?dropbear[ \t]+(-[A-Za-z0-9]+([ \t]+[^-\s][^\s]*)?[ \t]+){0,6}-(p[ \t]?([0-9.:]+:)?[0-9]{2,5}|B|Y[ \t]?[^\s]+)/
        $sshd = /(^|\n|[;&|])[ \t]*([\/\w.-]*\/)?sshd[ \t]+[^\r\n#]{0,120}(-p[ \t]?[0-9]{2,5}\b|-o[ \t]?["']?(PermitRootLogin|PermitEmptyPasswords|PasswordAuthentication)[ =]["']?yes)/ nocase
    condition:
        any of them and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule remote_ssh_started
{
    meta:
        description = "a script starts an ssh server"
        capability = "remote.shell.ssh"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://man.openbsd.org/sshd"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "the init script of the ssh server's own package"
    strings:
        $plain = /(^|\n|[;&|])[ \t]*((exec|nohup|then|do|else)[ \t]+)?\/(usr\/)?(local\/)?s?bin\/(dropbear|sshd)\b[^\r\n=)]{0,80}(\r?\n|;|&)/
        $daemon = /\bstart-stop-daemon[ \t][^\r\n#]{0,120}(dropbear|sshd)\b/
        $procd = /procd_set_param[ \t]+command[ \t]+["']?[^\r\n]{0,40}(dropbear|sshd)\b/
    condition:
        uint16(0) == 0x2123 and any of them
}

rule remote_sshd_config_open
{
    meta:
        description = "an sshd configuration that lets root in with a password, or anyone without"
        capability = "remote.shell.ssh"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://man.openbsd.org/sshd_config"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "sample files that show every setting"
    strings:
        $root = /(^|\n)[ \t]*PermitRootLogin[ \t=]+["']?yes\b/ nocase
        $password = /(^|\n)[ \t]*PasswordAuthentication[ \t=]+["']?yes\b/ nocase
        $empty = /(^|\n)[ \t]*PermitEmptyPasswords[ \t=]+["']?yes\b/ nocase
        $dropbear_root = /(^|\n)[ \t]*option[ \t]+['"]?RootPasswordAuth['"]?[ \t]+['"]?(on|1|yes)\b/
        $dropbear_password = /(^|\n)[ \t]*option[ \t]+['"]?PasswordAuth['"]?[ \t]+['"]?(on|1|yes)\b/
        $dropbear_wan = /(^|\n)[ \t]*option[ \t]+['"]?GatewayPorts['"]?[ \t]+['"]?(on|1|yes)\b/
    condition:
        ($empty or ($root and $password) or ($dropbear_root and $dropbear_password and $dropbear_wan)) and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule remote_telnetd_inetd
{
    meta:
        description = "inetd or xinetd starts a telnet, rsh or bare shell service"
        capability = "remote.shell.telnet"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1021/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "sample files with the line switched on"
    strings:
        $telnet = /(^|\n)[ \t]*(telnet|login|shell|[0-9]{2,5})[ \t]+stream[ \t]+tcp[46]?[ \t]+nowait(\.[0-9]+)?[ \t]+root[^\s]*[ \t]+[^\r\n#]{0,60}(telnetd|in\.rlogind|in\.rshd|\/bin\/(ba|a|da)?sh)\b/
        $service = /(^|\n)service[ \t]+(telnet|login|shell)[ \t]*\r?\n?[ \t]*\{/
        $server = /(^|\n)[ \t]*server[ \t]*=[ \t]*[^\r\n]{0,60}(telnetd|rlogind|rshd)\b/
        $enabled = /(^|\n)[ \t]*disable[ \t]*=[ \t]*no\b/
    condition:
        $telnet or ($service and $server and $enabled)
}

rule remote_telnetd_program
{
    meta:
        description = "a telnet server as a program of its own (inetutils, netkit, utelnetd)"
        capability = "remote.shell.telnet"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.rfc-editor.org/rfc/rfc854"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "a declared telnet server: then look for what starts it"
    strings:
        $title = "telnetd: %s.\r\n" ascii
        $inetutils = "DARPA telnet protocol server" ascii nocase
        $connected = "[Connected to %s]" ascii
        $exec = "--exec-login" ascii
        $linemode = "--linemode" ascii
        $utelnetd = "utelnetd" ascii fullword
        $utelnetd_all = "can't find free pty" ascii
        $negotiate = "td: send %s " ascii
        $terminal = "telnetd: panic" ascii
        $ttloop = "ttloop" ascii
        $issue = "/etc/issue.net" ascii
        $gave = "telnetd: getpty" ascii
        $peer = "Couldn't resolve your address into a host name.\r\n" ascii
        $name = "telnetd" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and ($inetutils or ($exec and $linemode) or ($utelnetd and $utelnetd_all) or ($name and 2 of ($title, $connected, $negotiate, $terminal, $ttloop, $issue, $gave, $peer)))
}

rule remote_rlogin_server
{
    meta:
        description = "a server for rsh, rlogin or rexec: a shell by host name alone"
        capability = "remote.shell.bind"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.rfc-editor.org/rfc/rfc1282"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "none known outside the servers"
    strings:
        $rlogind = "rlogind" ascii fullword
        $rshd = "rshd" ascii fullword
        $rexecd = "rexecd" ascii fullword
        $equiv = "hosts.equiv" ascii
        $rhosts = ".rhosts" ascii
        $illegal = "Illegal port" ascii nocase
        $remuser = "remuser" ascii
        $locuser = "locuser" ascii
        $permission = "Permission denied.\n" ascii
        $library = "iruserok" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and any of ($rlogind, $rshd, $rexecd) and any of ($equiv, $rhosts, $library) and any of ($illegal, $remuser, $locuser, $permission)
}

rule remote_netcat_program
{
    meta:
        description = "netcat with the ability to start a program (traditional, ncat, OpenBSD's without)"
        capability = "remote.shell.bind"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://nmap.org/ncat/guide/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "none known outside the program itself"
    strings:
        $dangerous = "program to exec after connect [dangerous!!]" ascii
        $shell = "use /bin/sh to exec [dangerous!!]" ascii
        $ncat = "Ncat: Version" ascii
        $ncat_exec = "--sh-exec" ascii
        $ncat_exec_text = "Executes the given command via /bin/sh" ascii
        $ncat_name = "ncat" ascii fullword
        $lua = "--lua-exec" ascii
        $gnu = "netcat.sourceforge.net" ascii
        $gnu_exec = "program to exec after connect" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and ($dangerous or $shell or ($ncat_exec and any of ($ncat, $ncat_name, $lua, $ncat_exec_text)) or ($gnu and $gnu_exec))
}

rule remote_socat_program
{
    meta:
        description = "socat: connects anything with anything, programs and shells too"
        capability = "remote.shell.bind"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://manpages.debian.org/socat"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "none known outside the program itself"
    strings:
        $title = "socat by Gerhard Rieger" ascii
        $version = "socat version %s" ascii
        $wrong = "wrong number of parameters for address" ascii
        $dual = "<single-address>!!<single-address>" ascii
        $exec = "EXEC:<command-line>" ascii
        $log = "E unknown option \"%s\"" ascii
        $openssl = "SOCAT_OPENSSL_X509" ascii
        $peer = "SOCAT_PEERADDR" ascii
        $default = "SOCAT_DEFAULT_LISTEN_IP" ascii
        $main = "analyze file descriptors before loop" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and 2 of them
}

rule remote_reverse_shell_python
{
    meta:
        description = "Python text that ties a shell to a connection"
        capability = "remote.shell.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1059/006/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "texts that teach security testing"
    strings:
        $socket = /\bsocket\.socket\(/
        $socket_import = /from[ \t]+socket[ \t]+import/
        $dup = /os\.dup2\([ \t]*[A-Za-z_0-9.]{1,30}\.?fileno\(\)?/
        $dup_loop = /\bdup2\([^)\r\n]{1,40},[ \t]*[A-Za-z_0-2]{1,12}\)/
        $spawn = /pty\.spawn\([ \t]*[\["'(]{0,2}[A-Za-z_\/]{0,20}/
        $call = /subprocess\.(call|Popen|run)\([ \t]*[\["'(]{1,2}(\/bin\/)?(ba|da|a)?sh["'][ \t]*,[ \t]*["']-i/
        $system = /os\.(exec[vl]p?e?|system|popen)\([ \t]*[\["'(]{0,2}(\/bin\/)?(ba|da|a)?sh\b/
        $connect = /\.connect\([ \t]*\(/
        $listen = /\.(listen|accept)\(/
        $cmd = /\.recv\([^\r\n]{1,40}\)[^\r\n]{0,40}\r?\n[^\r\n]{0,120}(subprocess\.(check_output|Popen|run|getoutput)|os\.popen)\(/
    condition:
        any of ($socket, $socket_import) and any of ($connect, $listen) and ((any of ($dup, $dup_loop) and any of ($spawn, $call, $system)) or $cmd) and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule remote_reverse_shell_perl
{
    meta:
        description = "Perl text that ties a shell to a connection"
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
        $socket = /\buse[ \t]+(IO::)?Socket(::INET)?\b/
        $module = /-MIO(::Socket)?\b|IO::Socket::INET(->new|\()/
        $in = /open[ \t]*\(?[ \t]*STDIN[ \t]*,[ \t]*["']?[<>+&]{1,3}/
        $out = /(->fdopen\([^,)\r\n]{1,20},[ \t]*["']?[rw]\)|STDIN->fdopen|STDOUT->fdopen)/
        $exec = /\b(exec|system)[ \t]*\(?[ \t{]*["'\/`$][^\r\n;]{0,40}/
        $shell = /\/bin\/(ba|da|a)?sh\b|system[ \t]*\$?_?/
    condition:
        any of ($socket, $module) and any of ($in, $out) and $exec and $shell and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule remote_reverse_shell_php
{
    meta:
        description = "PHP text that ties a shell to a connection"
        capability = "remote.shell.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "texts that teach security testing"
    strings:
        $open = /\b(fsockopen|stream_socket_client|pfsockopen)[ \t]*\([ \t]*["'$]/
        $shell = /\b(exec|shell_exec|system|passthru|popen|proc_open)[ \t]*\([ \t]*["']?[^\r\n]{0,60}\b(ba|da|a|z)?sh[ \t]+(-i[ \t]*)?[<>&0-9 ]{2,20}/
        $variable = /\$[A-Za-z_]{1,20}[ \t]*=[ \t]*["'][^"'\r\n]{0,80}\/bin\/(ba|da)?sh[ \t]+-i\b/
        $pipes = /proc_open[ \t]*\([ \t]*\$?[A-Za-z_"'\/]{1,30}[ \t]*,[ \t]*\$?[A-Za-z_\[]{1,30}/
    condition:
        $open and ($shell or ($variable and $pipes)) and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule remote_reverse_shell_interpreter
{
    meta:
        description = "Ruby, Lua, Tcl, Node, Go, Java or awk text that ties a shell to a connection"
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
        $ruby = /\bTCPSocket\.(new|open)\b/
        $ruby_shell = /\bexec[ \t(]+[^\r\n<]{0,40}\b(ba|da|a|z)?sh\b[^\r\n<]{0,20}<&/
        $ruby_popen = /\bIO\.popen\([a-z_.]{1,20}([ \t]*\)|,[ \t]*["']r)/
        $tcl = /\bset[ \t]+[a-z_]{1,20}[ \t]+\[socket[ \t]+[^-\s][^\s\]]{2,80}[ \t]+[^\s\]]{1,20}\]/
        $tcl_run = /\bexec[ \t]+[^\r\n\]"}]{0,40}\b(ba|da|a|z)?sh[ \t]+-c[ \t]+["{]?\$/
        $lua = /require[ \t(]*["']socket(\.core)?["']/
        $lua_connect = /:connect\(/
        $lua_run = /\b(os\.execute|io\.popen)[ \t]*\([ \t]*[a-z_]{1,20}[ \t]*[,)]/
        $node = /require\(["'](node:)?child_process["']\)/
        $node_net = /require\(["'](node:)?net["']\)/
        $node_shell = /\b(spawn|exec)\(["'](\/bin\/)?(ba|da|a|z)?sh\b/
        $node_pipe = /\.pipe\([a-zA-Z_]{1,20}\.(stdin|stdout)\)|\.(stdin|stdout)\.pipe\(/
        $awk = /["']\/inet\/(tcp|udp)\/[0-9]{1,5}\//
        $awk_loop = /\|&[ \t]*getline/
        $go = /\bnet\.Dial\("tcp"/
        $go_shell = /\bexec\.Command\("[^"\r\n]{0,20}(sh|cmd(\.exe)?)"/
        $go_input = /\.Stdin[ \t]*(,[ \t]*[a-z]{1,12}\.Stdout[^\r\n=]{0,40})?=[ \t]*[a-z]{1,12}\b/
        $java = /new[ \t]+ProcessBuilder\("[^"\r\n]{0,20}(sh|cmd(\.exe)?)"\)/
        $java_socket = /new[ \t]+(java\.net\.)?Socket\(/
        $java_stream = /\.getOutputStream\(\)/
        $java_device = /Runtime\.getRuntime\(\)\.exec\([^\r\n]{0,120}\/dev\/tcp\//
    condition:
        (($ruby and any of ($ruby_shell, $ruby_popen)) or ($tcl and $tcl_run) or ($lua and $lua_connect and $lua_run) or ($node and $node_net and $node_shell and $node_pipe) or ($awk and $awk_loop) or ($go and $go_shell and $go_input) or ($java and $java_socket and $java_stream) or $java_device) and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule remote_reverse_shell_openssl
{
    meta:
        description = "a shell behind openssl, telnet, busybox or socat as carrier"
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
        $openssl = /\b(ba|a|da)?sh([ \t]+-i)?[^\r\n|]{0,80}\|[ \t]*openssl[ \t]+s_client[ \t]/
        $openssl_pipe = /openssl[ \t]+s_client[ \t][^\r\n|]{0,120}\|[ \t]*(\/bin\/)?(ba|a|da)?sh\b/
        $telnet = /\btelnet[ \t]+[A-Za-z0-9.$_{}-]{3,80}[ \t]+[0-9$][0-9A-Za-z_{}]{0,20}[ \t]*(0?<[ \t]*[^\s|]{1,60}[ \t]*)?\|[ \t]*(\/bin\/)?(ba|a|da)?sh\b/
        $netcat_pipe = /\b(nc|ncat|netcat)[ \t]+[A-Za-z0-9.$_{}-]{3,80}[ \t]+[0-9$][0-9A-Za-z_{}]{0,20}[ \t]*(0?<[ \t]*[^\s|]{1,60}[ \t]*)?\|[ \t]*(\/bin\/)?(ba|a|da)?sh\b/
        $socat = /\bsocat[ \t]/
        $socat_out = /\b(TCP4?6?|OPENSSL|SSL)(-CONNECT)?:[A-Za-z0-9.$_{}-]{3,80}:[0-9$]/ nocase
        $socat_shell = /\b(EXEC|SYSTEM):["']?[^\s"',]{0,40}\b((ba|da|a|z)?sh|login|su)\b/ nocase
    condition:
        (any of ($openssl*, $telnet, $netcat_pipe) or ($socat and $socat_out and $socat_shell)) and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule remote_reverse_shell_powershell
{
    meta:
        description = "PowerShell text that ties a command line to a connection"
        capability = "remote.shell.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1059/001/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "texts that teach security testing"
    strings:
        $client = /New-Object[ \t]+(System\.)?Net\.Sockets\.TCPClient/ ascii wide nocase
        $client_new = /\[(System\.)?Net\.Sockets\.TcpClient\]::new\(/ ascii wide nocase
        $listener = /New-Object[ \t]+(System\.)?Net\.Sockets\.TcpListener/ ascii wide nocase
        $stream = ".GetStream()" ascii wide nocase
        $run = /\b(iex|Invoke-Expression)\b/ ascii wide nocase
        $process = "RedirectStandardInput" ascii wide nocase
        $shell = "cmd.exe" ascii wide nocase
    condition:
        any of ($client*, $listener) and $stream and ($run or ($process and $shell)) and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule remote_shell_loop_script
{
    meta:
        description = "a script that takes commands from outside in a loop"
        capability = "remote.shell.trigger"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1059/004/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "agents that a vendor declares"
    strings:
        $loop = /\b(while|until)[ \t]+(true|:|\[|!|1)/
        $fetch = /\b(eval|sh[ \t]+-c)[ \t]+["'`]?\$?\(?[ \t]*(curl|wget|nc|ncat|busybox[ \t]+(wget|nc))[ \t]/
        $fetch_tick = /=[ \t]*["']?(\$\(|`)[ \t]*(curl|wget)[ \t][^\r\n]{4,200}/
        $run = /\b(eval|sh[ \t]+-c)[ \t]+["']?\$\{?[A-Za-z_]{1,30}/
        $sleep = /\bsleep[ \t]+[0-9$]/
    condition:
        uint16(0) == 0x2123 and $loop and $sleep and ($fetch or ($fetch_tick and $run))
}

rule remote_bind_shell_script
{
    meta:
        description = "script text that offers a shell on a port"
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
        $fifo = /\b(mkfifo|mknod)[ \t]/
        $fifo_shell = /\b(ba|da|a|z)?sh([ \t]+-[a-z]{1,4})?[^\r\n|]{0,40}\|[ \t]*(busybox[ \t]+)?(nc|ncat|netcat)[ \t]+-[a-zA-Z]{0,6}l/
        $loop = /\b(nc|ncat|netcat)[ \t]+-[a-zA-Z]{0,6}l[^\r\n|]{0,60}\|[ \t]*(\/bin\/)?(ba|a|da)?sh\b/
        $udp = /\btcpsvd[ \t][^\r\n#]{0,120}\b((ba|da|a|z)?sh|login|telnetd)\b/
        $busybox = /\bbusybox[ \t]+nc[ \t][^\r\n#]{0,60}-e[ \t]+[^\s]{0,40}\b(ba|da|a|z)?sh\b/
        $listen_exec = /\b(nc|ncat|netcat)[ \t]+-[a-zA-Z]{0,8}l[a-zA-Z]{0,6}[ \t][^\r\n#]{0,80}-(e|c)[ \t]+["']?[^\s"']{0,40}\b((ba|da|a|z)?sh|login|telnetd)\b/
    condition:
        (($fifo and $fifo_shell) or any of ($loop, $udp, $busybox, $listen_exec)) and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule remote_vnc_program
{
    meta:
        description = "a VNC server by its own texts (x11vnc, TigerVNC, TightVNC, wayvnc, krfb, vino)"
        capability = "remote.desktop"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.rfc-editor.org/rfc/rfc6143"
        r155 = "1.2, 16.1, 16.2"
        false_positives = "none known outside the program itself"
    strings:
        $x11vnc = "x11vnc: " ascii
        $x11vnc_option = "-rfbport" ascii
        $x11vnc_forever = "-noxdamage" ascii
        $tiger = "TigerVNC server" ascii nocase
        $tiger_core = "VNCServerST" ascii
        $tiger_connection = "VNCSConnST" ascii
        $security = "SecurityServer" ascii
        $blacklist = "BlacklistThreshold" ascii
        $tight = "Xvnc TightVNC" ascii
        $tight_old = "TightVNC-" ascii
        $rfbauth = "-rfbauth" ascii
        $way = "wayvnc" ascii
        $way_text = "Disable all remote input" ascii
        $neat = "nvnc_open" ascii
        $krfb = "krfb" ascii fullword
        $krfb_server = "_rfbScreenInfo" ascii
        $krfb_rfb = "RfbServer" ascii
        $krfb_too = "rfbGetScreen" ascii
        $vino = "vino-server" ascii fullword
        $real = "RealVNC" ascii wide
        $real_server = "vncserver-x11" ascii
        $real_cloud = "vnc.com" ascii wide
        $ultra = "UltraVNC" ascii wide
        $ultra_service = "uvnc_service" ascii wide
        $grd = "org.gnome.desktop.remote-desktop" ascii
        $grd_vnc = "grd-vnc-server" ascii
        $weston = "screen-share" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (($x11vnc and any of ($x11vnc_*)) or ($tiger_core and any of ($tiger_connection, $security, $blacklist)) or ($tiger and $rfbauth) or $tight or ($tight_old and $rfbauth) or ($way and any of ($way_text, $neat)) or ($krfb and any of ($krfb_*)) or $vino or ($real and ($real_server or $real_cloud)) or ($ultra and $ultra_service) or ($grd and $grd_vnc) or ($weston and $neat))
}

rule remote_vnc_launch
{
    meta:
        description = "a script or service that starts a VNC server"
        capability = "remote.desktop"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/LibVNC/x11vnc"
        r155 = "1.2, 16.1, 16.2"
        false_positives = "manuals in plain text that show the command"
    strings:
        $x11vnc = /\bx11vnc[ \t]+-[^\r\n#]{1,60}[ \t]-(forever|loop|shared|display|rfbauth|nopw|passwd|connect|bg)\b/
        $x11vnc_first = /\bx11vnc[ \t]+-(forever|loop|shared|display|rfbauth|nopw|passwd|connect|bg)\b/
        $server = /(^|\n|[;&|])[ \t]*([\/\w.-]*\/)?(vncserver|tigervncserver|x0tigervncserver|Xvnc|x0vncserver)[ \t]+(:[0-9]|-(geometry|localhost|rfbport|SecurityTypes|passwd|display))/
        $wayvnc = /(^|\n|[;&|=])[ \t]*([\/\w.-]*\/)?wayvnc[ \t]+([a-zA-Z-]*[ \t]+){0,4}[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}/
        $droid = /\bdroidvncserver\b|\bandroidvncserver\b/
    condition:
        (any of ($x11vnc*, $server, $wayvnc) and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)) or $droid
}

rule remote_rdp_program
{
    meta:
        description = "an RDP server (xrdp, FreeRDP shadow, GNOME Remote Desktop, Weston)"
        capability = "remote.desktop"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/neutrinolabs/xrdp"
        r155 = "1.2, 16.1, 16.2"
        false_positives = "none known outside the program itself"
    strings:
        $xrdp = "A Remote Desktop Protocol Server." ascii
        $xrdp_ini = "xrdp.ini" ascii
        $sesman = "/etc/xrdp/sesman.ini" ascii
        $chansrv = "xrdp_chansrv" ascii
        $keygen = "/etc/xrdp/rsakeys.ini" ascii
        $xrdp_socket = "/run/xrdp/sockdir" ascii
        $shadow = "freerdp_shadow" ascii nocase
        $shadow_server = "shadow_server_start" ascii
        $peer = "freerdp_peer_new" ascii
        $listener = "freerdp_listener_new" ascii
        $grd = "grd-rdp-server" ascii
        $grd_class = "GrdRdpServer" ascii
        $grd_session = "grd_session_rdp" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and ($xrdp or ($xrdp_ini and $sesman) or ($chansrv and any of ($sesman, $xrdp_socket)) or $keygen or ($shadow and $shadow_server) or ($peer and $listener) or any of ($grd, $grd_class, $grd_session))
}

rule remote_desktop_other
{
    meta:
        description = "a commercial or free remote control program with its servers (ScreenConnect, LogMeIn, Splashtop, Radmin, MeshCentral and others)"
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
        $screenconnect = "ScreenConnect.Client" ascii wide nocase
        $screenconnect_host = ".screenconnect.com" ascii wide nocase
        $screenconnect_service = "ScreenConnect Client (" ascii wide
        $logmein = "LogMeIn" ascii wide fullword
        $logmein_host = /\b(secure|control|control\.app[0-9]{0,3})\.logmein\.com\b/ ascii wide nocase
        $splashtop = "Splashtop" ascii wide fullword
        $splashtop_host = /\b[a-z0-9.-]{2,30}\.(relay\.|api\.)?splashtop\.com\b/ ascii wide nocase
        $splashtop_service = "SRManager" ascii wide
        $radmin = "Radmin Server" ascii wide nocase
        $radmin_vendor = "Famatech" ascii wide
        $ammyy = "Ammyy Admin" ascii wide nocase
        $ammyy_host = "rl.ammyy.com" ascii wide nocase
        $mesh = "MeshCentral" ascii wide nocase
        $mesh_agent = "MeshAgent" ascii wide
        $mesh_server = "meshServiceName" ascii
        $dwservice = "dwagent" ascii fullword
        $dwservice_host = "www.dwservice.net" ascii nocase
        $ultraviewer = "UltraViewer" ascii wide
        $ultraviewer_host = "ultraviewer.net" ascii wide nocase
        $chrome = "chromoting" ascii nocase
        $chrome_host = "remotedesktop-pa.googleapis.com" ascii nocase
        $supremo = "SupremoService" ascii wide nocase
        $supremo_host = "nanosystems.it" ascii wide nocase
        $isl = "ISL AlwaysOn" ascii wide
        $isl_host = "islonline.net" ascii wide nocase
        $aweray = "AweSun" ascii wide
        $aweray_host = "aweray.com" ascii wide nocase
        $netsupport = "NetSupport Ltd" ascii wide nocase
        $netsupport_client = "client32" ascii wide nocase
        $dameware = "DameWare" ascii wide nocase
        $dameware_client = "DWRCS" ascii wide
        $action1 = "action1_agent" ascii wide nocase
        $atera = "AteraAgent" ascii wide nocase
        $atera_host = "agent-api.atera.com" ascii wide nocase
        $simplehelp = "SimpleHelp" ascii wide
        $simplehelp_file = "JWrapper-Remote Access" ascii wide
        $nomachine = "NoMachine" ascii wide
        $nomachine_node = "nxnode" ascii wide
        $parsec = "parsecd" ascii wide
        $parsec_host = "kessel-api.parsec.app" ascii wide
    condition:
        ($screenconnect and any of ($screenconnect_*)) or ($logmein and $logmein_host) or ($splashtop and any of ($splashtop_*)) or ($radmin and $radmin_vendor) or ($ammyy and $ammyy_host) or ($mesh_agent and any of ($mesh, $mesh_server)) or ($dwservice and $dwservice_host) or ($ultraviewer and $ultraviewer_host) or ($chrome and $chrome_host and (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)) or ($supremo and $supremo_host) or ($isl and $isl_host) or ($aweray and $aweray_host) or ($netsupport and $netsupport_client and (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)) or ($dameware and $dameware_client) or $action1 or ($atera and $atera_host) or ($simplehelp and $simplehelp_file) or ($nomachine and $nomachine_node and (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)) or ($parsec and $parsec_host)
}

rule remote_desktop_program
{
    meta:
        description = "a remote control program by its own texts, without its servers (AnyDesk, TeamViewer, RustDesk, ToDesk, Sunlogin)"
        capability = "remote.desktop"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1219/"
        r155 = "1.2, 16.1, 16.2"
        false_positives = "none known outside the program itself"
    strings:
        $anydesk = "AnyDesk" ascii wide
        $anydesk_trace = "ad.trace" ascii wide
        $anydesk_conf = "ad.security." ascii wide
        $anydesk_id = "ad.anynet." ascii wide
        $teamviewer = "TeamViewer" ascii wide
        $teamviewer_daemon = "teamviewerd" ascii wide
        $teamviewer_service = "TeamViewer_Service" ascii wide
        $teamviewer_iot = "teamviewer-iot-agent" ascii
        $rust = "RustDesk" ascii wide
        $rust_crate = "hbb_common::" ascii
        $rust_relay = "relay-server" ascii
        $rust_rendezvous = "custom-rendezvous-server" ascii
        $todesk = "ToDesk_Service" ascii wide
        $todesk_daemon = "/opt/todesk/bin/" ascii
        $sunlogin = "sunlogin" ascii wide nocase
        $sunlogin_service = "slservice" ascii wide nocase
        $sunlogin_daemon = "oray_rundaemon" ascii
        $sunlogin_gbk = { CF F2 C8 D5 BF FB }
        $lang = "/etc/orayconfig.conf" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (($anydesk and 1 of ($anydesk_*)) or ($teamviewer and any of ($teamviewer_daemon, $teamviewer_service)) or $teamviewer_iot or ($rust_crate and any of ($rust, $rust_relay, $rust_rendezvous)) or ($rust and $rust_rendezvous) or $todesk or $todesk_daemon or ($sunlogin and any of ($sunlogin_*, $lang)) or ($lang and $sunlogin_gbk))
}

rule remote_desktop_setup
{
    meta:
        description = "a script installs or starts a remote control program without a person"
        capability = "remote.desktop"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1219/"
        r155 = "1.2, 16.1, 16.2"
        false_positives = "manuals in plain text that show the command"
    strings:
        $anydesk = /\banydesk(\.exe)?["']?[^\r\n]{0,80}(--set-password|--install[ \t]|--start-with-win|--get-id)/ ascii wide nocase
        $teamviewer = /\bteamviewer[ \t]+(passwd|setup|assign|assignment)[ \t]/ ascii nocase
        $teamviewer_assign = /TeamViewer[^\r\n]{0,80}(assignment[ \t]+--id|ASSIGNMENTID=|APITOKEN=)/ ascii wide nocase
        $rustdesk = /\brustdesk(\.exe)?["']?[ \t]+(--password|--config|--silent-install|--get-id)\b/ ascii wide nocase
        $rust_key = /(rendezvous_server|custom-rendezvous-server)[ \t]*=[ \t]*['"][^'"\r\n]{3,100}['"]/
        $mesh = /meshagent[^\r\n]{0,60}-(fullinstall|install)\b/ ascii nocase
    condition:
        any of them and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule remote_x_display
{
    meta:
        description = "a desktop offered to others by NX, X2Go, Xpra or an open X server"
        capability = "remote.desktop"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1219/"
        r155 = "1.2, 16.1, 16.2"
        false_positives = "display managers name the option to switch it off"
    strings:
        $xpra = /(^|\n|[;&|])[ \t]*xpra[ \t]+(start|shadow|start-desktop)[ \t][^\r\n]{0,160}--bind-(tcp|ws|wss|ssl)[ =]/
        $x2go = "x2goruncommand" ascii
        $x2go_session = "x2golistsessions" ascii
        $xhost = /(^|\n|[;&|])[ \t]*xhost[ \t]+\+[ \t]*(\r?\n|;|&|$)/
        $listen = /(^|\n|[;&|])[ \t]*([\/\w.-]*\/)?(X|Xorg)[ \t][^\r\n]{0,100}-listen[ \t]+tcp[^\r\n]{0,60}-ac\b/
    condition:
        (any of ($xpra, $xhost, $listen) and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)) or ($x2go and $x2go_session and uint16(0) == 0x2123)
}

rule remote_tmate
{
    meta:
        description = "tmate: a shared terminal through a stranger's server"
        capability = "remote.shell.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://tmate.io/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "none known outside the program itself"
    strings:
        $host = "ssh.tmate.io" ascii
        $messages = "tmate show-messages" ascii
        $option = "tmate-server-host" ascii
        $fingerprint = "tmate-server-rsa-fingerprint" ascii
        $foreground = "useful for setting remote access" ascii
        $launch = /\btmate[ \t]+(-[A-Za-z][^\r\n]{0,80}[ \t])?(new-session|-F|-S[ \t])/
        $key = /\btmate[ \t][^\r\n]{0,60}-k[ \t]*tmk-[A-Za-z0-9]{10,40}/
    condition:
        ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and 2 of ($host, $messages, $option, $fingerprint, $foreground)) or (any of ($launch, $key) and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D))
}

rule remote_web_terminal_program
{
    meta:
        description = "a command line in a web page, the program (ttyd, GoTTY, wetty, shellinabox)"
        capability = "remote.shell.web"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1219/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "none known outside the program itself"
    strings:
        $box = "shellinaboxd" ascii
        $box_static = "Shell In A Box" ascii nocase
        $box_service = "--static-file" ascii
        $box_vt = "VT100.prototype" ascii
        $ttyd = "ttyd" ascii fullword
        $ttyd_text = "Share your terminal over the web" ascii nocase
        $ttyd_writable = "Allow clients to write to the TTY" ascii
        $ttyd_tty = "ttyd is a tool for sharing terminal over the web" ascii
        $gotty = "github.com/yudai/gotty/" ascii
        $gotty_new = "github.com/sorenisanerd/gotty/" ascii
        $webtty = "gotty.webtty" ascii
        $maidsafe = "github.com/elisescu/tty-share" ascii
        $wetty = /require\(["']wetty["']\)|wetty[\/\\](dist|build|lib)[\/\\]/
    condition:
        ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (($box and any of ($box_*)) or ($box_static and $box_vt) or ($ttyd and any of ($ttyd_*)) or $ttyd_tty or any of ($gotty*, $maidsafe) or $webtty)) or ($wetty and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D))
}

rule remote_web_terminal_launch
{
    meta:
        description = "a script starts a command line in a web page"
        capability = "remote.shell.web"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1219/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "manuals in plain text that show the command"
    strings:
        $ttyd = /(^|\n|[;&|=])[ \t]*([\/\w.-]*\/)?ttyd[ \t]+(-[A-Za-z-]+([ =]+[^-\s][^\s]*)?[ \t]+){0,8}([\/\w.-]*\/)?(login|bash|sh|ash|zsh|su|tmux)\b/
        $gotty = /(^|\n|[;&|=])[ \t]*([\/\w.-]*\/)?gotty[ \t]+[^\r\n#]{0,100}(-w|--permit-write)\b/
        $box = /(^|\n|[;&|=])[ \t]*([\/\w.-]*\/)?shellinaboxd[ \t]+[^\r\n#]{0,160}(-s[ \t]?\/|--service[ =]|-t\b|-p[ \t]?[0-9]|-b\b)/
        $wetty = /(^|\n|[;&|=])[ \t]*([\/\w.-]*\/)?wetty[ \t]+[^\r\n#]{0,80}(--port|-p|--command|--ssh-host|--force-ssh)[ =]/
    condition:
        any of them and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule remote_mosh
{
    meta:
        description = "mosh: a terminal over UDP that survives changes of address"
        capability = "remote.shell.ssh"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://mosh.org/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "none known outside the program itself"
    strings:
        $connect = "MOSH CONNECT %d %s" ascii
        $connect_any = "MOSH CONNECT " ascii
        $key = "MOSH_KEY" ascii
        $timeout = "MOSH_SERVER_NETWORK_TMOUT" ascii
        $signal = "MOSH_SERVER_SIGNAL_TMOUT" ascii
        $client = "mosh-client (%s)" ascii
        $predict = "MOSH_PREDICTION_DISPLAY" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and 2 of them
}

rule remote_adb_over_tcp
{
    meta:
        description = "Android's debug bridge is opened to the network"
        capability = "remote.shell.bind"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://developer.android.com/tools/adb#wireless"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "manuals in plain text that show the command"
    strings:
        $property = /(^|\n)[ \t]*(persist\.adb\.tcp\.port|service\.adb\.tcp\.port|persist\.internal\.adb\.tcp\.port)[ \t]*=[ \t]*[0-9]{2,5}/
        $setprop = /\bsetprop[ \t]+(persist|service)\.adb\.tcp\.port[ \t]+["']?[0-9]{2,5}/
        $property_set = "service.adb.tcp.port" ascii
        $restart = /\b(stop[ \t]+adbd|start[ \t]+adbd|setprop[ \t]+ctl\.(re)?start[ \t]+adbd)\b/
        $listen = /\badb[ \t]+tcpip[ \t]+[0-9]{2,5}/
    condition:
        $property or $setprop or ($property_set and $restart and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)) or ($listen and uint16(0) == 0x2123)
}

rule remote_adbd
{
    meta:
        description = "Android's debug bridge daemon"
        capability = "remote.shell.bind"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://source.android.com/docs/setup/build/adb"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "devices in development"
    strings:
        $tcp = "service.adb.tcp.port" ascii
        $listen = "service.adb.listen_addrs" ascii
        $root = "service.adb.root" ascii
        $usb = "/dev/usb-ffs/adb/ep0" ascii
        $keys = "/data/misc/adb/adb_keys" ascii
        $daemon = "adbd listening on" ascii
        $already = "adbd is already running as root" ascii
        $cannot = "adbd cannot run as root in production builds" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and 3 of them
}

rule remote_web_shell_php
{
    meta:
        description = "a web shell in PHP"
        capability = "remote.shell.web"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "texts that teach security testing"
    strings:
        $page = /<\?(php|=)?[ \t\r\n@$a-z]/ nocase
        $direct = /\b(eval|assert|system|shell_exec|passthru|exec|popen|proc_open)[ \t]*\([ \t]*(@|base64_decode\(|trim\(|stripslashes\(|urldecode\(|gzinflate\()?[ \t]*\$_(GET|POST|REQUEST|COOKIE|SERVER)[ \t]*\[/ nocase
        $backtick = /`[ \t]*(\{)?\$_(GET|POST|REQUEST|COOKIE)[ \t]*\[/ nocase
        $callback = /\$_(GET|POST|REQUEST|COOKIE)[ \t]*\[[^\]]{1,40}\][ \t]*\([ \t]*\$_(GET|POST|REQUEST|COOKIE)[ \t]*\[/ nocase
        $packed = /\b(eval|assert)[ \t]*\([ \t]*(gzinflate|gzuncompress|str_rot13|base64_decode)[ \t]*\([ \t]*(base64_decode|str_rot13|gzinflate|gzuncompress|\$_)/ nocase
        $named = /<title>[^<]{0,30}(c99shell|r57shell|b374k|WSO [0-9.]{1,5}|p0wny)/ nocase
    condition:
        (($page and any of ($direct, $backtick, $callback, $packed)) or $named) and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule remote_web_shell_other
{
    meta:
        description = "a web shell in JSP, ASP, Lua, CGI or Perl"
        capability = "remote.shell.web"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "texts that teach security testing"
    strings:
        $page = /<%[ \t\r\n@=!a-z]/ nocase
        $jsp = /Runtime\.getRuntime\(\)\.exec\([^\r\n;]{0,80}request\.getParameter\(/ nocase
        $jsp_run = /(Runtime\.getRuntime\(\)\.exec|new[ \t]+ProcessBuilder)[ \t]*\(/ nocase
        $jsp_word = /request\.getParameter\([ \t]*["'](c|cmd|command|exec|shell|pass|pwd)["']/ nocase
        $asp = /\b(eval|execute|executeglobal)[ \t(]+[ \t]*request[ \t(]*[("']/ nocase
        $asp_object = "WScript.Shell" ascii nocase
        $asp_run = /\.(exec|run)[ \t(]+[^\r\n]{0,60}request\b/ nocase
        $aspx = /\beval\([ \t]*Request\./ nocase
        $cgi = /(\beval|\bsh[ \t]+-c)[ \t]+["'`]?[^\r\n]{0,60}\bQUERY_STRING\b/
        $lua = /(os\.execute|io\.popen)[ \t]*\([ \t]*(luci\.http\.formvalue|ngx\.var\.arg_|ngx\.req\.get_uri_args)/
        $perl = /(system|exec|`)[ \t(]*\$?(q|cgi|query)->param\(/
        $python = /(os\.(system|popen)|subprocess\.(check_output|getoutput|Popen|run|call))\([ \t]*(request\.(args|form|values|json)|form\.getvalue|self\.path)/
    condition:
        (($page and ($jsp or ($jsp_run and $jsp_word) or $asp or ($asp_object and $asp_run) or $aspx)) or any of ($lua, $perl, $python) or (uint16(0) == 0x2123 and $cgi)) and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule remote_meterpreter
{
    meta:
        description = "Meterpreter or a payload of Metasploit"
        capability = "remote.shell.reverse"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/software/S0081/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "signature files of other scanners"
    strings:
        $channel = "core_channel_open" ascii wide
        $load = "core_loadlib" ascii wide
        $migrate = "core_migrate" ascii wide
        $stdapi = "stdapi_fs_file" ascii
        $stdapi_sys = "stdapi_sys_process_execute" ascii
        $metsrv = "metsrv.dll" ascii wide nocase
        $mettle = "mettlesploit" ascii nocase
        $tlv = "core_negotiate_tlv_encryption" ascii wide
        $android = "com.metasploit.stage" ascii
        $reverse_arm = { 02 00 A0 E3 01 10 A0 E3 05 20 81 E2 8C 70 A0 E3 8D 70 87 E2 00 00 00 EF }
        $reverse_amd64 = { 6A 29 58 99 6A 02 5F 6A 01 5E 0F 05 }
        $dup_amd64 = { 6A 21 58 0F 05 75 F6 }
        $dup_amd64_too = { 6A 03 5E 48 FF CE 6A 21 58 0F 05 }
        $ia32_connect = { 31 DB F7 E3 53 43 53 6A 02 ( 89 E1 B0 66 | B0 66 89 E1 ) CD 80 }
    condition:
        2 of ($channel, $load, $tlv, $migrate, $stdapi, $stdapi_sys) or ($metsrv and any of ($channel, $load)) or $mettle or $android or $reverse_arm or ($reverse_amd64 and any of ($dup_amd64*)) or $ia32_connect
}

rule remote_command_framework
{
    meta:
        description = "an agent of a command and control framework (Sliver, Merlin, Havoc, Empire, Pupy, Mythic)"
        capability = "remote.shell.reverse"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1071/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "texts that teach security testing"
    strings:
        $sliver = "github.com/bishopfox/sliver/" ascii
        $merlin = "github.com/Ne0nd0g/merlin" ascii
        $poseidon = "MythicAgents/poseidon" ascii
        $geacon = "geacon/cmd" ascii
        $platypus = "github.com/WangYihang/Platypus" ascii
        $pupy = "pupyimporter" ascii
        $pupy_network = "pupy://" ascii
        $empire = "Invoke-Empire" ascii wide nocase
        $nimplant = "NimPlant v" ascii wide
        $cobalt_pipe = "\\\\.\\pipe\\MSSE-" ascii wide
        $beacon = "beacon.x64.dll" ascii
        $beacon_loader = "ReflectiveLoader" ascii
        $pronsis = "github.com/redcode-labs/Coldfire" ascii
        $vshell = "vshell/client" ascii
    condition:
        ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (any of ($sliver, $merlin, $poseidon, $geacon, $platypus, $pronsis, $vshell, $nimplant) or ($beacon and $beacon_loader) or $cobalt_pipe)) or ($pupy and $pupy_network) or $empire
}

rule remote_suite_industrial
{
    meta:
        description = "a remote maintenance service for machines (Talk2M, Secomea, IXON, TOSIBOX, mbCONNECT, SINEMA, mGuard, Netbiter)"
        capability = "remote.maintenance"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T0822/"
        r155 = "1.2, 16.1, 16.2"
        false_positives = "a product that declares the service"
    strings:
        $talk2m = /\b[a-z0-9.-]{1,30}\.talk2m\.com\b/ ascii wide nocase
        $ewon = "eWON" ascii wide fullword
        $ecatcher = "eCatcher" ascii wide
        $secomea = /\b(GateManager|SiteManager)\b/ ascii wide
        $secomea_host = /\b[a-z0-9.-]{1,30}\.secomea\.com\b/ ascii wide nocase
        $secomea_name = "Secomea" ascii wide
        $ixon = /\b(ixagent|IXagent|IXrouter)\b/ ascii wide
        $ixon_host = /\b[a-z0-9.-]{1,30}\.(ayayot\.com|ixon\.(cloud|net))\b/ ascii wide nocase
        $tosibox = "TOSIBOX" ascii wide nocase
        $tosibox_key = /\bTosibox[ -_](Lock|Key|Node|Hub)|\b[a-z0-9.-]{1,30}\.tosibox\.(com|net)\b/ ascii wide nocase
        $mbconnect = /\b(mbNET|mbCONNECT24|mymbCONNECT24)\b/ ascii wide nocase
        $mbconnect_host = /\b[a-z0-9.-]{0,30}mbconnect24\.(net|com|us)\b/ ascii wide nocase
        $sinema = "SINEMA RC" ascii wide
        $sinema_client = "SINEMA Remote Connect" ascii wide
        $mguard = /\b(mGuard Secure Cloud|mguard\.com|us\.cloud\.mguard\.com|eu\.cloud\.mguard\.com)\b/ ascii wide nocase
        $netbiter = /\b(argos\.netbiter\.net|netbiter\.net)\b/ ascii wide nocase
        $weintek = "EasyAccess 2.0" ascii wide
        $weintek_host = /\b[a-z0-9.-]{0,30}easyaccess\.(tw|com)\b/ ascii wide nocase
        $moxa = "Moxa Remote Connect" ascii wide
        $stridelinx = "stridelinx.com" ascii wide nocase
    condition:
        ($talk2m and any of ($ewon, $ecatcher)) or ($secomea_host and any of ($secomea, $secomea_name)) or ($secomea and $secomea_name) or ($ixon and $ixon_host) or ($tosibox and $tosibox_key) or ($mbconnect and $mbconnect_host) or $sinema or $sinema_client or $mguard or $netbiter or ($weintek and $weintek_host) or $moxa or $stridelinx
}

rule remote_suite_router
{
    meta:
        description = "a remote management service of router and modem makers (Teltonika RMS, Digi, Sierra, Cradlepoint, InHand, Robustel, TR-069)"
        capability = "remote.maintenance"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://wiki.teltonika-networks.com/view/RMS"
        r155 = "1.2, 16.1, 16.2"
        false_positives = "a product that declares the service"
    strings:
        $rms = "rms.teltonika-networks.com" ascii nocase
        $rms_agent = "rms_mqtt" ascii
        $rms_config = /(^|\n)config[ \t]+rms_connect_mqtt\b/
        $teltonika = "Teltonika" ascii nocase
        $digi = "remotemanager.digi.com" ascii nocase
        $digi_old = "my.devicecloud.com" ascii nocase
        $edp = "edp12.devicecloud.com" ascii nocase
        $sierra = /\b(na|eu)?\.?airvantage\.net\b/ nocase
        $alms = "AirLink Management Service" ascii nocase
        $cradle = "stream.cradlepointecm.com" ascii nocase
        $inhand = /\b(iot|ics|g)\.inhandnetworks\.com\b|\biot\.inhand\.com(\.cn)?\b/ nocase
        $robustel = /\brcms(-cloud)?\.robustel\.(net|com)\b/ nocase
        $four_faith = /\b[a-z0-9.-]{1,30}\.four-faith\.(net|com)\b/ nocase
        $usr = "cloud.usr.cn" ascii nocase
        $hongdian = /\b[a-z0-9.-]{1,30}\.hongdian\.com\b/ nocase
        $milesight = /\b[a-z0-9.-]{1,30}\.milesight(-iot)?\.com\b/ nocase
        $milesight_vpn = "MilesightVPN" ascii nocase
        $device = /\b(mqtt|device_?id|serial|heartbeat)\b/ nocase
    condition:
        $rms or ($rms_agent and $teltonika) or $rms_config or any of ($digi, $digi_old, $edp, $sierra, $alms, $cradle, $inhand, $robustel, $usr) or $milesight_vpn or (any of ($four_faith, $hongdian, $milesight) and $device and (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D))
}

rule remote_serial_server
{
    meta:
        description = "a program that offers serial lines over the network (ser2net, conserver)"
        capability = "remote.maintenance"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/cminyard/ser2net"
        r155 = "1.2, 16.1, 16.2"
        false_positives = "a product that declares the service"
    strings:
        $ser2net = "ser2net" ascii
        $ser2net_conf = "/etc/ser2net" ascii
        $rfc2217 = "rfc2217" ascii nocase
        $telnet = "trace-hexdump" ascii
        $conserver = "conserver.cf" ascii
        $conserver_pass = "conserver.passwd" ascii
        $remserial = "remserial" ascii fullword
        $remserial_usage = "[-x debuglevel]" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (($ser2net and any of ($ser2net_conf, $telnet)) or ($ser2net and $rfc2217) or ($conserver and $conserver_pass) or ($remserial and $remserial_usage))
}

rule remote_known_magic_more
{
    meta:
        description = "another documented back door word: Zyxel, Netis, Realtek, Juniper, FortiGate, Tenda, Xiongmai, Hisilicon"
        capability = "remote.shell.trigger"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2020-29583"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "signature files of other scanners"
    strings:
        $zyxel = "zyfwp" ascii fullword
        $zyxel_word = "PrOw!aN_fXp" ascii
        $juniper = "<<< %s(un='%s') = %u" ascii
        $fortigate = "FGTAbc11*xy+Qqz27" ascii
        $tenda = "w302r_mfg" ascii
        $realtek = "orf;344" ascii
        $realtek_too = "UDPserver" ascii fullword
        $netis = "netcore" ascii fullword
        $netis_igd = "IGDMPTD" ascii
        $hisilicon = "TlJwpbo6" ascii
        $hisilicon_open = "telnetstart" ascii
        $hisilicon_port = "HiTool" ascii
        $zte = "GM8182" ascii fullword
        $zte_factory = "webFacEntry" ascii
        $zte_mode = "factorymode.gch" ascii
        $tplink = "/userRpmNatDebugRpm26525557/" ascii
        $tplink_user = "osteam" ascii fullword
        $tplink_page = "start_art" ascii fullword
    condition:
        $zyxel_word or ($zyxel and (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)) or $juniper or $fortigate or $tenda or ($realtek and $realtek_too) or ($netis_igd and $netis) or ($hisilicon and any of ($hisilicon_open, $hisilicon_port)) or ($zte_factory and any of ($zte, $zte_mode)) or $tplink or ($tplink_user and $tplink_page)
}

rule remote_telnet_switch
{
    meta:
        description = "a hidden switch that turns a telnet or ssh server on"
        capability = "remote.shell.trigger"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1205/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "pages of a user interface that show the setting"
    strings:
        $path = /\/(goform|cgi-bin|boaform|api|hidden|debug)\/[A-Za-z0-9_\/.-]{0,60}(telnet|ssh|dropbear)(d)?(_?(enable|open|on|start|debug))?\b/ nocase
        $page = /\b(telnet_?(enable|open|on|start|debug)|(enable|open|start)_?telnet(d)?|((enable|start)_?|open_)(ssh|dropbear)d?|opensshd|opendropbear)\b/ nocase
        $run = /\b(system|popen|doSystem(Cmd)?|doSystembk|twsystem|CsteSystem|exec[vl]p?e?)\b/
        $command = /\b((in\.|u)?telnetd|dropbear|sshd)([ \t]*&|[ \t]+-[A-Za-z])/
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and $command and $run and any of ($path, $page)
}

rule remote_port_knock
{
    meta:
        description = "a program that opens a door after secret packets (knockd, fwknop, magic packet daemons)"
        capability = "remote.shell.trigger"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1205/001/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "none known outside the program itself"
    strings:
        $knockd = "knockd" ascii fullword
        $knockd_conf = "/etc/knockd.conf" ascii
        $knock_sequence = "start_command" ascii
        $fwknop = "fwknopd" ascii fullword
        $fwknop_conf = "access.conf" ascii
        $profile = /(^|\n)[ \t]*sequence[ \t]*=[ \t]*[0-9]{1,5}(:(tcp|udp))?[ \t]*,[ \t]*[0-9]{1,5}/
        $command = /(^|\n)[ \t]*(start_)?command[ \t]*=[ \t]*[^\r\n]{4,160}/
        $magic = /\b(magic|trigger|wake(up)?|knock)[ _-]?(packet|word|string|bytes)\b/ nocase
        $raw = /\b(SOCK_RAW|AF_PACKET|SO_ATTACH_FILTER|raw socket)\b/ nocase
        $shell = "/bin/sh" ascii fullword
        $spawn = /\b(reverse|bind|connect[ -]?back)[ _-]?shell\b/ nocase
    condition:
        ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (($knockd and any of ($knockd_conf, $knock_sequence)) or ($fwknop and $fwknop_conf) or ($magic and $spawn and any of ($raw, $shell)))) or ($profile and $command and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D))
}

rule remote_shell_words
{
    meta:
        description = "a program that names its own reverse or bind shell"
        capability = "remote.shell.reverse"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1059/004/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "programs that detect or teach such shells"
    strings:
        $reverse = /\b(reverse|connect[ -]?back|back[ -]?connect|bind)[ _-]?shell\b/ nocase
        $shell = /\/bin\/(ba|a|da)?sh\b|\bcmd\.exe\b/
        $connected = /\b(shell (session )?(opened|connected|established)|spawn(ing|ed)? (a )?shell|got shell|shell> )/ nocase
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and $reverse and $shell and $connected
}

rule remote_getty_network
{
    meta:
        description = "a login is offered on a network or modem line by inittab or a script"
        capability = "remote.shell.bind"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://man7.org/linux/man-pages/man8/agetty.8.html"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "gateways with a declared dial-in line"
    strings:
        $inittab = /(^|\n)[A-Za-z0-9:_.-]{0,12}:[^\r\n#]{0,20}:respawn:[^\r\n#]{0,80}\b(nc|ncat|socat|telnetd|tcpsvd|dropbear|sshd)\b/
        $busybox = /(^|\n)[A-Za-z0-9\/]{0,12}::respawn:[^\r\n#]{0,80}\b(nc|ncat|socat|telnetd|tcpsvd|dropbear|sshd|frpc|autossh|gs-netcat)\b/
        $modem = /\b(m|a)?getty[ \t][^\r\n#]{0,60}\bttyUSB[0-9][^\r\n#]{0,60}-(n|l)[ \t]/
    condition:
        any of them and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule remote_command_by_message
{
    meta:
        description = "a script that runs what a message broker or a web answer sends"
        capability = "remote.shell.trigger"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1102/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "remote management that the maker declares"
    strings:
        $mqtt = /\b(import|from)[ \t]+paho\b|\brequire\(["'](mqtt|amqplib|ws|socket\.io-client)["']\)|\bimport[ \t]+(websocket|websockets|pika|umqtt|asyncio_mqtt|aiomqtt)\b/
        $poll = /\b(requests\.get|urlopen|http\.client\.HTTPS?Connection)\(/
        $payload = /\b(os\.(system|popen)|subprocess\.(call|Popen|run|getoutput|check_output|check_call)|exec|eval)\([^\r\n"']{0,60}(payload|msg|message|body|\.text\b|\.read\(\)|\.recv\(|event\.data)/
        $node = /\b(exec|execSync|spawn|spawnSync|eval)\([^\r\n"']{0,60}(payload|msg|message|body|data)\b/
    condition:
        filesize < 1MB and any of ($mqtt, $poll) and any of ($payload, $node) and not uint32(0) == 0x464C457F
}
