/*
 * Data that leaves: to chat services, clouds, file servers and upload scripts.
 */

rule exfil_telegram_bot
{
    meta:
        description = "sends to a chat through a Telegram bot"
        capability = "exfil.chat"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://core.telegram.org/bots/api"
        r155 = "7.1, 19.2"
        false_positives = "bot libraries without a token are not matched by the token alone"
    strings:
        $token = /api\.telegram\.org\/bot[0-9]{6,12}:[A-Za-z0-9_-]{30,40}/
        $api = "api.telegram.org/bot" ascii
        $document = "/sendDocument" ascii
        $message = "/sendMessage" ascii
        $photo = "/sendPhoto" ascii
    condition:
        $token or ((uint32(0) == 0x464C457F or uint16(0) == 0x2123) and $api and any of ($document, $message, $photo))
}

rule exfil_nfs_public
{
    meta:
        description = "mounts a file server at a fixed public address"
        capability = "exfil.nfs"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.cisa.gov/resources-tools/resources/contec-cms8000-contains-backdoor"
        r155 = "7.1, 19.2, 12.1"
        false_positives = "none known"
    strings:
        $nfs = /\bmount[ \t][^\r\n]{0,60}-t[ \t]*nfs4?([ \t][^\r\n]{0,100})?[ \t][0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}:\//
        $private = /\bmount[ \t][^\r\n]{0,60}-t[ \t]*nfs4?([ \t][^\r\n]{0,100})?[ \t](10\.[0-9]{1,3}|127\.[0-9]{1,3}|192\.168|172\.(1[6-9]|2[0-9]|3[01])|169\.254)\.[0-9]{1,3}\.[0-9]{1,3}(\.[0-9]{1,3})?:\//
    condition:
        #nfs > #private
}

rule exfil_upload_files
{
    meta:
        description = "uploads accounts, keys, logs or recordings with a command"
        capability = "exfil.upload"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1048/"
        r155 = "7.1, 19.2"
        false_positives = "declared diagnostics uploads"
    strings:
        $curl = /\bcurl[ \t][^\r\n#]{0,120}(-F|-T|-d|--form|--upload-file|--data|--data-binary)[ \t=]*["']?[^\r\n# ]{0,24}@?\/(etc\/(shadow|passwd|ssh|ssl\/private|wpa_supplicant)|root\/\.ssh|home\/|var\/log\/|var\/spool\/|var\/lib\/|proc\/cpuinfo|data\/)/
        $wget = /\bwget[ \t][^\r\n#]{0,160}--(post|body)-file[ \t=]*["']?\/(etc|root|home|var|data)\//
        $tftp = /\btftp[ \t][^\r\n#]{0,80}-p[ \t][^\r\n#]{0,80}-l[ \t]*\/(etc|root|home|var|data)\//
        $archive = /\btar[ \t][^\r\n#|]{0,80}\/(etc|root|home|var\/log|data)\b[^\r\n#|]{0,60}\|[ \t]*(curl|nc|ncat|ssh|openssl)\b/
    condition:
        any of them
}

rule exfil_cloud_key
{
    meta:
        description = "a key to a cloud store beside the address of that cloud"
        capability = "exfil.cloud"
        threat = "espionage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1567/002/"
        r155 = "7.1, 19.2, 3.3"
        false_positives = "keys of documentation end in EXAMPLE and are not counted"
    strings:
        $aws = /\b(AKIA|ASIA)[0-9A-Z]{16}\b/ ascii wide
        $aws_example = /\b(AKIA|ASIA)[0-9A-Z]{9}EXAMPLE\b/ ascii wide
        $aws_host = ".amazonaws.com" ascii wide
        $aliyun = /\bLTAI[0-9A-Za-z]{12,24}\b/ ascii wide
        $aliyun_host = ".aliyuncs.com" ascii wide
        $tencent = /\bAKID[0-9A-Za-z]{32}\b/ ascii wide
        $tencent_host = ".myqcloud.com" ascii wide
    condition:
        (#aws > #aws_example and $aws_host) or ($aliyun and $aliyun_host) or ($tencent and $tencent_host)
}

rule exfil_cloud_command
{
    meta:
        description = "a script copies files of the device into a cloud store"
        capability = "exfil.cloud"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1567/002/"
        r155 = "7.1, 19.2"
        false_positives = "declared backups"
    strings:
        $aws = /\baws[ \t][^\r\n\x00#]{0,60}s3[ \t]+(cp|sync|mv)[ \t]+(--?[a-z-]{2,30}([ =][^\s]{1,40})?[ \t]+){0,4}["']?[\/.$~][^\s"']{0,120}["']?[ \t]+["']?s3:\/\//
        $s3cmd = /\b(s3cmd|s4cmd|s5cmd)[ \t][^\r\n\x00#]{0,80}(put|sync|cp)[ \t][^\r\n\x00#]{1,120}s3:\/\//
        $gsutil = /\b(gsutil|gcloud[ \t]+storage)[ \t][^\r\n\x00#]{0,40}(cp|rsync|mv)[ \t][^\r\n\x00#]{1,120}gs:\/\//
        $azcopy = /\b(azcopy(\.exe)?["']?[ \t]+(copy|cp|sync)|az[ \t]+storage[ \t]+blob[ \t]+upload(-batch)?)[ \t]/ ascii wide
        $rclone = /\brclone(\.exe)?["']?[ \t]+[^\r\n\x00#]{0,80}(copy|copyto|sync|move|moveto|rcat)[ \t]+[^\r\n\x00#]{1,120}[A-Za-z0-9_-]{1,30}:/ ascii wide
        $oss = /\b(ossutil(64)?|ossutil\.exe)["']?[ \t]+[^\r\n\x00#]{0,40}(cp|sync)[ \t][^\r\n\x00#]{1,120}oss:\/\//
        $cos = /\b(coscmd|coscli)[ \t]+[^\r\n\x00#]{0,40}(upload|cp|sync)[ \t]/
        $obs = /\bobsutil[ \t]+[^\r\n\x00#]{0,40}(cp|sync)[ \t][^\r\n\x00#]{1,120}obs:\/\//
        $minio = /\b(mc|mcli)[ \t]+(cp|mirror|pipe)[ \t]+(--[a-z-]{2,20}[ \t]+){0,3}["']?\/[^\s"']{1,100}["']?[ \t]+["']?[a-z0-9_-]{1,30}\/[a-z0-9._-]{1,60}/
        $mega = /\bmega-(put|sync|backup|login)[ \t]+[^\r\n\x00#]{2,120}/
        $batch = /(^|\n)@echo off\b/ nocase
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or uint16(0) == 0x5A4D or $batch) and any of ($aws, $s3cmd, $gsutil, $azcopy, $rclone, $oss, $cos, $obs, $minio, $mega)
}

rule exfil_cloud_writer
{
    meta:
        description = "a program can write into a store of a public cloud"
        capability = "exfil.cloud"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1567/002/"
        r155 = "7.1, 19.2"
        false_positives = "declared cloud services of the product"
    strings:
        $aliyun = /\boss-[a-z]{2}-[a-z0-9-]{3,20}(-internal)?\.aliyuncs\.com\b/ ascii wide
        $aliyun_header = "x-oss-" ascii wide nocase
        $tencent = /\bcos\.[a-z]{2}-[a-z0-9-]{3,20}\.(myqcloud|tencentcos)\.(com|cn)\b/ ascii wide
        $tencent_header = /x-cos-(security-token|acl|meta|storage-class)/ ascii wide nocase
        $huawei = /\bobs\.[a-z]{2}-[a-z0-9-]{3,20}\.(myhuaweicloud|hwclouds)\.(com|cn)\b/ ascii wide
        $huawei_header = /x-obs-(security-token|acl|date|meta)/ ascii wide nocase
        $azure = /\.blob\.core\.(windows\.net|chinacloudapi\.cn)\b/ ascii wide
        $azure_header = "x-ms-blob-type" ascii wide nocase
        $amazon = /\bs3[.-][a-z]{2}-[a-z]{4,12}-[0-9]\.amazonaws\.com(\.cn)?\b/ ascii wide
        $amazon_header = "AWS4-HMAC-SHA256" ascii wide
        $qiniu = /\b(upload|up)(-[a-z0-9]{2,4})?\.(qiniup|qbox)\.(com|me)\b/ ascii wide
        $qiniu_header = "UpToken " ascii wide
        $baidu = /\b[a-z]{2,3}\.bcebos\.com\b/ ascii wide
        $baidu_header = /x-bce-(date|acl|security-token)/ ascii wide nocase
    condition:
        ($aliyun and $aliyun_header) or ($tencent and $tencent_header) or ($huawei and $huawei_header) or ($azure and $azure_header) or ($amazon and $amazon_header) or ($qiniu and $qiniu_header) or ($baidu and $baidu_header)
}

rule exfil_rclone_remote
{
    meta:
        description = "the settings of a copier to cloud stores, with the login in it"
        capability = "exfil.cloud"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://rclone.org/docs/"
        r155 = "7.1, 19.2"
        false_positives = "none known"
    strings:
        $type = /\n[ \t]*type[ \t]*=[ \t]*(s3|drive|dropbox|mega|onedrive|webdav|sftp|ftp|azureblob|google cloud storage|b2|swift|pcloud|yandex|box|koofr|storj)[ \t]*\r?\n/
        $secret = /\n[ \t]*(token[ \t]*=[ \t]*\{|secret_access_key[ \t]*=|pass[ \t]*=|client_secret[ \t]*=|key[ \t]*=|sas_url[ \t]*=|service_account_credentials[ \t]*=)[ \t]*[^\s]{4,}/
    condition:
        filesize < 64KB and all of them
}

rule exfil_file_host
{
    meta:
        description = "uploads to a file host or drive for private people"
        capability = "exfil.cloud"
        threat = "espionage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1567/"
        r155 = "7.1, 19.2"
        false_positives = "lists of hosts"
    strings:
        $dropbox = "content.dropboxapi.com/2/files/upload" ascii wide
        $drive = "www.googleapis.com/upload/drive/" ascii wide
        $onedrive = /graph\.microsoft\.com\/v1\.0\/(me|drives|users|sites)\/[^\s"'\x00]{1,120}(:\/content|createUploadSession)/ ascii wide
        $mega = /\bg\.api\.mega\.(co\.)?nz\/cs\b/ ascii wide
        $transfer = /\b(https?:\/\/)?(transfer\.sh\/|file\.io\/|0x0\.st|temp\.sh\/upload|bashupload\.com|oshi\.at|api\.anonfiles\.com\/upload|api\.gofile\.io\/|store[0-9]{0,2}\.gofile\.io\/|catbox\.moe\/user\/api|litterbox\.catbox\.moe\/)/ ascii wide
        $baidu = /\b(d\.pcs\.baidu\.com|pan\.baidu\.com)\/(rest\/2\.0\/)?(pcs\/file|pcs\/superfile2|rest\/2\.0\/xpan\/file)/ ascii wide
        $yandex = "cloud-api.yandex.net/v1/disk/resources/upload" ascii wide
        $verb = /(\bcurl\b|\bwget\b|\bPOST\b|\bPUT\b|upload|requests\.|Invoke-)/ ascii wide nocase
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or uint16(0) == 0x5A4D or uint32(0) == 0x0A786564 or filesize < 64KB) and any of ($dropbox, $drive, $onedrive, $mega, $transfer, $baidu, $yandex) and $verb
}

rule exfil_chat_hook
{
    meta:
        description = "sends to a chat room by its secret address (Discord, Slack, Teams, DingTalk, WeChat, Feishu)"
        capability = "exfil.chat"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1567/004/"
        r155 = "7.1, 19.2"
        false_positives = "alarms that the operator set up"
    strings:
        $discord = /\bdiscord(app)?\.com\/api\/(v[0-9]{1,2}\/)?webhooks\/[0-9]{17,20}\/[0-9A-Za-z_-]{40,80}/ ascii wide
        $slack = /\bhooks\.slack\.com\/services\/T[0-9A-Z]{6,12}\/B[0-9A-Z]{6,12}\/[0-9A-Za-z]{16,32}/ ascii wide
        $teams = /\b[a-z0-9-]{2,40}\.webhook\.office\.com\/webhookb2\/[0-9a-f-]{36}@/ ascii wide
        $dingtalk = /\boapi\.dingtalk\.com\/robot\/send\?access_token=([0-9a-f]{40,64}|%s)/ ascii wide
        $wechat = /\bqyapi\.weixin\.qq\.com\/cgi-bin\/webhook\/(send|upload_media)\?key=([0-9a-f-]{36}|%s)/ ascii wide
        $feishu = /\bopen\.(feishu\.cn|larksuite\.com)\/open-apis\/bot\/v2\/hook\/([0-9a-f-]{36}|%s)/ ascii wide
        $serverchan = /\b(sctapi|sc)\.ftqq\.com\/(SCT?[0-9A-Za-z]{20,60}|%s)(\.send)?/ ascii wide
        $pushplus = /\bpushplus\.plus\/send\?token=[0-9a-f]{32}/ ascii wide
    condition:
        any of them
}

rule exfil_fixed_address
{
    meta:
        description = "a script talks to a machine outside by a fixed number in place of a name"
        capability = "net.hardcoded_ip"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.cisa.gov/resources-tools/resources/contec-cms8000-contains-backdoor"
        r155 = "6.2, 29.1"
        false_positives = "servers of the operator that have no name"
    strings:
        $url = /\b(curl|wget|tftp|ftpget|ftpput|nc|ncat|socat|telnet|ssh|scp|rsync|mosquitto_pub|mosquitto_sub|uclient-fetch)[ \t]+([^\r\n\x00#]{0,160}[ \t@\/"':])?([1-9][0-9]{0,2})\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}([\/: \t\r\n"'&;|]|$)/
        $private = /\b(curl|wget|tftp|ftpget|ftpput|nc|ncat|socat|telnet|ssh|scp|rsync|mosquitto_pub|mosquitto_sub|uclient-fetch)[ \t]+([^\r\n\x00#]{0,160}[ \t@\/"':])?(10\.[0-9]{1,3}\.[0-9]{1,3}|127\.[0-9]{1,3}\.[0-9]{1,3}|192\.168\.[0-9]{1,3}|172\.(1[6-9]|2[0-9]|3[01])\.[0-9]{1,3}|169\.254\.[0-9]{1,3}|192\.0\.2|198\.51\.100|203\.0\.113|22[4-9]\.[0-9]{1,3}\.[0-9]{1,3}|1\.1\.1|8\.8\.[48]|255\.255\.255)\.[0-9]{1,3}([\/: \t\r\n"'&;|]|$)/
    condition:
        uint16(0) == 0x2123 and #url > #private
}

rule exfil_contec_addresses
{
    meta:
        description = "the fixed addresses of the patient monitor that fetched programs from and sent data to a university"
        capability = "net.hardcoded_ip"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.cisa.gov/news-events/ics-medical-advisories/icsma-25-030-01"
        r155 = "6.2, 29.1"
        false_positives = "lists of blocked hosts"
    strings:
        $one = /\b202\.114\.4\.(119|120)\b/ ascii wide
    condition:
        $one
}

rule exfil_nfs_copy
{
    meta:
        description = "mounts a file server and copies to or from it"
        capability = "exfil.nfs"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.cisa.gov/resources-tools/resources/contec-cms8000-contains-backdoor"
        r155 = "7.1, 19.2"
        false_positives = "development boards that start from a file server"
    strings:
        $mount = /\bmount[ \t][^\r\n\x00#]{0,60}-t[ \t]*nfs4?[ \t][^\r\n\x00#]{0,80}(:\/|%s)[^\r\n\x00#]{0,60}[ \t](\/[A-Za-z0-9_\/-]{1,40}|%s|\$)/
        $mount_order = /\bmount[ \t]+[^\r\n\x00#]{0,40}nolock[^\r\n\x00#]{0,80}:\/[^\r\n\x00#]{0,40}[ \t]\/(mnt|tmp|media)/
        $copy_from = /\bcp[ \t]+(-[a-zA-Z]{1,6}[ \t]+)*["']?\/(mnt|tmp|media)[^\s"'\x00]{0,60}["']?[ \t]+["']?\/(bin|sbin|usr|lib|opt|etc|home|root|mnt\/mtd|app)\b/
        $copy_to = /\b(cp|mv|tar[ \t]+-?c[a-z]{0,4}f)[ \t]+(-[a-zA-Z]{1,6}[ \t]+)*["']?\/(var|etc|root|home|opt|data|usr|mnt\/data)[^\r\n\x00]{0,80}[ \t]["']?\/(mnt|media|tmp\/nfs)[^\s"'\x00]{0,60}/
        $copy_to_archive = /\btar[ \t]+-?c[a-z]{0,4}f[ \t]+["']?\/(mnt|media|tmp\/nfs)[^\r\n\x00]{1,60}[ \t]\/(var|etc|root|home|opt|data|usr)\b/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F) and any of ($mount, $mount_order) and any of ($copy_from, $copy_to, $copy_to_archive)
}

rule exfil_ftp_push
{
    meta:
        description = "a script sends files to an FTP or TFTP server"
        capability = "exfil.upload"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1048/003/"
        r155 = "7.1, 19.2"
        false_positives = "declared archives"
    strings:
        $ftpput = /\b(busybox[ \t]+)?ftpput[ \t]+[^\r\n\x00#]{4,160}/
        $ftpput_help = /\bftpput[ \t]+\[/
        $ncftp = /\bncftpput[ \t]+[^\r\n\x00#]{4,160}/
        $lftp = /\blftp[ \t][^\r\n\x00#]{0,160}(\bm?put[ \t]|mirror[ \t]+(-R|--reverse))/
        $here = /\bftp[ \t]+(-[a-z]{1,6}[ \t]+)+[^\r\n\x00<]{0,60}<<[^\x00]{0,400}\n[ \t]*m?put[ \t]/
        $curl = /\bcurl[ \t][^\r\n\x00#]{0,160}(-T|--upload-file)[ \t]+[^\r\n\x00#]{1,120}\b(ftps?|tftp|sftp|scp):\/\//
        $curl_two = /\bcurl[ \t][^\r\n\x00#]{0,160}\b(ftps?|tftp|sftp|scp):\/\/[^\r\n\x00#]{3,120}[ \t](-T|--upload-file)[ \t]/
        $tftp = /\btftp[ \t]+([^\r\n\x00#]{0,60}[ \t])?-p[ \t][^\r\n\x00#]{0,60}(-l|-r)[ \t]/
        $python = /\bftplib\.FTP(_TLS)?\(/
        $python_store = /\.stor(binary|lines)\(/
        $windows = /\bftp(\.exe)?["']?[ \t]+-s:[^\s]{2,80}/ ascii wide nocase
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or uint16(0) == 0x5A4D or filesize < 32KB) and (#ftpput > #ftpput_help or any of ($ncftp, $lftp, $here, $curl, $curl_two, $tftp, $windows) or ($python and $python_store))
}

rule exfil_ssh_push
{
    meta:
        description = "a script copies files of the device to another machine over SSH or rsync"
        capability = "exfil.upload"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1048/002/"
        r155 = "7.1, 19.2"
        false_positives = "declared backups"
    strings:
        $scp = /\bscp[ \t]+(-[A-Za-z0-9]{1,6}([ \t]+[^\s@]{1,80})?[ \t]+){0,8}["']?\/(var|etc|root|home|opt|data|mnt|media|tmp)[^\s"']{0,100}["']?[ \t]+["']?[a-z0-9_.-]{1,30}@[A-Za-z0-9.-]{3,80}:/
        $rsync = /\brsync[ \t]+[^\r\n\x00#]{0,120}["' \t]\/(var|etc|root|home|opt|data|mnt|media|tmp)[^\s"'@:]{0,100}["']?[ \t]+["']?([a-z0-9_.-]{1,30}@[A-Za-z0-9.-]{3,80}:|rsync:\/\/)/
        $pipe = /\b(tar|cat|dd|cpio|tcpdump)[ \t][^\r\n\x00#|]{1,120}\|[ \t]*(sshpass[ \t][^\r\n\x00#|]{2,60})?ssh[ \t][^\r\n\x00#]{0,120}@[A-Za-z0-9.-]{3,80}[^\r\n\x00#]{0,40}(cat|dd|tar)\b/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F) and any of them
}

rule exfil_web_upload
{
    meta:
        description = "a script or program uploads a file to a web server"
        capability = "exfil.upload"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1041/"
        r155 = "7.1, 19.2"
        false_positives = "declared diagnostics uploads"
    strings:
        $curl_put = /\bcurl[ \t][^\r\n\x00#]{0,160}(-T|--upload-file)[ \t]+["']?[^\s"']{1,120}["']?[ \t][^\r\n\x00#]{0,80}https?:\/\//
        $curl_form = /\bcurl[ \t][^\r\n\x00#]{0,160}(-F|--form)[ \t=]+["']?[A-Za-z0-9_]{1,30}=@[^\r\n\x00#]{1,160}https?:\/\//
        $curl_body = /\bcurl[ \t][^\r\n\x00#]{0,160}--data-binary[ \t=]+["']?@[^\r\n\x00#]{1,160}https?:\/\//
        $wget = /\bwget[ \t][^\r\n\x00#]{0,160}--(post|body)-file[ \t=]/
        $python = /\brequests\.(post|put)\([^\r\n\x00]{1,160}\b(files|data)[ \t]*=[ \t]*(\{[^\r\n\x00]{0,60})?open\(/
        $powershell = /\b(Invoke-RestMethod|Invoke-WebRequest|irm|iwr)[ \t][^\r\n]{0,160}-InFile[ \t]/ ascii wide nocase
        $net = /\.(UploadFile|UploadData|UploadFileAsync)\([^\r\n]{0,80}https?:\/\// ascii wide
        $bits = /(Start-BitsTransfer[ \t][^\r\n]{0,160}-TransferType[ \t]+Upload|bitsadmin(\.exe)?[ \t]+\/transfer[ \t][^\r\n]{0,60}\/upload)/ ascii wide nocase
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or uint16(0) == 0x5A4D or filesize < 32KB) and any of them
}

rule exfil_form_program
{
    meta:
        description = "a program builds file uploads and knows the places of logs, accounts or recordings"
        capability = "exfil.upload"
        threat = "espionage"
        severity = "medium"
        confidence = "low"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1041/"
        r155 = "7.1, 19.2"
        false_positives = "declared diagnostics uploads"
    strings:
        $form = /Content-Disposition: form-data; name=\\?"(file|upload|data|log|image|img|media|attachment)\\?"; filename=\\?"/ nocase
        $boundary = /multipart\/form-data; ?boundary=/ nocase
        $place = /\x00\/(etc\/(passwd|shadow|wpa_supplicant)|var\/log\/[a-z]|var\/spool\/|data\/(data|log|media|record)|mnt\/(data|sd|record|media)|media\/|root\/|home\/|opt\/[a-z]{2,20}\/(log|data|img|image))[^\x00\r\n]{0,60}\x00/
    condition:
        uint32(0) == 0x464C457F and all of them
}

rule exfil_mail_script
{
    meta:
        description = "a script mails files of the device away"
        capability = "exfil.smtp"
        threat = "espionage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1048/003/"
        r155 = "7.1, 19.2"
        false_positives = "alarms that the operator set up"
    strings:
        $attach = /\b(mailx?|mutt|s-nail|mpack|swaks|sendemail|msmtp|nail)[ \t][^\r\n\x00#]{0,160}(-a|-A|--attach|--attachment)[ \t=]+["']?@?[\/$.][^\s"']{1,100}/
        $curl = /\bcurl[ \t][^\r\n\x00#]{0,200}smtps?:\/\/[^\r\n\x00#]{3,200}/
        $curl_upload = /(--upload-file|--mail-rcpt|-T)[ \t=]/
        $python = /\bsmtplib\.SMTP(_SSL)?\(/
        $python_attach = /\b(MIMEBase|MIMEApplication|MIMEImage|add_attachment|MIMEAudio)\(/
        $powershell = /\bSend-MailMessage[ \t][^\r\n]{0,240}-Attachments?[ \t]/ ascii wide nocase
        $encode = /\b(uuencode|base64)[ \t][^\r\n\x00#|]{1,100}\|[ \t]*(mailx?|sendmail|msmtp|ssmtp)[ \t]/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or filesize < 64KB) and ($attach or ($curl and $curl_upload) or ($python and $python_attach) or $powershell or $encode)
}

rule exfil_mail_program
{
    meta:
        description = "a program mails attachments to an address that is written into it"
        capability = "exfil.smtp"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1048/003/"
        r155 = "7.1, 19.2"
        false_positives = "mail programs have no fixed address"
    strings:
        $from = /MAIL FROM: ?</ nocase
        $to = /RCPT TO: ?</ nocase
        $auth = /AUTH (LOGIN|PLAIN)\b/
        $attachment = /Content-Disposition: ?attachment/ nocase
        $address = /[\x00<"][A-Za-z0-9._-]{2,30}@(163|126|qq|gmail|yandex|mail|outlook|hotmail|sina|foxmail|proton|protonmail)\.(com|ru|net|me|cn)[\x00>"]/
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D) and all of them
}

rule exfil_dns_labels
{
    meta:
        description = "a script sends data out inside the names that it looks up"
        capability = "exfil.upload"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1048/003/"
        r155 = "7.1, 19.2"
        false_positives = "none known"
    strings:
        $lookup = /\b(nslookup|dig|host|ping|getent[ \t]+hosts|drill|Resolve-DnsName)[ \t][^\r\n\x00#$`]{0,60}["']?(\$\(|`)/
        $label = /(base64|base32|xxd|od[ \t]|hexdump|cat[ \t]|hostname|whoami|id\b)[^\r\n\x00)`]{0,80}[)`]["']?\.[A-Za-z0-9$]/
        $loop = /\b(xxd|base32|base64|od)[ \t][^\r\n\x00]{0,80}\|[^\r\n\x00]{0,80}while[ \t]+(IFS=[^\s]{0,4}[ \t]+)?read[^\x00]{0,120}\b(nslookup|dig|host|ping)[ \t][^\r\n\x00]{0,40}\$\{?[a-zA-Z_]{1,20}\}?\.[A-Za-z]/
        $interact = /\$\([^\r\n\x00)]{1,80}\)\.[a-z0-9]{8,40}\.(oast\.(fun|pro|live|site|online|me)|burpcollaborator\.net|interact\.sh|dnslog\.cn|ceye\.io)/
    condition:
        ((uint16(0) == 0x2123 or uint32(0) == 0x464C457F) and (($lookup and $label) or $loop)) or $interact
}

rule exfil_paste_site
{
    meta:
        description = "writes to or reads from a paste site or a public git page"
        capability = "exfil.upload"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1102/"
        r155 = "7.1, 19.2"
        false_positives = "support tools of Linux distributions"
    strings:
        $pastebin = /\bpastebin\.com\/(api\/api_post\.php|raw\/[0-9A-Za-z]{8})/ ascii wide
        $termbin = /\b(nc|ncat|netcat)[ \t][^\r\n\x00#]{0,30}termbin\.com[ \t]+9999\b/
        $other = /\b(curl|wget|requests\.(post|get)|Invoke-(WebRequest|RestMethod)|iwr|irm)[^\r\n\x00#]{0,120}\b(ix\.io|sprunge\.us|dpaste\.(com|org)|paste\.ee|hastebin\.com|rentry\.co|controlc\.com|ghostbin\.com|paste\.rs|clbin\.com)\b/ ascii wide nocase
        $gist = /\b(curl|wget|requests\.get|urlopen|Invoke-WebRequest|iwr|DownloadString)[^\r\n\x00#]{0,60}(gist\.githubusercontent\.com|api\.github\.com\/gists)\// ascii wide nocase
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or uint16(0) == 0x5A4D or uint32(0) == 0x0A786564 or filesize < 32KB) and any of them
}

rule exfil_ipfs
{
    meta:
        description = "puts files into the public IPFS store"
        capability = "exfil.cloud"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://docs.ipfs.tech/reference/kubo/rpc/"
        r155 = "7.1, 19.2"
        false_positives = "none known"
    strings:
        $command = /\bipfs[ \t]+(add|files[ \t]+write|pin[ \t]+add|name[ \t]+publish)[ \t]+[^\r\n\x00#]{1,100}/
        $api = /\/api\/v0\/(add|pin\/add|name\/publish|block\/put)\b/ ascii wide
        $gateway = /\b(ipfs\.infura\.io|api\.pinata\.cloud|api\.web3\.storage|api\.nft\.storage|ipfs\.io)\b/ ascii wide
    condition:
        (uint16(0) == 0x2123 and $command) or ($api and $gateway)
}

rule exfil_device_identity
{
    meta:
        description = "puts the identity of device, SIM and network into one message and sends it"
        capability = "exfil.identity"
        threat = "espionage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1426/"
        r155 = "7.1, 19.2"
        false_positives = "declared registration of devices"
    strings:
        $imei = /["'&?,{\x00\n]\\?"?imei\\?["']?[ ]?[:=]/ ascii wide nocase
        $imsi = /["'&?,{\x00\n]\\?"?imsi\\?["']?[ ]?[:=]/ ascii wide nocase
        $iccid = /["'&?,{\x00\n]\\?"?(iccid|sim_?id|ccid)\\?["']?[ ]?[:=]/ ascii wide nocase
        $mac = /["'&?,{]\\?"?(mac|mac_?addr(ess)?|wifi_?mac|bt_?mac|bssid)\\?["']?[ ]?[:=]/ ascii wide nocase
        $vin = /["'&?,{]\\?"?vin\\?["']?[ ]?[:=]/ ascii wide nocase
        $phone = /["'&?,{]\\?"?(msisdn|phone_?(num|number)?)\\?["']?[ ]?[:=]/ ascii wide nocase
        $serial = /["'&?,{]\\?"?(serial(_?no|_?number)?|android_?id|device_?id)\\?["']?[ ]?[:=]/ ascii wide nocase
        $send = /(https?:\/\/|curl_easy|HttpURLConnection|mqtt|\bPOST\b|libcurl|okhttp|wininet|winhttp)/ ascii wide nocase
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x2123 or uint32(0) == 0x0A786564 or uint16(0) == 0x5A4D) and (2 of ($imei, $imsi, $iccid) or (any of ($imei, $imsi, $iccid) and 2 of ($mac, $vin, $phone, $serial))) and $send
}

rule exfil_identity_script
{
    meta:
        description = "a script sends who the device is and what it holds to a server"
        capability = "exfil.identity"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1082/"
        r155 = "7.1, 19.2"
        false_positives = "declared inventories"
    strings:
        $send = /\b(curl|wget|nc|ncat|mosquitto_pub)[ \t][^\r\n\x00#]{0,240}(\$\(|`)[^\r\n\x00)`]{0,40}(hostname|uname|\/sys\/class\/net\/|ifconfig|ip[ \t]+addr|\/proc\/cpuinfo|\/etc\/machine-id|cat[ \t]+\/etc\/(passwd|shadow)|getprop|iwlist|wpa_cli|whoami|\/proc\/device-tree\/serial|arp[ \t]+-)/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F) and $send
}

rule exfil_foreign_iot_cloud
{
    meta:
        description = "reports to the device cloud of a big platform operator"
        capability = "net.endpoint"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1071/"
        r155 = "6.2, 29.1"
        false_positives = "declared clouds of the product"
    strings:
        $aliyun = /\b(iot-as-(mqtt|http)|iot-auth)\.[a-z]{2}-[a-z0-9-]{3,20}\.aliyuncs\.com\b/ ascii wide
        $onenet_host = /\b(mqtts|mqttstls|api)\.heclouds\.com\b/ ascii wide
        $tencent = /\b(iotcloud|[A-Z0-9]{10}\.iotcloud)\.tencentdevices\.com\b/ ascii wide
        $huawei = /\b(iot|iotda|iot-mqtts?|iot-coaps?)(-bs)?\.[a-z]{2}-[a-z0-9-]{3,20}\.(myhuaweicloud|huaweicloud)\.com\b/ ascii wide
        $tuya = /\b(a[0-9]|m[0-9]|a1-[a-z]{2}|mqtt|h[0-9])\.(tuya(cn|us|eu|in|we)?|iot646[0-9a-z]{0,4}|airtakeapp)\.com\b/ ascii wide
        $xiaomi = /\b([a-z]{2}\.)?(ot|ott)\.io\.mi\.com\b/ ascii wide
        $baidu = /\b[a-z0-9]{4,20}\.iot\.[a-z]{2,4}\.baidubce\.com\b/ ascii wide
        $ctwing = /\b(mqtt|lwm2m|ag|device)\.ctwing\.cn\b/ ascii wide
        $hikvision = /\b(dev|alarm|litedev|api)\.(hik-connect|ezvizlife|ys7)\.com\b/ ascii wide
        $solar = /\b[a-z0-9-]{1,20}\.(solarmanpv|solarman\.cn|growatt|deyecloud|sungrowpower|isolarcloud|solax-?cloud|goodwe-power|foxesscloud)\.(com|cn|hk)(\.[a-z]{2})?\b/ ascii wide
    condition:
        $aliyun or $onenet_host or $tencent or $huawei or $tuya or $xiaomi or $baidu or $ctwing or $hikvision or $solar
}

rule exfil_syslog_remote
{
    meta:
        description = "the log of the device goes to a fixed address outside"
        capability = "exfil.upload"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1048/"
        r155 = "7.1, 19.2"
        false_positives = "log servers of the operator"
    strings:
        $rsyslog = /(\*\.\*|kern\.|auth\.|authpriv\.|daemon\.|local[0-7]\.|user\.|cron\.)[^\s@]{0,30}[ \t]+@{1,2}\(?[a-z0-9]{0,4}\)?([1-9][0-9]{0,2})\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\b/
        $rsyslog_private = /(\*\.\*|kern\.|auth\.|authpriv\.|daemon\.|local[0-7]\.|user\.|cron\.)[^\s@]{0,30}[ \t]+@{1,2}\(?[a-z0-9]{0,4}\)?(10\.[0-9]{1,3}\.[0-9]{1,3}|127\.[0-9]{1,3}\.[0-9]{1,3}|192\.168\.[0-9]{1,3}|172\.(1[6-9]|2[0-9]|3[01])\.[0-9]{1,3}|192\.0\.2)\.[0-9]{1,3}\b/
        $syslogd = /\b(busybox[ \t]+)?syslogd[ \t][^\r\n\x00#]{0,60}-R[ \t]*([1-9][0-9]{0,2})\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\b/
        $syslogd_private = /\b(busybox[ \t]+)?syslogd[ \t][^\r\n\x00#]{0,60}-R[ \t]*(10\.[0-9]{1,3}\.[0-9]{1,3}|127\.[0-9]{1,3}\.[0-9]{1,3}|192\.168\.[0-9]{1,3}|172\.(1[6-9]|2[0-9]|3[01])\.[0-9]{1,3}|192\.0\.2)\.[0-9]{1,3}\b/
        $action = /\baction\(type="omfwd"[^)\r\n]{0,120}target="([1-9][0-9]{0,2})\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}"/
        $action_private = /\baction\(type="omfwd"[^)\r\n]{0,120}target="(10|127|192\.168|172\.(1[6-9]|2[0-9]|3[01]))\.[0-9.]{3,12}"/
    condition:
        filesize < 256KB and (#rsyslog > #rsyslog_private or #syslogd > #syslogd_private or #action > #action_private)
}

rule exfil_watch_folder
{
    meta:
        description = "every new file of a folder (scans, recordings, pictures) is sent away at once"
        capability = "exfil.upload"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1020/"
        r155 = "7.1, 19.2"
        false_positives = "declared archives"
    strings:
        $inotify = /\binotifywait[ \t][^\r\n\x00#]{0,120}(-m[a-z]{0,3}[ \t]|--monitor|close_write|moved_to|create)/
        $inotify_loop = /\bwhile[ \t]+(IFS=[^\s]{0,4}[ \t]+)?read\b/
        $inotify_send = /[\n;&|][ \t]*(curl|wget[ \t]+--post|scp|rsync|rclone|ftpput|lftp|mosquitto_pub|aws[ \t]+s3|nc|smbclient|storescu)[ \t]/
        $incron = /\bIN_(CLOSE_WRITE|MOVED_TO|CREATE)\b[^\r\n\x00]{0,20}[ \t][^\r\n\x00]{0,60}\b(curl|wget|scp|rsync|rclone|ftpput|lftp|aws|storescu)[ \t]/
        $watcher = /\b(FileSystemWatcher|Register-ObjectEvent)\b/ ascii wide nocase
        $watcher_send = /(UploadFile|Invoke-RestMethod|Invoke-WebRequest|Send-MailMessage|WinSCP|Start-BitsTransfer|robocopy)[^\r\n]{0,160}(https?:\/\/|ftp:\/\/|sftp:\/\/|\\\\[A-Za-z0-9])/ ascii wide nocase
        $find = /\bfind[ \t]+[^\r\n\x00#|]{1,100}-(mmin|newer|mtime)[ \t][^\r\n\x00#]{1,120}(-exec|\|[ \t]*xargs)[^\r\n\x00#]{0,60}\b(curl|scp|rsync|rclone|ftpput|lftp|aws|nc|storescu)[ \t]/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or filesize < 64KB) and (all of ($inotify*) or $incron or $find or ($watcher and $watcher_send))
}

rule exfil_image_store
{
    meta:
        description = "scan images are pushed to an image archive elsewhere"
        capability = "exfil.upload"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://dicom.nema.org/medical/dicom/current/output/html/part04.html"
        r155 = "7.1, 19.2"
        false_positives = "archives of the operator"
    strings:
        $storescu = /\b(storescu|dcmsend|movescu|storeSCU|stowrs)(\.exe)?["']?[ \t]+[^\r\n\x00#]{0,100}[ \t][0-9]{2,5}[ \t][^\r\n\x00#]{1,100}/ ascii wide
        $images = /\.(dcm|dicos|img|tiff?|raw|his|xray)\b/ ascii wide nocase
        $stow = /application\/dicom(\+xml|\+json)?[^\r\n\x00]{0,80}/
        $studies = /\/(dicom-?web|dcm4chee-arc|rs|wado)\/[^\s"'\x00]{0,60}studies\b/
        $post = /(\bcurl\b|requests\.post|\bPOST\b)/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or uint16(0) == 0x5A4D or filesize < 64KB) and (($storescu and $images) or ($stow and $studies and $post))
}

rule exfil_database_dump
{
    meta:
        description = "a script dumps a database and sends it away"
        capability = "exfil.upload"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1005/"
        r155 = "7.1, 19.2"
        false_positives = "declared backups"
    strings:
        $pipe = /\b(mysqldump|pg_dump(all)?|sqlite3|mongodump|redis-cli|influxd?[ \t]+backup|expdp)[ \t][^\r\n\x00#|]{1,160}\|[^\r\n\x00#]{0,80}\b(curl|nc|ncat|ssh|openssl|aws|rclone|socat)[ \t]/
        $dump = /\b(mysqldump|pg_dump(all)?|mongodump)[ \t][^\r\n\x00#]{1,160}(>|-f|--out|--result-file)[ \t=]*["']?\/[^\s"';|&]{2,80}/
        $sqlite = /\bsqlite3[ \t]+[^\r\n\x00#]{1,100}["']?\.(dump|backup)/
        $send = /\n[^\r\n\x00#]{0,12}\b(curl[ \t][^\r\n\x00#]{0,80}(-T|-F|--upload-file|--data-binary)|scp[ \t]|ftpput[ \t]|rsync[ \t][^\r\n\x00#]{4,120}@|rclone[ \t]+(copy|move|sync)|aws[ \t]+s3[ \t]+(cp|mv))/
    condition:
        uint16(0) == 0x2123 and ($pipe or (any of ($dump, $sqlite) and $send))
}
