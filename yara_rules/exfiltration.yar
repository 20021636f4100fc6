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
        $curl = /\bcurl[ \t][^\r\n#]{0,160}(-F|-T|-d|--form|--upload-file|--data|--data-binary)[ \t=]*["']?[^\r\n#]{0,40}@?\/(etc\/(shadow|passwd|ssh|ssl\/private|wpa_supplicant)|root\/\.ssh|home\/|var\/log\/|var\/spool\/|var\/lib\/|proc\/cpuinfo|data\/)/
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
