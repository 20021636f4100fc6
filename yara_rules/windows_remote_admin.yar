/*
 * Windows: remote desktop, accounts, hidden commands, defence switched off (ASCII and UTF-16).
 */

rule win_encoded_powershell
{
    meta:
        description = "starts PowerShell with a hidden command"
        capability = "win.encoded_ps"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1059/001/"
        r155 = "17.1, 22.2"
        false_positives = "software deployment tools"
    strings:
        $encoded = /powershell(\.exe)?["']?[ \t]+[^\r\n]{0,120}-e(n?c?|nc[a-z]{0,12})[ \t]+["']?[A-Za-z0-9+\/]{40,}/ ascii wide nocase
        $memory = /\b(IEX|Invoke-Expression)[ \t(]{1,4}[^\r\n]{0,60}(DownloadString|Invoke-WebRequest|iwr)\b/ ascii wide nocase
    condition:
        any of them
}

rule win_defender_off
{
    meta:
        description = "switches the virus protection or the firewall off"
        capability = "win.defender_off"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1562/001/"
        r155 = "17.1, 22.2"
        false_positives = "administration tools"
    strings:
        $preference = /Set-MpPreference[ \t][^\r\n]{0,80}-Disable(RealtimeMonitoring|BehaviorMonitoring|IOAVProtection)[ \t]+(\$true|1)/ ascii wide nocase
        $exclusion = /Add-MpPreference[ \t][^\r\n]{0,40}-Exclusion(Path|Process|Extension)[ \t]/ ascii wide nocase
        $policy = /reg(\.exe)?[ \t]+add[ \t][^\r\n]{0,120}\\Windows Defender[^\r\n]{0,60}Disable(AntiSpyware|RealtimeMonitoring)\b/ ascii wide nocase
        $firewall = /netsh[ \t]+(adv)?firewall[ \t]+set[ \t]+(allprofiles|currentprofile|opmode)[ \t]+(state[ \t]+off|disable|mode=disable)/ ascii wide nocase
    condition:
        any of them
}

rule win_user_add
{
    meta:
        description = "adds an account and makes it an administrator"
        capability = "win.user_add"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1136/001/"
        r155 = "1.2, 9.1"
        false_positives = "administration tools"
    strings:
        $add = /\bnet1?(\.exe)?[ \t]+user[ \t]+[^\s\/]{1,40}[ \t]+[^\s\/]{1,60}[ \t]+\/add\b/ ascii wide nocase
        $group = /\bnet1?(\.exe)?[ \t]+localgroup[ \t]+["']?administrat(ors|oren|eurs)["']?[ \t]+[^\s]{1,40}[ \t]+\/add\b/ ascii wide nocase
        $powershell = /\bNew-LocalUser[ \t][^\r\n]{0,120}-Password\b/ ascii wide nocase
        $member = /\bAdd-LocalGroupMember[ \t][^\r\n]{0,60}Administrators\b/ ascii wide nocase
    condition:
        ($add and $group) or ($powershell and $member)
}

rule win_rdp_enable
{
    meta:
        description = "switches remote desktop on and opens the firewall for it"
        capability = "win.rdp"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1021/001/"
        r155 = "1.2, 16.1"
        false_positives = "administration tools"
    strings:
        $deny = "fDenyTSConnections" ascii wide nocase
        $set = /\b(reg(\.exe)?[ \t]+add|Set-ItemProperty|New-ItemProperty)[ \t][^\r\n]{0,200}fDenyTSConnections[^\r\n]{0,60}[ \t]0\b/ ascii wide nocase
        $rule = /\bnetsh[ \t][^\r\n]{0,120}(remote desktop|localport=["']?3389)/ ascii wide nocase
        $group = /\bEnable-NetFirewallRule[ \t][^\r\n]{0,60}Remote Desktop/ ascii wide nocase
    condition:
        $set or ($deny and any of ($rule, $group))
}
