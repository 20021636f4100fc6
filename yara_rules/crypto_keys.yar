/*
 * Keys that are public, and trust that a script adds.
 */

rule key_public_test
{
    meta:
        description = "a certificate or key that says it is for tests only"
        capability = "key.test"
        threat = "sabotage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.binarly.io/blog/pkfail-untrusted-platform-keys-undermine-secure-boot-on-uefi-ecosystem"
        r155 = "19.3, 26.2, 28.2"
        false_positives = "tools that carry the texts in order to refuse them"
    strings:
        $ami = "DO NOT TRUST - AMI Test PK" ascii wide
        $ship = "DO NOT SHIP - PK" ascii wide
        $snakeoil = "Snake Oil CA" ascii
        $android = { 06 09 2A 86 48 86 F7 0D 01 09 01 16 13 61 6E 64 72 6F 69 64 40 61 6E 64 72 6F 69 64 2E 63 6F 6D }
    condition:
        any of them
}

rule key_trust_added
{
    meta:
        description = "a script adds a root of trust to the system"
        capability = "key.foreign_ca"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1553/004/"
        r155 = "6.2, 26.2"
        false_positives = "operators that install their own root"
    strings:
        $copy = /\b(cp|mv|install|tee|cat)[ \t][^\r\n#]{0,120}\/(usr\/local\/share\/ca-certificates|etc\/ssl\/certs|etc\/pki\/ca-trust)\/?[^\r\n]{0,80}/
        $update = /(^|[\n;&|])[ \t]*(\/usr\/sbin\/)?(update-ca-certificates|update-ca-trust)\b/
        $windows = /\bcertutil(\.exe)?[ \t][^\r\n]{0,60}-addstore[ \t]+(-f[ \t]+)?["']?root\b/ ascii wide nocase
    condition:
        $windows or (uint16(0) == 0x2123 and $copy and $update)
}

rule key_verification_off
{
    meta:
        description = "a setting switches the check of signatures or certificates off"
        capability = "net.tls_off"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://cwe.mitre.org/data/definitions/295.html"
        r155 = "6.2, 26.2, 12.1"
        false_positives = "test configurations"
    strings:
        $opkg = /(^|\n)[ \t]*option[ \t]+check_signature[ \t]+0\b/
        $apt = /(^|\n)[ \t]*APT::Get::AllowUnauthenticated[ \t]+["']?(true|1)/ nocase
        $deb = /(^|\n)deb[ \t]+\[[^\]\n]{0,60}trusted=yes[^\]\n]{0,60}\][ \t]+http/
        $git = /(^|\n)[ \t]*sslVerify[ \t]*=[ \t]*false\b/ nocase
        $node = /\bNODE_TLS_REJECT_UNAUTHORIZED=["']?0\b/
        $python = /\bPYTHONHTTPSVERIFY=["']?0\b/
    condition:
        filesize < 1MB and any of them
}

rule key_private_der
{
    meta:
        description = "a private key as raw bytes inside a program or image"
        capability = "key.private"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.rfc-editor.org/rfc/rfc5958"
        r155 = "19.3, 26.2"
        false_positives = "self-tests of crypto libraries"
    strings:
        $rsa_2048 = { 30 82 04 ( A? | 9? | B? ) 02 01 00 02 82 01 01 00 }
        $rsa_4096 = { 30 82 09 ( 2? | 1? | 3? ) 02 01 00 02 82 02 01 00 }
        $rsa_3072 = { 30 82 06 ( E? | F? | D? ) 02 01 00 02 82 01 81 00 }
        $rsa_1024 = { 30 82 02 ( 5? | 6? ) 02 01 00 02 81 81 00 }
        $ec_p256 = { 30 77 02 01 01 04 20 [32] A0 0A 06 08 2A 86 48 CE 3D 03 01 07 }
        $ec_p384 = { 30 81 A4 02 01 01 04 30 [48] A0 07 06 05 2B 81 04 00 22 }
        $ec_pkcs8 = { 30 81 87 02 01 00 30 13 06 07 2A 86 48 CE 3D 02 01 06 08 2A 86 48 CE 3D 03 01 07 04 6D 30 6B 02 01 01 04 20 }
        $ed25519 = { 30 2E 02 01 00 30 05 06 03 2B 65 70 04 22 04 20 }
    condition:
        any of them
}

rule key_private_der_text
{
    meta:
        description = "a private key written as numbers in source, hexadecimal or base64 text"
        capability = "key.private"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.rfc-editor.org/rfc/rfc8017#appendix-A.1.2"
        r155 = "19.3, 26.2"
        false_positives = "self-tests of crypto libraries"
    strings:
        $c_rsa = /0x30,[ \t\r\n]{0,8}0x82,[ \t\r\n]{0,8}0x0?[2469],[ \t\r\n]{0,8}0x[0-9a-f]{2},[ \t\r\n]{0,8}0x0?2,[ \t\r\n]{0,8}0x0?1,[ \t\r\n]{0,8}0x0?0,[ \t\r\n]{0,8}0x0?2,[ \t\r\n]{0,8}0x8[12],/ nocase
        $c_ec = /0x30,[ \t\r\n]{0,8}0x77,[ \t\r\n]{0,8}0x0?2,[ \t\r\n]{0,8}0x0?1,[ \t\r\n]{0,8}0x0?1,[ \t\r\n]{0,8}0x0?4,[ \t\r\n]{0,8}0x20,/ nocase
        $hex_rsa = /\b308204[9ab][0-9a-f]020100028201010[0-9a-f]/ nocase
        $hex_ec = /\b30770201010420[0-9a-f]{64}a00a06082a8648ce3d030107/ nocase
        $hex_pkcs8 = /\b308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420/ nocase
        $base64_rsa = /["'>= ]MII[EJGC][0-9A-Za-z+\/]{2}[IQAB]BAA[KM]CAQ[0-9A-Za-z+\/]{60}/
        $base64_pkcs8 = /["'>= ]MII[EJGC][0-9A-Za-z+\/]{2}[IQAB]BADANBgkqhkiG9w0BAQEFAASC[0-9A-Za-z+\/]{40}/
        $base64_ec = /["'>= ]MHcCAQEEI[0-9A-Za-z+\/]{40}/
    condition:
        any of them
}

rule key_ssh_host_key
{
    meta:
        description = "the SSH host key comes with the image: every device has the same one"
        capability = "key.private"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.rfc-editor.org/rfc/rfc4253#section-8"
        r155 = "19.3, 26.2"
        false_positives = "none known"
    strings:
        $rsa = { 00 00 00 07 73 73 68 2D 72 73 61 00 00 00 03 01 00 01 00 00 ( 00 | 01 | 02 ) }
        $ed25519 = { 00 00 00 0B 73 73 68 2D 65 64 32 35 35 31 39 00 00 00 40 }
        $ecdsa = { 00 00 00 13 65 63 64 73 61 2D 73 68 61 32 2D 6E 69 73 74 70 32 35 36 00 00 00 08 6E 69 73 74 70 32 35 36 00 00 00 41 04 }
    condition:
        ($rsa at 0 and filesize > 600 and filesize < 4KB) or ($ed25519 at 0 and filesize < 200) or ($ecdsa at 0 and filesize > 120 and filesize < 300)
}

rule key_wireguard_private
{
    meta:
        description = "the private key of a WireGuard tunnel stands in a setting: whoever has the image has the tunnel"
        capability = "key.private"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.wireguard.com/quickstart/"
        r155 = "19.3, 26.2"
        false_positives = "none known"
    strings:
        $profile = /(^|\n)[ \t]*PrivateKey[ \t]*=[ \t]*[0-9A-Za-z+\/]{43}=/
        $uci = /\n[ \t]*option[ \t]+'?private_key'?[ \t]+'?[0-9A-Za-z+\/]{43}=/
        $json = /["'](private_?key|PrivateKey)["'][ \t]*:[ \t]*["'][0-9A-Za-z+\/]{43}=["']/
        $command = /\bwg[ \t]+set[ \t][^\r\n\x00]{0,60}private-key[ \t]+<\([ \t]*echo[ \t]+["']?[0-9A-Za-z+\/]{43}=/
    condition:
        any of them
}

rule key_store_password
{
    meta:
        description = "the password of a key or key store stands beside it"
        capability = "key.private"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://cwe.mitre.org/data/definitions/321.html"
        r155 = "19.3, 26.2"
        false_positives = "examples of documentation"
    strings:
        $openssl = /\bopenssl[ \t][^\r\n\x00]{1,160}-(passin|passout|pass|password)[ \t]+["']?pass:[^\s"'$%<]{3,60}/
        $java = /\b(key_?store|trust_?store|key)[._-]?pass(word)?["']?[ \t]*[=:][ \t]*["']?(changeit|android|password|[^\s"'$%<{\x00]{4,40})["']?[ \t]*\r?\n/ nocase
        $java_store = /\b[A-Za-z0-9_.\/-]{1,60}\.(jks|keystore|p12|pfx|bks)\b/
        $signtool = /\bsigntool(\.exe)?["']?[ \t]+sign[ \t][^\r\n]{0,120}\/p[ \t]+["']?[^\s"'%$]{3,60}/ ascii wide nocase
        $gpg = /\bgpg2?[ \t][^\r\n\x00]{0,80}--passphrase[ \t=]+["']?[^\s"'$%<-]{3,60}/
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x2123 or uint16(0) == 0x5A4D or filesize < 64KB) and ($openssl or $signtool or $gpg or ($java and $java_store))
}

rule key_example_subject
{
    meta:
        description = "a certificate with the name that OpenSSL or a tutorial proposes"
        capability = "key.test"
        threat = "sabotage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://docs.openssl.org/master/man1/openssl-req/"
        r155 = "19.3, 26.2"
        false_positives = "tests of TLS libraries"
    strings:
        $widgits = { 06 03 55 04 0A ( 0C | 13 | 14 ) 18 49 6E 74 65 72 6E 65 74 20 57 69 64 67 69 74 73 20 50 74 79 20 4C 74 64 }
        $widgits_pem = "Internet Widgits Pty Ltd" base64
        $localhost = { 06 03 55 04 03 ( 0C | 13 ) 09 6C 6F 63 61 6C 68 6F 73 74 }
        $company = { 06 03 55 04 0A ( 0C | 13 ) 0F 44 65 66 61 75 6C 74 20 43 6F 6D 70 61 6E 79 }
        $pem = "-----BEGIN CERTIFICATE-----" ascii
    condition:
        $widgits or $company or ($localhost and filesize < 64KB) or ($widgits_pem and $pem)
}

rule key_snakeoil_files
{
    meta:
        description = "a setting makes use of keys that are public, of samples or of the packager"
        capability = "key.test"
        threat = "sabotage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://docs.mcuboot.com/signed_images.html"
        r155 = "19.3, 26.2"
        false_positives = "examples"
    strings:
        $snakeoil = /\n[ \t]*(ssl_certificate(_key)?|SSLCertificate(Key)?File|smtpd_tls_key_file|ssl_key_file|tls_key|key_file|private_key|cert)[ \t=:]+["']?[^\s"'#]{0,60}ssl-cert-snakeoil\.(key|pem)/
        $mcuboot = /\b(root-rsa-(2048|3072)|root-ec-p256(-pkcs8)?|root-ed25519|enc-(rsa2048|ec256|x25519)-priv)\.pem\b/
        $sign = /(\bimgtool\b|SIGNING_KEY|SIGNATURE_KEY_FILE|CONFIG_BOOT_SIGNATURE|--key[ =])/
        $mcuboot_p256 = { 2A CB 40 3C E8 FE ED 5B A4 49 95 A1 A9 1D AE E8 DB BE 19 37 CD 14 FB 2F 24 57 37 E5 95 39 88 D9 }
        $android = /\bbuild\/(make\/)?target\/product\/security\/(testkey|platform|shared|media|releasekey)\b/
        $test_keys = /\nro\.(build|system\.build|vendor\.build)\.tags=test-keys\b/
        $fingerprint = /\nro\.[a-z.]{0,20}build\.fingerprint=[^\r\n]{4,120}\/test-keys\b/
    condition:
        ($snakeoil and filesize < 256KB) or ($mcuboot and $sign and filesize < 1MB) or $mcuboot_p256 or (any of ($android, $test_keys, $fingerprint) and filesize < 256KB)
}

rule tls_off_code
{
    meta:
        description = "a program or script does not check whom it talks to"
        capability = "net.tls_off"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://cwe.mitre.org/data/definitions/295.html"
        r155 = "6.2, 29.1"
        false_positives = "tests and debugging options of TLS libraries"
    strings:
        $requests = /\b(requests|session|s|self\.session|httpx|client)\.(get|post|put|request|delete|Client)\([^\r\n\x00]{1,200}\bverify[ \t]*=[ \t]*False\b/
        $context = /=[ \t]*ssl\._create_unverified_context\b/
        $context_none = /\bverify_mode[ \t]*=[ \t]*ssl\.CERT_NONE\b/
        $go = /\bInsecureSkipVerify[ \t]*:[ \t]*true\b/
        $node = /\brejectUnauthorized["']?[ \t]*:[ \t]*false\b/
        $node_process = /\bprocess\.env\.?\[?["']?NODE_TLS_REJECT_UNAUTHORIZED["']?\]?[ \t]*=[ \t]*["']?0\b/
        $curl_peer = /\bCURLOPT_SSL_VERIFY(PEER|HOST)[ \t]*(,|=>)[ \t]*(0L?|false|FALSE)\b/
        $mosquitto = /\b(tls_insecure_set\([ \t]*(True|true|1)\b|mosquitto_(pub|sub)[ \t][^\r\n\x00]{0,160}--insecure\b)/
        $csharp = /ServerCertificate(Custom)?ValidationCallback[ \t]*\+?=[^;\r\n]{0,120}(true|DangerousAcceptAny)/
        $lua = /\bverify[ \t]*=[ \t]*["']none["']/
        $perl = /\bSSL_verify_mode[ \t]*=>[ \t]*(0|SSL_VERIFY_NONE|IO::Socket::SSL::SSL_VERIFY_NONE)\b/
        $paho = /\bcert_reqs[ \t]*=[ \t]*ssl\.CERT_NONE\b/
        $powershell = /(\[System\.Net\.ServicePointManager\]|\[Net\.ServicePointManager\])::ServerCertificateValidationCallback[ \t]*=[ \t]*\{[ \t]*\$true/ ascii wide nocase
        $git = /\bgit[ \t]+(config[ \t][^\r\n\x00]{0,40}|-c[ \t]+)http\.sslVerify[ =](false|0)\b/ nocase
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or uint16(0) == 0x5A4D or filesize < 64KB) and any of them
}

rule tls_off_setting
{
    meta:
        description = "a setting switches the check of the other side off"
        capability = "net.tls_off"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://cwe.mitre.org/data/definitions/295.html"
        r155 = "6.2, 29.1"
        false_positives = "test configurations"
    strings:
        $wgetrc = /(^|\n)[ \t]*check_certificate[ \t]*=[ \t]*off\b/ nocase
        $curlrc = /^insecure[ \t]*\r?\n|\n--?insecure[ \t]*\r?\n/
        $stunnel = /\n[ \t]*verify(Chain|Peer)?[ \t]*=[ \t]*(0|no)[ \t]*\r?\n/
        $stunnel_key = /\n[ \t]*(connect|accept)[ \t]*=[ \t]*[A-Za-z0-9.:-]{2,80}/
        $mqtt = /\n[ \t]*bridge_insecure[ \t]+true\b/
        $ldap = /(^|\n)[ \t]*(TLS_REQCERT|tls_reqcert|ldap_tls_reqcert)[ \t=]+(never|allow)\b/
        $ssh = /(^|\n)[ \t]*StrictHostKeyChecking[ \t]+(no|off)\b/ nocase
        $ssh_hosts = /(^|\n)[ \t]*UserKnownHostsFile[ \t]+\/dev\/null\b/ nocase
        $ssh_command = /\b(ssh|scp|sftp|rsync|autossh)[ \t][^\r\n\x00#]{0,160}StrictHostKeyChecking[ =](no|off)\b/ nocase
        $docker = /["']insecure-registries["'][ \t]*:[ \t]*\[[ \t]*["'][^"']{3,}/
        $openvpn = /\n[ \t]*verify-client-cert[ \t]+none\b/
        $mender = /"SkipVerify"[ \t]*:[ \t]*true\b/
        $swupdate = /\n[ \t]*nocheckcert[ \t]*=[ \t]*true\b/
    condition:
        filesize < 256KB and ($wgetrc or $curlrc or ($stunnel and $stunnel_key) or $mqtt or $ldap or ($ssh and $ssh_hosts) or $ssh_command or $docker or $openvpn or $mender or $swupdate)
}

rule tls_off_command
{
    meta:
        description = "a script fetches or sends without checking whom it talks to"
        capability = "net.tls_off"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://cwe.mitre.org/data/definitions/295.html"
        r155 = "6.2, 29.1"
        false_positives = "scripts for a server with a certificate of its own"
    strings:
        $wget = /\bwget[ \t][^\r\n\x00#]{0,160}--no-check-certificate\b/
        $curl = /\bcurl[ \t]([^\r\n\x00#]{0,160}[ \t])?(--insecure|-[a-zA-Z]{0,6}k[a-zA-Z]{0,6})[ \t]/
    condition:
        uint16(0) == 0x2123 and filesize < 1MB and any of them
}

rule tls_off_android
{
    meta:
        description = "an Android program accepts every certificate or host name"
        capability = "net.tls_off"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://developer.android.com/privacy-and-security/risks/unsafe-trustmanager"
        r155 = "6.2, 29.1"
        false_positives = "debugging code of network libraries"
    strings:
        $allow = "ALLOW_ALL_HOSTNAME_VERIFIER" ascii
        $allow_class = "AllowAllHostnameVerifier" ascii
        $trust_all = /(TrustAll(Certs|Manager|Certificates|X509)|trustAll(Certs|Hosts|Certificates)|NullHostnameVerifier|NullX509TrustManager|EasyX509TrustManager|UnsafeTrustManager|FakeX509TrustManager|_FakeX509)/ ascii
        $manager = "Ljavax/net/ssl/X509TrustManager;" ascii
        $webview = "onReceivedSslError" ascii
        $proceed = /\bproceed\b/
        $handler = "Landroid/webkit/SslErrorHandler;" ascii
    condition:
        uint32(0) == 0x0A786564 and ($trust_all or ($manager and any of ($allow, $allow_class)) or all of ($webview, $proceed, $handler))
}

rule key_weak_setting
{
    meta:
        description = "a setting brings back ciphers or protocols that can be broken"
        capability = "key.weak"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.rfc-editor.org/rfc/rfc8996"
        r155 = "19.3, 26.2"
        false_positives = "settings for old peers"
    strings:
        $ssl = /\n[ \t]*(ssl_protocols|SSLProtocol)[ \t]+[^\r\n;#]{0,40}\+?(SSLv2|SSLv3)\b/
        $ssl_off = /\n[ \t]*(ssl_protocols|SSLProtocol)[ \t]+[^\r\n;#]{0,40}-(SSLv2|SSLv3)\b/
        $minimum = /\n[ \t]*(MinProtocol|min_protocol|ssl_min_protocol|tls-version-min)[ \t=]+["']?(SSLv3|TLSv1|TLSv1\.0|1\.0|None)[ \t"']*\r?\n/
        $level = /CipherString[ \t]*=[ \t]*[^\r\n#]{0,60}@SECLEVEL=0\b/
        $anon = /(ssl_ciphers|SSLCipherSuite|cipher[_-]?list|tls-cipher|ciphers)[ \t=:]+["']?([^\r\n"'#]{0,80}[:+])?(aNULL|eNULL|ADH|EXP|EXPORT|RC4-MD5|DES-CBC-SHA|NULL-SHA)([:+][^\r\n"']{0,60})?["';]?[ \t]*\r?\n/
        $ssh = /\n[ \t]*(Ciphers|KexAlgorithms|MACs|HostKeyAlgorithms)[ \t]+[^\r\n#]{0,100}\b(3des-cbc|arcfour|blowfish-cbc|des-cbc|none|diffie-hellman-group1-sha1|hmac-md5|ssh-dss)\b/
        $openvpn = /\n[ \t]*(cipher[ \t]+(none|BF-CBC|DES-CBC|RC2-40-CBC)|auth[ \t]+none|ncp-ciphers[ \t]+none)[ \t]*\r?\n/
        $ike = /\n[ \t]*(ike|esp)[ \t]*=[ \t]*[^\r\n#]{0,60}\b(des-|3des-md5|null|modp768|modp1024)/
        $wifi = /\n[ \t]*(key_mgmt=NONE|wep_key0=|pairwise=TKIP)/
    condition:
        filesize < 256KB and (#ssl > #ssl_off or any of ($minimum, $level, $anon, $ssh, $openvpn, $ike, $wifi))
}

rule key_example_value
{
    meta:
        description = "a key that a standard prints as its example"
        capability = "key.weak"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://csrc.nist.gov/pubs/fips/197/final"
        r155 = "19.3, 26.2"
        false_positives = "self-tests hold the printed answer too and are not matched"
    strings:
        $fips_128 = { 2B 7E 15 16 28 AE D2 A6 AB F7 15 88 09 CF 4F 3C }
        $fips_256 = { 60 3D EB 10 15 CA 71 BE 2B 73 AE F0 85 7D 77 81 1F 35 2C 07 3B 61 08 D7 2D 98 10 A3 09 14 DF F4 }
        $fips_text = /\b2b7e151628aed2a6abf7158809cf4f3c\b/ ascii wide nocase
        $fips_c = /0x2b,[ \t]{0,4}0x7e,[ \t]{0,4}0x15,[ \t]{0,4}0x16,[ \t\r\n]{0,8}0x28,[ \t]{0,4}0xae,[ \t]{0,4}0xd2,[ \t]{0,4}0xa6/ nocase
        $plain = { 6B C1 BE E2 2E 40 9F 96 E9 3D 7E 11 73 93 17 2A }
        $plain_two = { 32 43 F6 A8 88 5A 30 8D 31 31 98 A2 E0 37 07 34 }
        $plain_text = /6bc1bee22e409f96(e93d7e117393172a)?|3243f6a8885a308d/ ascii wide nocase
        $plain_c = /0x6b,[ \t]{0,4}0xc1,[ \t]{0,4}0xbe,[ \t]{0,4}0xe2|0x32,[ \t]{0,4}0x43,[ \t]{0,4}0xf6,[ \t]{0,4}0xa8/ nocase
        $answer = { 3A D7 7B B4 0D 7A 36 60 A8 9E CA F3 24 66 EF 97 }
        $cmac = { BB 1D 69 29 E9 59 37 28 7F A3 7D 12 9B 75 67 46 }
    condition:
        any of ($fips_*) and not any of ($plain*) and not $answer and not $cmac
}

rule key_meter_example
{
    meta:
        description = "a meter's keys are those that the DLMS books print as examples, or a plain count"
        capability = "key.weak"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/core-specifications/"
        r155 = "19.3, 26.2"
        false_positives = "test tools for meters"
    strings:
        $authentication = { D0 D1 D2 D3 D4 D5 D6 D7 D8 D9 DA DB DC DD DE DF }
        $authentication_table = { D0 D1 D2 D3 D4 D5 D6 D7 D8 D9 DA DB DC DD DE DF E0 }
        $authentication_text = /\bD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF\b/ ascii wide nocase
        $unicast = { 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F }
        $unicast_table = { 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 10 }
        $unicast_text = /\b000102030405060708090A0B0C0D0E0F\b/ ascii wide nocase
        $context = /\b(GUEK|GBEK|dlms|cosem|xdlms|glo_get|glo_set|security_setup|block_?cipher_?key|system_?title)/ ascii wide nocase
        $setup = { 00 00 2B 00 ( 00 | 01 | 02 ) FF }
        $setup_text = /\b0[-.]0[:.]43\.0\.[0-9]\.255\b/ ascii
    condition:
        (#authentication > #authentication_table and #unicast > #unicast_table and any of ($context, $setup*)) or ($authentication_text and ($unicast_text or $context))
}

rule key_fixed_documented
{
    meta:
        description = "a fixed key that has been published for a product"
        capability = "key.weak"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2025-35027"
        r155 = "19.3, 26.2"
        false_positives = "programs that test for it"
    strings:
        $unitree = { DF 98 B7 15 D5 C6 ED 2B 25 81 7B 6F 25 54 12 4A }
        $unitree_iv = { 28 41 AE 97 41 9C 29 73 29 6A 0D 4B DF E1 9A 4F }
        $unitree_text = /\bdf98b715d5c6ed2b25817b6f2554124a\b/ ascii wide nocase
        $hikvision = { 27 99 77 F6 2F 6C FD 2D 91 CD 75 B8 89 CE 0C 9A }
        $hikvision_text = /\b279977f62f6cfd2d91cd75b889ce0c9a\b/ ascii wide nocase
    condition:
        any of them
}

rule key_weak_literal
{
    meta:
        description = "a program encrypts with a key that is a row of digits or letters"
        capability = "key.weak"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://cwe.mitre.org/data/definitions/321.html"
        r155 = "19.3, 26.2"
        false_positives = "tests and examples"
    strings:
        $set = /\b(aes|des|enc|encrypt|encryption|crypt|crypto|cipher|secret|session|iv|hmac)[_ -]?(key|iv|vector)[_A-Za-z0-9]{0,12}(\[[0-9A-Z_]{0,20}\])?["']?[ \t]*[=:(][ \t]*b?["'](0123456789abcdef|1234567890123456|1234567812345678|0123456789012345|abcdefghijklmnop|1234567890abcdef|00000000000000000000000000000000|ffffffffffffffffffffffffffffffff|0123456701234567|1111111111111111|aaaaaaaaaaaaaaaa|0000000000000000)/ ascii nocase
        $call = /\b(AES\.new|Fernet|createCipheriv|SecretKeySpec|AES_set_encrypt_key|CryptoJS\.enc\.Utf8\.parse)\([^\r\n\x00)]{0,60}["'](0123456789abcdef|1234567890123456|1234567812345678|0123456789012345|abcdefghijklmnop|1234567890abcdef|0000000000000000)/ ascii nocase
        $openssl = /\bopenssl[ \t]+(enc|aes-[a-z0-9-]{3,12}|des3?)[ \t][^\r\n\x00]{0,160}-K[ \t]+["']?[0-9A-Fa-f]{16,64}\b/
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D or uint16(0) == 0x2123 or uint32(0) == 0x0A786564 or filesize < 64KB) and any of them
}

rule key_weak_literal_binary
{
    meta:
        description = "a row of digits of the length of a key in a program that encrypts"
        capability = "key.weak"
        threat = "both"
        severity = "medium"
        confidence = "low"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://cwe.mitre.org/data/definitions/321.html"
        r155 = "19.3, 26.2"
        false_positives = "digit tables and tests"
    strings:
        $one = /\x00(1234567890123456|1234567812345678|0123456789012345|abcdefghijklmnop|1234567890abcdef|12345678901234567890123456789012|0123456789abcdef0123456789abcdef|0123456789ABCDEF0123456789ABCDEF)\x00/
        $use = /\b(AES_set_(en|de)crypt_key|AES_cbc_encrypt|EVP_(Encrypt|Decrypt|Cipher)Init(_ex)?|EVP_aes_(128|192|256)_[a-z]{3}|mbedtls_aes_setkey_(enc|dec)|mbedtls_gcm_setkey|wc_AesSetKey|CryptImportKey|BCryptGenerateSymmetricKey|AES_init_ctx(_iv)?|aes_set_key|aesSetKey|des_setkey)\b/
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and $one and $use
}

rule key_authority_added
{
    meta:
        description = "adds a root of trust to Windows, Java, a browser or Android"
        capability = "key.foreign_ca"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1553/004/"
        r155 = "19.3, 26.2"
        false_positives = "operators that install their own root"
    strings:
        $import = /\bImport-(PfxCertificate|Certificate)[ \t][^\r\n]{0,160}Cert:\\{1,2}(LocalMachine|CurrentUser)\\{1,2}(Root|AuthRoot|CA|TrustedPublisher)\b/ ascii wide nocase
        $publisher = /\bcertutil(\.exe)?["']?[ \t][^\r\n]{0,60}-addstore[ \t]+(-f[ \t]+)?["']?(TrustedPublisher|AuthRoot|CA)["']?[ \t]/ ascii wide nocase
        $nss = /\bcertutil[ \t]+[^\r\n\x00]{0,80}-A[ \t][^\r\n\x00]{0,80}-t[ \t]+["']?(TC|CT|C|T)[A-Za-z]{0,3},[A-Za-z]{0,3},[A-Za-z]{0,3}/
        $java = /\bkeytool(\.exe)?["']?[ \t]+-import(cert)?[ \t][^\r\n\x00]{0,160}(cacerts|-trustcacerts)\b/
        $android = /\b(cp|mv|cat|dd|push)[ \t][^\r\n\x00#]{0,120}\/(system\/etc\/security\/cacerts|data\/misc\/user\/0\/cacerts-added|apex\/com\.android\.conscrypt\/cacerts)/
        $anchor = /\btrust[ \t]+anchor[ \t]+(--store[ \t]+)?["']?[A-Za-z0-9_.\/$-]{3,80}\.(pem|crt|cer|der)\b/
        $policies = /"ImportEnterpriseRoots"[ \t]*:[ \t]*true|"Certificates"[ \t]*:[ \t]*\{[^\}]{0,80}"Install"[ \t]*:/
    condition:
        any of them
}

rule key_verification_disabled
{
    meta:
        description = "switches the check of signatures of drivers, modules, packages or the system image off"
        capability = "update.no_verify"
        threat = "sabotage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1553/006/"
        r155 = "12.1, 12.2"
        false_positives = "developers' set-ups"
    strings:
        $bcdedit = /\bbcdedit(\.exe)?["']?[ \t]+[\/-]set[ \t][^\r\n]{0,60}(testsigning[ \t]+on|nointegritychecks[ \t]+on|loadoptions[ \t]+["']?DDISABLE_INTEGRITY_CHECKS)/ ascii wide nocase
        $verity = /\b(fastboot|avbctl|avbtool)[ \t][^\r\n\x00]{0,80}(--disable-verity|--disable-verification|disable-verity|disable-verification|--flags[ \t]+[23])\b/
        $adb = /\badb[ \t]+disable-verity\b/
        $permissive = /\bandroidboot\.(selinux=permissive|verifiedbootstate=orange|veritymode=(disabled|logging))\b/
        $cmdline = /\b(module\.sig_enforce=0|lockdown=none|enforcing=0[ \t][^\r\n\x00]{0,60}selinux=|ima_appraise=(off|log|fix)|dm_verity\.[a-z_]{3,20}=0)\b/
        $mok = /\bmokutil[ \t]+--(disable-validation|import[ \t])/
        $rpm = /\b(rpm|dnf|yum|zypper)[ \t][^\r\n\x00#]{0,80}--(nosignature|nodigest|nogpgcheck|no-gpg-checks)\b/
        $repository = /\n[ \t]*(gpgcheck|repo_gpgcheck)[ \t]*=[ \t]*0\b/
        $pacman = /\n[ \t]*SigLevel[ \t]*=[ \t]*(Never|Optional[ \t]+TrustAll)\b/
        $kernel = /\becho[ \t]+["']?0["']?[ \t]*>[ \t]*["']?\/sys\/(fs\/selinux\/enforce|module\/module\/parameters\/sig_enforce|kernel\/security\/lockdown)/
    condition:
        $bcdedit or ((uint16(0) == 0x2123 or uint32(0) == 0x464C457F or filesize < 64KB) and any of ($verity, $adb, $mok, $rpm, $kernel)) or (filesize < 64KB and any of ($permissive, $cmdline, $repository, $pacman))
}
