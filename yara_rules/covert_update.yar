/*
 * Software that comes in past the update that is being judged.
 */

rule update_download_exec
{
    meta:
        description = "fetches a program and runs it"
        capability = "update.download_exec"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1105/"
        r155 = "12.1, 12.2, 5.5"
        false_positives = "installers that say so"
    strings:
        $pipe = /\b(curl|wget)[ \t][^\r\n|#;]{0,200}(https?|ftp):\/\/[^\r\n|#;]{4,160}\|[ \t]*(sudo[ \t]+)?(\/bin\/)?(ba|da|a)?sh\b/
        $inside = /\b(ba|da|a)?sh[ \t]+(-c[ \t]+)?["']?[$<]\((curl|wget)[ \t][^\r\n)]{4,200}\)/
        $temporary = /\b(curl|wget|tftp)[ \t][^\r\n#]{0,200}\/(tmp|var\/tmp|var\/run|run|dev\/shm|mnt)\/[A-Za-z0-9_.-]{1,40}[^\r\n]{0,80}\r?\n?[^\r\n]{0,60}\bchmod[ \t]+(\+x|a\+x|u\+x|0?7[0-7]{2})[ \t]+[^\r\n]{1,80}/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or filesize < 64KB) and any of them
}

rule update_no_verify
{
    meta:
        description = "fetches without checking the server and writes flash or packages"
        capability = "update.no_verify"
        threat = "sabotage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://cwe.mitre.org/data/definitions/494.html"
        r155 = "12.1, 12.2, 6.2"
        false_positives = "none known"
    strings:
        $wget = /\bwget[ \t][^\r\n#]{0,160}--no-check-certificate\b/
        $curl = /\bcurl[ \t]([^\r\n#]{0,160}[ \t])?(--insecure|-[a-zA-Z]{0,6}k[a-zA-Z]{0,6})[ \t]/
        $http = /\b(wget|curl)[ \t][^\r\n#]{0,160}[ "']http:\/\/[A-Za-z0-9.-]{4,80}/
        $sysupgrade = /(^|[\n;&|])[ \t]*(\/sbin\/)?sysupgrade[ \t]/
        $mtd = /\bmtd[ \t]+(-[a-z][ \t]+)?write[ \t]/
        $flashcp = /\b(flashcp|nandwrite|flash_eraseall|ubiupdatevol)[ \t]+[^\r\n#]{0,80}\/dev\//
        $dd = /\bdd[ \t][^\r\n#]{0,80}\bof=\/dev\/(mtd|mmcblk)[^\r\n]{1,20}/
        $package = /\b(opkg|ipkg|dpkg)[ \t]+(install[ \t][^\r\n]{0,60}--force|-i[ \t]+--force)/
        $check = /\b(sha256sum|sha512sum|openssl[ \t]+(dgst|cms|pkeyutl)|gpgv?|usign|minisign|rauc|swupdate)[ \t]/
    condition:
        uint16(0) == 0x2123 and any of ($wget, $curl, $http) and any of ($sysupgrade, $mtd, $flashcp, $dd, $package) and not $check
}

rule update_thirdparty_fota
{
    meta:
        description = "an update agent of a third party that was found to take over devices"
        capability = "update.thirdparty_fota"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.kb.cert.org/vuls/id/624539"
        r155 = "12.1, 12.2, 27.1"
        false_positives = "lists of blocked hosts"
    strings:
        $adups = "com.adups.fota" ascii wide
        $adups_host = /\b[a-z0-9]{1,20}\.adups\.(com|cn)\b/ ascii wide
        $adsun = "fota5p.adups" ascii wide
        $ragentek = "oyag.lhzbdvm.com" ascii wide
        $ragentek_two = "oyag.prugskh.net" ascii wide
        $ragentek_three = "oyag.prugskh.com" ascii wide
    condition:
        any of them
}
