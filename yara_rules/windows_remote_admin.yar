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
        $memory = /\b(IEX|Invoke-Expression)[ \t(]{1,4}[^\r\n]{0,60}(DownloadString|Invoke-WebRequest|iwr[ \t]+["'(h-])/ ascii wide nocase
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

rule win_rdp_file
{
    meta:
        description = "a registry file switches remote desktop on, or lets somebody watch or take a session unasked"
        capability = "win.rdp"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1021/001/"
        r155 = "1.2, 17.1, 22.2"
        false_positives = "administration tools"
    strings:
        $deny = /"fDenyTSConnections"[ \t]*=[ \t]*dword:0{1,8}\b/ ascii wide nocase
        $shadow = /"Shadow"[ \t]*=[ \t]*dword:0{0,7}[24]\b/ ascii wide nocase
        $shadow_key = /\[HKEY_LOCAL_MACHINE\\[^\]\r\n]{0,80}Terminal Services\]/ ascii wide nocase
        $shadow_cmd = /\breg(\.exe)?[ \t]+add[ \t][^\r\n]{0,80}Terminal Services[^\r\n]{0,40}\/v[ \t]+["']?Shadow["']?[ \t][^\r\n]{0,40}\/d[ \t]+["']?[24]\b/ ascii wide nocase
        $nla = /"UserAuthentication"[ \t]*=[ \t]*dword:0{1,8}\b/ ascii wide nocase
        $nla_key = /\[HKEY_LOCAL_MACHINE\\[^\]\r\n]{0,80}\\RDP-Tcp\]/ ascii wide nocase
    condition:
        $deny or ($shadow and $shadow_key) or $shadow_cmd or ($nla and $nla_key)
}

rule win_rdp_wrapper
{
    meta:
        description = "changes the remote desktop service: more sessions, another port, a session taken over"
        capability = "win.rdp"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1505/005/"
        r155 = "1.2, 17.1, 22.2"
        false_positives = "administrators that move the port"
    strings:
        $wrapper = "rdpwrap.ini" ascii wide nocase
        $installer = "RDPWInst" ascii wide nocase
        $wrapper_library = "rdpwrap.dll" ascii wide nocase
        $servicedll = /TermService\\Parameters[^\r\n]{0,60}ServiceDll[^\r\n]{0,60}\.dll/ ascii wide nocase
        $genuine = /TermService\\Parameters[^\r\n]{0,60}ServiceDll[^\r\n]{0,40}termsrv\.dll/ ascii wide nocase
        $port = /(reg(\.exe)?[ \t]+add|Set-ItemProperty)[ \t][^\r\n]{0,120}\\RDP-Tcp[^\r\n]{0,40}PortNumber[^\r\n]{0,60}[ \t]["']?[1-9][0-9]{2,4}\b/ ascii wide nocase
        $hijack = /\btscon(\.exe)?[ \t]+[0-9%$][^\r\n]{0,40}\/dest:/ ascii wide nocase
    condition:
        2 of ($wrapper, $installer, $wrapper_library) or #servicedll > #genuine or $port or $hijack
}

rule win_psremoting
{
    meta:
        description = "opens Windows for commands from other machines (WinRM), or trusts every machine"
        capability = "win.psremoting"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1021/006/"
        r155 = "1.2, 17.1, 22.2"
        false_positives = "administration tools"
    strings:
        $enable = /\bEnable-PSRemoting[ \t]+-(Force|SkipNetworkProfileCheck|Confirm)/ ascii wide nocase
        $quick = /\bwinrm(\.cmd)?[ \t]+(quickconfig|qc)[ \t]+[\/-](q|quiet|transport|force)/ ascii wide nocase
        $trusted = /TrustedHosts[^\r\n]{0,20}(=[ \t]*["']?\*|-Value[ \t]+["']?\*|["'][ \t]*,?[ \t]*["']\*["'])/ ascii wide nocase
        $clear = /\bAllowUnencrypted["']?[ \t]*=[ \t]*["']?(\$?true|1)\b/ ascii wide nocase
        $winrm = /winrm[\/\\]config|\bWSMan:/ ascii wide nocase
        $credssp = /\bEnable-WSManCredSSP[ \t]+[^\r\n]{0,40}(Server|\*)/ ascii wide nocase
        $jea = /\bSet-WSManQuickConfig[ \t]+-(Force|SkipNetworkProfileCheck)/ ascii wide nocase
    condition:
        $enable or $quick or $trusted or $credssp or $jea or ($clear and $winrm)
}

rule win_ssh_server
{
    meta:
        description = "installs or starts an SSH server on Windows"
        capability = "remote.shell.ssh"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://learn.microsoft.com/en-us/windows-server/administration/openssh/openssh_install_firstuse"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "administration tools"
    strings:
        $capability = /\b(Add-WindowsCapability|dism(\.exe)?)[ \t][^\r\n]{0,80}OpenSSH\.Server/ ascii wide nocase
        $service = /\b(Set-Service|sc(\.exe)?[ \t]+config)[ \t]+[^\r\n]{0,20}\bsshd\b[^\r\n]{0,40}auto/ ascii wide nocase
        $start = /\b(Start-Service|net[ \t]+start|sc(\.exe)?[ \t]+start)[ \t]+[^\r\n]{0,10}\bsshd\b/ ascii wide nocase
        $keys = /administrators_authorized_keys/ ascii wide nocase
        $script = "install-sshd.ps1" ascii wide nocase
    condition:
        $capability or ($start and any of ($service, $keys, $script)) or ($service and any of ($keys, $script))
}

rule win_service_create
{
    meta:
        description = "a script makes a Windows service that starts a shell, a script or a file of a writable place"
        capability = "win.service"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1543/003/"
        r155 = "1.2, 17.1, 22.2"
        false_positives = "installers of services of their own under Program Files are not matched"
    strings:
        $sc = /\bsc(\.exe)?[ \t]+(\\\\[^\s]{1,60}[ \t]+)?create[ \t][^\r\n]{0,80}binpath=?[ \t"'\\]{0,6}[^\r\n]{0,60}(cmd(\.exe)?[ \t"]+\/c|powershell|wscript|mshta|rundll32|\\temp\\|\\users\\public|\\programdata\\|%temp%|%appdata%|%public%)/ ascii wide nocase
        $new = /\bNew-Service[ \t][^\r\n]{0,120}-BinaryPathName[ \t"']+[^\r\n]{0,60}(cmd(\.exe)?[ \t"]+\/c|powershell|wscript|mshta|rundll32|\\temp\\|\\users\\public|\\programdata\\|\$env:(temp|appdata|public))/ ascii wide nocase
        $nssm = /\bnssm(\.exe)?["']?[ \t]+install[ \t]+[^\r\n]{1,60}(powershell|cmd(\.exe)?|python|\\temp\\|\\users\\public|\\programdata\\)/ ascii wide nocase
        $file = /"ImagePath"[ \t]*=[ \t]*"[^"\r\n]{0,40}(cmd(\.exe)?[ \t]+\/c|powershell|\\\\temp\\\\|\\\\users\\\\public)/ ascii wide nocase
        $failure = /\bsc(\.exe)?[ \t]+failure[ \t][^\r\n]{0,80}command=[ \t"']+[^\r\n]{0,40}(cmd|powershell|\.bat|\.exe)/ ascii wide nocase
    condition:
        any of them
}

rule win_scheduled_task
{
    meta:
        description = "plans a task with the rights of the system that runs a shell or a file of a writable place"
        capability = "win.scheduled_task"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1053/005/"
        r155 = "1.2, 17.1, 22.2"
        false_positives = "installers of updaters under Program Files are not matched"
    strings:
        $create = /\bschtasks(\.exe)?["']?[ \t]+[\/-]create[ \t][^\r\n]{0,200}[\/-]tr[ \t]+[^\r\n]{0,80}(cmd(\.exe)?[ \t"\\]+\/c|powershell|wscript|cscript|mshta|rundll32|\\temp\\|\\users\\public|\\programdata\\|%temp%|%appdata%|%public%)/ ascii wide nocase
        $remote = /\bschtasks(\.exe)?["']?[ \t]+[\/-]create[ \t][^\r\n]{0,80}[\/-]s[ \t]+[^\s]{2,60}[ \t][^\r\n]{0,120}[\/-]p[ \t]+[^\s]{2,60}/ ascii wide nocase
        $register = /\bRegister-ScheduledTask\b/ ascii wide nocase
        $action = /\bNew-ScheduledTaskAction[ \t][^\r\n]{0,80}(powershell|cmd\.exe|wscript|mshta|rundll32|\\temp\\|\\users\\public|\\programdata\\)/ ascii wide nocase
        $system = /(NT AUTHORITY\\SYSTEM|-RunLevel[ \t]+Highest|-UserId?[ \t]+["']?(SYSTEM|S-1-5-18))/ ascii wide nocase
        $xml = "<Task version=" ascii wide
        $xml_trigger = /<(BootTrigger|LogonTrigger|SessionStateChangeTrigger)>/ ascii wide
        $xml_command = /<Command>[^<\r\n]{0,60}(powershell|cmd(\.exe)?|wscript(\.exe)?|mshta(\.exe)?|\\temp\\|\\users\\public|\\programdata\\)[^<\r\n]{0,120}<\/Command>/ ascii wide nocase
    condition:
        $create or $remote or ($register and $action and $system) or ($xml and $xml_trigger and $xml_command)
}

rule win_wmi_subscription
{
    meta:
        description = "hides a command in the event subscriptions of WMI"
        capability = "win.scheduled_task"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1546/003/"
        r155 = "1.2, 17.1, 22.2"
        false_positives = "management agents that ship such a subscription openly"
    strings:
        $filter = "__EventFilter" ascii wide nocase
        $binding = "__FilterToConsumerBinding" ascii wide nocase
        $command = "CommandLineEventConsumer" ascii wide nocase
        $script = "ActiveScriptEventConsumer" ascii wide nocase
        $set = /(Set-WmiInstance|New-CimInstance|wmic[ \t][^\r\n]{0,60}create|instance of __EventFilter|Register-CimIndicationEvent|mofcomp|SpawnInstance_|PutInstance|ExecNotificationQuery|CommandLineTemplate|ScriptText)/ ascii wide nocase
    condition:
        $filter and $binding and any of ($command, $script) and $set
}

rule win_anydesk_unattended
{
    meta:
        description = "installs AnyDesk, RustDesk or TeamViewer unseen, with a password for access at any time"
        capability = "remote.desktop"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://support.anydesk.com/docs/command-line-interface-for-windows"
        r155 = "1.2, 16.1, 16.2"
        false_positives = "operators' own roll-out scripts"
    strings:
        $anydesk = /\banydesk[a-z0-9_-]{0,20}(\.exe)?["']?[ \t][^\r\n]{0,120}(--set-password|--start-with-win|--silent|--install[ \t])/ ascii wide nocase
        $anydesk_pipe = /\|[ \t]*["']?[^\r\n|]{0,80}anydesk(\.exe)?["']?[ \t]+--set-password/ ascii wide nocase
        $anydesk_conf = /\bad\.(security\.interactive_access=0|anynet\.pwd_hash=[0-9a-f]{16,}|security\.permission_profiles\._unattended)/ ascii wide
        $rustdesk = /\brustdesk(-host)?[a-z0-9_.-]{0,30}(\.exe)?["']?[ \t][^\r\n]{0,80}(--password[ \t]|--silent-install|--install-service|--config[ \t])/ ascii wide nocase
        $rustdesk_server = /\bcustom-rendezvous-server[ \t]*=[ \t]*["'][^"'\r\n]{3,80}["']/ ascii
        $rustdesk_access = /\b(verification-method[ \t]*=[ \t]*["']use-permanent-password|approve-mode[ \t]*=[ \t]*["']password)/ ascii
        $teamviewer = /\bteamviewer[a-z0-9_-]{0,30}(\.exe|\.msi)?["']?[ \t][^\r\n]{0,120}(assign|assignment|CUSTOMCONFIGID=|APITOKEN=|ASSIGNMENTOPTIONS=|\/qn\b|[ \t]\/S\b)/ ascii wide nocase
        $teamviewer_key = /\[HKEY_LOCAL_MACHINE\\SOFTWARE\\(WOW6432Node\\)?TeamViewer/ ascii wide nocase
        $teamviewer_password = /"(SecurityPasswordAES|PermanentPassword|SecurityPasswordExported|ServerPasswordAES)"[ \t]*=/ ascii wide
        $teamviewer_any = /"(Security_PasswordStrength|Always_Online|Security_WinLogin)"[ \t]*=[ \t]*dword:0{0,7}[13]\b/ ascii wide nocase
    condition:
        $anydesk or $anydesk_pipe or $anydesk_conf or $rustdesk or ($rustdesk_server and $rustdesk_access) or $teamviewer or ($teamviewer_key and any of ($teamviewer_password, $teamviewer_any))
}

rule win_vnc_unattended
{
    meta:
        description = "sets a password for VNC or Radmin and starts it without a question to the user"
        capability = "remote.desktop"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://uvnc.com/docs/uvnc-server.html"
        r155 = "1.2, 16.1, 16.2"
        false_positives = "operators' own roll-out scripts"
    strings:
        $ultra = "[ultravnc]" ascii wide nocase
        $ultra_password = /\n[ \t]*passwd2?=[0-9A-F]{16,18}\b/ ascii wide
        $ultra_query = /\n[ \t]*(QuerySetting=2|QueryAccept=1|ConnectPriority=0)/ ascii wide
        $ultra_service = /\bwinvnc(\.exe)?["']?[ \t][^\r\n]{0,60}-(install|autoreconnect|connect|run)\b/ ascii wide nocase
        $tight_msi = /(SET_PASSWORD|VALUE_OF_PASSWORD|SET_USEVNCAUTHENTICATION)=[^\s]{1,40}/ ascii wide
        $tight = /tightvnc/ ascii wide nocase
        $real = /\bvncserver(\.exe)?["']?[ \t]+-?(service|start|register)[^\r\n]{0,40}|vncpasswd(\.exe)?["']?[ \t][^\r\n]{0,40}-(service|type)/ ascii wide nocase
        $real_key = /\\RealVNC\\(vncserver|WinVNC4)/ ascii wide nocase
        $real_password = /"Password"[ \t]*=[ \t]*(hex:|")[0-9a-f,]{16,}/ ascii wide nocase
        $radmin = /\\Radmin\\v[23]\.[0-9]\\Server\\(Parameters|iptable)/ ascii wide nocase
        $radmin_set = /\b(rserver3|r_server)(\.exe)?["']?[ \t]+[\/-](silence|install|start|pass|save|setup|unregister)/ ascii wide nocase
    condition:
        ($ultra and $ultra_password) or ($ultra_query and ($ultra or $ultra_password)) or ($ultra_service and $ultra_password) or ($tight and $tight_msi) or ($real_key and $real_password) or ($real and $real_password) or $radmin_set or ($radmin and $real_password)
}

rule win_chinese_remote_tools
{
    meta:
        description = "settings or silent installation of ToDesk, Sunlogin (Oray) and their kin"
        capability = "remote.desktop"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1219/"
        r155 = "1.2, 16.1, 16.2"
        false_positives = "operators' own roll-out scripts"
    strings:
        $todesk = /\btodesk[a-z0-9_.-]{0,24}(\.exe)?["']?[ \t][^\r\n]{0,60}([\/-]S\b|-setpasswd|-setpassword|-passwd|-id\b)/ ascii wide nocase
        $todesk_conf = /\n[ \t]*(tempAuthPassEx|authPassEx|passex|clientId)[ \t]*=[ \t]*[0-9A-Za-z+\/=]{6,}/ ascii wide
        $todesk_name = "ToDesk" ascii wide
        $sunlogin = /\b(SunloginClient|AweSun|oraycn|slclient)[A-Za-z0-9_.-]{0,30}["']?[ \t][^\r\n]{0,60}--(mod|cmd|fastcode|fastcodetype|password|autorun)/ ascii wide nocase
        $sunlogin_conf = /\n[ \t]*(encry_pwd|fastcode|fastcodehistory|encrypt_pwd)[ \t]*=[ \t]*[0-9A-Za-z+\/=]{4,}/ ascii wide
        $sunlogin_key = /Oray\\SunLogin/ ascii wide nocase
        $unattended_utf8 = { E6 97 A0 E4 BA BA E5 80 BC E5 AE 88 } // 无人值守
        $unattended_utf16 = { E0 65 BA 4E 3C 50 88 5B } // 无人值守
        $unattended_gbk = { CE DE C8 CB D6 B5 CA D8 } // 无人值守
        $remote_utf8 = { E8 BF 9C E7 A8 8B E6 8E A7 E5 88 B6 } // 远程控制
        $remote_utf16 = { DC 8F 0B 7A A7 63 36 52 } // 远程控制
        $remote_gbk = { D4 B6 B3 CC BF D8 D6 C6 } // 远程控制
        $host = /\b(sunlogin|todesk|oray|gotohttp|raylink|deskin)\.(com|net|cn|oray\.com)\b/ ascii wide
    condition:
        $todesk or ($todesk_conf and $todesk_name) or $sunlogin or ($sunlogin_conf and ($sunlogin_key or $host)) or (any of ($unattended*) and any of ($remote*) and $host)
}

rule win_maintenance_agent
{
    meta:
        description = "enrols the machine with a remote maintenance service of somebody else"
        capability = "remote.maintenance"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1219/"
        r155 = "1.2, 16.1, 16.2"
        false_positives = "operators' own roll-out scripts"
    strings:
        $screenconnect = /\?e=Access&(amp;)?y=Guest&(amp;)?h=[A-Za-z0-9.-]{4,80}/ ascii wide
        $meshcentral = /\n[ \t]*MeshServer=wss?:\/\/[^\s]{4,120}/ ascii wide
        $mesh_install = /\bmeshagent[a-z0-9_.-]{0,20}(\.exe)?["']?[ \t][^\r\n]{0,40}-(fullinstall|install)\b/ ascii wide nocase
        $atera = /\b(AteraAgent|setup\.msi)[^\r\n]{0,80}(IntegratorLogin=|AccountId=)/ ascii wide nocase
        $ninja = /NinjaOne-?Agent[^\r\n]{0,80}(TOKENID=|\/qn)/ ascii wide nocase
        $splashtop = /Splashtop_?Streamer[^\r\n]{0,80}(dcode=|prevercheck|confirm_d=0)/ ascii wide nocase
        $simplehelp = /(Remote Access|JWrapper)[^\r\n]{0,80}(\/S[ \t]|-install)[^\r\n]{0,40}(NAME|HOST)=/ ascii wide
        $logmein = /logmein(installer)?[a-z0-9_.-]{0,20}\.msi[^\r\n]{0,120}(DEPLOYID=|\/q)/ ascii wide nocase
        $action1 = /action1_agent[^\r\n]{0,60}\.msi[^\r\n]{0,40}\/q/ ascii wide nocase
        $ammyy = /\bAA_v3(\.[0-9])?(\.exe)?["']?[ \t]+-(service|install|nogui|connect)/ ascii wide nocase
        $supremo = /\bsupremo(\.exe)?["']?[ \t][^\r\n]{0,40}-(install|password|silent)/ ascii wide nocase
        $dwagent = /\bdwagent[a-z0-9_.-]{0,12}(\.exe)?["']?[ \t][^\r\n]{0,40}-silent[^\r\n]{0,40}key=/ ascii wide nocase
        $tactical = /\btacticalrmm(\.exe)?["']?[ \t][^\r\n]{0,40}-m[ \t]+install[^\r\n]{0,80}--api/ ascii wide nocase
    condition:
        any of them
}

rule win_lateral_command
{
    meta:
        description = "runs commands on other Windows machines"
        capability = "lateral.smb"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1021/002/"
        r155 = "29.2"
        false_positives = "administration tools"
    strings:
        $psexec = /\bpsexec(64)?(\.exe)?["']?[ \t][^\r\n]{0,60}\\\\[A-Za-z0-9.%$*{_-]{1,60}[ \t][^\r\n]{0,120}-(p|s|i|c|d|accepteula)\b/ ascii wide nocase
        $psexec_list = /\bpsexec(64)?(\.exe)?["']?[ \t][^\r\n]{0,40}@[^\s]{3,60}\.txt[ \t]/ ascii wide nocase
        $wmic = /\bwmic(\.exe)?["']?[ \t]+[^\r\n]{0,20}\/node:[^\r\n]{1,120}process[ \t]+call[ \t]+create/ ascii wide nocase
        $winrs = /\bwinrs(\.exe)?["']?[ \t]+[\/-]r(emote)?:[^\s]{2,80}[ \t]/ ascii wide nocase
        $invoke = /\bInvoke-Command[ \t][^\r\n]{0,60}-(ComputerName|Session|cn)[ \t][^\r\n]{0,120}(-ScriptBlock|-FilePath|\{)/ ascii wide nocase
        $service = /\bsc(\.exe)?[ \t]+\\\\[A-Za-z0-9.%$_-]{2,60}[ \t]+(create|start|config)[ \t]/ ascii wide nocase
        $cim = /\bInvoke-(Wmi|Cim)Method[ \t][^\r\n]{0,120}Win32_Process[^\r\n]{0,60}Create/ ascii wide nocase
        $cim_computer = /-ComputerName[ \t]/ ascii wide nocase
    condition:
        $psexec or $psexec_list or $wmic or $winrs or $invoke or $service or ($cim and $cim_computer)
}

rule win_lateral_toolkit
{
    meta:
        description = "a program that runs commands over SMB or DCOM on other machines (PsExec, RemCom, Impacket, CrackMapExec)"
        capability = "lateral.smb"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/software/S0029/"
        r155 = "29.2"
        false_positives = "the administrators' original of PsExec"
    strings:
        $psexesvc = "PSEXESVC" ascii wide
        $remcom = "RemCom_communicaton" ascii wide
        $remcom_pipe = /RemCom_std(in|out|err)/ ascii wide
        $paexec = "PAExec" ascii wide
        $paexec_pipe = /\\\\[.%][^\r\n\x00]{0,12}\\pipe\\PAExec/ ascii wide nocase
        $impacket = /\bimpacket[.\/](dcerpc|smbconnection|examples)/ ascii
        $impacket_use = /\b(SMBConnection\(|wmiexec|smbexec|psexec\.py|atexec|dcomexec|secretsdump)/ ascii
        $admin_pipe = /\\\\%s\\(ADMIN\$|IPC\$|C\$)/ ascii wide nocase
        $scm = "OpenSCManager" ascii
        $create = "CreateService" ascii
        $smbexec = "\\\\127.0.0.1\\ADMIN$\\__" ascii wide
        $netexec = /\b(crackmapexec|netexec|nxc)[ \t]+(smb|winrm|wmi|mssql|ssh)[ \t]/ ascii
    condition:
        (uint16(0) == 0x5A4D and $psexesvc and $scm) or $remcom or $remcom_pipe or ($paexec and $paexec_pipe) or ($impacket and $impacket_use) or (uint16(0) == 0x5A4D and $admin_pipe and $scm and $create) or $smbexec or $netexec
}

rule win_admin_share
{
    meta:
        description = "connects to the hidden shares of another machine with a fixed login"
        capability = "lateral.smb"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1021/002/"
        r155 = "29.2"
        false_positives = "backup scripts of the operator"
    strings:
        $use = /\bnet1?(\.exe)?[ \t]+use[ \t][^\r\n]{0,30}\\\\[A-Za-z0-9.%$_-]{1,60}\\(admin|ipc|[a-z])\$[^\r\n]{0,80}\/u(ser)?:/ ascii wide nocase
        $use_first = /\bnet1?(\.exe)?[ \t]+use[ \t][^\r\n]{0,80}\/u(ser)?:[^\r\n]{1,80}\\\\[A-Za-z0-9.%$_-]{1,60}\\(admin|ipc|[a-z])\$/ ascii wide nocase
        $copy = /\b(x?copy|robocopy)(\.exe)?[ \t][^\r\n]{1,120}\\\\[A-Za-z0-9.%$_-]{1,60}\\(admin|c)\$\\/ ascii wide nocase
        $smbclient = /\bsmbclient[ \t][^\r\n\x00]{0,40}\/\/[A-Za-z0-9.%$_-]{1,60}\/(admin|ipc|c)\\?\$[^\r\n\x00]{0,60}(-U|--user)[ \t=]*["']?[^\s%"'$]{1,40}%[^\s"'$]{1,40}/ nocase
        $cifs = /\bmount(\.cifs)?[ \t][^\r\n\x00]{0,60}\/\/[A-Za-z0-9.$_-]{1,60}\/[A-Za-z0-9]{1,20}\\?\$[^\r\n\x00]{0,120}pass(word)?=[^\s,"'$]{1,40}/ nocase
        $psdrive = /\bNew-(PSDrive|SmbMapping)[ \t][^\r\n]{0,120}\\\\[A-Za-z0-9.%$_-]{1,60}\\(admin|ipc|c)\$/ ascii wide nocase
    condition:
        any of them
}

rule win_mapped_share
{
    meta:
        description = "connects to a file share with a password written into the script"
        capability = "lateral.smb"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1552/001/"
        r155 = "29.2"
        false_positives = "declared image archives"
    strings:
        $use = /\bnet1?(\.exe)?[ \t]+use[ \t][^\r\n]{0,30}\\\\[A-Za-z0-9._-]{1,60}\\[^\s$]{1,40}[^\r\n]{0,60}\/u(ser)?:["']?[^\s%"']{1,60}["']?[ \t]+["']?[^\s\/"'%*][^\s"'%]{2,40}/ ascii wide nocase
        $use_two = /\bnet1?(\.exe)?[ \t]+use[ \t][^\r\n]{0,30}\\\\[A-Za-z0-9._-]{1,60}\\[^\s$]{1,40}["']?[ \t]+["']?[^\s\/"'%*][^\s"'%\/]{2,40}["']?[ \t]+\/u(ser)?:/ ascii wide nocase
        $cifs = /\bmount(\.cifs)?[ \t][^\r\n\x00#]{0,60}\/\/[A-Za-z0-9.-]{3,60}\/[A-Za-z0-9_-]{1,40}[ \t][^\r\n\x00#]{0,120}(user(name)?|pass(word)?)=[^\s,"'$]{1,40},[^\r\n\x00#]{0,60}(user(name)?|pass(word)?)=[^\s,"'$]{1,40}/
        $fstab = /(^|\n)\/\/[A-Za-z0-9.-]{3,60}\/[^\s]{1,60}[ \t]+\/[^\s]{1,60}[ \t]+cifs[ \t]+[^\r\n#]{0,120}password=[^\s,]{2,40}/
    condition:
        any of them
}

rule win_share_open
{
    meta:
        description = "opens a share of this machine to everybody, or brings old SMB back"
        capability = "lateral.smb"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1135/"
        r155 = "29.2"
        false_positives = "none known"
    strings:
        $share = /\bnet1?(\.exe)?[ \t]+share[ \t]+[^\s=]{1,40}=[^\r\n]{2,80}\/grant:["']?(everyone|guest|jeder|iedereen)["']?,[ \t]*(full|change)/ ascii wide nocase
        $smb = /\bNew-SmbShare[ \t][^\r\n]{0,120}-(FullAccess|ChangeAccess)[ \t]+["']?(Everyone|Guest)/ ascii wide nocase
        $smb1 = /\b(Set-SmbServerConfiguration[ \t][^\r\n]{0,40}-EnableSMB1Protocol[ \t]+\$?true|Enable-WindowsOptionalFeature[ \t][^\r\n]{0,60}SMB1Protocol|dism[ \t][^\r\n]{0,60}enable-feature[^\r\n]{0,40}SMB1Protocol)/ ascii wide nocase
        $guest = /\bnet1?(\.exe)?[ \t]+user[ \t]+guest[ \t]+\/active:yes/ ascii wide nocase
        $samba_open = /\n[ \t]*map to guest[ \t]*=[ \t]*bad user[^\x00]{0,1200}\n[ \t]*path[ \t]*=[ \t]*\/[ \t]*\r?\n/ nocase
    condition:
        any of them
}

rule win_token_policy
{
    meta:
        description = "takes away what keeps a stolen Windows password from working on this machine"
        capability = "lateral.smb"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://learn.microsoft.com/en-us/troubleshoot/windows-server/windows-security/user-account-control-and-remote-restriction"
        r155 = "29.2"
        false_positives = "administration tools"
    strings:
        $filter_cmd = /(LocalAccountTokenFilterPolicy|UseLogonCredential)["']?[ \t][^\r\n]{0,60}[ \t]["']?(1|0x1|0x00000001)\b/ ascii wide nocase
        $filter_file = /"(LocalAccountTokenFilterPolicy|UseLogonCredential|TurnOffAnonymousBlock|EveryoneIncludesAnonymous)"[ \t]*=[ \t]*dword:0{0,7}1\b/ ascii wide nocase
        $restricted = /DisableRestrictedAdmin["']?[ \t]*(=[ \t]*dword:0{1,8}\b|[^\r\n=]{0,60}[ \t]["']?(0|0x0)\b)/ ascii wide nocase
        $lua = /(EnableLUA|FilterAdministratorToken|RestrictAnonymous|RestrictAnonymousSAM|RestrictNullSessAccess|RunAsPPL|LsaCfgFlags)["']?[ \t]*(=[ \t]*dword:0{1,8}\b|[^\r\n=]{0,60}\/d[ \t]+["']?(0|0x0)\b)/ ascii wide nocase
        $lm = /LmCompatibilityLevel["']?[ \t]*(=[ \t]*dword:0{0,7}[012]\b|[^\r\n=]{0,60}\/d[ \t]+["']?[012]\b)/ ascii wide nocase
        $consent = /ConsentPromptBehaviorAdmin["']?[ \t]*(=[ \t]*dword:0{1,8}\b|[^\r\n=]{0,60}\/d[ \t]+["']?(0|0x0)\b)/ ascii wide nocase
    condition:
        any of them
}

rule win_login_screen_shell
{
    meta:
        description = "puts a shell behind the help keys of the login screen"
        capability = "remote.shell.trigger"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1546/008/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "recovery manuals"
    strings:
        $ifeo = /Image File Execution Options\\{1,2}(sethc|utilman|osk|magnify|narrator|displayswitch|atbroker)\.exe/ ascii wide nocase
        $debugger = /\bDebugger["']?[ \t]*(=|[^\r\n]{0,40}(cmd|powershell|\.exe))/ ascii wide nocase
        $copy = /\b(x?copy|move|ren|Copy-Item)[ \t][^\r\n]{0,60}\b(cmd|powershell|explorer|taskmgr)\.exe["']?[ \t][^\r\n]{0,60}\b(sethc|utilman|osk|magnify|narrator|displayswitch|atbroker)\.exe/ ascii wide nocase
    condition:
        ($ifeo and $debugger) or $copy
}

rule win_debugger_redirect
{
    meta:
        description = "another program starts in place of the one that is called"
        capability = "win.service"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1546/012/"
        r155 = "1.2, 17.1, 22.2"
        false_positives = "debugging tools"
    strings:
        $cmd = /\b(reg(\.exe)?[ \t]+add|New-ItemProperty|Set-ItemProperty)[ \t][^\r\n]{0,80}Image File Execution Options\\{1,2}[A-Za-z0-9_. -]{3,40}\.exe[^\r\n]{0,40}(Debugger|GlobalFlag)/ ascii wide nocase
        $silent = /\\SilentProcessExit\\{1,2}[A-Za-z0-9_. -]{3,40}\.exe[^\r\n]{0,60}MonitorProcess/ ascii wide nocase
        $file = /\[HKEY_LOCAL_MACHINE\\[^\]\r\n]{0,80}Image File Execution Options\\[A-Za-z0-9_. -]{3,40}\.exe\][^\[\x00]{0,200}"Debugger"[ \t]*=[ \t]*"/ ascii nocase
    condition:
        any of them
}

rule win_library_hook
{
    meta:
        description = "makes Windows bring a library into every program or into the login"
        capability = "persist.ld_preload"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1546/010/"
        r155 = "22.2"
        false_positives = "accessibility and protection software"
    strings:
        $appinit_cmd = /AppInit_DLLs["']?[ \t][^\r\n]{0,60}\/d[ \t]+["']?[^\r\n"']{0,80}\.dll\b/ ascii wide nocase
        $appinit_file = /"(AppInit_DLLs|AppCertDlls|Notification Packages|Security Packages|Authentication Packages)"[ \t]*=[ \t]*"[^"\r\n]{0,80}\.dll"/ ascii wide nocase
        $load_file = /"LoadAppInit_DLLs"[ \t]*=[ \t]*dword:0{0,7}1\b/ ascii wide nocase
        $lsa_cmd = /\breg(\.exe)?[ \t]+add[ \t][^\r\n]{0,80}\\Control\\Lsa["']?[ \t][^\r\n]{0,20}(Notification|Security|Authentication) Packages[^\r\n]{0,80}\/d[ \t]/ ascii wide nocase
        $netsh = /\bnetsh[ \t]+add[ \t]+helper[ \t]+[^\r\n]{3,120}\.dll\b/ ascii wide nocase
        $port = /\\Control\\Print\\Monitors\\{1,2}[^\r\n]{1,60}Driver[^\r\n]{0,40}\.dll/ ascii wide nocase
    condition:
        any of them
}

rule win_com_hijack
{
    meta:
        description = "puts a library of the user's in place of a component of the system"
        capability = "persist.ld_preload"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1546/015/"
        r155 = "22.2"
        false_positives = "installers for one user only"
    strings:
        $cmd = /\b(reg(\.exe)?[ \t]+add|New-Item|Set-ItemProperty|New-ItemProperty)[ \t][^\r\n]{0,40}(HKCU|HKEY_CURRENT_USER|HKCU:)\\{1,2}Software\\{1,2}Classes\\{1,2}(WOW6432Node\\{1,2})?CLSID\\{1,2}\{[0-9A-F-]{36}\}\\{1,2}(InprocServer32|LocalServer32|TreatAs)/ ascii wide nocase
        $file = /\[HKEY_CURRENT_USER\\Software\\Classes\\(WOW6432Node\\)?CLSID\\\{[0-9A-F-]{36}\}\\(InprocServer32|LocalServer32|TreatAs)\]/ ascii wide nocase
    condition:
        any of them
}

rule win_portproxy
{
    meta:
        description = "Windows passes connections on to another machine"
        capability = "tunnel.proxy"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1090/001/"
        r155 = "1.2, 16.2, 29.2"
        false_positives = "developers' set-ups of virtual machines"
    strings:
        $add = /\bnetsh(\.exe)?[ \t]+interface[ \t]+portproxy[ \t]+add[ \t]+v[46]tov[46][ \t]+[^\r\n]{0,120}(listenport|connectaddress)=/ ascii wide nocase
        $file = /\\Services\\PortProxy\\v4tov4\\tcp\]/ ascii wide nocase
        $routing = /\b(IPEnableRouter["']?[ \t][^\r\n]{0,40}\/d[ \t]+["']?1\b|Set-NetIPInterface[ \t][^\r\n]{0,60}-Forwarding[ \t]+Enabled)/ ascii wide nocase
    condition:
        any of them
}

rule win_hidden_account
{
    meta:
        description = "makes a Windows account that the login screen or the user list does not show"
        capability = "win.user_add"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1564/002/"
        r155 = "1.2, 17.1, 22.2"
        false_positives = "none known"
    strings:
        $list_cmd = /SpecialAccounts\\{1,2}UserList["']?[ \t][^\r\n]{0,100}[ \t]["']?(0|0x0)["']?([ \t]|\r|\n|$)/ ascii wide nocase
        $list_file = /SpecialAccounts\\UserList\][^\[\x00]{0,200}=[ \t]*dword:0{1,8}\b/ ascii nocase
        $dollar = /\bnet1?(\.exe)?[ \t]+user[ \t]+["']?[A-Za-z0-9_.-]{1,24}\$["']?[ \t]+[^\r\n]{0,60}\/add\b/ ascii wide nocase
        $forever = /\bwmic[ \t]+useraccount[ \t][^\r\n]{0,80}set[ \t]+PasswordExpires=false/ ascii wide nocase
        $add = /\bnet1?(\.exe)?[ \t]+user[ \t]+[^\s\/]{1,40}[ \t]+[^\s\/]{1,60}[ \t]+\/add\b/ ascii wide nocase
    condition:
        $list_cmd or $list_file or $dollar or ($forever and $add)
}

rule win_account_binary
{
    meta:
        description = "a program makes Windows accounts and puts them into the administrators' group"
        capability = "win.user_add"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1136/001/"
        r155 = "1.2, 17.1, 22.2"
        false_positives = "installers that make a service account"
    strings:
        $add = "NetUserAdd" ascii fullword
        $group = "NetLocalGroupAddMembers" ascii fullword
        $administrators = /Administrat(ors|oren|eurs)/ ascii wide
    condition:
        uint16(0) == 0x5A4D and all of them
}

rule win_firewall_open
{
    meta:
        description = "opens the Windows firewall for connections from outside"
        capability = "net.firewall_open"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1562/004/"
        r155 = "6.2, 29.1"
        false_positives = "installers of servers that open their own port"
    strings:
        $netsh = /\bnetsh(\.exe)?[ \t]+advfirewall[ \t]+firewall[ \t]+add[ \t]+rule[ \t][^\r\n]{0,160}dir=in[ \t][^\r\n]{0,160}action=allow/ ascii wide nocase
        $netsh_two = /\bnetsh(\.exe)?[ \t]+advfirewall[ \t]+firewall[ \t]+add[ \t]+rule[ \t][^\r\n]{0,160}action=allow[ \t][^\r\n]{0,160}dir=in\b/ ascii wide nocase
        $rule = /\bNew-NetFirewallRule[ \t][^\r\n]{0,200}-Direction[ \t]+["']?Inbound[^\r\n]{0,160}-Action[ \t]+["']?Allow/ ascii wide nocase
        $old = /\bnetsh(\.exe)?[ \t]+firewall[ \t]+(add[ \t]+portopening|add[ \t]+allowedprogram|set[ \t]+portopening)[ \t]/ ascii wide nocase
    condition:
        any of them
}

rule win_defender_file
{
    meta:
        description = "a registry file or service command switches the protection of Windows off"
        capability = "win.defender_off"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1562/001/"
        r155 = "1.2, 17.1, 22.2"
        false_positives = "administration tools"
    strings:
        $policy = /"(DisableAntiSpyware|DisableAntiVirus|DisableRealtimeMonitoring|DisableBehaviorMonitoring|DisableOnAccessProtection|DisableIOAVProtection)"[ \t]*=[ \t]*dword:0{0,7}1\b/ ascii wide nocase
        $tamper = /"TamperProtection"[ \t]*=[ \t]*dword:0{0,7}[04]\b/ ascii wide nocase
        $exclusion = /\[HKEY_LOCAL_MACHINE\\[^\]\r\n]{0,60}Windows Defender\\Exclusions\\(Paths|Processes|Extensions)\]/ ascii wide nocase
        $exclusion_cmd = /\breg(\.exe)?[ \t]+add[ \t][^\r\n]{0,80}Windows Defender\\{1,2}Exclusions\\{1,2}(Paths|Processes|Extensions)/ ascii wide nocase
        $service = /\b(sc(\.exe)?[ \t]+(stop|delete|config)|net[ \t]+stop|Stop-Service|Set-Service)[ \t]+[^\r\n]{0,20}\b(WinDefend|WdNisSvc|SecurityHealthService|MpsSvc|wscsvc|Sense)\b/ ascii wide nocase
        $remove = /\b(Uninstall-WindowsFeature|Remove-WindowsFeature|dism[ \t][^\r\n]{0,60}disable-feature)[^\r\n]{0,40}Windows-Defender/ ascii wide nocase
        $amsi = /(AmsiUtils|amsiInitFailed|AmsiScanBuffer)[^\r\n]{0,120}(SetValue|NonPublic,Static|VirtualProtect|WriteProcessMemory)/ ascii wide nocase
        $firewall = /"EnableFirewall"[ \t]*=[ \t]*dword:0{1,8}\b/ ascii wide nocase
    condition:
        any of them
}

rule win_download_run
{
    meta:
        description = "Windows fetches a program from a network and starts it with its own tools"
        capability = "update.download_exec"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1105/"
        r155 = "12.1, 12.2"
        false_positives = "installers that say so"
    strings:
        $certutil = /\bcertutil(\.exe)?["']?[ \t][^\r\n]{0,40}-(urlcache|verifyctl)[ \t][^\r\n]{0,60}https?:\/\// ascii wide nocase
        $bits = /\bbitsadmin(\.exe)?["']?[ \t]+\/(transfer|addfile)[ \t][^\r\n]{0,120}https?:\/\//  ascii wide nocase
        $bits_notify = /\bbitsadmin(\.exe)?["']?[ \t]+\/SetNotifyCmdLine[ \t]/ ascii wide nocase
        $mshta = /\bmshta(\.exe)?["']?[ \t]+["']?(https?:|javascript:|vbscript:)/ ascii wide nocase
        $regsvr = /\bregsvr32(\.exe)?["']?[ \t][^\r\n]{0,60}\/i:["']?https?:/ ascii wide nocase
        $rundll = /\brundll32(\.exe)?["']?[ \t]+javascript:/ ascii wide nocase
        $msiexec = /\bmsiexec(\.exe)?["']?[ \t][^\r\n]{0,60}\/(i|package)[ \t]+["']?https?:\/\// ascii wide nocase
        $fetch = /(Invoke-WebRequest|iwr -|iwr ["h]|curl\.exe|curl -|wget -|wget ["h]|Start-BitsTransfer|DownloadFile\()[^\r\n]{0,100}https?:\/\/[^\s"']{3,120}\.(exe|msi|dll|ps1|bat|vbs|scr)\b/ ascii wide nocase
        $start = /(Start-Process|Invoke-Item|start[ \t]+""|&[ \t]*["'$]|msiexec|cmd[ \t]+\/c|WinExec|ShellExecute)[^\r\n]{0,80}\.(exe|msi|dll|ps1|bat|vbs|scr)\b/ ascii wide nocase
    condition:
        $certutil or $bits or $bits_notify or $mshta or $regsvr or $rundll or $msiexec or ($fetch and $start)
}

rule win_script_download_run
{
    meta:
        description = "a Windows script fetches a file or text from a network and runs it"
        capability = "update.download_exec"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1059/005/"
        r155 = "12.1, 12.2"
        false_positives = "installers that say so"
    strings:
        $http = /\b(MSXML2\.(Server)?XMLHTTP|Microsoft\.XMLHTTP|WinHttp\.WinHttpRequest)\b/ ascii wide nocase
        $save = /\bADODB\.Stream\b/ ascii wide nocase
        $saved = /\.SaveToFile\b/ ascii wide nocase
        $written = /\.(responseBody|responseText)\b/ ascii wide nocase
        $text = /\.(CreateTextFile|OpenTextFile)[ \t(]/ ascii wide nocase
        $shell = /\b(WScript\.Shell|Shell\.Application)\b/ ascii wide nocase
        $run = /\.(Run|Exec|ShellExecute)[ \t(]{1,3}/ ascii wide nocase
        $direct = /\b(ExecuteGlobal|Execute|eval)\b[ \t(]{1,3}[^\r\n]{0,40}\.responseText\b/ ascii wide nocase
    condition:
        filesize < 4MB and not (uint16(0) == 0x5A4D or uint32(0) == 0x464C457F) and $http and ($direct or ((($save and $saved) or ($text and $written)) and $shell and $run))
}

rule win_domain_join
{
    meta:
        description = "joins the machine to a domain with a login written down"
        capability = "lateral.domain"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1078/002/"
        r155 = "29.2"
        false_positives = "the operator's own set-up"
    strings:
        $computer = /\bAdd-Computer[ \t][^\r\n]{0,120}-(DomainName|Domain)[ \t]/ ascii wide nocase
        $netdom = /\bnetdom(\.exe)?[ \t]+join[ \t][^\r\n]{0,120}\/(passwordd|pd):/ ascii wide nocase
        $unattend = /<JoinDomain>[^<\r\n]{3,80}<\/JoinDomain>/ ascii wide nocase
        $unattend_secret = /<Credentials>/ ascii wide nocase
        $samba = /\bnet[ \t]+(ads|rpc)[ \t]+join[ \t][^\r\n\x00]{0,60}-U[ \t]*["']?[^\s%"'$]{1,40}%[^\s"'$]{1,40}/
        $realm = /(\|[ \t]*realm[ \t]+join|\badcli[ \t]+join[ \t][^\r\n\x00]{0,80}--stdin-password)\b/
    condition:
        $computer or $netdom or ($unattend and $unattend_secret) or $samba or $realm
}

rule win_domain_secrets
{
    meta:
        description = "takes the secrets of a Windows machine or domain"
        capability = "lateral.domain"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1003/"
        r155 = "29.2"
        false_positives = "backup tools of domain controllers"
    strings:
        $ntds = /\bntdsutil(\.exe)?["']?[ \t][^\r\n]{0,80}(ifm|create[ \t]+full)/ ascii wide nocase
        $shadow = /\b(copy|esentutl|robocopy)[^\r\n]{0,80}HarddiskVolumeShadowCopy[^\r\n]{0,80}(ntds\.dit|\\config\\(SAM|SYSTEM|SECURITY))/ ascii wide nocase
        $save = /\breg(\.exe)?[ \t]+save[ \t]+(HKLM|HKEY_LOCAL_MACHINE)\\{1,2}(SAM|SECURITY)\b/ ascii wide nocase
        $mimikatz = /\b(sekurlsa::(logonpasswords|pth|ekeys)|lsadump::(sam|dcsync|lsa)|kerberos::(golden|ptt))/ ascii wide nocase
        $minidump = /comsvcs(\.dll)?["']?[ ,\t]{1,4}(#24|MiniDump)[^\r\n]{0,60}(lsass|[0-9%$])/ ascii wide nocase
        $procdump = /\bprocdump(64)?(\.exe)?["']?[ \t][^\r\n]{0,40}-ma[ \t]+["']?lsass/ ascii wide nocase
        $dcsync = /(Invoke-Mimikatz|Invoke-DCSync|DRSGetNCChanges|secretsdump\.py)/ ascii wide
    condition:
        any of them
}

rule win_domain_recon
{
    meta:
        description = "asks who rules the domain and which machines are in it"
        capability = "lateral.domain"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1087/002/"
        r155 = "29.2"
        false_positives = "inventory tools of the operator"
    strings:
        $admins = /\bnet1?(\.exe)?[ \t]+group[ \t]+["'](domain admins|domain controllers|enterprise admins|domain computers)["'][ \t]+\/do(main)?\b/ ascii wide nocase
        $nltest = /\bnltest(\.exe)?["']?[ \t]+\/(dclist|domain_trusts|dsgetdc)/ ascii wide nocase
        $dsquery = /\b(dsquery(\.exe)?[ \t]+(computer|user|server|\*)|adfind(\.exe)?[ \t][^\r\n]{0,60}objectc(lass|ategory)=|Get-ADComputer[ \t]+-Filter|Get-DomainComputer\b)/ ascii wide nocase
        $view = /\bnet1?(\.exe)?[ \t]+view[ \t]+\/(domain|all)\b/ ascii wide nocase
        $ldap = /\bldapsearch[ \t][^\r\n\x00]{0,160}\((objectClass|objectCategory|sAMAccountType)=(computer|user|person|805306368)/ nocase
    condition:
        2 of them
}

rule lateral_subnet_sweep
{
    meta:
        description = "goes through the neighbours of the network one address after the other"
        capability = "lateral.cross_vendor"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1018/"
        r155 = "29.2"
        false_positives = "installation tools that look for their own devices"
    strings:
        $batch = /\bfor[ \t]+\/L[ \t]+%{1,2}[a-z][ \t]+in[ \t]*\([ \t]*[0-9]{1,3},[ \t]*1,[ \t]*25[45][ \t]*\)[^\r\n]{0,40}\b(ping|net|psexec|wmic|telnet|copy|arp)\b/ ascii wide nocase
        $seq = /\bfor[ \t]+[a-z_]{1,12}[ \t]+in[ \t]+(\$\(seq[ \t]+(1|0|2)[ \t]+25[45]\)|\{[012]\.\.25[45]\}|`seq[ \t]+[012][ \t]+25[45]`)[^\x00]{0,120}\b(ping|nc|ssh|sshpass|curl|wget|telnet|arping|fping|smbclient|\/dev\/tcp)\b/
        $powershell = /\b[012]\.\.25[45][ \t]*\|[ \t]*(%|ForEach(-Object)?)[ \t]*\{[^\r\n]{0,120}(Test-Connection|Test-NetConnection|TcpClient|Ping)/ ascii wide nocase
        $masscan = /\b(masscan|zmap|fscan|nbtscan|arp-scan|fping|rustscan|unicornscan)(\.exe)?["']?[ \t][^\r\n\x00#]{0,80}\b[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(\/(8|1[0-9]|2[0-9])|-[0-9.]{1,15})\b/
        $nmap = /\bnmap(\.exe)?["']?[ \t][^\r\n\x00#]{0,80}\b(10|172|192|100)\.[0-9]{1,3}\.[0-9]{1,3}\.([0-9]{1,3}|\*)(\/(8|1[0-9]|2[0-9])|-[0-9]{1,3}|\b)/
        $python = /\bfor[ \t]+[a-z_]{1,12}[ \t]+in[ \t]+range\([ \t]*[012][ \t]*,[ \t]*25[456][ \t]*\)[^\x00]{0,200}(connect_ex|create_connection|paramiko|SSHClient|ping|socket)/
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x2123 or uint16(0) == 0x5A4D or filesize < 64KB) and any of them
}

rule lateral_device_hop
{
    meta:
        description = "logs in to another device of the network with a fixed name and password and runs something there"
        capability = "lateral.cross_vendor"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1021/004/"
        r155 = "29.2"
        false_positives = "gateways that service their own sub-devices"
    strings:
        $paramiko = /\.connect\([^\r\n\x00)]{0,80}(username|user)[ \t]*=[ \t]*["'][^"'\r\n]{1,40}["'][^\r\n\x00)]{0,60}password[ \t]*=[ \t]*["'][^"'\r\n]{1,60}["']/
        $exec = /\.(exec_command|open_sftp|invoke_shell|send_command)\(/
        $sshpass = /\bsshpass[ \t]+-p[ \t]*["']?[^\s"'$]{2,60}["']?[ \t]+(ssh|scp)[ \t][^\r\n\x00]{0,120}@(10|172|192|169)\.[0-9]{1,3}\./
        $telnet = /\(?[ \t]*(sleep[ \t]+[0-9]{1,2};?[ \t]*)?echo[ \t]+["']?[a-z]{2,20}["']?;[^\r\n\x00]{0,120}\|[ \t]*(busybox[ \t]+)?telnet[ \t]+[$0-9]/
        $telnetlib = /\btelnetlib\.Telnet\(/
        $telnet_write = /\.write\(b?["'](root|admin|support)\\(r\\)?n["']/
    condition:
        $sshpass or ($paramiko and $exec) or $telnet or ($telnetlib and $telnet_write)
}
