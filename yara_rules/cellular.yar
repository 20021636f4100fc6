/*
 * Modems: access points, commands by text message, sockets inside the modem.
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
        $fuel = /\b(fuel|oil)[ _-]?cut\b/ ascii wide nocase
        $engine = /\b(stop|cut|kill)[ _-]?engine\b|\bengine[ _-]?(stop|cut|kill)\b/ ascii wide nocase
        $relay = /\bRELAY,[01]#/ ascii wide
        $factory = /\bFACTORY#|\bRESET#/ ascii wide
        $server = /\b(SERVER|ADMINIP|APN)[0-9]{6},|\b(adminip|apn|admin)123456\b/ ascii wide
        $shell = /\b(exec|system|shell):/ ascii wide
    condition:
        $notify and $read and any of ($fuel, $engine, $relay, $factory, $server, $shell)
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
