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
        $append = /["']?[a-z_][a-z0-9_-]{0,30}:[^:\r\n]{0,120}:0:0:[^\r\n]{0,100}>>[ \t]*["']?[A-Za-z0-9_.\/$\{\}-]{0,40}\/etc\/passwd/
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

rule creds_router_knock
{
    meta:
        description = "the magic word of a documented router back door: whoever sends it is let in or gets a shell"
        capability = "remote.shell.trigger"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2013-6026"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "signature files of other scanners"
    strings:
        $dlink = "xmlset_roodkcableoj28840ybtide" ascii wide
        $tenda = "w302r_mfg" ascii fullword
        $tenda_two = "rlink_mfg" ascii fullword
        $zte = "ztex1609523" ascii
        $hikvision = "auth=YWRtaW46MTEK" ascii
    condition:
        any of them
}

rule creds_netcore_listener
{
    meta:
        description = "the Netis/Netcore listener on UDP 53413 that runs commands behind one fixed password"
        capability = "remote.shell.trigger"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.securityweek.com/easily-exploitable-vulnerability-found-netis-routers/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "none known"
    strings:
        $daemon = "igdmptd" ascii
        $password = "netcore" ascii nocase
        $login = /Login (successed|success|failed|fail)\b/ ascii
        $port = "53413" ascii fullword
        $word_le = { A5 D0 00 00 }
        $bind_be = { 00 02 D0 A5 }
        $banner = "IGD MPT Interface daemon" ascii
        $datagram = "recvfrom" ascii fullword
        $run = /\x00(popen|system|execlp?|execve)\x00/
    condition:
        uint32(0) == 0x464C457F and $password and (($daemon and ($login or $port)) or $banner or ($login and ($port or $word_le or $bind_be or ($datagram and $run))))
}

rule creds_sercomm_manager
{
    meta:
        description = "the Sercomm configuration service on TCP 32764 that answers to a four byte magic"
        capability = "remote.shell.trigger"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2014-0659"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "none known"
    strings:
        $service = "scfgmgr" ascii
        $little = "MMcS" ascii
        $big = "ScMM" ascii
        $port = "32764" ascii fullword
        $wake = /\bscfgmgr[ \t]+-f\b/
        $frame = { 45 D1 BB 33 9B 07 A6 61 8B 21 14 DB C0 D7 78 3E }
    condition:
        uint32(0) == 0x464C457F and ((any of ($little, $big) and any of ($service, $port)) or $wake or $frame)
}

rule creds_xiongmai_helper
{
    meta:
        description = "the DVR helper on TCP 9530 that opens telnet after a challenge with a fixed key"
        capability = "remote.shell.trigger"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://censys.com/probing-the-xiongmai-hisilicon-soc-vulnerability/"
        r155 = "1.2, 16.1, 27.1"
        false_positives = "none known"
    strings:
        $open = "OpenTelnet:OpenOnce" ascii
        $telnet_once = "Telnet:OpenOnce" ascii
        $telnet_close = "Telnet:CloseOnce" ascii
        $guarder = "macGuarder" ascii
        $random = /randNum:[%0-9]/ ascii
        $verify = /verify:(OK|ERROR)/ ascii
    condition:
        $open or ($telnet_once and any of ($telnet_close, $random, $verify, $guarder)) or (all of ($random, $verify, $guarder))
}

rule creds_subscriber_gateway
{
    meta:
        description = "a fixed operator login of subscriber gateways (PON, DSL), the same on every device"
        capability = "cred.static"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2021-27165"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "password lists of audit tools"
    strings:
        $telecom = "nE7jA%5m" ascii wide
        $mobile = "aDm8H%MdA" ascii wide
        $huawei = "admintelecom" ascii fullword
        $huawei_name = "telecomadmin" ascii fullword
        $zte = "Zte521" ascii fullword
        $zte_root = /\broot[:\x00 \/]{1,8}Zte521\b/ ascii
        $fiberhome = "f~i!b@e#r$h%o^m*esuperadmin" ascii
        $fiberhome_two = "6GFJdY4aAuUKJjdtSn7d" ascii
        $pldt = "z6dUABtl270qRxt7a2uGTiw" ascii
        $cdata = /\broot126\b/ ascii
        $cdata_two = /\bdebug124\b/ ascii
        $cdata_three = /\bsuma123\b/ ascii
        $cdata_four = /\bpanger123\b/ ascii
    condition:
        $telecom or $mobile or $zte_root or $fiberhome or $fiberhome_two or $pldt or ($huawei and $huawei_name) or ($zte and $huawei_name) or 2 of ($cdata*)
}

rule creds_camera_recorder
{
    meta:
        description = "fixed passwords of cameras and recorders that are known to the world"
        capability = "cred.static"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2013-6117"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "password lists of audit tools"
    strings:
        $dahua = /\b7ujMko0(admin|vizxv)?\b/ ascii wide
        $local = "tlJwpbo6" ascii fullword
        $xm_default = "OxhlwSG8" ascii fullword
        $xm_two = "2601hx" ascii fullword
        $xm_three = "hichiphx" ascii fullword
        $xm_four = "jvbzd" ascii fullword
        $xm_five = "klv1234" ascii fullword
        $xm_six = "hslwificam" ascii fullword
        $xm_seven = "xmhdipc" ascii fullword
        $xm_eight = "xc3511" ascii fullword
        $xm_nine = "I0TO5Wv9" ascii fullword
    condition:
        $dahua or 2 of ($xm_*) or ($local and any of ($xm_*))
}

rule creds_alphanetworks_telnet
{
    meta:
        description = "a telnet server whose password is the image signature in the file system"
        capability = "cred.static"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1078/001/"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "none known"
    strings:
        $user = "Alphanetworks" ascii fullword
        $call = /telnetd[ \t][^\r\n\x00]{0,60}-u[ \t]*["']?[A-Za-z0-9_]{3,24}:(\$[A-Za-z_{][A-Za-z0-9_}]{0,20}|[^\s"'$]{3,40})/ ascii
        $signature = /\bimage_sign\b/ ascii
    condition:
        ($user and ($call or $signature)) or ($call and $signature)
}

rule creds_industrial_vendor
{
    meta:
        description = "a documented fixed account of an industrial controller or its software"
        capability = "cred.static"
        threat = "sabotage"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.cisa.gov/news-events/ics-advisories/icsa-12-018-01b"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "password lists of audit tools"
    strings:
        $schneider = "factorycast@schneider" ascii wide
        $schneider_two = /\bfdrusers[:\x00 ,"']{1,8}sresurdf\b/ ascii
        $schneider_three = /\bloader[:\x00 ,"']{1,8}fwdownload\b/ ascii
        $schneider_four = /\bpcfactory[:\x00 ,"']{1,8}pcfactory\b/ ascii
        $siemens = "2WSXcder" ascii wide fullword
        $siemens_two = /\bBasisk[:\x00 ,"']{1,8}Basisk\b/ ascii
        $fortinet = "FGTAbc11*xy+Qqz27" ascii wide
        $fortinet_two = "Fortimanager_Access" ascii wide
        $arris = "MPSJKMDHAI" ascii fullword
    condition:
        any of them
}

rule creds_tracker_master
{
    meta:
        description = "a vehicle tracker's commands with their factory password, or the name of a master password beside them"
        capability = "cred.static"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.cisa.gov/news-events/ics-advisories/icsa-22-200-01"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "user manuals of trackers"
    strings:
        $begin = /\b(begin|reset|adminip|noadmin|nofix|tracker|monitor|stockade|nostockade|supplyoil|stopelec|supplyelec|lowbattery|sleep)(123456|888888|666666|000000)\b/ ascii wide nocase
        $begin_format = /\b(begin|adminip|noadmin|nofix|stockade|nostockade|supplyoil|stopelec|supplyelec|stopoil)%s/ ascii wide nocase
        $master = /\b(master|super|universal|root|backdoor|factory)_?(pass|passwd|password|pwd|pin)\b/ ascii wide nocase
        $sms = /(AT\+CM(GR|GS|GF|TI)|\bsms_?(cmd|command|recv|handler|parse)|\+CMT:)/ ascii nocase
        $cut = /(fuel|oil|engine|relay)[ _-]?(cut|off|stop)\b/ ascii wide nocase
    condition:
        #begin > 1 or #begin_format > 2 or ($master and $sms and $cut)
}

rule creds_master_password
{
    meta:
        description = "a fixed master, service or back door password is set in a program or configuration"
        capability = "cred.static"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://cwe.mitre.org/data/definitions/798.html"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "sample configurations and documentation"
    strings:
        $assigned = /\b(master|super|supervisor|backdoor|hidden|universal|engineer|engineering|service|maintenance|factory|vendor|god)[ _-]?(pass|passwd|password|pwd|passcode|pin)[_A-Za-z]{0,10}["']?[\]]?[ \t]*(:=|==|[:=])[ \t]*["'][^"'\r\n $<{%*]{4,40}["']/ ascii wide nocase
        $compared = /\b(strn?(case)?cmp|memcmp|Equals|compareTo|equals)[ \t]*\([^\r\n;]{0,60}(master|super|backdoor|engineer|factory)_?(pass|passwd|password|pwd)\b/ ascii nocase
        $define = /#define[ \t]+[A-Z_]{0,20}(MASTER|SUPER|BACKDOOR|ENGINEER|SERVICE|FACTORY)_?(PASS|PASSWD|PASSWORD|PWD|PIN)[A-Z_]{0,10}[ \t]+"[^"\r\n]{4,40}"/ ascii
    condition:
        any of them
}

rule creds_master_password_name
{
    meta:
        description = "a program's own words speak of a back door, super or universal password"
        capability = "cred.static"
        threat = "both"
        severity = "medium"
        confidence = "low"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1078/001/"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "programs that forbid or warn of such passwords"
    strings:
        $name = /(backdoor|back_door|universal|superuser|super|hidden|engineer|factory)_(passw(or)?d|pwd|login|auth|account)\b/ ascii wide
        $camel = /\b(backDoor|Backdoor|SuperPass|UniversalPass|HiddenLogin|superPass|EngineerPass)(word|wd|Login|Auth|Mode)?\b/ ascii wide
        $universal_utf8 = { E4 B8 87 E8 83 BD E5 AF 86 E7 A0 81 } // 万能密码
        $universal_utf16 = { 07 4E FD 80 C6 5B 01 78 } // 万能密码
        $universal_gbk = { CD F2 C4 DC C3 DC C2 EB } // 万能密码
        $super_utf8 = { E8 B6 85 E7 BA A7 E5 AF 86 E7 A0 81 } // 超级密码
        $super_utf16 = { 85 8D A7 7E C6 5B 01 78 } // 超级密码
        $super_gbk = { B3 AC BC B6 C3 DC C2 EB } // 超级密码
        $engineer_utf8 = { E5 B7 A5 E7 A8 8B E5 AF 86 E7 A0 81 } // 工程密码
        $engineer_utf16 = { E5 5D 0B 7A C6 5B 01 78 } // 工程密码
        $engineer_gbk = { B9 A4 B3 CC C3 DC C2 EB } // 工程密码
        $engineer_mode_utf8 = { E5 B7 A5 E7 A8 8B E6 A8 A1 E5 BC 8F E5 AF 86 E7 A0 81 } // 工程模式密码
        $engineer_mode_utf16 = { E5 5D 0B 7A 21 6A 0F 5F C6 5B 01 78 } // 工程模式密码
        $engineer_mode_gbk = { B9 A4 B3 CC C4 A3 CA BD C3 DC C2 EB } // 工程模式密码
        $backdoor_utf8 = { E5 90 8E E9 97 A8 E5 AF 86 E7 A0 81 } // 后门密码
        $backdoor_utf16 = { 0E 54 E8 95 C6 5B 01 78 } // 后门密码
        $backdoor_gbk = { BA F3 C3 C5 C3 DC C2 EB } // 后门密码
        $debug_utf8 = { E8 B0 83 E8 AF 95 E8 B4 A6 E5 8F B7 } // 调试账号
        $debug_utf16 = { 03 8C D5 8B 26 8D F7 53 } // 调试账号
        $debug_gbk = { B5 F7 CA D4 D5 CB BA C5 } // 调试账号
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D or uint32(0) == 0x0A786564 or uint16(0) == 0x2123) and any of them
}

rule creds_weak_list
{
    meta:
        description = "a program holds several factory passwords of devices: its own, or those it tries on others"
        capability = "cred.static"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1110/001/"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "audit tools"
    strings:
        $one = "xc3511" ascii fullword
        $two = "vizxv" ascii fullword
        $three = "888888" ascii fullword
        $four = "juantech" ascii fullword
        $five = "klv123" ascii fullword
        $six = "hi3518" ascii fullword
        $seven = "7ujMko0admin" ascii fullword
        $eight = "dreambox" ascii fullword
        $nine = "realtek" ascii fullword
        $ten = "ikwb" ascii fullword
        $eleven = "admin1234" ascii fullword
        $twelve = "meinsm" ascii fullword
        $thirteen = "Zte521" ascii fullword
        $fourteen = "smcadmin" ascii fullword
        $fifteen = "54321" ascii fullword
        $sixteen = "666666" ascii fullword
        $seventeen = "zlxx." ascii
        $eighteen = "GM8182" ascii fullword
    condition:
        uint32(0) == 0x464C457F and 4 of them
}

rule creds_adjacent_pair
{
    meta:
        description = "a login name and a weak password stand side by side in a program that asks for both"
        capability = "cred.static"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://cwe.mitre.org/data/definitions/798.html"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "programs that name a default and force its change"
    strings:
        $pair = /\x00(root|admin|administrator|support|service|guest|user|debug|engineer|factory|super)\x00{1,8}(admin|root|password|passw0rd|123456|12345678|1234567890|admin123|root123|888888|666666|super|service|factory|debug|1234|4321|0000)\x00/
        $ask = /(login|user ?name|account):? ?\x00/ nocase
        $ask_password = /pass ?(word|wd)?:? ?\x00/ nocase
        $compare = /\bstrn?(case)?cmp\b/
    condition:
        uint32(0) == 0x464C457F and $pair and $ask and $ask_password and $compare
}

rule creds_hash_in_program
{
    meta:
        description = "a password hash stands in a program or script: a login that no account file shows"
        capability = "cred.static"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://man7.org/linux/man-pages/man5/crypt.5.html"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "self-tests of crypt libraries, templates of installers"
    strings:
        $md5 = /\$1\$[.\/0-9A-Za-z]{2,8}\$[.\/0-9A-Za-z]{22}[\x00"'\s:,;]/
        $sha256 = /\$5\$(rounds=[0-9]{4,9}\$)?[.\/0-9A-Za-z]{2,16}\$[.\/0-9A-Za-z]{43}[\x00"'\s:,;]/
        $sha512 = /\$6\$(rounds=[0-9]{4,9}\$)?[.\/0-9A-Za-z]{2,16}\$[.\/0-9A-Za-z]{86}[\x00"'\s:,;]/
        $yescrypt = /\$y\$[.\/0-9A-Za-z]{1,6}\$[.\/0-9A-Za-z]{1,86}\$[.\/0-9A-Za-z]{43}[\x00"'\s:,;]/
        $bcrypt = /\$2[aby]\$[0-9]{2}\$[.\/0-9A-Za-z]{53}[\x00"'\s:,;]/
        $line = /\b(root|admin|toor|support|service|user):\$[1256y][aby]?\$[.\/0-9A-Za-z$=]{24,120}:/
        // what OpenSSH puts the password of an unknown user through: no hash, and nobody's
        $nobody = /\$2[aby]\$[0-9]{2}\$x{53}[\x00"'\s:,;]/
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D or uint16(0) == 0x2123) and
        (any of ($md5, $sha256, $sha512, $yescrypt, $line) or #bcrypt > #nobody)
}

rule creds_shadow_write
{
    meta:
        description = "a script or program writes a password hash into the account files"
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
        $append = /\b(root|[a-z_][a-z0-9_-]{1,30}):\\?\$[1256y][aby]?\\?\$[^\r\n\x00]{10,160}>>?[ \t]*["']?[A-Za-z0-9_.\/$\{\}-]{0,40}\/etc\/shadow\b/
        $sed = /\bsed[ \t]+-i[^\r\n\x00]{0,40}(root|\^?[a-z_]{2,20}):[^\r\n\x00]{0,120}\$[1256y]\\?\$[^\r\n\x00]{4,140}\/etc\/shadow\b/
        $openssl = /\bopenssl[ \t]+passwd[ \t]+-[156][^\r\n\x00$]{0,40}[ \t]["']?[A-Za-z0-9!@#%^&*_.-]{3,40}["']?\)?[^\r\n]{0,80}(\/etc\/(passwd|shadow)|usermod|useradd)/
    condition:
        any of them
}

rule creds_empty_password
{
    meta:
        description = "a script takes the password off an account, or a setting lets an account in without one"
        capability = "cred.empty"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1556/"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "live systems and installers"
    strings:
        $delete = /(^|[\n;&|`(]|\bsudo|\bchroot[ \t][^\s]{1,80})[ \t]*(\/usr)?(\/bin\/)?passwd[ \t]+(-d|--delete)[ \t]+(root|admin|[a-z_][a-z0-9_-]{2,30})\b/
        $sed_passwd = /\bsed[ \t]+-i[^\r\n\x00]{0,30}(\^)?root:(x|\*|!|\[\^:\]\*)?:?[^\r\n\x00]{0,40}root::[^\r\n\x00]{0,80}\/etc\/(passwd|shadow)\b/
        $written = /\broot::(0:0:|[0-9]{0,6}:0:99999:)[^\r\n\x00]{0,60}>>?[ \t]*["']?[A-Za-z0-9_.\/$\{\}-]{0,40}\/etc\/(passwd|shadow)\b/
        $sshd = /\n[ \t]*PermitEmptyPasswords[ \t]+yes\b/ nocase
        $sshd_set = /\b(echo|sed|printf)\b[^\r\n\x00]{1,80}PermitEmptyPasswords[ \t]+yes\b/ nocase
        $usermod = /\busermod[ \t]+(-p|--password)[ \t=]*(''|"")[ \t]+[a-z_]/
    condition:
        any of ($delete, $sed_passwd, $written, $sshd_set, $usermod) or ($sshd and filesize < 64KB)
}

rule creds_pam_open
{
    meta:
        description = "a login rule that lets everybody in"
        capability = "cred.empty"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1556/003/"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "none known"
    strings:
        $permit = /\n[ \t]*auth[ \t]+(sufficient|required|\[success=[^\]\n]{1,20}\])[ \t]+(\/[a-z0-9\/_-]{0,40})?pam_permit\.so/
        $real = /\n[ \t]*auth[ \t]+[^\n#]{1,60}pam_(unix|deny|ldap|sss|faillock|rootok|krb5)\.so/
        $set = /\b(echo|printf|sed)\b[^\r\n\x00]{0,100}auth[ \t]+sufficient[ \t]+[^\r\n\x00]{0,30}pam_permit\.so[^\r\n\x00]{0,80}\/etc\/pam\.d\//
    condition:
        $set or ($permit and not $real and filesize < 64KB)
}

rule creds_windows_autologon
{
    meta:
        description = "Windows logs a fixed account in by itself, its password in clear text"
        capability = "cred.static"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1552/002/"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "kiosks whose operator chose it"
    strings:
        $auto_cmd = /\breg(\.exe)?[ \t]+add[ \t][^\r\n]{0,160}AutoAdminLogon["']?[^\r\n]{0,60}[ \t]["']?1\b/ ascii wide nocase
        $password_cmd = /\breg(\.exe)?[ \t]+add[ \t][^\r\n]{0,160}DefaultPassword["']?[^\r\n]{0,60}\/d[ \t]+["']?[^\s"'%]{2,60}/ ascii wide nocase
        $auto_file = /"AutoAdminLogon"[ \t]*=[ \t]*"1"/ ascii wide nocase
        $password_file = /"DefaultPassword"[ \t]*=[ \t]*"[^"\r\n]{1,60}"/ ascii wide nocase
        $auto_ps = /\b(Set|New)-ItemProperty[ \t][^\r\n]{0,160}AutoAdminLogon[^\r\n]{0,40}[ \t]["']?1\b/ ascii wide nocase
        $password_ps = /\b(Set|New)-ItemProperty[ \t][^\r\n]{0,160}DefaultPassword["']?[ \t]+(-Value[ \t]+)?["'][^"'$\r\n]{2,60}/ ascii wide nocase
        $unattend = /<AutoLogon>[^\r\n]{0,20}\r?\n?[^\r\n]{0,40}<Password>/ ascii wide nocase
    condition:
        ($auto_cmd and $password_cmd) or ($auto_file and $password_file) or ($auto_ps and $password_ps) or $unattend
}

rule creds_snmp_write
{
    meta:
        description = "SNMP lets whoever knows a factory word change the device"
        capability = "cred.static"
        threat = "sabotage"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://cwe.mitre.org/data/definitions/1392.html"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "none known"
    strings:
        $netsnmp = /(^|\n)[ \t]*rwcommunity6?[ \t]+["']?(public|private|admin|write|default|manager|cisco|snmp)\b/ nocase
        $com2sec = /(^|\n)[ \t]*com2sec6?[ \t]+(rw|readwrite|private|admin)[a-z]{0,8}[ \t]+default[ \t]+(public|private|admin|write)\b/ nocase
        $ios = /\bsnmp-server[ \t]+community[ \t]+(public|private|admin|write)[ \t]+(view[ \t]+[^\s]{1,30}[ \t]+)?rw\b/ nocase
        $uci = /option[ \t]+(rwcommunity|community_rw|snmp_?(rw|write)_?community)[ \t]+["']?(public|private|admin|write)\b/ nocase
        $xml = /SNMP[A-Za-z.]{0,24}(SetCommunity|RWCommunity|WriteCommunity|CommunityRW)[^\r\n]{0,20}[>="' ](public|private|admin|write)\b/ nocase
    condition:
        any of them
}

rule creds_service_token
{
    meta:
        description = "a live looking access token of a source, payment, chat or mail service"
        capability = "cred.token"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1552/001/"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "tokens of tests"
    strings:
        $github = /\b(ghp|gho|ghs|ghu|ghr)_[0-9A-Za-z]{36}\b/ ascii wide
        $github_fine = /\bgithub_pat_[0-9A-Za-z]{22}_[0-9A-Za-z]{59}\b/ ascii wide
        $gitlab = /\bglpat-[0-9A-Za-z_-]{20}\b/ ascii wide
        $slack = /\bxox[abprs]-[0-9]{8,14}-[0-9A-Za-z-]{10,72}/ ascii wide
        $stripe = /\b[rs]k_live_[0-9A-Za-z]{24,99}\b/ ascii wide
        $sendgrid = /\bSG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}\b/ ascii wide
        $npm = /\bnpm_[0-9A-Za-z]{36}\b/ ascii wide
        $ngrok = /\b(authtoken|NGROK_AUTHTOKEN)["']?[ \t:=]{1,4}["']?[0-9A-Za-z]{20,30}_[0-9A-Za-z]{18,30}\b/ ascii
        $tailscale = /\btskey-(auth|api|client)-[0-9A-Za-z]{8,24}-[0-9A-Za-z]{16,48}\b/ ascii wide
    condition:
        any of them
}

rule creds_google_key
{
    meta:
        description = "a key to Google services stands in the content"
        capability = "cred.token"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://cloud.google.com/docs/authentication/api-keys"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "keys limited to maps in public apps"
    strings:
        $key = /\bAIza[0-9A-Za-z_-]{35}[^0-9A-Za-z_-]/ ascii wide
        $account = /"type"[ \t]{0,4}:[ \t]{0,4}"service_account"/
        $account_key = /"private_key"[ \t]{0,4}:[ \t]{0,4}"-----BEGIN/
        $account_mail = ".iam.gserviceaccount.com" ascii
    condition:
        $key or ($account and $account_key and $account_mail)
}

rule creds_azure_key
{
    meta:
        description = "the key of an Azure store or message hub stands in the content"
        capability = "cred.token"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://learn.microsoft.com/en-us/azure/storage/common/storage-configure-connection-string"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "the key of the storage emulator is public and not counted"
    strings:
        $store = /AccountName=[a-z0-9]{3,24};AccountKey=[0-9A-Za-z+\/]{86}==/ ascii wide
        $emulator = /AccountName=devstoreaccount1;AccountKey=/ ascii wide
        $hub = /HostName=[0-9A-Za-z.-]{4,80}\.azure-devices\.(net|cn);[^\r\n\x00]{0,120}SharedAccessKey=[0-9A-Za-z+\/]{43}=/ ascii wide
        $bus = /Endpoint=sb:\/\/[0-9A-Za-z.-]{4,80}\/;SharedAccessKeyName=[^;\r\n\x00]{1,60};SharedAccessKey=[0-9A-Za-z+\/]{43}=/ ascii wide
        $sas = /[?&]sv=20[0-9]{2}-[0-9]{2}-[0-9]{2}&[^\s"'\x00]{10,200}&sig=[0-9A-Za-z%+\/]{40,80}/ ascii wide
    condition:
        #store > #emulator or $hub or $bus or $sas
}

rule creds_cloud_secret
{
    meta:
        description = "the secret half of a cloud key stands in the content"
        capability = "cred.token"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "keys of documentation end in EXAMPLE or EXAMPLEKEY and are not counted"
    strings:
        $aws = /\baws_secret_access_key["']?[ \t]{0,4}[=:][ \t]{0,4}["']?[0-9A-Za-z\/+]{40}\b/ nocase
        $aws_example = /\baws_secret_access_key["']?[ \t]{0,4}[=:][ \t]{0,4}["']?[0-9A-Za-z\/+]{30}EXAMPLEKEY\b/ nocase
        $aliyun_id = /\bLTAI[0-9A-Za-z]{12,24}\b/ ascii wide
        $aliyun_secret = /access_?key_?secret["']?[ \t]{0,4}[=:][ \t]{0,4}["']?[0-9A-Za-z]{30}\b/ ascii wide nocase
        $tencent_id = /\bAKID[0-9A-Za-z]{32}\b/ ascii wide
        $tencent_secret = /secret_?key["']?[ \t]{0,4}[=:][ \t]{0,4}["']?[0-9A-Za-z]{32}\b/ ascii wide nocase
    condition:
        #aws > #aws_example or ($aliyun_id and $aliyun_secret) or ($tencent_id and $tencent_secret)
}

rule creds_http_header
{
    meta:
        description = "a fixed Authorization header"
        capability = "cred.token"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://cwe.mitre.org/data/definitions/798.html"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "documentation and tests of HTTP libraries"
    strings:
        $basic = /Authorization["']?[ \t]{0,4}[:,][ \t]{0,4}["']?Basic [0-9A-Za-z+\/]{8,80}={0,2}(["'\s\x00\\]|$)/ nocase
        $basic_rfc = /Basic (QWxhZGRpbjpvcGVuIHNlc2FtZQ|dXNlcjpwYXNz|QWxhZGRpbjpPcGVuU2VzYW1l|dGVzdDp0ZXN0|Zm9vOmJhcg|YWxhZGRpbjpvcGVuc2VzYW1l)/ nocase
        $bearer = /Authorization["']?[ \t]{0,4}[:,][ \t]{0,4}["']?Bearer eyJ[0-9A-Za-z_-]{10,400}\.eyJ[0-9A-Za-z_-]{10,800}\.[0-9A-Za-z_-]{16,600}/ nocase
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D or uint16(0) == 0x2123 or uint32(0) == 0x0A786564 or filesize < 32KB) and (#basic > #basic_rfc or $bearer)
}

rule creds_mqtt_login
{
    meta:
        description = "a script or setting logs in to a message broker with a fixed password"
        capability = "cred.static"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://mosquitto.org/man/mosquitto_pub-1.html"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "example settings of broker software"
    strings:
        $pub = /\bmosquitto_(pub|sub|rr)[ \t][^\r\n\x00]{0,160}[ \t](-P|--pw)[ \t]+["']?[^\s"'$<\x00-][^\s"'$<\x00]{2,60}/
        $bridge = /\n[ \t]*remote_password[ \t]+[^\s#]{3,60}[ \t]*\r?\n/
        $setting = /\bmqtt[._-]?(broker[._-]?)?(pass|passwd|password|pwd)["']?[ \t]{0,4}[=:][ \t]{0,4}["'][^"'$<{%\r\n\x00]{3,60}["']/ nocase
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x2123 or filesize < 64KB) and any of them
}

rule creds_ssh_key_write
{
    meta:
        description = "lets the holder of a fixed SSH key in"
        capability = "cred.sshkey"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1098/004/"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "cloud images whose operator chose the key"
    strings:
        $echo = /\b(echo|printf|tee)[ \t][^\r\n\x00]{0,12}(ssh-(rsa|ed25519|dss)|ecdsa-sha2-nistp(256|384|521))[ \t]+AAAA[^\r\n\x00]{40,900}>>?[ \t]*["']?[^\r\n\x00"']{0,60}authorized_keys/
        $file = /authorized_keys2?["']?[\s\x00]/
        $key = /\b(ssh-(rsa|ed25519|dss)|ecdsa-sha2-nistp(256|384|521)) AAAA[0-9A-Za-z+\/]{40,900}/
        $copy = /\b(cp|mv|cat|install)[ \t][^\r\n\x00#]{1,80}\.(pub|key)[^\r\n\x00#]{0,40}[ \t>]["']?\/[^\r\n\x00 ]{0,40}\/(\.ssh|dropbear)\/authorized_keys/
    condition:
        $echo or $copy or ((uint32(0) == 0x464C457F or uint16(0) == 0x2123) and $file and $key)
}

rule creds_ssh_key_public_secret
{
    meta:
        description = "an SSH key whose private half everybody has"
        capability = "cred.sshkey"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/rapid7/ssh-badkeys"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "development machines made for tests"
    strings:
        $vagrant = "AAAAB3NzaC1yc2EAAAABIwAAAQEA6NF8iallvQVp22WDkTkyrtvp9eWW6A8YVr" ascii
        $vagrant_ed = "AAAAC3NzaC1lZDI1NTE5AAAAIN1YdxBpNlzxDqfJyw/QKow1F+wvG9hXGoqiysfJOn5Y" ascii
    condition:
        any of them
}

rule creds_ssh_authority
{
    meta:
        description = "the SSH server trusts an authority or a command for the keys that may log in"
        capability = "cred.sshkey"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://man.openbsd.org/sshd_config#TrustedUserCAKeys"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "managed fleets whose operator runs the authority"
    strings:
        $authority = /(^|\n)[ \t]*TrustedUserCAKeys[ \t]+["']?\//
        $command = /(^|\n)[ \t]*AuthorizedKeysCommand[ \t]+["']?\//
        $elsewhere = /(^|\n)[ \t]*AuthorizedKeysFile[ \t]+[^\r\n#]{0,60}\/(tmp|var|mnt|media|data|run|usr|lib|opt)\//
    condition:
        filesize < 64KB and any of them
}

rule creds_in_command
{
    meta:
        description = "a command carries a password for another machine"
        capability = "cred.static"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://cwe.mitre.org/data/definitions/214.html"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "documentation"
    strings:
        $sshpass = /\bsshpass[ \t]+-p[ \t]*["']?[^\s"'$<\x00][^\s"'<\x00]{2,60}["']?[ \t]+(ssh|scp|rsync|sftp)\b/
        $plink = /\b(plink|pscp|psftp)(\.exe)?["']?[ \t][^\r\n\x00]{0,80}-pw[ \t]+["']?[^\s"'$%<\x00]{3,60}/ ascii wide nocase
        $expect = /\bspawn[ \t]+(ssh|telnet|scp|su)\b[^\x00]{0,200}\bsend[ \t]+(--[ \t]+)?["'][^"'$\r\n\x00]{3,40}\\[rn]["']/
        $curl = /\bcurl[ \t][^\r\n\x00#]{0,160}[ \t](-u|--user)[ \t]*["']?[A-Za-z0-9._-]{2,40}:[^\s"'$<{\x00]{3,60}/
        $lftp = /\blftp[ \t][^\r\n\x00#]{0,80}-u[ \t]*["']?[A-Za-z0-9._-]{2,40},[^\s"'$<\x00]{3,60}/
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x2123 or uint16(0) == 0x5A4D or filesize < 32KB) and any of them
}

rule creds_service_account_made
{
    meta:
        description = "a script makes an account for service, debugging or the vendor"
        capability = "cred.static"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1136/001/"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "packages that make a system account of such a name"
    strings:
        $user = /\b(useradd|adduser)[ \t][^\r\n\x00#]{0,120}[ \t](debug|dbg|engineer|eng|factory|maint|maintenance|support|vendor|service|backdoor|remote|helpdesk|field|tech)[0-9]{0,4}[ \t]*(\r?\n|[;&|]|$)/
        $system = /\b(useradd|adduser)[ \t][^\r\n\x00#]{0,80}(--system|-r[ \t]|-S[ \t]|nologin|\/bin\/false)/
        $password = /\b(chpasswd|passwd[ \t]+[a-z]|NOPASSWD|usermod[ \t]+-[aG]{1,2}[ \t]+(sudo|wheel|root))/
    condition:
        uint16(0) == 0x2123 and #user > #system and $password
}

rule creds_sudo_all
{
    meta:
        description = "a script gives an account every right without a password"
        capability = "cred.uid0"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1548/003/"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "cloud images and build machines"
    strings:
        $sudoers = /\b(echo|printf|tee|cat)\b[^\r\n\x00]{0,20}[a-z_%][a-z0-9_-]{0,30}[ \t]+ALL[ \t]*=[ \t]*(\([A-Z:]{3,9}\)[ \t]*)?NOPASSWD:[ \t]*ALL[^\r\n\x00]{0,60}\/etc\/sudoers/
        $doas = /\b(echo|printf)\b[^\r\n\x00]{0,10}permit[ \t]+nopass[^\r\n\x00]{0,60}\/etc\/doas/
        $setuid_copy = /\bcp[ \t][^\r\n\x00#]{0,20}\/bin\/(ba|da|a)?sh[ \t][^\r\n\x00;&#]{1,60}[;&\n][^\r\n\x00]{0,60}\bchmod[ \t]+(u?\+s|[0]?[46]7[0-7]{2})\b/
        $setuid_shell = /\bchmod[ \t]+(u?\+s|[0]?[46]7[0-7]{2})[ \t]+(\/usr)?\/bin\/((ba|da|a)?sh|busybox|find|vim?|python[0-9.]*)\b/
    condition:
        any of them
}

rule creds_database_login
{
    meta:
        description = "a fixed database password in a connection text or command"
        capability = "cred.static"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://cwe.mitre.org/data/definitions/259.html"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "examples"
    strings:
        $mssql = /\b(User ID|Uid|User)[ \t]*=[ \t]*(sa|root|admin|administrator)[ \t]*;[ \t]*(Password|Pwd)[ \t]*=[ \t]*[^;"'\r\n\x00%{$<]{1,60}/ ascii wide nocase
        $jdbc = /jdbc:[a-z]{4,12}:[^\s"'\x00]{4,120}[?&;]password=[^\s"'&;$<{\x00]{2,60}/ ascii wide nocase
        $mysql = /\b(mysql|mysqladmin|mysqldump)[ \t][^\r\n\x00#]{0,80}-p[0-9A-Za-z@!#_.]{3,40}[ \t\n]/
        $mysql_placeholder = /\b(mysql|mysqladmin|mysqldump)[ \t][^\r\n\x00#]{0,80}-p(password|passwd|your|PASSWORD|secret)/
        $sqlcmd = /\b(sqlcmd|osql|bcp)(\.exe)?["']?[ \t][^\r\n\x00]{0,80}[ \t]-P[ \t]*["']?[^\s"'$%<\x00]{3,40}/ ascii wide
    condition:
        (uint32(0) == 0x464C457F or uint16(0) == 0x5A4D or uint16(0) == 0x2123 or filesize < 64KB) and ($mssql or $jdbc or $sqlcmd or #mysql > #mysql_placeholder)
}

rule creds_service_key_option
{
    meta:
        description = "the key of a remote service stands in a command or a request header"
        capability = "cred.token"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://cwe.mitre.org/data/definitions/798.html"
        r155 = "1.2, 9.1, 28.2"
        false_positives = "keys that each device is given anew and examples of ordinary zeros"
    strings:
        $option = /[ \t](--|-)(api-?|auth-?|access-?|device-?)?(key|token|secret)[ =]["']?[0-9a-f]{32,64}(["'\s\x00]|$)/
        $header = /\b(X-)?(Api|Auth|Access|Device)-?(Key|Token)["']?[ \t]{0,4}[:=][ \t]{0,4}["']?[0-9a-f]{32,64}(["'\s\x00\\]|$)/ nocase
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or filesize < 64KB) and any of them
}
