/*
 * Logins that were never the operators: added, fixed or documented ones.
 */

rule creds_documented_accounts
{
    meta:
        description = "the name and password of a documented back door account"
        capability = "cred.static"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2020-29583"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "signature files of other scanners"
    strings:
        $zyxel_name = "zyfwp" ascii fullword
        $zyxel_password = "PrOw!aN_fXp" ascii
        $dvr_one = "xc3511" ascii fullword
        $dvr_two = "vizxv" ascii fullword
        $dvr_three = "xmhdipc" ascii fullword
        $juniper = "<<< %s(un='%s') = %u" ascii
    condition:
        $zyxel_password or ($zyxel_name and $zyxel_password) or 2 of ($dvr_*) or $juniper
}

rule creds_password_set
{
    meta:
        description = "a script sets a fixed password"
        capability = "cred.static"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1098/"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "factory scripts that leave with the product: still a fixed password"
    strings:
        $chpasswd = /\b(echo|printf)[ \t]+(-e[ \t]+)?["']?[a-z_][a-z0-9_-]{0,30}:[^$\r\n"'|]{1,60}(\\n)?["']?[ \t]*\|[ \t]*([^\r\n|]{0,30}\/)?chpasswd\b/
        $passwd = /\b(echo|printf)[ \t]+(-e[ \t]+)?["'][^$\r\n"'|]{1,40}\\n[^$\r\n"'|]{1,40}["'][ \t]*\|[ \t]*([^\r\n|]{0,30}\/)?passwd\b/
        $usermod = /\buser(mod|add)[ \t][^\r\n]{0,80}(-p|--password)[ \t=]+["']?\$[0-9a-z]{1,2}\\?\$[^\s"']{8,}/
    condition:
        any of them
}

rule creds_uid0_added
{
    meta:
        description = "a script adds an account with the rights of root"
        capability = "cred.uid0"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1136/001/"
        r155 = "1.2, 9.1"
        false_positives = "none known"
    strings:
        $append = /["']?[a-z_][a-z0-9_-]{0,30}:[^:\r\n]{0,120}:0:0:[^\r\n]{0,100}>>[ \t]*["']?(\/[A-Za-z0-9_.\/$-]{0,40})?\/etc\/passwd/
        $useradd = /\b(user|add)(add|user)[ \t][^\r\n]{0,100}(-o[ \t]+-u[ \t]*0|-u[ \t]*0[ \t]+-o|-ou[ \t]*0)\b/
    condition:
        any of them
}

rule creds_in_url
{
    meta:
        description = "a name and password inside an address"
        capability = "cred.url"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://cwe.mitre.org/data/definitions/798.html"
        r155 = "1.2, 28.2"
        false_positives = "examples in documentation"
    strings:
        $url = /\b(https?|ftps?|sftp|rtsp|mqtts?|amqps?|ssh):\/\/[A-Za-z0-9._-]{2,40}:[A-Za-z0-9._~!*+-]{4,60}@[A-Za-z0-9-]{1,60}\.[A-Za-z0-9.-]{2,60}/
        $example = /:\/\/(user|username|name|login|foo|me|admin|test):(pass|password|passwd|pwd|secret|bar|pw)[A-Za-z0-9]{0,3}@/
        $example_host = /:\/\/[A-Za-z0-9._-]{2,40}:[A-Za-z0-9._~!*+-]{4,60}@(www\.|proxy\.|my|some|the)?(example|host|server|proxy|localhost|domain)[.:\/a-z]/
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D or uint16(0) == 0x2123 or filesize < 64KB) and #url > #example + #example_host
}
