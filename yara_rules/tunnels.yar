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
