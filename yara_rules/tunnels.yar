/*
 * Connections that carry outsiders in: reverse tunnels, VPN profiles, mesh and covert channels.
 */

rule tunnel_frp
{
    meta:
        description = "frp reverse proxy client or its configuration"
        capability = "tunnel.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/fatedier/frp"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a product that declares frp for its own maintenance"
    strings:
        $module = "github.com/fatedier/frp/" ascii
        $common = /(^|\n)\[common\]\s/
        $server = /(^|\n)[ \t]*server_?[aA]ddr[ \t]*=[ \t]*["']?[A-Za-z0-9.-]{4,80}/
        $port = /(^|\n)[ \t]*server_?[pP]ort[ \t]*=[ \t]*[0-9]{1,5}/
        $remote = /(^|\n)[ \t]*remote_?[pP]ort[ \t]*=[ \t]*[0-9]{1,5}/
    condition:
        $module or ($server and $port and ($common or $remote))
}

rule tunnel_go_reverse_client
{
    meta:
        description = "a reverse tunnel client written in Go (ngrok, chisel, cloudflared, nps)"
        capability = "tunnel.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1572/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "build logs and package lists are no programs and are not looked at"
    strings:
        $ngrok = "golang.ngrok.com/ngrok/" ascii
        $ngrok_old = "tunnel.ngrok.com:443" ascii
        $chisel = "github.com/jpillora/chisel/client" ascii
        $cloudflared = "github.com/cloudflare/cloudflared/connection" ascii
        $nps = "ehang.io/nps/client" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and any of them
}

rule tunnel_ssh_reverse
{
    meta:
        description = "an ssh command that carries a port back from a server"
        capability = "tunnel.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://man.openbsd.org/ssh#R"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "manuals in plain text that show the command"
    strings:
        $ssh = /\b(auto)?ssh[ \t][^\r\n#]{0,160}-[fNTnqgCy46]{0,8}R[ \t]?["']?([A-Za-z0-9.*\[\]:-]{1,60}:)?[0-9]{1,5}:[A-Za-z0-9.-]{1,60}:[0-9]{1,5}\b/
        $dropbear = /\bdbclient[ \t][^\r\n#]{0,160}-[fNTyK]{0,6}R[ \t]?[0-9]{1,5}:[A-Za-z0-9.-]{1,60}:[0-9]{1,5}\b/
    condition:
        any of them
}

rule tunnel_wireguard_profile
{
    meta:
        description = "a WireGuard profile with a private key and a peer"
        capability = "tunnel.vpn"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.wireguard.com/quickstart/"
        r155 = "1.2, 29.2"
        false_positives = "a declared VPN of the operator"
    strings:
        $interface = /(^|\n)\[Interface\]\s/
        $key = /(^|\n)[ \t]*PrivateKey[ \t]*=[ \t]*[A-Za-z0-9+\/]{42,43}=/
        $peer = /(^|\n)\[Peer\]\s/
        $endpoint = /(^|\n)[ \t]*Endpoint[ \t]*=[ \t]*[^\s]{4,100}:[0-9]{1,5}/
    condition:
        $interface and $key and $peer and $endpoint
}

rule tunnel_openvpn_profile
{
    meta:
        description = "an OpenVPN client profile with its server"
        capability = "tunnel.vpn"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://openvpn.net/community-resources/reference-manual-for-openvpn-2-6/"
        r155 = "1.2, 29.2"
        false_positives = "a declared VPN of the operator; sample profiles of the openvpn package"
    strings:
        $client = /(^|\n)[ \t]*(client|tls-client)[ \t]*(\r?\n|#|;)/
        $device = /(^|\n)[ \t]*dev[ \t]+t(un|ap)/
        $remote = /(^|\n)[ \t]*remote[ \t]+[A-Za-z0-9.:-]{4,100}[ \t]+[0-9]{1,5}/
        $trust = /(^|\n)[ \t]*(<ca>|<tls-auth>|<tls-crypt>|ca[ \t]+["'\w\/.]|secret[ \t]+["'\w\/.]|pkcs12[ \t]+)/
    condition:
        $client and $device and $remote and $trust
}

rule tunnel_gsocket
{
    meta:
        description = "gsocket: a shell through a relay that needs no address"
        capability = "tunnel.covert"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.gsocket.io/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside security tools"
    strings:
        $netcat = "gs-netcat" ascii
        $secret = "GSOCKET_SECRET" ascii
        $arguments = "GSOCKET_ARGS" ascii
        $relay = "gs.thc.org" ascii
        $relay_new = "gsocket.io" ascii
    condition:
        ($netcat and any of ($secret, $arguments, $relay*)) or ($secret and any of ($relay*))
}

rule tunnel_oray
{
    meta:
        description = "Oray CloudSail or phtunnel: a vendor tunnel into the device"
        capability = "tunnel.reverse"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/Bin4ry/UniPwn"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a product whose vendor declares the service"
    strings:
        $cloudsail = "CloudSail" ascii wide fullword
        $csclient = "csclient" ascii fullword
        $phtunnel = "phtunnel" ascii fullword
        $zhexi = "zhexi.tech" ascii wide nocase
        $oray = ".oray.com" ascii wide nocase
    condition:
        $zhexi or ($cloudsail and $csclient) or ($phtunnel and $oray)
}

rule tunnel_dns_iodine
{
    meta:
        description = "iodine: network traffic inside name look-ups"
        capability = "tunnel.dns"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/yarrick/iodine"
        r155 = "1.2, 29.2"
        false_positives = "none known outside security tools"
    strings:
        $title = "iodine IP over DNS tunneling" ascii
        $domain = "topdomain" ascii
        $device = "/dev/net/tun" ascii
        $name = "iodined" ascii fullword
    condition:
        uint32(0) == 0x464C457F and ($title or ($domain and $device and $name))
}

rule tunnel_ngrok
{
    meta:
        description = "the ngrok agent or its library: a public address for a port of the device"
        capability = "tunnel.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://ngrok.com/docs/agent/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $go = "go.ngrok.com/lib/tunnel/client" ascii
        $go_command = "go.ngrok.com/cmd/ngrok" ascii
        $rust = "ngrok..internals..raw_session" ascii
        $rust_file = /\/ngrok-[0-9][0-9.a-z-]{2,20}\/src\/(session|tunnel|internals)/
        $host = "connect.ngrok-agent.com" ascii wide
        $error = "https://ngrok.com/docs/errors" ascii
        $header = "ngrok-agent-ips" ascii nocase
        $old = /\btunnel\.[a-z]{2,3}\.ngrok\.com:443/
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and ($go or $go_command or $rust or $rust_file or $old or ($host and any of ($error, $header)) or 2 of ($host, $error, $header))
}

rule tunnel_ngrok_setup
{
    meta:
        description = "ngrok is started, or its configuration with the access token"
        capability = "tunnel.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://ngrok.com/docs/agent/config/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "manuals in plain text that show the command"
    strings:
        $start = /\bngrok[ \t]{1,4}(tcp|tls|http|start)[ \t]+[^\r\n]{0,80}([0-9]{2,5}|--all|--config)\b/
        $token = /\bngrok[ \t]{1,4}(authtoken|config[ \t]+add-authtoken)[ \t]+[A-Za-z0-9_]{20,64}/
        $key = /(^|\n)[ \t]*authtoken:[ \t]*['"]?[A-Za-z0-9_]{20,64}/
        $tunnels = /(^|\n)[ \t]*(tunnels|endpoints):[ \t]*\r?\n/
    condition:
        $token or ($key and $tunnels) or (uint16(0) == 0x2123 and $start)
}

rule tunnel_cloudflared_setup
{
    meta:
        description = "cloudflared is started with its token, or its tunnel configuration"
        capability = "tunnel.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://developers.cloudflare.com/cloudflare-one/connections/connect-networks/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "manuals in plain text that show the command"
    strings:
        $run = /\bcloudflared(\.exe)?["']?[ \t][^\r\n]{0,120}\btunnel[ \t][^\r\n]{0,120}(--token[ =]|run\b|--url[ =])/
        $service = /\bcloudflared(\.exe)?["']?[ \t]+service[ \t]+install[ \t]+eyJ/
        $tunnel = /(^|\n)tunnel:[ \t]*["']?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/
        $credentials = /(^|\n)credentials-file:[ \t]*[^\r\n]{4,120}\.json/
        $ingress = /(^|\n)ingress:[ \t]*\r?\n/
    condition:
        $service or ($tunnel and any of ($credentials, $ingress)) or ($run and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D))
}

rule tunnel_chisel_setup
{
    meta:
        description = "a chisel client that brings ports of the device to a server"
        capability = "tunnel.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/jpillora/chisel"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "manuals in plain text that show the command"
    strings:
        $client = /\bchisel(\.exe)?["']?[ \t]+client[ \t][^\r\n]{0,160}\bR:[A-Za-z0-9.:*\/-]{2,80}/
        $server = /\bchisel(\.exe)?["']?[ \t]+server[ \t][^\r\n]{0,120}--reverse\b/
    condition:
        any of them
}

rule tunnel_go_pivot
{
    meta:
        description = "a tunnel or pivot tool of intruders written in Go or Rust (ligolo, rathole, bore, gost, Stowaway, Venom, revsocks)"
        capability = "tunnel.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1572/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $ligolo = "github.com/nicocha30/ligolo-ng/" ascii
        $ligolo_old = "github.com/sysdream/ligolo" ascii
        $gost = "github.com/ginuerzh/gost" ascii
        $gost_new = "github.com/go-gost/" ascii
        $stowaway = "Stowaway/agent/" ascii
        $venom = "github.com/Dliv3/Venom/" ascii
        $revsocks = "github.com/kost/revsocks" ascii
        $iox = "iox/operate." ascii
        $rathole = "rathole::client" ascii
        $rathole_file = "rathole-core/src/client.rs" ascii
        $rathole_text = "Failed to read data_channel cmd" ascii
        $rathole_mark = "rathole" ascii fullword
        $bore = "bore_cli::client" ascii
        $bore_text = "server requires authentication, but no client secret was provided" ascii
        $sish = "github.com/antoniomika/sish/" ascii
        $pgrok = "github.com/pgrok/pgrok" ascii
        $headscale = "github.com/juanfont/headscale/" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (any of ($ligolo*, $gost*, $stowaway, $venom, $revsocks, $iox, $rathole, $rathole_file, $bore*, $sish, $pgrok, $headscale) or ($rathole_text and $rathole_mark))
}

rule tunnel_rathole_profile
{
    meta:
        description = "a rathole client profile: a server outside and local services behind it"
        capability = "tunnel.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/rapiz1/rathole"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "sample configuration files of the package"
    strings:
        $client = /(^|\n)\[client\][ \t]*\r?\n/
        $remote = /(^|\n)[ \t]*remote_addr[ \t]*=[ \t]*"[^"\r\n]{3,100}:[0-9]{1,5}"/
        $service = /(^|\n)\[client\.services\.[A-Za-z0-9_-]{1,60}\]/
        $local = /(^|\n)[ \t]*local_addr[ \t]*=[ \t]*"[^"\r\n]{3,100}:[0-9]{1,5}"/
    condition:
        $client and $remote and $service and $local
}

rule tunnel_nps
{
    meta:
        description = "the nps client (npc): a Chinese reverse tunnel with a control panel"
        capability = "tunnel.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/ehang-io/nps"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "sample configuration files of the package"
    strings:
        $module = "ehang.io/nps/" ascii
        $module_old = "github.com/cnlh/nps/" ascii
        $common = /(^|\n)\[common\][ \t]*\r?\n/
        $server = /(^|\n)[ \t]*server_addr[ \t]*=[ \t]*[^\s]{4,100}/
        $key = /(^|\n)[ \t]*vkey[ \t]*=[ \t]*[^\s]{4,64}/
        $launch = /\bnpc(\.exe)?["']?[ \t][^\r\n]{0,80}-server[= ][^\s]{4,80}[^\r\n]{0,80}-vkey[= ][^\s]{4,64}/
    condition:
        ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and any of ($module*)) or ($common and $server and $key) or $launch
}

rule tunnel_ssh_config
{
    meta:
        description = "an ssh client configuration that keeps a reverse port open"
        capability = "tunnel.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://man.openbsd.org/ssh_config#RemoteForward"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "sample configuration files of the package"
    strings:
        $forward = /(^|\n)[ \t]*RemoteForward[ \t=]+["']?([A-Za-z0-9.*\[\]:-]{1,60}[: ])?[0-9]{1,5}([ \t]+[A-Za-z0-9.\[\]:-]{1,60}:[0-9]{1,5})?/ nocase
        $host = /(^|\n)[ \t]*Host(Name)?[ \t=]+[^\s#]{1,100}/ nocase
    condition:
        $forward and $host and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule tunnel_ssh_option_forward
{
    meta:
        description = "an ssh command that keeps a reverse port by option, or a tunnel device"
        capability = "tunnel.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://man.openbsd.org/ssh#w"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "manuals in plain text that show the command"
    strings:
        $option = /\b(auto)?ssh[ \t][^\r\n#]{0,160}-o[ \t]?["']?RemoteForward[ =]["']?[0-9A-Za-z.:*\[\]-]{1,80}/ nocase
        $device = /\bssh[ \t][^\r\n#]{0,160}[ \t]-w[ \t]?([0-9]{1,3}|any):([0-9]{1,3}|any)\b/
    condition:
        any of them
}

rule tunnel_ssh_dynamic
{
    meta:
        description = "an ssh command that makes a SOCKS proxy of its connection"
        capability = "tunnel.proxy"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://man.openbsd.org/ssh#D"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "manuals in plain text that show the command"
    strings:
        $dynamic = /\b(auto)?ssh[ \t][^\r\n#]{0,160}[ \t]-[fNTnqgCy46]{0,8}D[ \t]?(([0-9.]{7,15}|localhost|\*):)?[0-9]{2,5}\b/
    condition:
        $dynamic and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule tunnel_autossh
{
    meta:
        description = "autossh: keeps an ssh tunnel up for ever"
        capability = "tunnel.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.harding.motd.ca/autossh/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $gate = "AUTOSSH_GATETIME" ascii
        $starts = "AUTOSSH_MAXSTART" ascii
        $life = "AUTOSSH_MAXLIFETIME" ascii
        $poll = "AUTOSSH_FIRST_POLL" ascii
        $monitor = "-M monitor_port[:echo_port]" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and 2 of them
}

rule tunnel_autossh_service
{
    meta:
        description = "autossh is set up as a service that starts by itself"
        capability = "tunnel.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.harding.motd.ca/autossh/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "sample configuration files of the package"
    strings:
        $gate = /(^|\n)[ \t]*(export[ \t]+|Environment=["']?)?AUTOSSH_(GATETIME|PORT|POLL|PIDFILE)=["']?[^\s"']{1,80}/
        $run = /\bautossh[ \t]+-[^\r\n]{2,200}/
        $uci = /(^|\n)config[ \t]+autossh\b/
        $ssh = /(^|\n)[ \t]*option[ \t]+ssh[ \t]+['"][^'"\r\n]{0,160}-[A-Za-z]{0,8}R/
    condition:
        (($gate and $run) or ($uci and $ssh)) and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule tunnel_wireguard_program
{
    meta:
        description = "a WireGuard implementation in user space or as a kernel module"
        capability = "tunnel.vpn"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.wireguard.com/protocol/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a declared VPN of the operator"
    strings:
        $construction = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s" ascii
        $go = "golang.zx2c4.com/wireguard/device." ascii
        $label = "mac1----" ascii
        $boring = "boringtun::" ascii
        $identifier = "WireGuard v1 zx2c4 Jason@zx2c4.com" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and ($go or $boring or ($construction and any of ($label, $identifier)) or $identifier)
}

rule tunnel_wireguard_tool
{
    meta:
        description = "the tool that configures WireGuard"
        capability = "tunnel.vpn"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://man7.org/linux/man-pages/man8/wg.8.html"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a declared VPN of the operator"
    strings:
        $usage = "endpoint <ip>:<port>" ascii
        $peer = "[persistent-keepalive <interval seconds>]" ascii
        $setconf = "syncconf" ascii fullword
        $unix = "/var/run/wireguard/%s.sock" ascii
        $allowed = "allowed-ips" ascii fullword
        $preshared = "preshared-key" ascii fullword
        $listen = "listen-port" ascii fullword
        $key = "WG_HIDE_KEYS" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and ($key or ($usage and $peer) or ($setconf and 3 of ($unix, $allowed, $preshared, $listen)))
}

rule tunnel_wireguard_uci
{
    meta:
        description = "WireGuard in a router configuration (OpenWrt, EdgeOS)"
        capability = "tunnel.vpn"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://openwrt.org/docs/guide-user/services/vpn/wireguard/client"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a declared VPN of the operator"
    strings:
        $proto = /(^|\n)[ \t]*option[ \t]+proto[ \t]+['"]wireguard['"]/
        $key = /(^|\n)[ \t]*option[ \t]+private_key[ \t]+['"][A-Za-z0-9+\/]{42,43}=/
        $peer = /(^|\n)config[ \t]+wireguard_[A-Za-z0-9_]{1,40}/
        $host = /(^|\n)[ \t]*option[ \t]+endpoint_host[ \t]+['"][^'"\r\n]{3,100}/
    condition:
        $proto and $key and $peer and $host
}

rule tunnel_wireguard_launch
{
    meta:
        description = "a script that makes a WireGuard interface"
        capability = "tunnel.vpn"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://man7.org/linux/man-pages/man8/wg.8.html"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a declared VPN of the operator"
    strings:
        $link = /\bip[ \t]+link[ \t]+add[ \t][^\r\n]{0,60}type[ \t]+wireguard\b/
        $set = /(^|\n|[;&|])[ \t]*wg[ \t]+set(conf)?[ \t]+[A-Za-z0-9_$%.-]{1,40}[ \t]/
        $quick = /(^|\n|[;&|])[ \t]*wg-quick[ \t]+up[ \t]+[A-Za-z0-9_\/.$-]{1,80}/
    condition:
        any of them and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule tunnel_openvpn_program
{
    meta:
        description = "the OpenVPN program"
        capability = "tunnel.vpn"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://openvpn.net/community-resources/reference-manual-for-openvpn-2-6/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a declared VPN of the operator"
    strings:
        $sequence = "Initialization Sequence Completed" ascii
        $prf = "OpenVPN master secret" ascii
        $expansion = "OpenVPN key expansion" ascii
        $peer = "Peer Connection Initiated with" ascii
        $option = "tls-crypt-v2" ascii
        $managed = ">INFO:OpenVPN Management Interface Version" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and 3 of them
}

rule tunnel_openvpn_launch
{
    meta:
        description = "a script or service that starts an OpenVPN client"
        capability = "tunnel.vpn"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://openvpn.net/community-resources/reference-manual-for-openvpn-2-6/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a declared VPN of the operator"
    strings:
        $config = /\bopenvpn["']?[ \t][^\r\n#]{0,160}--config[ \t]+[^\s]{2,120}/
        $remote = /\bopenvpn["']?[ \t][^\r\n#]{0,200}--remote[ \t]+[A-Za-z0-9$][^\s]{2,100}/
    condition:
        any of them and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule tunnel_openvpn_auth_file
{
    meta:
        description = "an OpenVPN profile that runs without a person: credentials in a file, or a key inside"
        capability = "tunnel.vpn"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://openvpn.net/community-resources/reference-manual-for-openvpn-2-6/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a declared VPN of the operator"
    strings:
        $remote = /(^|\n)[ \t]*remote[ \t]+[A-Za-z0-9.:-]{4,100}([ \t]+[0-9]{1,5})?[ \t]*/
        $client = /(^|\n)[ \t]*(client|tls-client|pull)[ \t]*(\r?\n|#|;)/
        $file = /(^|\n)[ \t]*auth-user-pass[ \t]+["']?[\/\w.][^\s]{1,100}/
        $key = /(^|\n)<key>[ \t]*\r?\n-----BEGIN [A-Z ]{0,12}PRIVATE KEY-----/
        $shared = /(^|\n)<secret>[ \t]*\r?\n/
    condition:
        $remote and (($client and any of ($file, $key)) or $shared)
}

rule tunnel_zerotier
{
    meta:
        description = "ZeroTier: the device joins a network that a stranger administers"
        capability = "tunnel.mesh"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://docs.zerotier.com/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $home = "/var/lib/zerotier-one" ascii
        $identity = "identity.secret" ascii
        $planet = "planet" ascii fullword
        $secondary = "allowTcpFallbackRelay" ascii
        $cli = "zerotier-cli" ascii
        $portfile = "zerotier-one.port" ascii
        $join = /\bzerotier-cli[ \t]+(-D[^\s]+[ \t]+)?join[ \t]+["']?[0-9a-f$]{1,16}/
    condition:
        $join or ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and ($home and $identity and any of ($planet, $cli, $portfile)) or ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and $secondary and any of ($home, $cli, $portfile)))
}

rule tunnel_tailscale
{
    meta:
        description = "Tailscale or a relative of it (headscale, NetBird): the device joins a mesh"
        capability = "tunnel.mesh"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://tailscale.com/kb/1080/cli"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $daemon = "tailscale.com/ipn/ipnlocal" ascii
        $magicsock = "tailscale.com/wgengine/magicsock" ascii
        $netbird = "github.com/netbirdio/netbird/client" ascii
        $netmaker = "github.com/gravitl/netclient/" ascii
        $up = /\btailscale[ \t]+(up|login)[ \t][^\r\n]{0,160}--(auth-?key|login-server)[ =]["']?[^\s"']{1,120}/
        $key = /\btskey-(auth-)?[A-Za-z0-9]{8,24}-[A-Za-z0-9]{16,40}\b/
        $netbird_up = /\bnetbird[ \t]+up[ \t][^\r\n]{0,160}--setup-key[ =]/
    condition:
        $up or $key or $netbird_up or ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and any of ($daemon, $magicsock, $netbird, $netmaker))
}

rule tunnel_nebula
{
    meta:
        description = "Nebula: the device joins an overlay network, program or configuration"
        capability = "tunnel.mesh"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://nebula.defined.net/docs/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a declared VPN of the operator"
    strings:
        $program = "github.com/slackhq/nebula." ascii
        $handshake = "github.com/slackhq/nebula/cert." ascii
        $cipher = "nebula.(*HandshakeManager)" ascii
        $hosts = /(^|\n)static_host_map:[ \t]*\r?\n/
        $lighthouse = /(^|\n)lighthouse:[ \t]*\r?\n/
        $pki = /(^|\n)pki:[ \t]*\r?\n/
    condition:
        ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and ($program or $cipher or ($handshake and $program))) or ($hosts and $lighthouse and $pki)
}

rule tunnel_tinc
{
    meta:
        description = "tinc: a mesh VPN daemon or its configuration"
        capability = "tunnel.mesh"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.tinc-vpn.org/documentation/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a declared VPN of the operator"
    strings:
        $pid = "tinc.%s.pid" ascii
        $name = "tincd" ascii fullword
        $key = "rsa_key.priv" ascii
        $connect = "ConnectTo" ascii fullword
        $up = "tinc-up" ascii
        $netname = "NETNAME=%s" ascii
        $strict = "StrictSubnets" ascii
        $indirect = "IndirectData" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and ($strict or $indirect or $netname) and 2 of ($pid, $name, $key, $connect, $up)
}

rule tunnel_tinc_profile
{
    meta:
        description = "a tinc configuration that connects out"
        capability = "tunnel.mesh"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.tinc-vpn.org/documentation/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a declared VPN of the operator"
    strings:
        $name = /(^|\n)[ \t]*Name[ \t]*=?[ \t]*[A-Za-z0-9_$]{1,60}[ \t]*\r?\n/ nocase
        $connect = /(^|\n)[ \t]*ConnectTo[ \t]*=?[ \t]*[A-Za-z0-9_]{1,60}[ \t]*(\r?\n|$)/ nocase
        $mode = /(^|\n)[ \t]*(AddressFamily|Mode|Interface|DeviceType)[ \t]*=?[ \t]*[A-Za-z0-9_\/]{2,40}/ nocase
    condition:
        $name and $connect and $mode and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule tunnel_n2n
{
    meta:
        description = "n2n: peers behind firewalls meet at a supernode"
        capability = "tunnel.mesh"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/ntop/n2n"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $super = "supernode" ascii
        $community = "-c <community>" ascii
        $group = "community" ascii
        $short = "n2n community" ascii
        $edge = "<supernode host:port>" ascii
        $registered = "Registered new node [public_ip=" ascii
        $ready = "Supernode ready: listening on port" ascii
        $started = "edge started" ascii
        $started_too = "supernode started" ascii
        $key = "N2N_KEY" ascii
        $launch = /\bedge[ \t][^\r\n#]{0,160}-c[ \t]*[^\s]{1,40}[ \t][^\r\n#]{0,120}-l[ \t]*[A-Za-z0-9.$_-]{3,80}:[0-9]{2,5}/
    condition:
        ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and ($edge or $registered or $ready or $key or ($super and ($community or $short)) or ($super and $group and any of ($started*)))) or ($launch and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D))
}

rule tunnel_yggdrasil
{
    meta:
        description = "Yggdrasil: the device joins an encrypted overlay network"
        capability = "tunnel.mesh"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://yggdrasil-network.github.io/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a declared VPN of the operator"
    strings:
        $core = "github.com/yggdrasil-network/yggdrasil-go/src/core" ascii
        $ironwood = "github.com/Arceliar/ironwood/network." ascii
        $cjdns = "CryptoAuth" ascii fullword
        $cjdroute = "cjdroute" ascii fullword
        $peers = /"?Peers"?:[ \t]*\[[ \t\r\n]{0,20}"?(tcp|tls|quic|ws|wss):\/\/[^\s"]{5,100}/
        $key = /"?PrivateKey"?:[ \t]*"?[0-9a-f]{64,128}\b/
    condition:
        ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (any of ($core, $ironwood) or ($cjdns and $cjdroute))) or ($peers and $key)
}

rule tunnel_dns_dns2tcp
{
    meta:
        description = "dns2tcp: connections inside name look-ups"
        capability = "tunnel.dns"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/alex-sector/dns2tcp"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $title = "dns2tcp v%s" ascii
        $client = "dns2tcpc" ascii fullword
        $daemon = "dns2tcpd" ascii fullword
        $resources = "No DNS given, using %s (first entry found in resolv.conf)" ascii
        $session = "Creating session id: 0x%x address = %u.%u.%u.%u" ascii
        $zone = "Missing parameter : need a dns zone" ascii
        $bind = "Bind client id: 0x%x address" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (any of ($title, $session, $zone, $bind, $resources) or ($client and $daemon))
}

rule tunnel_dns_other
{
    meta:
        description = "another tunnel inside name look-ups (dnscat2, dnstt, ozyman, slowdns)"
        capability = "tunnel.dns"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1071/004/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $dnscat = "dnscat2" ascii fullword
        $dnscat_peer = "--dns domain=" ascii
        $dnscat_text = "Creating DNS driver" ascii
        $dnscat_tunnel = "TUNNEL_CONNECT" ascii fullword
        $dnscat_isn = "SESSION_STATE_NEW" ascii
        $dnstt = "www.bamsoftware.com/git/dnstt.git" ascii
        $dnstt_plain = "dnstt-client" ascii fullword
        $doh = "-doh" ascii
        $command = /\b(dnscat|dnstt-client|dns2tcpc|iodine)[ \t]+-{1,2}[^\r\n#]{1,120}[A-Za-z0-9-]{1,63}\.[a-z]{2,20}\b/
    condition:
        ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (($dnscat and 1 of ($dnscat_*)) or 2 of ($dnscat_*) or $dnstt or ($dnstt_plain and $doh))) or ($command and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D))
}

rule tunnel_icmp
{
    meta:
        description = "a tunnel inside pings (ptunnel, icmptunnel, hans, icmpsh)"
        capability = "tunnel.covert"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1095/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $ptunnel = /\bptunnel(-ng)?[ \t]v ?%/
        $ptunnel_text = "ptunnel to operate in forwarding mode" ascii
        $many = "Discarding incoming connection - too many tunnels!" ascii
        $proxy = "Incoming tunnel request from %s." ascii
        $magic = "No running proxy thread - starting it." ascii
        $icmptunnel = "icmptunnel" ascii fullword
        $emulation = "unable to open an icmp" ascii
        $hans = "Hans - IP over ICMP" ascii
        $icmpsh = "icmpsh" ascii fullword
        $pingtunnel = "github.com/esrrhs/pingtunnel" ascii
        $command = /\b(ptunnel|ptunnel-ng|hans|icmptunnel|pingtunnel)[ \t]+-[^\r\n#]{0,60}-(p|lp|da|c|l|f|type)[ \t]?[A-Za-z0-9.]{3,60}/
    condition:
        ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (any of ($ptunnel*, $many, $hans, $pingtunnel) or ($proxy and $magic) or ($icmptunnel and $emulation) or $icmpsh)) or (uint16(0) == 0x2123 and $command)
}

rule tunnel_http
{
    meta:
        description = "connections hidden in web requests (httptunnel, wstunnel, reGeorg, meek)"
        capability = "tunnel.covert"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1071/001/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $setup = "Set up a httptunnel connection" ascii
        $listen = "Listen for incoming httptunnel connections" ascii
        $strict = "always write Content-Length bytes in requests" ascii
        $age = "--max-connection-age" ascii
        $index = "/index.html?crap=%ld" ascii
        $wstunnel = "wstunnel::" ascii
        $wstunnel_prefix = "http-upgrade-path-prefix" ascii
        $georg = "Georg says, 'All seems fine'" ascii
        $georg_header = "X-CMD" ascii fullword
        $georg_target = "X-TARGET" ascii fullword
        $neo = "NeoGeorg says, 'All seems fine'" ascii
    condition:
        ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (any of ($setup, $listen, $index) or ($strict and $age) or ($wstunnel and $wstunnel_prefix))) or $georg or $neo or ($georg_header and $georg_target and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D))
}

rule tunnel_udp
{
    meta:
        description = "one transport carried in another to pass firewalls (udptunnel, udp2raw, kcptun, hysteria)"
        capability = "tunnel.covert"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1572/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $udptunnel = "UDP-addr/UDP-port[/ttl]" ascii
        $udptunnel_text = "setup_udp_send: setsockopt(IP_MULTICAST_TTL)" ascii
        $udp2raw = "udp2raw-tunnel" ascii
        $udp2raw_mode = "raw-mode" ascii
        $kcptun = "github.com/xtaci/kcptun/" ascii
        $hysteria = "github.com/apernet/hysteria/" ascii
        $icmp = "faketcp" ascii fullword
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and ($udptunnel or $udptunnel_text or $kcptun or $hysteria or ($udp2raw and $udp2raw_mode) or ($icmp and $udp2raw_mode))
}

rule tunnel_http_connect
{
    meta:
        description = "a client that passes connections through web proxies (proxytunnel, corkscrew)"
        capability = "tunnel.covert"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.rfc-editor.org/rfc/rfc9110#name-connect"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $build = "Build generic tunnels through HTTPS proxies" ascii
        $name = "proxytunnel" ascii fullword
        $remproxy = "--remproxy" ascii
        $auth = "--proxyauth" ascii
        $corkscrew = "corkscrew" ascii nocase
        $corkscrew_usage = "<proxyhost> <proxyport> <desthost> <destport>" ascii
        $command = /\bProxyCommand[ \t=]+["']?[^\r\n]{0,60}\b(corkscrew|proxytunnel|connect-proxy|ncat[ \t][^\r\n]{0,40}--proxy)[ \t]/
    condition:
        ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and ($build or ($name and any of ($remproxy, $auth)) or ($corkscrew and $corkscrew_usage))) or ($command and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D))
}

rule tunnel_socks_server
{
    meta:
        description = "a SOCKS server (microsocks, dante, 3proxy, srelay, ss5)"
        capability = "tunnel.proxy"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1090/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a proxy that the product declares"
    strings:
        $micro = "MicroSocks SOCKS5 Server" ascii
        $micro_usage = "usage: microsocks -1" ascii
        $micro_auth = "option -1 activates auth_once mode" ascii
        $dante = "/etc/danted.conf" ascii
        $dante_other = "/etc/sockd.conf" ascii
        $dante_text = "clientmethod" ascii fullword
        $dante_method = "socksmethod" ascii fullword
        $three = "3proxy tiny proxy server" ascii
        $three_too = "proxy-3proxy" ascii
        $srelay = "srelay" ascii fullword
        $srelay_text = "socks5 server with relay" ascii nocase
        $go = "github.com/armon/go-socks5." ascii
        $go_things = "github.com/things-go/go-socks5." ascii
        $rust = "fast_socks5::server" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (any of ($micro*, $three*, $go*, $rust) or (any of ($dante, $dante_other) and any of ($dante_text, $dante_method)) or ($srelay and $srelay_text))
}

rule tunnel_socks_library
{
    meta:
        description = "a program with SOCKS server parts that are not one of the known servers"
        capability = "tunnel.proxy"
        threat = "both"
        severity = "medium"
        confidence = "low"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1090/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "clients that name the errors of a SOCKS server"
    strings:
        $listen = /socks ?(v)?5 (server|proxy) (is )?(listening|started|running)/ nocase
        $bind = /(start|starting|enable|enabled) socks ?(v)?[45]? ?(server|proxy)/ nocase
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and any of them
}

rule tunnel_redsocks
{
    meta:
        description = "redsocks: all connections of the device are led into a proxy"
        capability = "tunnel.proxy"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/darkk/redsocks"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $section = "redsocks" ascii
        $udp = "redudp" ascii
        $backoff = "max_accept_backoff" ascii
        $fail = "on_proxy_fail" ascii
        $disclose = "disclose_src" ascii
        $configuration = /(^|\n)redsocks[ \t]*\{/
        $type = /(^|\n)[ \t]*type[ \t]*=[ \t]*(socks[45]|http-connect|http-relay)[ \t]*;/
        $ip = /(^|\n)[ \t]*ip[ \t]*=[ \t]*[^\s;]{4,100}[ \t]*;/
    condition:
        ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and $section and 2 of ($udp, $backoff, $fail, $disclose)) or ($configuration and $type and $ip)
}

rule tunnel_shadowsocks
{
    meta:
        description = "Shadowsocks: an encrypted proxy made to pass censors"
        capability = "tunnel.proxy"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://shadowsocks.org/doc/what-is-shadowsocks.html"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $go = "github.com/shadowsocks/go-shadowsocks2/" ascii
        $rust = "shadowsocks_service::" ascii
        $cipher = "The default cipher is chacha20-ietf-poly1305." ascii
        $subkey = "ss-subkey" ascii
        $environment = "SS_REMOTE_HOST" ascii
        $fast = "Invalid cipher name: %s, use chacha20-ietf-poly1305 instead" ascii
        $name = "shadowsocks" ascii
        $manager = "%s/.shadowsocks_%d.pid" ascii
        $udp = "[udp] server_recv_recvfrom fragmentation" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and ($go or $rust or ($name and any of ($cipher, $fast, $manager)) or ($cipher and $udp) or ($subkey and any of ($environment, $fast)))
}

rule tunnel_shadowsocks_profile
{
    meta:
        description = "a Shadowsocks profile with server and password"
        capability = "tunnel.proxy"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://shadowsocks.org/doc/configs.html"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "sample configuration files of the package"
    strings:
        $server = /"server"[ \t]*:[ \t]*(\[[ \t\r\n]{0,8})?"[^"\r\n]{3,100}"/
        $port = /"server_port"[ \t]*:[ \t]*"?[0-9]{1,5}/
        $password = /"password"[ \t]*:[ \t]*"[^"\r\n]{3,100}"/
        $method = /"method"[ \t]*:[ \t]*"(2022-blake3-)?(aes-(128|192|256)-(gcm|cfb|ctr)|(x?chacha20|chacha20-ietf)(-ietf)?(-poly1305)?|rc4-md5|salsa20|camellia-[0-9]{3}-cfb)"/
        $link = /\bss:\/\/[A-Za-z0-9+\/=_-]{16,200}@[A-Za-z0-9.\[\]:-]{3,80}:[0-9]{1,5}/
    condition:
        ($server and $port and $password and $method) or ($link and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D))
}

rule tunnel_v2ray
{
    meta:
        description = "V2Ray, Xray or sing-box: proxies that imitate ordinary traffic"
        capability = "tunnel.proxy"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.v2fly.org/en_US/guide/start.html"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $v2ray = "v2ray.com/core/proxy/" ascii
        $v2fly = "github.com/v2fly/v2ray-core/" ascii
        $xray = "github.com/xtls/xray-core/" ascii
        $sing = "github.com/sagernet/sing-box/" ascii
        $clash = "github.com/Dreamacro/clash/" ascii
        $mihomo = "github.com/metacubex/mihomo/" ascii
        $v2ctl = "v2ray.com/core/infra/conf" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and any of them
}

rule tunnel_v2ray_profile
{
    meta:
        description = "a V2Ray, Xray or sing-box profile or link to a server"
        capability = "tunnel.proxy"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.v2fly.org/en_US/config/overview.html"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "sample configuration files of the package"
    strings:
        $outbounds = /"outbounds"[ \t]*:[ \t]*\[/
        $protocol = /"(protocol|type)"[ \t]*:[ \t]*"(vmess|vless|trojan|shadowsocks|hysteria2?|tuic)"/
        $link = /\b(vmess|vless|trojan|hysteria2):\/\/[A-Za-z0-9+\/=_%-]{16,400}(@[A-Za-z0-9.-]{3,80}:[0-9]{1,5})?/
    condition:
        ($outbounds and $protocol) or ($link and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D))
}

rule tunnel_trojan
{
    meta:
        description = "the trojan proxy: traffic that looks like a web server's"
        capability = "tunnel.proxy"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://trojan-gfw.github.io/trojan/protocol"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $welcome = "Welcome to trojan" ascii
        $go = "github.com/p4gefau1t/trojan-go/" ascii
        $service = "trojan service (" ascii
        $forward = "UDPForwardSession" ascii
        $session = "ServerSession" ascii
        $run = "\"run_type\"" ascii
        $fallback = /"(run_type)"[ \t]*:[ \t]*"(client|server|nat|forward)"/
        $remote = /"remote_addr"[ \t]*:[ \t]*"[^"\r\n]{3,100}"/
        $password = /"password"[ \t]*:[ \t]*\[/
    condition:
        ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and ($go or $welcome or $service or ($forward and $session))) or ($fallback and $remote and $password) or ($run and $remote and $password)
}

rule tunnel_tor
{
    meta:
        description = "Tor: the program"
        capability = "tunnel.anon"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://spec.torproject.org/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $hidden = "HiddenServiceDir" ascii
        $onion = "HiddenServicePort" ascii
        $consensus = "cached-microdesc-consensus" ascii
        $guard = "EntryNodes" ascii
        $circuit = "Bootstrapped %d%%" ascii
        $authority = "DirAuthority" ascii
        $cert = "tor-gencert" ascii
        $arti = "tor_circmgr::" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (3 of ($hidden, $onion, $consensus, $guard, $circuit, $authority) or $arti or ($cert and $authority))
}

rule tunnel_tor_onion_service
{
    meta:
        description = "a Tor configuration that offers a service of the device as an onion address"
        capability = "tunnel.anon"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://community.torproject.org/onion-services/setup/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "sample configuration files of the package"
    strings:
        $folder = /(^|\n)[ \t]*HiddenServiceDir[ \t]+[^\s#]{2,120}/
        $port = /(^|\n)[ \t]*HiddenServicePort[ \t]+[0-9]{1,5}/
    condition:
        $folder and $port and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule tunnel_tor_transport
{
    meta:
        description = "what hides Tor from a firewall (obfs4, meek, snowflake, lyrebird)"
        capability = "tunnel.anon"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://tb-manual.torproject.org/circumvention/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $obfs4 = "gitlab.com/yawning/obfs4.git/transports" ascii
        $lyrebird = "gitlab.torproject.org/tpo/anti-censorship/pluggable-transports/lyrebird" ascii
        $snowflake = /(git|gitlab)\.torproject\.org\/(tpo\/anti-censorship\/)?pluggable-transports\/snowflake/
        $goptlib = /(git|gitlab)\.torproject\.org\/(tpo\/anti-censorship\/)?pluggable-transports\/goptlib/
        $bridge = /(^|\n)[ \t]*Bridge[ \t]+(obfs4|meek_lite|snowflake|webtunnel)[ \t]+[0-9.\[\]:a-f]{7,45}/
        $plugin = /(^|\n)[ \t]*ClientTransportPlugin[ \t]+[a-z0-9_,]{3,60}[ \t]+exec[ \t]/
    condition:
        ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and any of ($obfs4, $lyrebird, $snowflake, $goptlib)) or any of ($bridge, $plugin)
}

rule tunnel_torify
{
    meta:
        description = "a program or script that sends other programs through Tor (torsocks, torify, proxychains)"
        capability = "tunnel.anon"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1090/003/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $torsocks = "TORSOCKS_CONF_FILE" ascii
        $torsocks_log = "TORSOCKS_LOG_LEVEL" ascii
        $chains = "PROXYCHAINS_CONF_FILE" ascii
        $chains_quiet = "PROXYCHAINS_QUIET_MODE" ascii
        $command = /(^|\n|[;&|])[ \t]*(torsocks|torify|proxychains4?)[ \t]+(-[a-z][^\s]*[ \t]+)*(curl|wget|ssh|nc|ncat|sh|bash|python3?|scp|telnet)[ \t]/
        $onion = /--(socks5-hostname|socks5h|proxy)[ =](socks5h?:\/\/)?(127\.0\.0\.1|localhost):9050/
    condition:
        ((uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (($torsocks and $torsocks_log) or ($chains and $chains_quiet))) or (any of ($command, $onion) and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D))
}

rule tunnel_stunnel
{
    meta:
        description = "stunnel: any connection wrapped in TLS"
        capability = "tunnel.proxy"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.stunnel.org/static/stunnel.html"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a declared VPN of the operator"
    strings:
        $usage = "stunnel [<filename>] ] -fd <n>" ascii
        $accept = "[host:]port accept connections on specified host:port" ascii
        $verify = "\"verifyPeer\" has to be enabled" ascii
        $bytes = "byte(s) sent to TLS, %llu byte(s) sent to socket" ascii
        $psk = "PSKsecrets" ascii fullword
        $delay = "TIMEOUTclose" ascii fullword
        $libwrap = "capwinctrl" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and 2 of them
}

rule tunnel_stunnel_profile
{
    meta:
        description = "a stunnel profile that connects out as a client"
        capability = "tunnel.proxy"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.stunnel.org/static/stunnel.html"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "sample configuration files of the package"
    strings:
        $client = /(^|\n)[ \t]*client[ \t]*=[ \t]*yes\b/
        $accept = /(^|\n)[ \t]*accept[ \t]*=[ \t]*([A-Za-z0-9.:-]{1,60}:)?[0-9]{1,5}/
        $connect = /(^|\n)[ \t]*connect[ \t]*=[ \t]*([A-Za-z0-9.-]{2,80}:)?[0-9]{1,5}/
    condition:
        $client and $accept and $connect
}

rule tunnel_port_forwarder
{
    meta:
        description = "a program that passes ports on to other hosts (rinetd, redir, portfwd, lcx, EarthWorm)"
        capability = "tunnel.proxy"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1090/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $rinetd = "rinetd" ascii
        $rinetd_conf = "/etc/rinetd.conf" ascii
        $rinetd_log = "rinetd-services" ascii
        $rinetd_rules = "PID was not logged" ascii
        $lcx = "lcx -listen" ascii nocase
        $lcx_slave = "-slave" ascii
        $earthworm = "ssocksd , rcsocks , rssocks ," ascii
        $earthworm_state = "rcsocks" ascii fullword
        $earthworm_reverse = "rssocks" ascii fullword
        $ssf = "libssf" ascii
        $ssf_service = "socks_dbg" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (($rinetd and any of ($rinetd_conf, $rinetd_log, $rinetd_rules)) or ($lcx and $lcx_slave) or $earthworm or ($earthworm_state and $earthworm_reverse) or ($ssf and $ssf_service))
}

rule tunnel_sslh
{
    meta:
        description = "sslh: several services hidden behind one port"
        capability = "tunnel.proxy"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/yrutschle/sslh"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $configuration = "/etc/sslh.cfg" ascii
        $folder = "/etc/sslh/sslh.cfg" ascii
        $timeout = "on-timeout" ascii
        $protocols = "--[ssh,ssl,...]: where to connect connections" ascii
        $forwarded = "connection from %s to %s forwarded from %s to %s" ascii
        $title = "sslh-" ascii
        $where = "Connect to <host:port> for <protocol>" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and 2 of them
}

rule tunnel_socat_relay
{
    meta:
        description = "a script that passes a port on by socat or netcat"
        capability = "tunnel.proxy"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dest-unreach.org/socat/doc/socat.html"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "manuals in plain text that show the command"
    strings:
        $socat = /\bsocat[ \t]/
        $listen = /\b(TCP4?6?|OPENSSL|UDP4?6?|SSL)-(LISTEN|L):[0-9$][^\r\n#]{0,120}[ \t]["']?(TCP4?6?|OPENSSL|UDP4?6?|SSL|SOCKS4A?|PROXY)(-CONNECT)?:[A-Za-z0-9.$_{}\[\]-]{2,80}:[0-9$]/ nocase
        $out = /\b(OPENSSL|SSL)(-CONNECT)?:[A-Za-z0-9.$_{}-]{3,80}:[0-9$][^\r\n#]{0,120}[ \t]["']?(TCP4?6?(-CONNECT)?:|\/dev\/tty|(FILE|OPEN|GOPEN):\/dev\/tty)/ nocase
        $tun = /[ \t]["']?TUN:[0-9.]{7,15}\/[0-9]/ nocase
        $fifo = /\b(nc|ncat|netcat)[ \t]+-l[^\r\n#|]{0,60}(<[ \t]*[^\s|]{1,60}[ \t]*)?\|[ \t]*(nc|ncat|netcat)[ \t]+[A-Za-z0-9.$_-]{3,80}[ \t]+[0-9$]/
    condition:
        (($socat and any of ($listen, $out, $tun)) or $fifo) and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule tunnel_oray_hsk
{
    meta:
        description = "Oray Peanuthull (花生壳): a name and a tunnel into the device"
        capability = "tunnel.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://hsk.oray.com/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $chinese = { E8 8A B1 E7 94 9F E5 A3 B3 }
        $chinese_wide = { B1 82 1F 75 F3 58 }
        $chinese_gbk = { BB A8 C9 FA BF C7 }
        $phddns = "phddns" ascii wide nocase
        $phtunnel = "phtunnel" ascii wide nocase
        $server = /\b(hsk|hsk-embed|phddns[0-9]{0,2}|phsle[0-9]{0,2}|phtunnel|nat-api|hsk-api)\.oray\.(com|net|cn)\b/ ascii wide nocase
        $oray = /\boray\.(com|net)\b/ ascii wide nocase
        $https = "https://b.oray.com" ascii wide
    condition:
        ($server and any of ($chinese*, $phddns, $phtunnel, $https)) or ($oray and any of ($phddns, $phtunnel) and (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)) or (any of ($chinese*) and $oray)
}

rule tunnel_p2p_camera
{
    meta:
        description = "a vendor peer-to-peer service that reaches the device through any firewall (TUTK Kalay, CS2, XMEye)"
        capability = "tunnel.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.cisa.gov/news-events/ics-advisories/icsa-21-229-01"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $tutk = "IOTC_Connect_ByUID" ascii
        $tutk_listen = "IOTC_Device_Login" ascii
        $tutk_master = /\bm[0-9]{1,2}\.iotcplatform\.com\b/
        $tutk_host = "iotcplatform.com" ascii
        $cs2 = "PPCS_Initialize" ascii
        $cs2_listen = "PPCS_Listen" ascii
        $pppp = "PPPP_Listen" ascii
        $xmeye = "secu100.net" ascii
        $xm_name = "xmeye" ascii nocase
        $goolink = "goolink.org" ascii
        $danale = "danale.net" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and ($tutk_listen or ($tutk and any of ($tutk_*)) or $tutk_master or $cs2_listen or $cs2 or $pppp or ($xmeye and $xm_name) or $goolink or $danale)
}

rule tunnel_softether
{
    meta:
        description = "SoftEther VPN: a VPN over web connections that needs no open port"
        capability = "tunnel.vpn"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.softether.org/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $title = "SoftEther VPN" ascii wide
        $data = "hamcore.se2" ascii
        $azure = "vpnazure.net" ascii wide
        $server = "vpn_server.config" ascii
        $bridge = "vpn_bridge.config" ascii
        $client = "vpn_client.config" ascii
        $hub = "declare root" ascii
        $library = "libcedar.so" ascii
        $library_too = "libmayaqua.so" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (($title and any of ($data, $azure, $server, $bridge, $client, $hub)) or ($data and any of ($server, $bridge, $client)) or ($library and $library_too))
}

rule tunnel_ipsec
{
    meta:
        description = "an IPsec key exchange daemon (strongSwan, Libreswan, racoon)"
        capability = "tunnel.vpn"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://docs.strongswan.org/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a declared VPN of the operator"
    strings:
        $charon = "libcharon" ascii
        $strongswan = "strongSwan" ascii
        $starter = "/etc/ipsec.conf" ascii
        $swan = "ipsec.secrets" ascii
        $charon_name = "charon" ascii fullword
        $pluto = "pluto" ascii fullword
        $libreswan = "Libreswan" ascii
        $racoon = "racoon" ascii fullword
        $racoon_conf = "racoon.conf" ascii
        $isakmp = "isakmp" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (($strongswan and 1 of ($charon, $starter, $charon_name)) or ($charon_name and $starter) or ($libreswan and $pluto) or ($racoon and $racoon_conf and $isakmp) or ($pluto and $swan and $starter))
}

rule tunnel_ipsec_profile
{
    meta:
        description = "an IPsec connection to a fixed peer that starts by itself"
        capability = "tunnel.vpn"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://docs.strongswan.org/docs/latest/swanctl/swanctlConf.html"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a declared VPN of the operator"
    strings:
        $conn = /(^|\n)conn[ \t]+[A-Za-z0-9_.-]{1,60}[ \t]*\r?\n/
        $right = /(^|\n)[ \t]+right[ \t]*=[ \t]*[A-Za-z0-9][A-Za-z0-9.:-]{2,80}/
        $auto = /(^|\n)[ \t]+auto[ \t]*=[ \t]*(start|route|ondemand|add)\b/
        $connections = /(^|\n)connections[ \t]*\{/
        $remote = /(^|\n)[ \t]+remote_addrs[ \t]*=[ \t]*[A-Za-z0-9][A-Za-z0-9.:-]{2,80}/
        $start = /(^|\n)[ \t]+start_action[ \t]*=[ \t]*[a-z|]{0,20}(start|trap)\b/
    condition:
        ($conn and $right and $auto) or ($connections and $remote and $start)
}

rule tunnel_l2tp_pptp
{
    meta:
        description = "an L2TP or PPTP server or client (xl2tpd, pptpd, pptp)"
        capability = "tunnel.vpn"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.rfc-editor.org/rfc/rfc2637"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a declared VPN of the operator"
    strings:
        $xl2tpd = "xl2tpd" ascii
        $xl2tpd_conf = "/etc/xl2tpd/xl2tpd.conf" ascii
        $l2tp_control = "/var/run/xl2tpd/l2tp-control" ascii
        $pptpd = "pptpd" ascii
        $pptpd_conf = "/etc/pptpd.conf" ascii
        $pptpctrl = "pptpctrl" ascii
        $pptp_log = "Outgoing Call Request" ascii nocase
        $pptp_start = "Start Control Connection" ascii nocase
        $accel = "accel-ppp" ascii
        $poptop = "MGR: " ascii
        $gre = "GRE: " ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (($xl2tpd and any of ($xl2tpd_conf, $l2tp_control)) or ($pptpd and any of ($pptpd_conf, $pptpctrl)) or ($pptp_log and $pptp_start) or ($accel and $pptp_start) or ($pptpctrl and any of ($poptop, $gre)))
}

rule tunnel_ppp_profile
{
    meta:
        description = "a PPP profile that dials a VPN server with a stored name"
        capability = "tunnel.vpn"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://man7.org/linux/man-pages/man8/pppd.8.html"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a declared VPN of the operator"
    strings:
        $pptp = /(^|\n)[ \t]*pty[ \t]+["'][^"'\r\n]{0,80}\bpptp[ \t]+[A-Za-z0-9$][A-Za-z0-9.-]{2,80}/
        $lns = /(^|\n)[ \t]*lns[ \t]*=[ \t]*[A-Za-z0-9][A-Za-z0-9.:-]{2,80}/
        $lac = /(^|\n)\[lac[ \t]+[A-Za-z0-9_.-]{1,60}\]/
        $uci = /(^|\n)[ \t]*option[ \t]+proto[ \t]+['"](pptp|l2tp)['"]/
        $uci_server = /(^|\n)[ \t]*option[ \t]+server[ \t]+['"][^'"\r\n]{3,100}/
    condition:
        $pptp or ($lns and $lac) or ($uci and $uci_server)
}

rule tunnel_tls_vpn
{
    meta:
        description = "a VPN client or server over TLS (openconnect, ocserv, openfortivpn, vpnc)"
        capability = "tunnel.vpn"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.infradead.org/openconnect/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "a declared VPN of the operator"
    strings:
        $dtls = "X-DTLS-Master-Secret" ascii nocase
        $cstp = "X-CSTP-Address" ascii nocase
        $connect = "CONNECT /CSCOSSLC/tunnel HTTP/1.1" ascii
        $ocserv = "ocserv" ascii fullword
        $ocserv_conf = "/etc/ocserv/ocserv.conf" ascii
        $fortinet = "/remote/fortisslvpn" ascii
        $forti = "openfortivpn" ascii
        $vpnc = "vpnc" ascii fullword
        $vpnc_group = "IPSec gateway " ascii
        $vpnc_secret = "IPSec secret " ascii
        $openconnect = "libopenconnect" ascii
        $openconnect_text = "OpenConnect" ascii
        $useragent = "--no-dtls" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and ($connect or ($dtls and $cstp) or ($ocserv and $ocserv_conf) or ($fortinet and $forti) or ($vpnc and $vpnc_group and $vpnc_secret) or ($openconnect and $openconnect_text and $useragent))
}

rule tunnel_relay_services
{
    meta:
        description = "a script or configuration that publishes a port through a relay service"
        capability = "tunnel.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1572/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "manuals in plain text that show the command"
    strings:
        $ssh = /\bssh[ \t]/
        $pinggy = /-R[ \t]?[0-9]{0,5}:[A-Za-z0-9.]{1,40}:[0-9]{1,5}[ \t][^\r\n]{0,80}(\.pinggy\.io|serveo\.net|localhost\.run|\.lhr\.life|a\.pinggy\.online)\b/
        $localtunnel = /\b(lt|npx[ \t]+localtunnel|localtunnel)[ \t]+--port[ =][0-9$]/
        $bore = /\bbore[ \t]+local[ \t]+[0-9$][^\r\n]{0,60}--to[ =][^\s]{3,80}/
        $playit = "playit.gg/claim/" ascii
        $telebit = "telebit.cloud" ascii
        $pagekite = /\bpagekite(\.py)?[ \t]+[^\r\n]{0,60}[0-9]{2,5}[ \t]+[a-z0-9.-]{3,60}\.pagekite\.me\b/
    condition:
        (($ssh and $pinggy) or any of ($localtunnel, $bore, $playit, $telebit, $pagekite)) and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule tunnel_gsocket_launch
{
    meta:
        description = "a gsocket program is started or left as a service"
        capability = "tunnel.covert"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.gsocket.io/deploy/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "manuals in plain text that show the command"
    strings:
        $launch = /\b(gs-netcat|gsocket|gs-sftp|gs-mount|blitz)[ \t]+(-[a-zA-Z]+[ \t]+){0,4}-(s|k)[ \t]*["']?[A-Za-z0-9\/._-]{4,80}/
        $deploy = /(curl|wget)[^\r\n|]{0,80}\bgsocket\.io\/(x|y)\b/
        $seed = /\bGS_(ARGS|SECRET|HOST|DSTDIR|HIDDEN_NAME)=["']?[^\r\n"']{3,80}/
    condition:
        any of them and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule tunnel_gsocket_program
{
    meta:
        description = "a program of gsocket: shells and files through a relay"
        capability = "tunnel.covert"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.gsocket.io/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "none known outside the program itself"
    strings:
        $preload = "GSOCKET_SOCKS_IP" ascii
        $secret = "Enter Secret (or press Enter to generate)" ascii
        $encrypted = "Encrypted (e2e)" ascii
        $relay = "gs.thc.org" ascii
        $library = "GSOCKET_HOST" ascii
        $key = "gs-netcat" ascii
        $port = "GSOCKET_PORT" ascii
        $redirect = "GSOCKET_ARGS" ascii
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and (($library and $port) or 2 of ($preload, $secret, $encrypted, $relay, $key, $redirect))
}

rule tunnel_iodine_launch
{
    meta:
        description = "iodine is started with a domain"
        capability = "tunnel.dns"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/yarrick/iodine"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "manuals in plain text that show the command"
    strings:
        $client = /(^|\n|[;&|])[ \t]*([\/\w.-]*\/)?iodine[ \t]+-[^\r\n#]{0,120}[ \t][A-Za-z0-9-]{1,60}\.[A-Za-z0-9.-]{2,80}/
        $server = /(^|\n|[;&|])[ \t]*([\/\w.-]*\/)?iodined[ \t]+-[^\r\n#]{0,120}[ \t][0-9.]{7,15}(\/[0-9]{1,2})?[ \t]+[A-Za-z0-9-]{1,60}\.[A-Za-z0-9.-]{2,80}/
    condition:
        any of them and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}

rule tunnel_frp_launch
{
    meta:
        description = "an frp client is started with a profile or a server"
        capability = "tunnel.reverse"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/fatedier/frp"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "manuals in plain text that show the command"
    strings:
        $file = /\bfrpc(\.exe)?["']?[ \t]+(-c|--config)[ =]?[ \t]*["']?[^\s]{2,120}/
        $inline = /\bfrpc(\.exe)?["']?[ \t]+(tcp|http|stcp|udp)[ \t][^\r\n]{0,120}(-s|--server[-_]addr)[ =]/
    condition:
        any of them and not (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D)
}
