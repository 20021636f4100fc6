"""Cases of ``crypto_keys.yar``. The keys are fillers or ones that standards print."""

from __future__ import annotations

from tests.rules_backdoor.make import Case, case, dex, elf, pe, sh, wide

FILL = b"\x5a" * 800
WG = "A" * 43 + "="
FIPS = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
FIPS_PLAIN = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
DLMS_AUTH = bytes(range(0xD0, 0xE0))
DLMS_COUNT = bytes(range(16))
UNITREE = bytes.fromhex("df98b715d5c6ed2b25817b6f2554124a")
WIDGITS = b"\x06\x03\x55\x04\x0a\x0c\x18Internet Widgits Pty Ltd"

KEYS: tuple[Case, ...] = (
    case(
        "key_private_der",
        (
            elf(bytes.fromhex("308204a3020100028201010 0".replace(" ", "")) + FILL),
            bytes.fromhex("30770201010420") + FILL[:32] + bytes.fromhex("a00a06082a8648ce3d030107"),
            bytes.fromhex("302e020100300506032b657004220420") + FILL[:32],
        ),
        (
            bytes.fromhex("3082010a028201010 0".replace(" ", "")) + FILL,
            bytes.fromhex("308204a302010102820101"),
            bytes.fromhex("302a300506032b6570032100") + FILL[:32],
        ),
    ),
    case(
        "key_private_der_text",
        (
            "const unsigned char k[] = {0x30, 0x82, 0x04, 0xA4, 0x02, 0x01, 0x00, 0x02, 0x82,\n",
            "key=308204a402010002820101005a5a5a\n",
            'const char *k = "MIIEpAIBAAKCAQ' + "FAKE" * 16 + '";',
        ),
        (
            "const unsigned char c[] = {0x30, 0x82, 0x04, 0xA4, 0x30, 0x82, 0x03,",
            "key=3082010a0282010100",
            'const char *c = "MIIDdzCCAl+gAwIBAgIE";',
        ),
    ),
    case(
        "key_ssh_host_key",
        (
            b"\0\0\0\x07ssh-rsa\0\0\0\x03\x01\0\x01\0\0\x01\x01\0" + FILL,
            b"\0\0\0\x0bssh-ed25519\0\0\0\x40" + FILL[:64],
        ),
        (
            b"\0\0\0\x07ssh-rsa\0\0\0\x03\x01\0\x01\0\0\x01\x01\0" + FILL[:256],
            b"x\0\0\0\x0bssh-ed25519\0\0\0\x40" + FILL[:64],
        ),
    ),
    case(
        "key_wireguard_private",
        (
            f"[Interface]\nPrivateKey = {WG}\nAddress = 10.9.0.2/32\n",
            f"config interface 'wg0'\n\toption private_key '{WG}'\n",
            sh(f"wg set wg0 private-key <(echo {WG})"),
        ),
        (
            "[Interface]\nPrivateKey = \n",
            f"PublicKey = {WG}\n",
            sh("wg set wg0 private-key /etc/wg.key"),
        ),
    ),
    case(
        "key_store_password",
        (
            sh("openssl pkcs12 -in /etc/id.p12 -passin pass:n0tr3al -nodes"),
            "keystore=/etc/id.jks\nkeystore.password=changeit\n",
            wide("signtool.exe sign /f id.pfx /p n0tr3al x.exe"),
        ),
        (
            sh('openssl pkcs12 -in /etc/id.p12 -passin "pass:$P"'),
            sh("openssl pkcs12 -in id.p12 -passin file:/run/p"),
            "keystore.password=changeit\n",
        ),
    ),
    case(
        "key_example_subject",
        (
            b"\x30\x82\x03\x00" + WIDGITS + FILL,
            "-----BEGIN CERTIFICATE-----\nAAAASW50ZXJuZXQgV2lkZ2l0cyBQdHkgTHRkAAAA\n",
            b"\x30\x82\x03\x00\x06\x03\x55\x04\x03\x0c\x09localhost",
        ),
        (
            "organizationName_default = Internet Widgits Pty Ltd\n",
            b"\x06\x03\x55\x04\x03\x0c\x09gateway01",
        ),
    ),
    case(
        "key_snakeoil_files",
        (
            "server {\n ssl_certificate_key /etc/ssl/private/ssl-cert-snakeoil.key;\n}\n",
            'CONFIG_BOOT_SIGNATURE_KEY_FILE="root-ec-p256.pem"\n',
            "\nro.build.type=userdebug\nro.build.tags=test-keys\n",
        ),
        (
            "server {\n ssl_certificate_key /etc/ssl/private/gw.key;\n}\n",
            "root-ec-p256.pem is a sample key\n",
            "\nro.build.tags=release-keys\n",
        ),
    ),
    case(
        "tls_off_code",
        (
            "#!/usr/bin/python3\nr = requests.post(url, data=d, verify=False)\n",
            "&tls.Config{InsecureSkipVerify: true}",
            "https.request({host: h, rejectUnauthorized: false})",
            "curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);",
            sh("mosquitto_sub -h b.invalid --insecure -t x"),
            wide("[System.Net.ServicePointManager]::ServerCertificateValidationCallback = {$true}"),
        ),
        (
            "requests.post(url, data=d, verify=True)",
            "&tls.Config{InsecureSkipVerify: skip}",
            "curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);",
            elf("InsecureSkipVerify", "CURLOPT_SSL_VERIFYPEER"),
        ),
    ),
    case(
        "tls_off_command",
        (
            sh("wget -q --no-check-certificate https://h.invalid/c -O /etc/c"),
            sh("curl -k https://h.invalid/c"),
            sh("curl -fsSLk -o /tmp/c https://h.invalid/c"),
            sh("curl --data @x --insecure https://h.invalid/c"),
        ),
        (
            "wget --no-check-certificate is a bad idea\n",
            sh("curl -fsSL -o /tmp/k https://h.invalid/c"),
            sh("curl --cacert /etc/ca.pem https://h.invalid/c"),
            sh("wget --ca-certificate=/etc/ca.pem https://h.invalid/c"),
        ),
    ),
    case(
        "tls_off_setting",
        (
            "check_certificate = off\n",
            "Host gw\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n",
            "[vpn]\nconnect = relay.invalid:443\nverify = 0\n",
            '{"SkipVerify": true}',
        ),
        (
            "check_certificate = on\n",
            "Host gw\n  StrictHostKeyChecking yes\n",
            "verify = 0\n",
            "  UserKnownHostsFile /dev/null\n",
        ),
    ),
    case(
        "tls_off_android",
        (
            dex("Lcom/x/TrustAllCerts;", "checkServerTrusted"),
            dex("onReceivedSslError", "proceed", "Landroid/webkit/SslErrorHandler;"),
        ),
        (
            dex("onReceivedSslError", "cancel", "Landroid/webkit/SslErrorHandler;"),
            "TrustAllCerts in a text",
        ),
    ),
    case(
        "key_weak_setting",
        (
            "server {\n ssl_protocols SSLv3 TLSv1;\n}\n",
            "Port 22\nCiphers aes128-ctr,3des-cbc\n",
            "client\ncipher none\n",
            "[system_default_sect]\nCipherString = DEFAULT@SECLEVEL=0\n",
        ),
        (
            "server {\n ssl_protocols TLSv1.2 TLSv1.3;\n}\n",
            "Port 22\nCiphers aes256-gcm@openssh.com\n",
            "client\ncipher AES-256-GCM\n",
            " SSLProtocol all -SSLv3\n",
        ),
    ),
    case(
        "key_example_value",
        (
            elf("aes", FIPS, "telemetry"),
            'key = "2b7e151628aed2a6abf7158809cf4f3c"',
            "uint8_t k[] = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab};",
        ),
        (
            elf("self test", FIPS, FIPS_PLAIN),
            'k = "2b7e151628aed2a6abf7158809cf4f3c" p = "6bc1bee22e409f96e93d7e117393172a"',
            elf("aes", FIPS[:15]),
        ),
    ),
    case(
        "key_meter_example",
        (
            elf("security_setup", DLMS_COUNT, DLMS_AUTH),
            bytes.fromhex("4000 0000 2b00 00ff".replace(" ", "")) + DLMS_COUNT + DLMS_AUTH,
            "guek=000102030405060708090A0B0C0D0E0F\ngak=D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF\n",
        ),
        (
            elf("ctype", bytes(range(256))),
            elf("dlms", DLMS_COUNT),
            "guek=000102030405060708090A0B0C0D0E0F\n",
        ),
    ),
    case(
        "key_fixed_documented",
        (elf("unitree", UNITREE), 'AES_KEY = "df98b715d5c6ed2b25817b6f2554124a"'),
        (elf("unitree", UNITREE[:-1]), "df98b715d5c6ed2b25817b6f2554124b"),
    ),
    case(
        "key_weak_literal",
        (
            'static const char aes_key[] = "1234567890123456";',
            "cipher = AES.new(b'0123456789abcdef', AES.MODE_CBC)",
            sh("openssl enc -aes-128-cbc -K 00112233445566778899aabbccddeeff -iv 00 -in f"),
        ),
        (
            'static const char digits[] = "0123456789abcdef";',
            "cipher = AES.new(key, AES.MODE_CBC)",
            sh('openssl enc -aes-128-cbc -K "$KEY" -in f'),
        ),
    ),
    case(
        "key_weak_literal_binary",
        (elf("AES_set_encrypt_key", "1234567890123456"), pe("CryptImportKey", "abcdefghijklmnop")),
        (elf("AES_set_encrypt_key", "0123456789abcdef"), elf("printf", "1234567890123456")),
    ),
    case(
        "key_authority_added",
        (
            wide(r"Import-Certificate -FilePath x.cer -CertStoreLocation Cert:\LocalMachine\Root"),
            sh('certutil -d sql:/home/op/.pki/nssdb -A -t "C,," -n x -i x.crt'),
            sh("keytool -importcert -noprompt -keystore $JAVA/cacerts -file x.crt"),
        ),
        (
            r"Import-Certificate -FilePath x.cer -CertStoreLocation Cert:\LocalMachine\My",
            sh("certutil -L -d sql:/home/op/.pki/nssdb"),
            sh("keytool -list -keystore cacerts"),
        ),
    ),
    case(
        "key_verification_disabled",
        (
            wide("bcdedit /set testsigning on"),
            sh("rpm -U --nosignature x.rpm"),
            "[vendor]\nbaseurl=https://in.invalid\ngpgcheck=0\n",
            "console=ttyS0 androidboot.selinux=permissive quiet\n",
        ),
        (
            "bcdedit /set testsigning off",
            sh("rpm -K x.rpm"),
            "[vendor]\nbaseurl=https://in.invalid\ngpgcheck=1\n",
        ),
    ),
)
