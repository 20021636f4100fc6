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
        $pipe = /\b(curl|wget)[ \t][^\r\n|#;]{0,120}(https?|ftp):\/\/[^\r\n|#;]{4,160}\|[ \t]*(sudo[ \t]+)?(\/bin\/)?(ba|da|a)?sh\b/
        $inside = /\b(ba|da|a)?sh[ \t]+(-c[ \t]+)?["']?[$<]\((curl|wget)[ \t][^\r\n)]{4,200}\)/
        $temporary = /\b(curl|wget|tftp|ftpget)[ \t][^\r\n#]{0,160}\/(tmp|var\/tmp|var\/run|run|dev\/shm|mnt)\/[A-Za-z0-9_.-]{1,40}/
        $temporary_run = /\bchmod[ \t]+(\+x|a\+x|u\+x|0?7[0-7]{2})[ \t]+["']?\/(tmp|var\/tmp|var\/run|run|dev\/shm|mnt)\/[A-Za-z0-9_.-]{1,40}/
        $temporary_shell = /\b(ba|da|a)?sh[ \t]+["']?\/(tmp|var\/tmp|var\/run|run|dev\/shm|mnt)\/[A-Za-z0-9_.\/-]{1,60}/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or filesize < 64KB) and ($pipe or $inside or ($temporary and any of ($temporary_run, $temporary_shell)))
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

rule update_mobile_fota_agent
{
    meta:
        description = "an update agent of another company that takes commands and software from its own servers"
        capability = "update.thirdparty_fota"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1474/003/"
        r155 = "12.1, 12.2"
        false_positives = "declared update services"
    strings:
        $redstone = "com.redstone.ota" ascii wide
        $redstone_host = /\b[a-z0-9.-]{0,20}redstone\.(net\.cn|com\.cn)\b/ ascii wide
        $abup = "com.abfota." ascii wide
        $abup_host = /\b[a-z0-9.-]{1,20}abup(date)?\.(com|cn)\b/ ascii wide
        $digitime = "com.dtinfo.tools" ascii wide
        $rock = "com.rock.gota" ascii wide
        $gmobi = "com.gmobi.trade" ascii wide
        $adfuture = "com.fota.wirelessupdate" ascii wide
        $fw_upgrade = "com.fw.upgrade.sysoper" ascii wide
    condition:
        any of them
}

rule update_fota_task_server
{
    meta:
        description = "an update agent that asks a server for tasks and installs packages without a question"
        capability = "update.thirdparty_fota"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.kb.cert.org/vuls/id/624539"
        r155 = "12.1, 12.2"
        false_positives = "device management that the owner enrolled"
    strings:
        $check = /\/(fota|ota|update|upgrade)[A-Za-z0-9_\/-]{0,30}(detectSchedule|detectdownupgrade|checkVersion|getTask|taskList|pushTask|instruct|detectSilent|queryTask)/ ascii wide nocase
        $task = /\b(silent_?install|silence_?install|install_?silent(ly)?|remote_?command|exec_?cmd|root_?cmd|shell_?cmd|run_?cmd|uninstall_?apk|push_?apk|cmd_?list)\b/ ascii wide nocase
        $identity = /\b(imei|imsi|iccid|vin|deviceid|device_id|serial)\b/ ascii wide nocase
        $shell = /(Runtime;->exec|Ljava\/lang\/Runtime;|\/system\/bin\/sh|pm install|\bsu -c\b|popen|system@|\/bin\/sh)/ ascii wide
    condition:
        (uint32(0) == 0x464C457F or uint32(0) == 0x0A786564 or uint16(0) == 0x5A4D) and $check and $task and $identity and $shell
}

rule update_peer_to_peer
{
    meta:
        description = "a library by which the maker's relay reaches the device behind every firewall"
        capability = "remote.maintenance"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2019-11219"
        r155 = "1.2, 16.1, 16.2"
        false_positives = "declared camera services"
    strings:
        $kalay = /\x00(IOTC_(Device_Login|Connect_ByUID|Initialize2?)|avServStart(Ex|2|3)?|RDT_Create)\x00/
        $cs2 = /\x00(PPPP_(Initialize|Listen|Connect|NetworkDetect|Share_Bandwidth)|XQP2P_|PPCS_(Initialize|Listen|Connect))/
        $ilnk = /(XiaoLingHuoYuan|iLnkP2P|umeye|vMEye|ipc\.umeye\.cn|CLOUDLINKS|yoosee|gwell)/ ascii nocase
        $p2p_server = /\b(p2p[0-9]{0,2}|m[0-9]|master[0-9])\.(iotcplatform|cloudlinks|gwellnet|vstarcam|umeye|xmeye|goolink|dvr163|nvcam)\.(com|cn|net)\b/ ascii wide
        $tuya = /\x00tuya_(iot|svc|ipc|p2p)_[a-z0-9_]{4,40}\x00/
        $danale = /\b(danale|danavideo|ulife)[a-z0-9_]{0,20}p2p/ ascii nocase
    condition:
        (uint32(0) == 0x464C457F and any of ($kalay, $cs2, $tuya, $danale)) or $p2p_server or ($ilnk and $p2p_server)
}

rule update_download_exec_code
{
    meta:
        description = "a program in a scripting language runs what it just fetched"
        capability = "update.download_exec"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1059/"
        r155 = "12.1, 12.2"
        false_positives = "installers that say so"
    strings:
        $python = /\b(exec|eval)\([ \t]*(compile\([ \t]*)?(requests\.get|urllib[23]?(\.request)?\.urlopen|urlopen|httpx\.get)\(/
        $python_marshal = /\b(exec|eval)\([ \t]*(marshal\.loads|zlib\.decompress|pickle\.loads)\([^\r\n\x00]{0,80}(urlopen|requests\.get)/
        $python_system = /\bos\.(system|popen)\([^\r\n\x00]{0,40}(wget|curl)[ \t][^\r\n\x00]{4,200}(\|[ \t]*(ba|da|a)?sh\b|chmod[ \t]+(\+x|0?7[0-7]{2}))/
        $php = /<\?php[^\x00]{0,400}\b(eval|assert|include|require)(_once)?[ \t]*\(?[ \t]*["']?(\?>["']?[ \t]*\.[ \t]*)?(file_get_contents|curl_exec|fopen)?[ \t]*\(?[ \t]*["']https?:\/\//
        $perl = /\beval[ \t]*\(?[ \t]*(LWP::Simple::)?get[ \t]*\(?[ \t]*["']https?:\/\//
        $lua = /\b(load|loadstring|dofile)[ \t]*\([ \t]*(http\.request|socket\.http\.request|io\.popen\([ \t]*["'](wget|curl))/
        $node = /\b(eval|vm\.runInThisContext|vm\.runInNewContext|new Function)\([^\r\n\x00]{0,60}(await fetch\(|axios\.get\(|res\.data|body\)|https?\.get\()/
        $ruby = /\beval[ \t(]+(URI\.open|open-uri|open|Net::HTTP\.get)[^\r\n\x00]{0,20}https?:\/\//
        $java = /\bnew URLClassLoader\([^\r\n\x00]{0,80}https?:\/\//
    condition:
        any of them
}

rule update_fetch_chmod_run
{
    meta:
        description = "fetches a file by TFTP, FTP or HTTP into some writable folder, makes it a program and starts it"
        capability = "update.download_exec"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1105/"
        r155 = "12.1, 12.2"
        false_positives = "none known"
    strings:
        $chain = /\b(wget|curl|tftp|ftpget|uclient-fetch)[ \t][^\r\n\x00#;&|]{4,200}[;&|\r\n]{1,4}[^\r\n\x00]{0,120}\bchmod[ \t]+(\+x|a\+x|u\+x|0?7[0-7]{2})[ \t]+[^\r\n\x00;&|]{1,80}[ \t]*(;|&&|\r?\n)[ \t]*(sudo[ \t]+|nohup[ \t]+|setsid[ \t]+|exec[ \t]+|sh[ \t]+)?["']?(\.\/|\/|\$)[A-Za-z0-9_.\/$\{\}-]{1,80}/
        $folders = /\bcd[ \t]+\/(tmp|var\/run|mnt|root|dev\/shm|var\/tmp)[ \t]*(\|\||;|&&)[ \t]*cd[ \t]+\/(tmp|var\/run|mnt|root|dev\/shm|var\/tmp|var|home)?\b/
        $fetch = /\b(wget|curl|tftp|ftpget)[ \t]+[^\r\n\x00#]{4,160}/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or filesize < 64KB) and ($chain or ($folders and $fetch))
}

rule update_program_download
{
    meta:
        description = "a program fetches a file to a writable place, makes it executable and starts it"
        capability = "update.download_exec"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1105/"
        r155 = "12.1, 12.2"
        false_positives = "update clients of the product"
    strings:
        $format = /\b(wget|curl|tftp|ftpget)[ \t][^\x00\r\n]{0,80}(%s|https?:\/\/|\/tmp)/
        $chmod = /\x00[^\x00]{0,80}\bchmod[ \t]+(\+x|a\+x|0?7[0-7]{2})[ \t]+(%s|\/(tmp|var|data|mnt|dev\/shm)\/)[^\x00]{0,80}\x00/
        $run = /\x00(system|popen|execlp?|execve|execvp?|posix_spawn|do_system|twsystem|doSystemCmd|system_call)(@|\x00)/
    condition:
        uint32(0) == 0x464C457F and all of them
}

rule update_library_download
{
    meta:
        description = "a program fetches a library or plug-in and loads it into itself"
        capability = "update.download_exec"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1129/"
        r155 = "12.1, 12.2"
        false_positives = "update clients of the product"
    strings:
        $dlopen = /\x00dlopen(@|\x00)/
        $fetch = /\x00(curl_easy_perform|http_get|http_download|nghttp2_submit_request|SSL_write|wget_fetch|evhttp_make_request)(@|\x00)/
        $place = /\x00\/(tmp|var\/tmp|data|dev\/shm|mnt\/data|var\/run|run)\/[^\x00\s]{1,60}\.so(\.[0-9]{1,3})?\x00/
    condition:
        uint32(0) == 0x464C457F and $dlopen and $place and $fetch
}

rule update_package_unchecked
{
    meta:
        description = "installs packages with their check switched off or over a line that anybody can change"
        capability = "update.no_verify"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://cwe.mitre.org/data/definitions/494.html"
        r155 = "12.1, 12.2"
        false_positives = "none known"
    strings:
        $opkg = /\b(opkg|ipkg)[ \t][^\r\n\x00#]{0,60}(--force-checksum|--force-signature|--no-check-certificate|--force-maintainer)/
        $opkg_http = /\b(opkg|ipkg)[ \t]+(--?[a-z-]{2,24}[ \t]+){0,3}install[ \t]+(--?[a-z-]{2,24}[ \t]+){0,3}["']?http:\/\//
        $apt = /\bapt(-get)?[ \t][^\r\n\x00#]{0,80}(--allow-unauthenticated|--force-yes|AllowUnauthenticated=(true|1|yes)|--allow-insecure-repositories|AllowInsecureRepositories=(true|1))/
        $dpkg = /\bdpkg[ \t][^\r\n\x00#]{0,40}--(force-bad-verify|no-debsig|force-all)\b/
        $apk = /\bapk[ \t][^\r\n\x00#]{0,60}--allow-untrusted\b/
        $pip = /\bpip[0-9.]*[ \t]+install[ \t][^\r\n\x00#]{0,100}(--trusted-host|--index-url[ \t=]+http:|-i[ \t]+http:)/
        $npm = /\bnpm[ \t]+(config[ \t]+set[ \t]+strict-ssl[ =]false|install[ \t]+[^\r\n\x00#]{0,40}http:\/\/)/
        $fwupd = /\bfwup(dtool|dmgr)[ \t][^\r\n\x00#]{0,60}(--force|--allow-older|--no-safety-check|--ignore-checksum)/
        $http = /\n[ \t]*(src(\/gz)?|deb(-src)?)[ \t]+[^\r\n#\[]{0,40}http:\/\/[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}/
        $docker = /\bDOCKER_CONTENT_TRUST=0\b/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or filesize < 32KB) and any of them
}

rule update_bundle_unchecked
{
    meta:
        description = "installs a firmware image with the check of its signature or model switched off"
        capability = "update.no_verify"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://rauc.readthedocs.io/en/latest/reference.html"
        r155 = "12.1, 12.2"
        false_positives = "developers' set-ups"
    strings:
        $rauc = /\brauc[ \t][^\r\n\x00#]{0,80}(--no-verify|--disable-verification|--override-boot-slot)\b/
        $rauc_conf = /\n[ \t]*(allow-partial-chain|use-bundle-signing-time)[ \t]*=[ \t]*true\b/
        $rauc_check = /\n[ \t]*check-(crl|purpose)[ \t]*=[ \t]*(false|any)\b/
        $sysupgrade = /\bsysupgrade[ \t]+([^\r\n\x00#]{0,40}[ \t])?(-F|--force)[ \t]/
        $swupdate = /\bswupdate[ \t][^\r\n\x00#]{0,100}(--no-downgrading[ \t]+0|--accepted-select|--no-hash-verify|--bypass-signature|-n[ \t])/
        $mender = /"(ArtifactVerifyKeys?|ArtifactVerifyKey)"[ \t]*:[ \t]*("[ \t]*"|\[[ \t]*\])/
        $fwup = /\bfwup[ \t][^\r\n\x00#]{0,60}--unsafe\b/
        $uci = /\bREQUIRE_IMAGE_(SIGNATURE|METADATA)=0\b/
        $uboot = /\b(verify|secure_boot|fit_verify)[= ](n|no|0)\b[^\r\n\x00]{0,20}/
        $setenv = /\bfw_setenv[ \t]+["']?(verify|secureboot|image_verify|verify_sig)["']?[ \t]+["']?(n|no|0|false)\b/
        $recovery = /\b(ro\.secure=0|ro\.adb\.secure=0)\b[^\x00]{0,400}\bro\.debuggable=1\b/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or filesize < 64KB) and ($rauc or ($rauc_conf and $rauc_check) or $sysupgrade or $swupdate or $mender or $fwup or $uci or $setenv or ($uboot and $setenv) or $recovery)
}

rule update_flash_direct
{
    meta:
        description = "a script writes what it fetched straight into flash or a boot partition"
        capability = "update.flash"
        threat = "sabotage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1542/001/"
        r155 = "12.1, 12.2"
        false_positives = "the updaters of the product"
    strings:
        $fetch = /\b(wget|curl|tftp|ftpget|uclient-fetch|scp|rsync)[ \t][^\r\n\x00#]{4,160}/
        $mtd = /\bmtd[ \t]+(-[a-z][ \t]+([a-z0-9]{1,16}[ \t]+)?)*(write|erase)[ \t]+[^\r\n\x00#]{2,100}/
        $flashcp = /\b(flashcp|nandwrite|flash_eraseall|flash_erase|ubiupdatevol|ubiformat)[ \t]+[^\r\n\x00#]{0,80}\/dev\//
        $dd = /\bdd[ \t][^\r\n\x00#]{0,120}\bof=["']?\/dev\/(mtd(block)?[0-9]|mmcblk[0-9]|nand|block\/|sd[a-z]\b|nvme)/
        $cat = /\bcat[ \t][^\r\n\x00#]{1,80}>[ \t]*\/dev\/(mtd(block)?[0-9]|mmcblk[0-9]|nand)/
        $rom = /\bflashrom[ \t][^\r\n\x00#]{0,80}(-w|--write)[ \t]/
        $boot0 = /\becho[ \t]+["']?0["']?[ \t]*>[ \t]*\/sys\/(block|class\/block)\/mmcblk[0-9]boot[01]\/force_ro\b/
        $mmc = /\bmmc[ \t]+(bootpart[ \t]+enable|writeprotect|extcsd[ \t]+write)[ \t]/
    condition:
        uint16(0) == 0x2123 and (($fetch and any of ($mtd, $flashcp, $dd, $cat, $rom)) or $boot0 or $mmc)
}

rule update_flash_program
{
    meta:
        description = "a program fetches an image and writes flash with its own hands"
        capability = "update.flash"
        threat = "sabotage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1542/001/"
        r155 = "12.1, 12.2"
        false_positives = "the updaters of the product"
    strings:
        $device = /\x00[^\x00]{0,20}\/dev\/(mtd(block)?(%d|%u|[0-9]{1,2})|mtd\/by-name\/|mmcblk[0-9]p?(%d|[0-9]{1,2})|block\/by-name\/)[^\x00]{0,30}\x00/
        $command = /\x00[^\x00]{0,80}\b(mtd[ \t]+(-[a-z][ \t]+)?write|flashcp[ \t]|nandwrite[ \t]|flash_erase(all)?[ \t]|dd[ \t]+if=[^\x00]{1,60}of=\/dev\/(mtd|mmcblk|block))/
        $fetch = /\b(wget|curl|tftp|ftpget)[ \t][^\x00\r\n]{4,100}/
        $api = /\x00(curl_easy_perform|http_get|http_download|SSL_read)(@|\x00)/
        $bootcmd = /\bfw_setenv[ \t]+(bootcmd|bootargs|preboot)\b/
    condition:
        uint32(0) == 0x464C457F and ($device or $bootcmd) and $command and any of ($fetch, $api)
}

rule update_wide_management
{
    meta:
        description = "the device can be steered and updated by a management server (TR-069)"
        capability = "update.remote_mgmt"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.broadband-forum.org/technical/download/TR-069_Amendment-6.pdf"
        r155 = "12.1, 12.2"
        false_positives = "subscriber gateways whose operator uses it"
    strings:
        $namespace = /urn:dslforum-org:cwmp-1-[0-4]/ ascii wide
        $download = /<?(cwmp:)?(Download|ScheduleDownload|TransferComplete|AutonomousTransferComplete)(Response)?>?/
        $connection = /(ConnectionRequest(URL|Username|Password)|ManagementServer\.(URL|Password|ConnectionRequestURL)|PeriodicInformInterval)/
        $config = /\n[ \t]*option[ \t]+'?(acs_?url|url)'?[ \t]+'?https?:\/\/[^\s']{4,120}(acs|cwmp|tr069|itms|tr-069)/ nocase
        $url = /\b(acs|cwmp|itms|tr069)[A-Za-z0-9.-]{0,40}\.(com|net|cn|org|ru)(:[0-9]{2,5})?\/[A-Za-z0-9_\/.-]{0,60}(acs|cwmp|ACS|openacs|web\/tr069|service)/ nocase
    condition:
        (uint32(0) == 0x464C457F and $namespace and $download and $connection) or ($config and filesize < 256KB) or ($url and $connection)
}

rule update_fleet_agent
{
    meta:
        description = "settings by which a fleet server installs software: its address and login are in the image"
        capability = "update.remote_mgmt"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://docs.mender.io/client-installation/configuration"
        r155 = "12.1, 12.2"
        false_positives = "declared fleet management"
    strings:
        $mender_server = /"ServerURL"[ \t]*:[ \t]*"https?:\/\/[^"\r\n]{4,120}"/
        $mender = /"(TenantToken|ArtifactVerifyKey|UpdatePollIntervalSeconds|InventoryPollIntervalSeconds|DeviceTypeFile)"[ \t]*:/
        $suricatta = /\n[ \t]*suricatta[ \t]*:[ \t]*\r?\n?[ \t]*\{/
        $suricatta_url = /\n[ \t]*url[ \t]*=[ \t]*"https?:\/\/[^"\r\n]{4,120}"/
        $suricatta_call = /\bswupdate[ \t][^\r\n\x00#]{0,160}(-u|--suricatta)[ \t]+["'][^\r\n\x00"']{0,120}(-u|--url)[ \t]+https?:\/\//
        $hawkbit = /\n[ \t]*(hawkbit_server|target_token|gateway_token|auth_token|tenant_id)[ \t]*=[ \t]*[^\s]{3,}/
        $hawkbit_section = /\n[ \t]*(bundle_download_location|retry_wait|connect_timeout|target_name)[ \t]*=/
        $balena = /"(apiEndpoint|vpnEndpoint|registryEndpoint|deltaEndpoint)"[ \t]*:[ \t]*"/
        $balena_key = /"(deviceApiKey|apiKey|registered_at|applicationId)"[ \t]*:/
        $adu = /"connectionType"[ \t]*:[ \t]*"(string|AIS)"[^\x00]{0,300}"connectionData"[ \t]*:/
        $ostree = /\n[ \t]*\[remote[ \t]+"[^"\r\n]{1,40}"\][^\x00]{0,300}\n[ \t]*gpg-verify[ \t]*=[ \t]*false\b/
        $aktualizr = /\n[ \t]*\[(uptane|tls|provision)\][^\x00]{0,300}\n[ \t]*(repo_server|director_server|server|server_url)[ \t]*=[ \t]*["']https?:\/\//
        $thingsboard = /\b(sw_title|fw_title)\b[^\x00]{0,2000}\bv1\/devices\/me\/(attributes|rpc)/
    condition:
        filesize < 1MB and (($mender_server and $mender) or ($suricatta and $suricatta_url) or $suricatta_call or ($hawkbit and $hawkbit_section) or ($balena and $balena_key) or $adu or $ostree or $aktualizr or $thingsboard)
}

rule update_device_management
{
    meta:
        description = "the device takes firmware and commands by OMA-DM or LwM2M"
        capability = "update.remote_mgmt"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.openmobilealliance.org/release/FUMO/"
        r155 = "12.1, 12.2"
        false_positives = "declared device management"
    strings:
        $syncml = /syncml:(metinf|dmddf1\.2|SYNCML1\.[12])/ ascii wide nocase
        $fumo = /\.\/(FUMO|DevDetail\/FwV|FwUpdate|Vendor\/MSFT\/FirmwareUpdate)[A-Za-z\/]{0,40}/ ascii wide
        $operation = /\b(DownloadAndUpdate|DownloadAndInstall|LockAndWipe|RemoteWipe|doWipe)\b/ ascii wide
        $lwm2m = /\blwm2m_(start|configure|step|connect|object|register|update)[a-z_]{0,24}\b/ ascii
        $firmware = /(\/5\/0\/[0-3]\b|object_firmware|firmware_update_(start|install)|Package URI)/ ascii
    condition:
        ($syncml and $fumo) or ($fumo and $operation) or (uint32(0) == 0x464C457F and $lwm2m and $firmware)
}

rule update_android_install
{
    meta:
        description = "an Android program installs packages without asking"
        capability = "update.thirdparty_fota"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1398/"
        r155 = "12.1, 12.2"
        false_positives = "app stores of the device's maker"
    strings:
        $pm = /\b(pm|cmd[ \t]+package)[ \t]+install(-create)?[ \t]+(-[a-zA-Z-]{1,12}[ \t]+){0,4}["']?(%s|\/(sdcard|data|storage|cache|mnt)\/|\$)/ ascii wide
        $session = "Landroid/content/pm/PackageInstaller$SessionParams;" ascii
        $hidden = /\b(installPackage|installPackageAsUser|installExistingPackage|INSTALL_REPLACE_EXISTING|IPackageInstallObserver2?)\b/ ascii
        $silent = /\b(silent|silence|quiet|background)_?(install|update|upgrade)\b/ ascii wide nocase
        $net = /(Ljava\/net\/(Http)?URLConnection;|Lokhttp3\/|Landroid\/app\/DownloadManager;|https?:\/\/)/ ascii
        $system_uid = { 61 00 6E 00 64 00 72 00 6F 00 69 00 64 00 2E 00 75 00 69 00 64 00 2E 00 73 00 79 00 73 00 74 00 65 00 6D }
        $install_permission = "android.permission.INSTALL_PACKAGES" ascii wide
    condition:
        ((uint32(0) == 0x0A786564 or uint32(0) == 0x464C457F or uint16(0) == 0x2123) and $pm and ($net or $silent or uint16(0) == 0x2123)) or (uint32(0) == 0x0A786564 and any of ($session, $hidden) and $silent and $net) or ($system_uid and $install_permission and filesize < 1MB)
}

rule update_android_dex_load
{
    meta:
        description = "an Android program loads code that did not come with it"
        capability = "update.download_exec"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1407/"
        r155 = "12.1, 12.2"
        false_positives = "plug-in frameworks"
    strings:
        $loader = /Ldalvik\/system\/(DexClassLoader|PathClassLoader|InMemoryDexClassLoader|DexFile);/ ascii
        $net = /(Ljava\/net\/(Http)?URLConnection;|Lokhttp3\/|Landroid\/app\/DownloadManager;)/ ascii
        $file = /[^\x00\s]{1,60}\.(dex|jar|apk|zip|dat)\x00/ ascii
        $run = /(Ljava\/lang\/Runtime;|setExecutable|Ljava\/lang\/ProcessBuilder;)/ ascii
    condition:
        uint32(0) == 0x0A786564 and $loader and $net and $file and $run
}

rule update_network_overwrite
{
    meta:
        description = "copies programs from a mounted file server over its own"
        capability = "update.download_exec"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.cisa.gov/resources-tools/resources/contec-cms8000-contains-backdoor"
        r155 = "12.1, 12.2"
        false_positives = "development boards"
    strings:
        $mount = /\bmount(\.cifs|\.nfs)?[ \t][^\r\n\x00#]{0,100}(-t[ \t]*(nfs4?|cifs|smbfs|sshfs|davfs)|nolock|:\/)[^\r\n\x00#]{0,100}/
        $copy = /\b(cp|install|rsync|mv)[ \t]+(-[a-zA-Z]{1,6}[ \t]+)*["']?\/(mnt|tmp|media)\/[^\r\n\x00;&|]{0,80}[ \t]["']?\/((usr\/(local\/)?)?s?bin|lib|opt|etc\/init\.d|home|app|usr\/lib|mnt\/mtd)\b[^\r\n\x00]{0,60}/
        $run = /(\breboot\b|\bchmod[ \t]|\bsync\b|\bkillall[ \t]|\binsmod[ \t]|\/bin\/sh[ \t]|\/etc\/init\.d\/[a-z])/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F) and all of them
}

rule update_media_script
{
    meta:
        description = "runs a script or program from a stick or card that is put in"
        capability = "update.no_verify"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1091/"
        r155 = "12.1, 12.2"
        false_positives = "service tools of the maker: still without a check"
    strings:
        $run = /(^|[\n;&|\x00]|\bthen|\bdo|&&)[ \t]*(sudo[ \t]+|exec[ \t]+|nohup[ \t]+|\.[ \t]+|source[ \t]+)?((\/bin\/)?(ba|da|a)?sh[ \t]+(-x[ \t]+)?)?["']?(\/run)?\/(media|mnt\/(usb|sd|udisk|sdcard|usbdisk|sda|mmc|disk|stick)[a-z0-9]{0,8}|tmp\/(usb|udisk|sdcard))\/[A-Za-z0-9_.\/$\{\}*-]{0,60}(update|upgrade|autorun|install|start|run|factory|debug|init|test)[A-Za-z0-9_-]{0,20}(\.sh|\.bin|\.run|\.py)?["']?[ \t]*([\n;&|\x00$]|[ \t]+[0-9$&>])/
        $check = /\b(sha256sum|sha512sum|openssl[ \t]+(dgst|cms|pkeyutl|smime)|gpgv?|usign|minisign|signify|rauc|swupdate)[ \t]/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F) and $run and not $check
}

rule update_repository_pull
{
    meta:
        description = "brings in software from a source repository or container store and runs it"
        capability = "update.download_exec"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1195/"
        r155 = "12.1, 12.2"
        false_positives = "declared application updates"
    strings:
        $git = /\bgit (pull|clone|fetch)\b/
        $git_folder = /\bgit -C [^\s]{1,60} (pull|clone|fetch)\b/
        $git_run = /\n[ \t]*(sudo )?(bash [^\s-]|python [^\s-]|python3 [^\s-]|make install|npm (install|start|run)|pip3? install|systemctl restart)/
        $docker = /\bdocker (run|create)[ \t][^\r\n\x00#]{0,160}(--privileged|-v[ \t]+\/:\/|--pid[ =]host|\/var\/run\/docker\.sock|--net(work)?[ =]host)/
        $watch = /\bcontainrrr\/watchtower\b/
        $compose = /\bprivileged:[ \t]*true\b/
        $compose_image = /\n[ \t]+image:[ \t]*["']?[a-z0-9.-]{3,60}\/[a-z0-9._\/-]{2,80}:latest\b/
    condition:
        (uint16(0) == 0x2123 and ((any of ($git, $git_folder) and $git_run) or $docker)) or ($watch and filesize < 256KB) or ($compose and $compose_image and filesize < 256KB)
}

rule update_supply_chain_marks
{
    meta:
        description = "addresses and marks of updates that were signed by their maker and taken over all the same"
        capability = "update.download_exec"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1195/002/"
        r155 = "12.1, 12.2"
        false_positives = "lists of blocked hosts, signature files"
    strings:
        $solarwinds = "avsvmcloud.com" ascii wide
        $solarwinds_key = { 67 19 D8 A7 3B 90 AC 5B }
        $fnv = { 25 23 22 84 E4 9C F2 CB }
        $threecx = "IconStorages/images/main/icon" ascii wide
        $threecx_two = /\b(akamaitechcloudservices|msstorageboxes|officeaddons|azureonlinestorage|glcloudservice)\.com\b/ ascii wide
        $asus = "asushotfix.com" ascii wide
        $notepad = "api.skycloudcenter.com" ascii wide
        $ccleaner = "216.126.225.148" ascii wide
    condition:
        $solarwinds or (uint16(0) == 0x5A4D and $solarwinds_key and $fnv) or $threecx or $threecx_two or $asus or $notepad or $ccleaner
}
