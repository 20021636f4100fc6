"""What the rules of ``tunnels.yar`` must find and must leave alone."""

from __future__ import annotations

from typing import Final

from tests.rules_remote.cases_hidden import HIDDEN, PROXY
from tests.rules_remote.contents import KEY, Cases, elf, pe, sh, text

REVERSE: Final[Cases] = (
    (
        "tunnel_ngrok",
        (
            elf("go.ngrok.com/lib/tunnel/client.(*rawSession).Listen", "ngrok http 80"),
            elf("/root/.cargo/registry/src/i/ngrok-0.14.0/src/session.rs", "muxado"),
            elf("connect.ngrok-agent.com:443", "see https://ngrok.com/docs/errors/err_ngrok_108"),
        ),
        (elf("https://ngrok.com/docs/errors"), text("connect.ngrok-agent.com ngrok-agent-ips")),
    ),
    (
        "tunnel_ngrok_setup",
        (
            sh("cd /opt", "nohup ./ngrok tcp --region=eu 22 >/dev/null &"),
            text('version: "2"', f"authtoken: {'x' * 30}", "tunnels:", "  ssh:", "    proto: tcp"),
            text(f"ngrok config add-authtoken {'y' * 40}"),
        ),
        (sh("# ngrok is not used", "ngrok version"), text("authtoken: short", "tunnels:", "  a:")),
    ),
    (
        "tunnel_cloudflared_setup",
        (
            sh("cloudflared tunnel --no-autoupdate run --token $TOKEN &"),
            text(
                "tunnel: 6ff42ae2-765d-4adf-8112-31c55c1551ef",
                "credentials-file: /root/.cloudflared/t.json",
            ),
            text("cloudflared.exe service install eyJhIjoi"),
        ),
        (sh("cloudflared --version"), elf("cloudflared tunnel run NAME"), text("tunnel: yes")),
    ),
    (
        "tunnel_chisel_setup",
        (
            sh("/tmp/chisel client --fingerprint x relay.invalid:443 R:2222:localhost:22 &"),
            text("ExecStart=/usr/bin/chisel server -p 8080 --reverse"),
        ),
        (sh("chisel client relay.invalid 3000:localhost:3000"), text("a chisel and a hammer")),
    ),
    (
        "tunnel_go_pivot",
        (
            elf("github.com/nicocha30/ligolo-ng/pkg/agent.HandleConn"),
            elf("rathole", "Failed to read data_channel cmd"),
            elf("server requires authentication, but no client secret was provided"),
        ),
        (elf("rathole"), text("github.com/nicocha30/ligolo-ng/")),
    ),
    (
        "tunnel_rathole_profile",
        (
            text(
                "[client]",
                'remote_addr = "relay.invalid:2333"',
                "[client.services.ssh]",
                'token = "t"',
                'local_addr = "127.0.0.1:22"',
            ),
        ),
        (
            text("[client]", 'remote_addr = "relay.invalid:2333"'),
            text("[server]", "[server.services.a]"),
        ),
    ),
    (
        "tunnel_nps",
        (
            elf("ehang.io/nps/client.(*TRPClient).Start"),
            text("[common]", "server_addr=relay.invalid:8024", "conn_type=tcp", "vkey=abcd1234"),
            sh("./npc -server=relay.invalid:8024 -vkey=abcd1234 -type=tcp &"),
        ),
        (
            text("[common]", "server_addr=relay.invalid", "token=1"),
            text("npc -server of the game"),
            text("ehang.io/nps/"),
        ),
    ),
    (
        "tunnel_ssh_config",
        (
            text("Host relay", "  HostName relay.invalid", "  RemoteForward 2222 localhost:22"),
            text("host *", "\tremoteforward [::]:2222 127.0.0.1:22"),
        ),
        (
            text("Host relay", "  LocalForward 8080 localhost:80"),
            text("Host relay", "#  RemoteForward 2222 localhost:22"),
            elf("\nRemoteForward 22 a:1", "\nHost x"),
        ),
    ),
    (
        "tunnel_ssh_option_forward",
        (
            sh("ssh -N -o RemoteForward=2222:localhost:22 u@relay.invalid &"),
            sh("ssh -f -w 0:0 root@relay.invalid true"),
        ),
        (sh("ssh -o StrictHostKeyChecking=no u@h"), sh("ssh u@h w 0:0")),
    ),
    (
        "tunnel_autossh",
        (elf("AUTOSSH_GATETIME", "AUTOSSH_MAXSTART", "usage: %s [-V] [-M monitor_port]"),),
        (elf("AUTOSSH_GATETIME"), text("AUTOSSH_GATETIME AUTOSSH_MAXSTART")),
    ),
    (
        "tunnel_autossh_service",
        (
            text(
                "[Service]",
                "Environment=AUTOSSH_GATETIME=0",
                "ExecStart=/usr/bin/autossh -M 0 -N h",
            ),
            text("config autossh", "\toption ssh\t'-i /etc/k -N -T -R 2222:localhost:22 u@h'"),
        ),
        (
            text("config autossh", "\toption gatetime '0'"),
            text("Environment=AUTOSSH_GATETIME=0", "ExecStart=/bin/true"),
        ),
    ),
    (
        "tunnel_relay_services",
        (
            sh("ssh -p 443 -R0:localhost:22 tcp@a.pinggy.io &"),
            sh("lt --port 8080 --subdomain meter42 &"),
            sh("bore local 22 --to relay.invalid"),
        ),
        (sh("ssh -R 80:localhost:80 host.invalid"), text("see localhost.run"), sh("lt --help")),
    ),
    (
        "tunnel_frp_launch",
        (sh("/usr/bin/frpc -c /etc/frpc.toml &"), sh("frpc tcp -n ssh -s relay.invalid:7000 &")),
        (sh("frpc --version"), elf("frpc -c /etc/frpc.toml"), text("myfrpc -c x")),
    ),
    (
        "tunnel_oray_hsk",
        (
            elf("phtunnel", "phtunnel.oray.com", "花生壳"),
            pe("花生壳客户端", "hsk.oray.com"),
            elf("phddns", "www.oray.com/passport"),
        ),
        (text("花生壳"), text("www.oray.com"), elf("phddnsx", "oracle.com")),
    ),
    (
        "tunnel_p2p_camera",
        (
            elf("IOTC_Device_Login", "IOTC_Initialize2", "m1.iotcplatform.com"),
            elf("PPCS_Initialize", "PPCS_Listen", "PPCS_Check_Buffer"),
            elf("XMEye", "secu100.net"),
        ),
        (elf("IOTC"), elf("xmeye"), text("PPCS_Listen")),
    ),
)

VPN: Final[Cases] = (
    (
        "tunnel_wireguard_program",
        (
            elf("golang.zx2c4.com/wireguard/device.(*Device).RoutineHandshake"),
            elf("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s", "WireGuard v1 zx2c4 Jason@zx2c4.com"),
        ),
        (elf("Noise_IK_25519_ChaChaPoly_BLAKE2s"), text("golang.zx2c4.com/wireguard/device.")),
    ),
    (
        "tunnel_wireguard_tool",
        (
            elf("endpoint <ip>:<port>", "[persistent-keepalive <interval seconds>]", "syncconf"),
            elf("WG_HIDE_KEYS", "never"),
        ),
        (elf("syncconf", "allowed-ips"), elf("endpoint <ip>:<port>")),
    ),
    (
        "tunnel_wireguard_uci",
        (
            text(
                "config interface 'wg0'",
                "\toption proto 'wireguard'",
                f"\toption private_key '{KEY}'",
                "config wireguard_wg0",
                "\toption endpoint_host 'vpn.invalid'",
            ),
        ),
        (
            text("config interface 'wg0'", "\toption proto 'wireguard'"),
            text("\toption proto 'dhcp'", f"\toption private_key '{KEY}'", "config wireguard_wg0"),
        ),
    ),
    (
        "tunnel_wireguard_launch",
        (sh("ip link add dev wg0 type wireguard", "wg setconf wg0 /etc/wg0.conf"),),
        (sh("ip link add br0 type bridge"), sh("wget set x"), elf("wg set wg0 peer")),
    ),
    (
        "tunnel_openvpn_program",
        (
            elf(
                "OpenVPN master secret",
                "OpenVPN key expansion",
                "%s Initialization Sequence Completed",
                "tls-crypt-v2",
            ),
        ),
        (
            elf("Initialization Sequence Completed", "tls-crypt-v2"),
            text("OpenVPN master secret, OpenVPN key expansion, tls-crypt-v2"),
        ),
    ),
    (
        "tunnel_openvpn_launch",
        (
            sh("openvpn --daemon --config /etc/vpn/fleet.ovpn"),
            text("ExecStart=/usr/sbin/openvpn --dev tun --remote vpn.invalid 1194"),
        ),
        (sh("openvpn --version"), elf("openvpn --config %s"), text("# openvpn is not here")),
    ),
    (
        "tunnel_openvpn_auth_file",
        (
            text("client", "remote vpn.invalid 1194", "auth-user-pass /etc/vpn/pass.txt"),
            text("dev tun", "remote 192.0.2.9", "<secret>", "# 2048 bit", "</secret>"),
        ),
        (
            text("client", "remote vpn.invalid 1194", "auth-user-pass"),
            text("client", "auth-user-pass /etc/vpn/pass.txt"),
        ),
    ),
    (
        "tunnel_zerotier",
        (
            elf("/var/lib/zerotier-one", "identity.secret", "zerotier-one.port"),
            sh("zerotier-cli join 8056c2e21c000001"),
        ),
        (elf("/var/lib/zerotier-one"), sh("zerotier-cli info"), elf("identity.secret", "planet")),
    ),
    (
        "tunnel_tailscale",
        (
            elf("tailscale.com/ipn/ipnlocal.(*LocalBackend).Start"),
            sh("tailscale up --authkey=$K --hostname=bus7"),
            text("TS_AUTHKEY=tskey-auth-" + "k" * 12 + "CNTRL-" + "x" * 20),
        ),
        (text("tailscale.com/ipn/ipnlocal"), sh("tailscale status"), elf("tailscale.com/util")),
    ),
    (
        "tunnel_nebula",
        (
            elf("github.com/slackhq/nebula.(*HandshakeManager).Run", "github.com/slackhq/nebula."),
            text("pki:", "  ca: /etc/ca.crt", "static_host_map:", '  "192.168.100.1": ["x"]')
            + text("lighthouse:", "  am_lighthouse: false"),
        ),
        (text("pki:", "  ca: x", "lighthouse:", "  a: b"), text("github.com/slackhq/nebula.")),
    ),
    (
        "tunnel_tinc",
        (elf("tincd", "StrictSubnets", "IndirectData", "rsa_key.priv", "ConnectTo", "tinc-up"),),
        (elf("tincd"), elf("ConnectTo", "rsa_key.priv"), text("tincd StrictSubnets ConnectTo")),
    ),
    (
        "tunnel_tinc_profile",
        (text("Name = meter42", "AddressFamily = ipv4", "ConnectTo = gateway"),),
        (text("Name = meter42", "Mode = switch"), text("ConnectTo = gateway", "Interface = t")),
    ),
    (
        "tunnel_n2n",
        (
            elf("edge -d <tun device> -a <ip> -c <community> -l <supernode host:port>"),
            sh("edge -a 10.1.1.7 -c fleet -k secret -l relay.invalid:7654"),
        ),
        (elf("supernode"), sh("edge -c detect -l image.png"), text("<supernode host:port>")),
    ),
    (
        "tunnel_yggdrasil",
        (
            elf("github.com/yggdrasil-network/yggdrasil-go/src/core.(*Core)._init"),
            text("{", "  Peers: [", '    "tls://relay.invalid:17117"', "  ]")
            + text(f"  PrivateKey: {'0a' * 64}", "}"),
        ),
        (text('Peers: ["tcp://a.invalid:1"]'), text("github.com/Arceliar/ironwood/network.")),
    ),
    (
        "tunnel_softether",
        (
            elf("SoftEther VPN Server", "hamcore.se2", "vpn_server.config"),
            pe("SoftEther VPN Client", "x.vpnazure.net"),
        ),
        (elf("SoftEther VPN"), text("SoftEther VPN hamcore.se2")),
    ),
    (
        "tunnel_ipsec",
        (
            elf("charon", "/etc/ipsec.conf", "strongSwan"),
            elf("racoon", "/etc/racoon/racoon.conf", "isakmp_inf"),
        ),
        (elf("charon"), elf("pluto", "neptune"), text("strongSwan charon /etc/ipsec.conf")),
    ),
    (
        "tunnel_ipsec_profile",
        (
            text("conn fleet", "    left=%defaultroute", "    right=vpn.invalid", "    auto=start"),
            text("connections {", "   f {", "      remote_addrs = 192.0.2.7")
            + text("      start_action = trap", "   }", "}"),
        ),
        (
            text("conn fleet", "    right=%any", "    auto=add"),
            text("conn fleet", "    right=vpn.invalid"),
            text("connections {", "  max = 3", "}"),
        ),
    ),
    (
        "tunnel_l2tp_pptp",
        (
            elf("xl2tpd-%s started", "/etc/xl2tpd/xl2tpd.conf"),
            elf("pptpd: %s", "/etc/pptpd.conf", "pptpctrl"),
        ),
        (elf("xl2tpd"), elf("pptp", "l2tp"), text("xl2tpd /etc/xl2tpd/xl2tpd.conf")),
    ),
    (
        "tunnel_ppp_profile",
        (
            text('pty "pptp vpn.invalid --nolaunchpppd"', "name fleet"),
            text("[lac fleet]", "lns = vpn.invalid", "ppp debug = no"),
            text("config interface 'v'", "\toption proto 'l2tp'", "\toption server 'vpn.invalid'"),
        ),
        (text('pty "/usr/sbin/pppoe -I eth1"'), text("[lac fleet]", "length bit = yes")),
    ),
    (
        "tunnel_tls_vpn",
        (
            elf("CONNECT /CSCOSSLC/tunnel HTTP/1.1", "X-CSTP-Version: 1"),
            elf("ocserv", "/etc/ocserv/ocserv.conf"),
            elf("openfortivpn", "GET /remote/fortisslvpn"),
        ),
        (elf("X-CSTP-Address: %s"), elf("ocserv"), text("CONNECT /CSCOSSLC/tunnel HTTP/1.1")),
    ),
)


CASES: Final[Cases] = (*REVERSE, *VPN, *HIDDEN, *PROXY)
