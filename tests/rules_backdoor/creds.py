"""Cases of ``backdoor_creds.yar``. Every secret is made up and says so or is a documented one."""

from __future__ import annotations

from tests.rules_backdoor.make import Case, case, elf, pe, reg, sh, wide

FAKE = "FAKE" * 12
HASH = "FakeHashOfNobody" * 6
KEY = "ssh-rsa AAAA" + "FakeKeyOfNobody" * 8 + " field@vendor.invalid"
UNIVERSAL = "万能密码"

CREDS: tuple[Case, ...] = (
    case(
        "creds_service_key_option",
        (
            sh("agent --api-key " + "fa" * 16 + " --map 22"),
            elf("GET /v1", "X-Api-Key: " + "fa" * 16),
        ),
        (sh("agent --api-key $KEY"), elf("X-Api-Key: %s"), elf("ETag: " + "fa" * 16)),
    ),
    case(
        "creds_router_knock",
        (
            elf("GET", "User-Agent", "xmlset_roodkcableoj28840ybtide", "/www/index.asp"),
            elf("MfgThread", "w302r_mfg", "iwpriv ra0"),
        ),
        (elf("xmlset_roodk", "User-Agent"), elf("xw302r_mfgs"), sh("echo auth=YWRtaW4=")),
    ),
    case(
        "creds_netcore_listener",
        (
            elf("/bin/igdmptd", "netcore", "Login successed!", "IGD MPT Interface daemon 1.0"),
            elf("bind udp 53413 fail", "netcore", "Login success"),
            elf("recvfrom", "popen", "netcore", "Login successed!"),
            elf("netcore", "IGD MPT Interface daemon 1.0"),
        ),
        (
            elf("netcore", "Login success"),
            elf("netcore", "Login success", "recvfrom"),
            "igdmptd netcore 53413 in an article",
        ),
    ),
    case(
        "creds_sercomm_manager",
        (
            elf("scfgmgr: listening", "ScMM", "reboot"),
            elf("32764", "MMcS", "get_var"),
            elf("system", "scfgmgr -f &"),
            elf(bytes.fromhex("45d1bb339b07a6618b2114dbc0d7783e")),
        ),
        (elf("ScMM", "reboot"), elf("scfgmgr: listening"), "scfgmgr ScMM 32764"),
    ),
    case(
        "creds_xiongmai_helper",
        (
            elf("OpenTelnet:OpenOnce", "telnetd -p 9527"),
            elf("CMD:Telnet:OpenOnce", "randNum:%d", "verify:OK"),
            elf("macGuarder start", "randNum:%08d", "verify:ERROR"),
        ),
        (elf("randNum", "verify:OK"), elf("OpenTelnet", "OpenOnce"), elf("macGuarder")),
    ),
    case(
        "creds_subscriber_gateway",
        (
            '<Value Name="X_CT-COM_TeleComAccount" Password="nE7jA%5m"/>',
            elf("login", "root\0Zte521", "/bin/sh"),
            elf("guest", "root126", "debug124", "%s login:"),
            wide("aDm8H%MdA"),
        ),
        (elf("telecomadmin", "login"), elf("root126"), "Zte5210 is a part number"),
    ),
    case(
        "creds_camera_recorder",
        (
            elf("admin", "7ujMko0admin", "888888"),
            elf("root", "xmhdipc", "klv1234", "/bin/login"),
        ),
        (elf("root", "xmhdipc", "/bin/login"), elf("7ujMko", "klv12345")),
    ),
    case(
        "creds_alphanetworks_telnet",
        (
            sh(
                "image_sign=`cat /etc/config/image_sign`",
                "telnetd -l /usr/sbin/login -u Alphanetworks:$image_sign -i br0 &",
            ),
        ),
        (
            sh("image_sign=`cat /etc/config/image_sign`", "echo $image_sign"),
            sh("telnetd -l /bin/login -K"),
            "Copyright Alphanetworks Inc.",
        ),
    ),
    case(
        "creds_industrial_vendor",
        (
            elf("ftpUserAdd", "sysdiag", "factorycast@schneider"),
            elf("fdrusers\0sresurdf"),
            pe(wide("WinCCConnect"), wide("2WSXcder")),
            elf("AK1", "FGTAbc11*xy+Qqz27"),
        ),
        (elf("factorycast", "schneider"), elf("loader", "firmware"), pe(wide("2WSXcderf"))),
    ),
    case(
        "creds_tracker_master",
        (
            elf("begin123456", "adminip123456 %s %d", 'AT+CMGS="%s"', "stockade123456"),
            elf("begin%s", "adminip%s", "noadmin%s", "supplyelec%s"),
            elf("master_password", "AT+CMGR=%d", "fuel cut ok"),
        ),
        (elf("begin123456"), elf("begin%s", "end%s"), elf("master_password", "AT+CMGR=%d")),
    ),
    case(
        "creds_master_password",
        (
            'static const char *engineer_pwd = "F1eldService!";',
            '{"vendor_passcode": "4711-0815"}',
            "if (strcmp(input, super_password) == 0) grant();",
            wide('SupervisorPassword = "Fak3Only"'),
            '#define FACTORY_PASSWD "not-a-real-one"',
        ),
        (
            'password = os.environ["SERVICE_PASSWORD"]',
            'master_password = "$MASTER"',
            "The service password is set by the owner.",
            'service_name = "passwordless"',
        ),
    ),
    case(
        "creds_master_password_name",
        (
            elf("check_backdoor_password", "login"),
            elf("usage", "super_pwd", "ok"),
            elf("登录", UNIVERSAL),
            pe(UNIVERSAL.encode("utf-16-le")),
            elf(UNIVERSAL.encode("gbk")),
            pe("HiddenLogin"),
        ),
        (elf("user_password", "login"), "backdoor_password in a text", elf("supersede password")),
    ),
    case(
        "creds_weak_list",
        (elf("root", "xc3511", "vizxv", "juantech", "klv123", "hi3518"),),
        (elf("888888", "666666", "54321"), "xc3511 vizxv juantech klv123 hi3518"),
    ),
    case(
        "creds_adjacent_pair",
        (elf("login: ", "Password: ", "support", "888888", "strcmp", "/bin/sh"),),
        (
            elf("login: ", "Password: ", "strcmp", "/bin/sh"),
            elf("support", "888888", "strcmp"),
            elf("login: ", "Password: ", "support", "rotated", "strcmp"),
        ),
    ),
    case(
        "creds_hash_in_program",
        (
            elf("su", "$1$saltsalt$" + HASH[:22], "/etc/passwd"),
            sh(f"usermod -p '$6$saltsalt${HASH[:86]}' svc"),
            elf("root:$5$saltsalt$" + HASH[:43] + ":0:0:root:/root:/bin/sh"),
            elf("$2a$10$" + "x" * 53, "$2b$12$" + HASH[:53]),
        ),
        (
            elf("$2a$10$" + "x" * 53, "password"),
            elf("$1$%s$%s", "$6$", "crypt"),
            sh("awk '{print $1$2}' file"),
            f"root:$6$saltsalt${HASH[:86]}:18000:0:99999:7:::\n",
        ),
    ),
    case(
        "creds_shadow_write",
        (
            sh(f"echo 'svc:$6$salt${HASH[:40]}:18000:0:99999:7:::' >> $ROOT/etc/shadow"),
            sh("sed -i 's|^root:[^:]*|root:$1$fake$fakefakefake|' /etc/shadow"),
            sh('H=$(openssl passwd -1 "Fak3Only") && usermod -p "$H" admin'),
        ),
        (
            sh("chmod 600 /etc/shadow"),
            sh('H=$(openssl passwd -6 "$PASSWORD")'),
            sh("grep '^root:' /etc/shadow"),
        ),
    ),
    case(
        "creds_empty_password",
        (
            sh("passwd -d root"),
            sh("sed -i 's/^root:x:/root::/' /etc/passwd"),
            sh('echo "PermitEmptyPasswords yes" >> /etc/ssh/sshd_config'),
            "Port 22\nPermitEmptyPasswords yes\n",
            elf("root::0:0:root:/root:/bin/sh >> /etc/passwd"),
        ),
        (
            "Port 22\nPermitEmptyPasswords no\n",
            "#PermitEmptyPasswords yes\n",
            sh("passwd -l root"),
            sh('echo "usage: passwd [options]"'),
        ),
    ),
    case(
        "creds_pam_open",
        (
            "#%PAM-1.0\nauth sufficient pam_permit.so\naccount required pam_permit.so\n",
            sh('sed -i "1iauth sufficient pam_permit.so" /etc/pam.d/sshd'),
        ),
        (
            "#%PAM-1.0\nauth required pam_unix.so\nauth required pam_permit.so\n",
            "\naccount required pam_permit.so\n",
        ),
    ),
    case(
        "creds_windows_autologon",
        (
            reg(
                r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon",
                '"AutoAdminLogon"="1"',
                '"DefaultUserName"="scan"',
                '"DefaultPassword"="Fak3Only"',
            ),
            (
                r'reg add "HKLM\SOFTWARE\x\Winlogon" /v AutoAdminLogon /t REG_SZ /d 1 /f'
                "\r\n"
                r'reg add "HKLM\SOFTWARE\x\Winlogon" /v DefaultPassword /t REG_SZ /d Fak3Only /f'
            ),
        ),
        (
            reg(r"HKEY_LOCAL_MACHINE\x\Winlogon", '"AutoAdminLogon"="0"', '"DefaultPassword"="x"'),
            "reg query x /v AutoAdminLogon",
        ),
    ),
    case(
        "creds_snmp_write",
        (
            "agentAddress udp:161\nrwcommunity private\n",
            "com2sec readwrite default private\n",
            "snmp-server community private RW\n",
            "config agent\n\toption rwcommunity 'private'\n",
        ),
        ("rocommunity public\n", "#rwcommunity private\n", "snmp-server community x9Qk RW\n"),
    ),
    case(
        "creds_service_token",
        (
            'TOKEN="' + "ghp_" + FAKE[:36] + '"',
            "authtoken: " + "2" + FAKE[:24] + "_" + FAKE[:20],
            wide("xoxb-" + "1" * 11 + "-" + FAKE[:24]),
            "tskey-" + "auth-" + FAKE[:12] + "-" + FAKE[:24],
        ),
        ("ghp_short", "GH_TOKEN=$TOKEN", "xoxb-your-token", "glpat-token"),
    ),
    case(
        "creds_google_key",
        (
            "url=https://maps.invalid/?key=" + "AIza" + FAKE[:35] + "&x",
            '{"type": "service_account", "private_key": "' + "-----BEGIN" + ' FAKE", '
            '"client_email": "x@y.iam.gserviceaccount.com"}',
        ),
        ("AIzaTooShort ", '{"type": "service_account"}'),
    ),
    case(
        "creds_azure_key",
        (
            "DefaultEndpointsProtocol=https;AccountName=fakestore;AccountKey="
            + FAKE
            + FAKE[:38]
            + "==;EndpointSuffix=x",
            "HostName=fake.azure-devices.net;DeviceId=x;SharedAccessKey=" + FAKE[:43] + "=",
            "https://x.invalid/c?sv=2022-11-02&ss=b&srt=o&sp=rw&sig=" + FAKE[:44],
        ),
        (
            "AccountName=devstoreaccount1;AccountKey=" + FAKE + FAKE[:38] + "==",
            "AccountName=fakestore;AccountKey=<key>",
        ),
    ),
    case(
        "creds_cloud_secret",
        (
            "[default]\naws_secret_access_key = " + FAKE[:40] + "\n",
            "LTAI" + FAKE[:16] + "\naccessKeySecret: '" + FAKE[:30] + "'\n",
        ),
        (
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n",
            "aws_secret_access_key = ${SECRET}\n",
            "accessKeySecret: '" + FAKE[:30] + "'\n",
        ),
    ),
    case(
        "creds_http_header",
        (
            elf("Authorization: Basic ZmFrZTpub3RyZWFs", "POST /up HTTP/1.1"),
            sh(
                "curl -H 'Authorization: Bearer eyJhbGciOiJmYWtl.eyJmYWtlIjoxMjM0."
                + FAKE[:20]
                + "' https://in.invalid"
            ),
        ),
        (
            elf("Authorization: Basic %s", "Authorization: Bearer %s"),
            sh("curl -H 'Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==' x"),
        ),
    ),
    case(
        "creds_mqtt_login",
        (
            sh("mosquitto_pub -h broker.invalid -u bus42 -P n0tr3al -t pos -m x"),
            "connection up\nremote_username gw\nremote_password n0tr3al\n",
            '{"mqtt_password": "n0tr3al"}',
        ),
        (
            sh('mosquitto_pub -h broker.invalid -u "$U" -P "$P" -t pos -m x'),
            "#remote_password x\n",
            "mqtt_password = $PASS",
        ),
    ),
    case(
        "creds_ssh_key_write",
        (
            sh(f'echo "{KEY}" >> /home/svc/.ssh/authorized_keys'),
            elf("/root/.ssh/authorized_keys", KEY),
            sh("cp /usr/share/vendor/id.pub /root/.ssh/authorized_keys"),
        ),
        (
            elf("/root/.ssh/authorized_keys", "ssh-rsa"),
            'command="x" ' + KEY,
            sh("chmod 600 ~/.ssh/authorized_keys"),
        ),
    ),
    case(
        "creds_ssh_key_public_secret",
        ("ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAQEA6NF8iallvQVp22WDkTkyrtvp9eWW6A8YVr+kz4TjG vagrant",),
        ("ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAQEAfake vagrant",),
    ),
    case(
        "creds_ssh_authority",
        (
            "Port 22\nTrustedUserCAKeys /etc/ssh/vendor_ca.pub\n",
            "\nAuthorizedKeysFile .ssh/authorized_keys /usr/lib/vendor/keys\n",
        ),
        (
            "#TrustedUserCAKeys /etc/x\n#AuthorizedKeysCommand none\n",
            "AuthorizedKeysFile .ssh/authorized_keys\n",
        ),
    ),
    case(
        "creds_in_command",
        (
            sh("sshpass -p n0tr3al ssh root@gw reboot"),
            wide("plink.exe -ssh -pw n0tr3al admin@relay.invalid"),
            sh("curl -s -u svc:n0tr3al https://in.invalid/x"),
            '#!/usr/bin/expect\nspawn ssh root@gw\nexpect "word:"\nsend "n0tr3al\\r"\n',
        ),
        (
            sh('sshpass -p "$PASS" ssh root@gw'),
            sh("sshpass -f /run/secret ssh root@gw"),
            sh('curl -u "$USER:$PASS" https://in.invalid/x'),
        ),
    ),
    case(
        "creds_service_account_made",
        (
            sh("useradd -m -s /bin/bash engineer", "echo engineer:$P | chpasswd"),
            sh("adduser -D support", "passwd support < /tmp/p"),
        ),
        (
            sh("useradd --system -s /usr/sbin/nologin service", "passwd -l root"),
            sh("useradd -m operator", "passwd operator"),
        ),
    ),
    case(
        "creds_sudo_all",
        (
            sh('echo "svc ALL=(ALL) NOPASSWD: ALL" >> /etc/sudoers'),
            sh("cp /bin/sh /tmp/.x; chmod 4755 /tmp/.x"),
            sh("chmod u+s /bin/busybox"),
        ),
        (
            sh('echo "svc ALL=(root) NOPASSWD: /sbin/reboot" >> /etc/sudoers.d/svc'),
            sh("chmod 755 /bin/busybox"),
            "%sudo ALL=(ALL:ALL) ALL\n",
        ),
    ),
    case(
        "creds_database_login",
        (
            pe(wide("Data Source=.;User ID=sa;Password=n0tr3al;")),
            sh("mysqldump -uroot -pn0tr3al scans > /tmp/d"),
            "url=jdbc:mysql://db.invalid:3306/scan?user=root&password=n0tr3al",
        ),
        (
            pe(wide("User ID=%s;Password=%s;")),
            sh("mysql -uroot -p scans"),
            sh("mysqldump -u root -ppassword scans"),
            "jdbc:mysql://db.invalid/x?user=a&password=${PW}",
        ),
    ),
)
