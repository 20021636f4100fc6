/*
 * Modems: access points and profiles, eSIM, commands by text message, sockets inside the
 * modem, identities, assistance and the modem's own service interfaces.
 */

rule modem_apn
{
    meta:
        description = "sets a mobile network access point and opens a data connection"
        capability = "modem.apn"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.3gpp.org/dynareport/27007.htm"
        r155 = "16.2, 29.2"
        false_positives = "telematics units that declare their modem"
    strings:
        $context = /AT\+CGDCONT=[0-9%]/ ascii wide
        $activate = /AT\+CGACT=1/ ascii wide
        $quectel = /AT\+QIACT[=?]/ ascii wide
        $huawei = /AT\^NDISDUP=/ ascii wide
        $simcom = /AT\+CNACT=/ ascii wide
        $dial = /ATD?T?\*99(\*\*\*[0-9])?#/ ascii wide
    condition:
        $context and any of ($activate, $quectel, $huawei, $simcom, $dial)
}

rule modem_sms_command
{
    meta:
        description = "reads text messages and acts on words in them"
        capability = "modem.sms_cmd"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.cisa.gov/news-events/ics-advisories/icsa-22-200-01"
        r155 = "16.1, 16.2, 27.1"
        false_positives = "modem managers read messages without the command words"
    strings:
        $notify = /AT\+CNMI=/ ascii wide
        $read = /AT\+CMG[RL]=/ ascii wide
        $direct = /\+CMTI?:/ ascii wide
        $fuel = /\b(fuel|oil)[ _-]?cut\b|\bcut[ _-]?(off[ _-])?(the[ _-])?(fuel|oil|petrol)\b/ ascii wide nocase
        $electric = /\b(stop|supply)[ _-]?elec\b/ ascii wide nocase
        $engine = /\b(stop|cut|kill)[ _-]?engine\b|\bengine[ _-]?(stop|cut|kill)\b/ ascii wide nocase
        $relay = /\bRELAY,[01]#/ ascii wide
        $factory = /\bFACTORY#|\bRESET#/ ascii wide
        $server = /\b(SERVER|ADMINIP|APN)[0-9]{6},|\b(adminip|apn|admin)123456\b/ ascii wide
        $shell = /\b(exec|system|shell):/ ascii wide
    condition:
        $notify and any of ($read, $direct) and any of ($fuel, $electric, $engine, $relay, $factory, $server, $shell)
}

rule modem_tcp_socket
{
    meta:
        description = "opens an internet connection inside the modem, past the systems own network"
        capability = "modem.tcp"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.3gpp.org/dynareport/27007.htm"
        r155 = "16.2, 29.2"
        false_positives = "small devices without a network stack of their own"
    strings:
        $quectel = /AT\+QIOPEN=[^\r\n]{0,20}"(TCP|UDP)/ ascii wide
        $simcom = /AT\+CIPSTART=[^\r\n]{0,20}"(TCP|UDP)/ ascii wide
        $simcom_new = /AT\+CIPOPEN=[0-9%]/ ascii wide
        $ublox = /AT\+USOCO=[0-9%]/ ascii wide
        $telit = /AT#SD=[0-9%]/ ascii wide
    condition:
        any of them
}

rule modem_apn_credentials
{
    meta:
        description = "carries a user name and password for a mobile network access point"
        capability = "modem.apn"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.3gpp.org/dynareport/27007.htm"
        r155 = "16.2, 29.2"
        false_positives = "operators' public credentials, which are the same for everyone"
    strings:
        $quectel = /AT\+QICSGP=[0-9%][^\r\n"]{0,6},"[^"\r\n]{1,60}","[^"\r\n]{1,40}","[^"\r\n]{1,40}"/ ascii wide
        $auth = /AT\+(CGAUTH|QCPDPAUTH)=[0-9]{1,2},[12],"?[^",\r\n]{1,40}"?,"?[^",\r\n]{1,40}/ ascii wide
        $ublox = /AT\+(UAUTHREQ=[0-9],[123],"[^"\r\n]{1,40}"|UPSD=[0-9],[23],"[^"\r\n]{1,40}")/ ascii wide
        $huawei = /AT\^AUTHDATA=[0-9]{1,2},[12],"?[^\r\n]{3,60}/ ascii wide
        $telit = /AT#(PDPAUTH|SGACTAUTH)=[0-9],[12],"[^"\r\n]{1,40}"/ ascii wide
    condition:
        any of them
}

rule modem_apn_foreign_m2m
{
    meta:
        description = "is set to a machine network of a Chinese operator"
        capability = "modem.apn"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://docs.emqx.com/en/emqx/latest/gateway/gbt32960.html"
        r155 = "16.2, 29.2"
        false_positives = "tables of all the world's access points"
    strings:
        $key = /["'<]?\b(apn|APN|cgdcont|lte_apn|apn_name|access_?point)["']?[ \t]*[=:>,][ \t]*["']?(cmiot|cmmtm|cmm2m|cmnbiot[0-9]?|cmnet|cmwap|3gnet|3gwap|uninet|wonet|scuiot|unim2m\.[a-z0-9.]{2,20}|ctnet|ctnb|ctlte|ctm2m|ctiot|cbnet)\b/
        $at = /AT\+CGDCONT=[0-9],"IP(V6|V4V6)?","(cmiot|cmmtm|cmm2m|cmnbiot[0-9]?|cmnet|cmwap|3gnet|3gwap|uninet|wonet|scuiot|unim2m\.[a-z0-9.]{2,20}|ctnet|ctnb|ctlte|ctm2m|ctiot|cbnet)"/ ascii wide nocase
        $quectel = /AT\+QICSGP=[0-9],[0-9],"(cmiot|cmmtm|cmnet|3gnet|uninet|scuiot|unim2m\.[a-z0-9.]{2,20}|ctnet|ctnb|ctlte|ctm2m|ctiot)"/ ascii wide nocase
    condition:
        any of them
}

rule modem_http_client
{
    meta:
        description = "fetches or sends web pages inside the modem, past the system's own network"
        capability = "modem.tcp"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.3gpp.org/dynareport/27007.htm"
        r155 = "16.2, 29.2"
        false_positives = "small devices without a network stack of their own"
    strings:
        $quectel = /AT\+QHTTP(URL|GET|POST|CFG|READ|PUT)[=?]/ ascii wide
        $simcom = /AT\+HTTP(INIT|PARA|ACTION|DATA|READ)\b/ ascii wide
        $simcom_new = /AT\+SH(CONN|REQ|CONF|BOD)\b/ ascii wide
        $ublox = /AT\+UHTTPC?=[0-9%]/ ascii wide
        $telit = /AT#HTTP(CFG|QRY|SND|RCV)=/ ascii wide
        $ftp = /AT\+(QFTP(OPEN|PUT|GET|CFG)|FTP(PUT|GET|SERV)|CFTPS(LOGIN|PUTFILE))=/ ascii wide
    condition:
        any of them
}

rule modem_mqtt_client
{
    meta:
        description = "keeps a link to a message broker inside the modem, past the system's own network"
        capability = "modem.tcp"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.3gpp.org/dynareport/27007.htm"
        r155 = "16.2, 29.2"
        false_positives = "small devices without a network stack of their own"
    strings:
        $quectel = /AT\+QMT(OPEN|CONN|SUB|PUB|PUBEX|CFG)=/ ascii wide
        $simcom = /AT\+CMQTT(CONNECT|SUB|PUB|TOPIC|ACCQ|START)\b/ ascii wide
        $simcom_new = /AT\+SM(CONN|PUB|SUB|CONF)\b/ ascii wide
        $ublox = /AT\+UMQTTC?=[0-9%]/ ascii wide
        $fibocom = /AT\+(MQTT(OPEN|SUB|PUB|USER)|GTMQTT[A-Z]{3,8})=/ ascii wide
    condition:
        any of them
}

rule modem_sms_send
{
    meta:
        description = "sends text messages"
        capability = "modem.sms_cmd"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.3gpp.org/dynareport/27005.htm"
        r155 = "16.2, 19.2"
        false_positives = "modem managers; alarms that the maker declares"
    strings:
        $format = /AT\+CMGF=[01%]/ ascii wide
        $send = /AT\+CMGS=["\\%0-9+]/ ascii wide
        $write = /AT\+CMG[WC]=["\\%0-9+]/ ascii wide
        $centre = /AT\+CSCA[=?]/ ascii wide
    condition:
        $format and any of ($send, $write) or ($centre and $send)
}

rule modem_sms_runs_program
{
    meta:
        description = "runs a program when a text message comes in"
        capability = "modem.sms_cmd"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://docs.gammu.org/smsd/"
        r155 = "16.1, 16.2, 27.1"
        false_positives = "alarm servers that the operator set up"
    strings:
        $gammu = /(^|\n)[ \t]*RunOnReceive[ \t]*=[ \t]*[^\s]{2,}/ nocase
        $smstools = /(^|\n)[ \t]*(eventhandler|alarmhandler|checkhandler)[ \t]*=[ \t]*\/[^\s]{2,}/
        $devices = /(^|\n)[ \t]*(devices|incoming|\[GSM[0-9]?\])[ \t]*(=|\r|\n)/
        $mmcli = /\bmmcli[ \t][^\r\n#]{0,60}--messaging-list-sms\b/
        $mmread = /\bmmcli[ \t][^\r\n#]{0,20}-s[ \t][^\r\n#]{1,60}/
        $shell = /\b(eval|sh[ \t]+-c|bash[ \t]+-c|os\.system|subprocess\.(call|run|Popen|check_output))\b/
        $python = /\b(GsmModem|smsReceivedCallback|handleSms|gammu\.StateMachine)\b/
        $case = /\bcase[ \t]+["']?\$[^\r\n]{1,40}\bin\b/
    condition:
        $gammu or ($smstools and $devices) or ($mmcli and $mmread and any of ($shell, $case)) or ($python and $shell)
}

rule modem_sms_program
{
    meta:
        description = "a program that reads and sends text messages through phones and modems"
        capability = "modem.sms_cmd"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://wammu.eu/gammu/"
        r155 = "16.2, 19.2"
        false_positives = "alarm servers that the operator set up"
    strings:
        $gammu = "libGammu.so" ascii
        $symbol = /\bGSM_(SendSMS|GetNextSMS|GetSMS|SetIncomingSMS|InitConnection)\b/
        $daemon = /\bSMSD_(MainLoop|ReadConfig|InjectSMS)\b/
        $rc = "gammu-smsdrc" ascii
        $smstools = "/var/spool/sms/incoming" ascii
        $gnokii = /\bgn_sms_(get|send|parse)\b/
    condition:
        uint32(0) == 0x464C457F and ($daemon or #symbol >= 2 or ($gammu and $rc) or $smstools or #gnokii >= 2)
}

rule modem_control_channel
{
    meta:
        description = "starts a mobile connection by the modem's control channel (QMI, MBIM)"
        capability = "modem.apn"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.freedesktop.org/wiki/Software/libqmi/"
        r155 = "16.2, 29.2"
        false_positives = "telematics units and routers that declare their modem"
    strings:
        $qmicli = /\bqmicli[ \t][^\r\n#]{0,120}--wds-start-network\b/
        $mbimcli = /\bmbimcli[ \t][^\r\n#]{0,120}--(connect|attach-packet-service|enter-pin)\b/
        $uqmi = /\buqmi[ \t][^\r\n#]{0,120}--(start-network|set-client-id|network-register)\b/
        $umbim = /\bumbim[ \t][^\r\n#]{0,80}\b(connect|attach)\b/
        $quectel = /\bquectel-CM[ \t]+(-[a-z0-9][ \t]*|&|$)/
        $mmcli = /\bmmcli[ \t][^\r\n#]{0,60}--(simple-connect|create-bearer)=/
        $sierra = /\bGobi(Net|Serial|API)\b/
        $call = /\bQMI_?WDS_?(START_NETWORK|SetProfile|StartNetwork)[A-Za-z_]{0,16}\b/
    condition:
        any of ($qmicli, $mbimcli, $uqmi, $umbim, $quectel, $mmcli) or ($sierra and $call)
}

rule modem_dial_script
{
    meta:
        description = "dials a mobile network with pppd"
        capability = "modem.apn"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://ppp.samba.org/"
        r155 = "16.2, 29.2"
        false_positives = "telematics units and routers that declare their modem"
    strings:
        $abort = /\bABORT[ \t]+['"\\]*(NO CARRIER|BUSY|NO DIALTONE|ERROR)/
        $dial = /\bATD?T?\*99(\*{1,3}[0-9])?#/
        $context = /AT\+CGDCONT=/
        $connect = /\bCONNECT[ \t]+(['"\\]|\\d\\c|CLIENT)/
        $pppd = /\b(pppd|pon)[ \t]+[^\r\n#]{0,60}(call[ \t]+|\/dev\/tty|connect[ \t]+["'])/
        $chat = /\bchat[ \t]+[^\r\n#]{0,40}-[vVEst]{0,4}f[ \t]+\/?[^\s]{3,}/
    condition:
        ($abort and any of ($dial, $context) and $connect) or ($pppd and any of ($dial, $chat, $context)) or ($dial and $chat)
}

rule modem_network_profile
{
    meta:
        description = "a stored profile of a mobile connection"
        capability = "modem.apn"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://networkmanager.dev/docs/api/latest/settings-gsm.html"
        r155 = "16.2, 29.2"
        false_positives = "telematics units and routers that declare their modem"
    strings:
        $nm = /(^|\n)\[gsm\][ \t]*\r?\n([a-z-]{3,30}=[^\r\n]{0,80}\r?\n){0,6}apn=[^\s]{2,}/
        $nm_type = /(^|\n)type=gsm[ \t]*(\r|\n)/
        $nmcli = /\bnmcli[ \t]+[^\r\n#]{0,60}type[ \t]+gsm\b/
        $uci = /(^|\n)[ \t]*option[ \t]+proto[ \t]+['"]?(qmi|mbim|ncm|3g|wwan|directip|modemmanager)['"]?[ \t]*(\r|\n)/
        $uci_apn = /(^|\n)[ \t]*option[ \t]+apn[ \t]+['"]?[^\s'"]{2,}/
        $netplan = /(^|\n)[ \t]*modems:[ \t]*\r?\n[^\x00]{0,120}\bapn:[ \t]*[^\s]{2,}/
        $ofono = /\borg\.ofono\.ConnectionManager\b[^\x00]{0,200}\bAccessPointName\b/
        $connman = /(^|\n)Type[ \t]*=[ \t]*cellular\b[^\x00]{0,200}\bAPN[ \t]*=/
    condition:
        any of ($nm, $nm_type, $nmcli, $netplan, $ofono, $connman) or ($uci and $uci_apn)
}

rule modem_usb_activation
{
    meta:
        description = "turns a USB device or an unknown number into a modem"
        capability = "modem.apn"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.draisberghof.de/usb_modeswitch/"
        r155 = "16.2, 29.2"
        false_positives = "distributions' tables of modems do so for known devices"
    strings:
        $switch = /\busb_modeswitch[ \t]+[^\r\n#]{0,60}(-v[ \t]*|--default-vendor[ \t=]*)(0x)?[0-9A-Fa-f]{4}\b/
        $newid = /\becho[ \t]+["']?[0-9A-Fa-f]{4}[ \t]+[0-9A-Fa-f]{4}[^\r\n]{0,20}>[ \t]*\/sys\/bus\/usb(-serial)?\/drivers\/(option1?|qmi_wwan|cdc_mbim|generic|cdc_ether|GobiSerial|usbserial_generic)\/new_id/
        $modprobe = /\bmodprobe[ \t]+(-[a-z][ \t]+)?(option|qmi_wwan|cdc_mbim|huawei_cdc_ncm|sierra_net|GobiNet|GobiSerial|cdc_ncm)[ \t]*(;|&|\r|\n|\|)/
        $usbserial = /\b(modprobe|insmod)[ \t]+[^\r\n#]{0,60}usbserial(\.ko)?[ \t]+vendor=0x[0-9A-Fa-f]{4}/
        $usbnet = /AT\+(QCFG="usbnet",|CUSBPIDSWITCH=|GTUSBMODE=)[0-9]/
    condition:
        any of them
}

rule modem_named_module
{
    meta:
        description = "knows a modem by maker and type"
        capability = "modem.tcp"
        threat = "both"
        severity = "low"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.3gpp.org/dynareport/27007.htm"
        r155 = "16.2, 29.2"
        false_positives = "libraries of modem managers; boards with the radio declared"
    strings:
        $quectel = /\b(Quectel|QUECTEL)\b/ ascii wide
        $quectel_type = /\b(EC2[015]|EC200[ASTUN]|EG2[15]|EG9[15]|EM05|EM12|BG9[56]|BG77|BC(28|35|66|95)(-G)?|UC20|UG95|RG50[0-9]Q|RM50[0-9]Q|AG35|AG550Q|MC20|M66|M95)(-[A-Z]{1,4})?\b/ ascii wide
        $simcom = /\b(SIMCOM|SIMCom|SIMCOM_Ltd)\b/ ascii wide
        $simcom_type = /\bSIM(800|808|868|900|5320|7000|7020|7070|7080|7100|7500|7600|7670|7672|8200|8202)[A-Z-]{0,5}\b/ ascii wide
        $telit = /\b(Telit|TELIT|Cinterion)\b/ ascii wide
        $telit_type = /\b(LE910|HE910|LE866|ME910|LN940|FN980|FN990|PLS[68]|EHS[56]|ELS[36]1|BGS[25]|MC55i?)(-?[A-Z0-9]{1,4})?\b/ ascii wide
        $ublox = /\b(u-blox|ublox)\b/ ascii wide
        $ublox_type = /\b(SARA-[GRUN][0-9]|LARA-[RL][0-9]|TOBY-[LR][0-9]|LISA-U[0-9])[0-9A-Z-]{0,8}\b/ ascii wide
        $sierra = /\bSierra Wireless\b/ ascii wide
        $sierra_type = /\b(EM|MC|WP|HL|RC)7[0-9]{3}[A-Z]?\b/ ascii wide
        $chinese = /\b(Fibocom|MeiG|MeiGLink|Neoway|GOSUNCN|Longsung|Lierda|Luat|AIR7[0-9]{2})\b/ ascii wide
        $chinese_type = /\b(L610|L716|L718|FM1[0-9]{2}|NL668|SLM[0-9]{3}|N58|N720|ME3630|U8300|Air7[0-9]{2}[A-Z]{1,3})(-[A-Z]{2,3})?\b/ ascii wide
    condition:
        ($quectel and $quectel_type) or ($simcom and $simcom_type) or ($telit and $telit_type) or ($ublox and $ublox_type) or ($sierra and $sierra_type) or ($chinese and $chinese_type)
}

rule modem_esim_provisioning
{
    meta:
        description = "loads operator profiles into an eSIM from a server"
        capability = "modem.apn"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/estkme-group/lpac"
        r155 = "16.2, 29.2"
        false_positives = "vehicles and routers that declare eSIM"
    strings:
        $aid = { A0 00 00 05 59 10 10 FF FF FF FF 89 00 00 01 00 }
        $aid_text = "A0000005591010FFFFFFFF8900000100" ascii wide nocase
        $activation = /\bLPA:1\$[A-Za-z0-9.-]{4,80}\$/ ascii wide
        $lpac = /\blpac[ \t]+(profile|chip|notification)[ \t]+(download|enable|disable|defaultsmdp|list|process)\b/
        $es9 = /\/gsma\/rsp2\/es9plus\/(initiateAuthentication|authenticateClient|getBoundProfilePackage|handleNotification)\b/
        $names = /\b(SM-?DP\+?|smdp(p)?(_?(address|addr|url|server))?|ISD-?[RP]|euicc(_?(init|download|profile|channel))?|eSTK|EnableProfile|BoundProfilePackage)\b/
        $at = /AT\+(QESIM|CCHO)="?[A-Za-z0-9,"]{4,40}/ ascii wide
    condition:
        any of ($aid, $aid_text, $lpac, $es9) or ($activation and $names) or ($at and $names)
}

rule modem_identity_collect
{
    meta:
        description = "reads the identities of modem and SIM and sends them"
        capability = "exfil.identity"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1426/"
        r155 = "7.1, 19.2"
        false_positives = "telematics units report them when they sign on; look at the server"
    strings:
        $imei = /AT\+(CGSN|GSN|EGMR=0)\b/ ascii wide
        $imsi = /AT\+CIMI\b/ ascii wide
        $iccid = /AT(\+|\^|#)(CCID|QCCID|ICCID|CICCID)\b/ ascii wide
        $field = /["'&?{, ](imei|imsi|iccid|msisdn)["']?[ ]?[=:][ ]?["']?%/ ascii wide nocase
        $mqtt = /\b(mosquitto_(publish|pub|sub|subscribe)|MQTT(Client|Async)_(publish|send|subscribe)[A-Za-z]{0,10}|mqtt_(publish|subscribe)|paho\.mqtt)\b/
        $http = /\b(curl_easy_perform|http_post|HttpSendRequest[AW]|WinHttpSendRequest|HttpURLConnection|L?okhttp3|requests\.(post|put))\b/
        $post = /\b(POST|PUT)[ \t]+\/[^\s]{0,80}[ \t]HTTP\/1/
        $modem = /AT\+(QIOPEN|QHTTPPOST|QMTPUB|CIPSTART|CIPSEND|QISEND|HTTPACTION|CMQTTPUB)\b/ ascii wide
    condition:
        2 of ($imei, $imsi, $iccid) and ($field or any of ($mqtt, $http, $post, $modem))
}

rule modem_device_management
{
    meta:
        description = "is managed from outside by LwM2M, firmware included"
        capability = "update.remote_mgmt"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.openmobilealliance.org/lwm2m"
        r155 = "12.1, 12.2"
        false_positives = "devices that declare their management server"
    strings:
        $register = /\/rd\?ep=[A-Za-z0-9:%{}$._-]{3,40}/
        $server = /\bcoaps?:\/\/[A-Za-z0-9.-]{4,80}(:[0-9]{3,5})?/
        $library = /\b(lwm2m_(init|step|configure|handle_packet)|anjay_(new|register_object|fw_update_install|security_object_install)|wakaama|leshan)\b/
        $firmware = /\/5\/0\/[0-4]\b|\b(fw_update|firmware_update_object|lwm2m_firmware)[a-z_]{0,24}\b/
        $at = /AT\+(NCDP|NCDPOPEN|MIPL(CREATE|OPEN|ADDOBJ)|QLWSREGIND|QLWCONFIG|QLWREG|CTM2M(REG|INIT)|ULWM2M[A-Z]{0,8})=?/ ascii wide
    condition:
        $at or ($register and $server) or ($library and any of ($server, $firmware, $register))
}

rule modem_assisted_location
{
    meta:
        description = "asks a location server with the cells that the modem sees (SUPL, AGNSS)"
        capability = "surv.location"
        threat = "espionage"
        severity = "low"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.openmobilealliance.org/"
        r155 = "7.1, 19.2"
        false_positives = "every receiver with assistance; look whose server it is"
    strings:
        $supl = /\bSUPL_(HOST|PORT|VER|MODE|ES)[ \t]*=[ \t]*[^\s]{1,}/
        $agps = /\b(supl\.[a-z0-9-]{2,30}\.[a-z]{2,4}(:72(75|76))?|agnss\.[a-z0-9.-]{4,40}|xtrapath[0-9]\.[a-z0-9.-]{4,40}|xtra[0-9]\.gpsonextra\.net)\b/
        $at = /AT\+(QGPSSUPLURL|CGPSURL|UGSRV|QAGPS|UGAOP|CAGPSINFO|QLBS|QCELLLOC|CLBS|CIPGSMLOC)[=?]/ ascii wide
    condition:
        any of them
}

rule modem_listen_in
{
    meta:
        description = "takes a call by itself with the microphone open"
        capability = "surv.audio"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.3gpp.org/dynareport/27007.htm"
        r155 = "7.1, 19.2"
        false_positives = "emergency call units answer a call back from the control room"
    strings:
        $auto = /\bATS0=[1-9]/ ascii wide
        $answer = /["'\r\n\x00]ATA(\\r|\r|["'\x00])/
        $ring = /\+CLIP:|AT\+CLIP=1/ ascii wide
        $microphone = /AT\+(CMIC|QMIC|CMICGAIN|CMUT=0|CHFA|QAUDMOD|QAUDCH|SNFS|CSDVC|UMGC|USPM)[=]?[0-9,%]{0,12}/ ascii wide
        $mute = /AT\+(CLVL=0|CRSL=0|CALM=1|QTONEP?=0|CLVL=%)/ ascii wide
        $word = /\b(monitor|listen(_?in)?|eavesdrop|voice_?monitor|silent_?(call|answer))[0-9_]{0,8}\b/ nocase
        $cn_utf8 = { E8 BF 9C E7 A8 8B E7 9B 91 E5 90 AC } // 远程监听
        $cn_gbk = { D4 B6 B3 CC BC E0 CC FD }
        $cn_wide = { DC 8F 0B 7A D1 76 2C 54 }
        $listen_utf8 = { E7 9B 91 E5 90 AC E5 8F B7 E7 A0 81 } // 监听号码
        $listen_gbk = { BC E0 CC FD BA C5 C2 EB }
        $listen_wide = { D1 76 2C 54 F7 53 01 78 }
    condition:
        any of ($cn_*, $listen_*) or (any of ($auto, $answer) and $microphone and any of ($mute, $word)) or ($auto and $ring and $word)
}

rule modem_identity_change
{
    meta:
        description = "changes the identity of the modem"
        capability = "evade.masquerade"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.3gpp.org/dynareport/27007.htm"
        r155 = "21.1, 27.1"
        false_positives = "repair tools of the modem's maker"
    strings:
        $mtk = /AT\+EGMR=1,[ ]?(7|10),/ ascii wide
        $huawei = /AT\^(PHYNUM=IMEI,|NVWREX?=550|DATALOCK=)/ ascii wide
        $sierra = /AT!(NVIMEIUNLOCK|NVENCRYPTIMEI=)/ ascii wide
        $zte = /AT\+(ZNVIMEI|MODIMEI|SPIMEI|WIMEI|SIMEI)=["0-9%]/ ascii wide
        $qualcomm = /\bnv_?write[^\r\n]{0,20}\b(550|0x226)\b/ nocase
        $diag = /AT\+(QNVFW|QPRTPARA|QFLST)=?"?\/nv\/item_files\/[^\r\n]{0,40}imei/ ascii wide nocase
    condition:
        any of them
}

rule modem_debug_port
{
    meta:
        description = "opens the modem's own debugging and shell interfaces"
        capability = "remote.maintenance"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.3gpp.org/dynareport/27007.htm"
        r155 = "1.2, 16.2"
        false_positives = "development boards"
    strings:
        $quectel = /AT\+Q(ADBKEY=|CFG="usbcfg",0x[0-9A-Fa-f]{4},0x[0-9A-Fa-f]{4},[01],[01],[01],[01],[01],1|LINUXCMD=|FOTADL="|SYSTEM=")/ ascii wide
        $simcom = /AT\+(CUSBADB=1|CUSBPIDSWITCH=9001|CSHELL=|CLINUXCMD=)/ ascii wide
        $sierra = /AT!(ENTERCND="|CUSTOM="(ADBENABLE|TELNETENABLE)",1|ADBON)/ ascii wide
        $telit = /AT#(SHFO|USBCFG=|ADB)=?[0-9]?/ ascii wide
        $zte = /AT\+(ZADBSTATE=1|ZCDRUN=[EF]|ZADB=1)/ ascii wide
    condition:
        any of them
}

rule modem_shell_bridge
{
    meta:
        description = "hands the modem's serial port to the network or runs what comes in on it"
        capability = "modem.sms_cmd"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.3gpp.org/dynareport/27005.htm"
        r155 = "16.2, 29.2"
        false_positives = "test racks"
    strings:
        $ser2net = /(^|\n)[0-9]{2,5}:(raw|telnet|rawlp):[0-9]{1,6}:\/dev\/tty(USB|ACM|HS|S|AMA)[0-9]/
        $socat_name = "socat" ascii fullword
        $socat = /\b(TCP|UDP)[46]?(-LISTEN)?:[^\r\n#]{1,80}[ \t]\/?[A-Za-z:]{0,8}\/dev\/(tty(USB|ACM|HSL?|AMA)[0-9]|modem|cdc-wdm[0-9]|smd[0-9]{1,2})/
        $socat_back = /\/dev\/(tty(USB|ACM|HSL?|AMA)[0-9]|modem|cdc-wdm[0-9]|smd[0-9]{1,2})[^\r\n#]{1,60}(TCP|UDP)[46]?(-LISTEN)?:/
        $read = /\bwhile[ \t]+(IFS=[^ ]{0,4}[ \t]+)?read[ \t][^\r\n]{1,60}(<[ \t]*\/dev\/tty(USB|ACM|HSL?|AMA)[0-9])?/
        $device = /<[ \t]*\/dev\/(tty(USB|ACM|HSL?|AMA)[0-9]|modem)\b/
        $eval = /\b(eval|sh[ \t]+-c)[ \t]+["']?\$/
    condition:
        $ser2net or ($socat_name and any of ($socat, $socat_back)) or ($read and $device and $eval)
}
