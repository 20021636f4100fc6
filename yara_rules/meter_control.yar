/*
 * The meter: COSEM objects and commands that act on the supply (IEC 62056-6-2, -6-1).
 */

rule meter_disconnect_control
{
    meta:
        description = "a COSEM disconnect control object (class 70) or its commands"
        capability = "meter.disconnect"
        threat = "sabotage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "16.1, 27.1"
        false_positives = "a meter that declares a breaker"
    strings:
        $axdr = { 12 00 46 11 ?? 09 06 00 ?? 60 03 0A FF }
        $big = { 00 46 [0-6] 00 ( 00 | 01 | 02 ) 60 03 0A FF }
        $little = { 46 00 [0-6] 00 ( 00 | 01 | 02 ) 60 03 0A FF }
        $obis = { 00 ( 00 | 01 | 02 ) 60 03 0A FF }
        $obis_text = /\b0[.-][0-2][.:]96\.3\.10([.*]255)?\b/ ascii wide
        $control = /\bdisconnect_?control\b/ ascii wide nocase
        $disconnect = /\bremote_?disconnect\b/ ascii wide nocase
        $reconnect = /\bremote_?reconnect\b/ ascii wide nocase
    condition:
        any of ($axdr, $big, $little) or
        (any of ($obis, $obis_text) and any of ($control, $disconnect, $reconnect)) or
        ($control and any of ($disconnect, $reconnect))
}

rule meter_disconnect_name
{
    meta:
        description = "names a remote disconnection of the supply"
        capability = "meter.disconnect"
        threat = "sabotage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "16.1, 27.1"
        false_positives = "head-end software and protocol tables"
    strings:
        $obis = /\b0[.-][0-2][.:]96\.3\.10([.*]255)?\b/ ascii wide
        $disconnect = /\bremote_?disconnect(ion)?\b/ ascii wide nocase
        $breaker = /\b(open|trip)_(supply_)?(breaker|contactor|relay)_(remote|cmd|command)\b/ ascii wide nocase
    condition:
        $obis or $disconnect or $breaker
}

rule meter_limiter
{
    meta:
        description = "a COSEM limiter object (class 71)"
        capability = "meter.limiter"
        threat = "sabotage"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "16.1, 27.1"
        false_positives = "a meter that declares load limitation"
    strings:
        $axdr = { 12 00 47 11 ?? 09 06 00 ?? 11 00 ?? FF }
        $big = { 00 47 [0-6] 00 00 11 00 ( 00 | 01 | 02 ) FF }
        $little = { 47 00 [0-6] 00 00 11 00 ( 00 | 01 | 02 ) FF }
    condition:
        any of them
}

rule meter_push
{
    meta:
        description = "a COSEM push object (class 40): the meter sends by itself"
        capability = "meter.push"
        threat = "espionage"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "7.1, 19.2"
        false_positives = "a meter that declares push"
    strings:
        $axdr = { 12 00 28 11 ?? 09 06 00 ?? 19 09 00 FF }
        $big = { 00 28 [0-6] 00 ( 00 | 01 | 02 | 03 | 04 ) 19 09 00 FF }
        $little = { 28 00 [0-6] 00 ( 00 | 01 | 02 | 03 | 04 ) 19 09 00 FF }
    condition:
        any of them
}
