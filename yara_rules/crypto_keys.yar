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
