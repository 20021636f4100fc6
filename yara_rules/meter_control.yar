/*
 * The meter: COSEM objects, commands and names that act on the supply, on what is measured
 * and on who gets it (IEC 62056-6-2, -6-1, -21).
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
        $axdr or (filesize < 32MB and any of ($big, $little))
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

rule meter_limiter_names
{
    meta:
        description = "limits the power that a household may draw"
        capability = "meter.limiter"
        threat = "sabotage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "16.1, 27.1"
        false_positives = "a meter that declares load limitation"
    strings:
        $obis = /\b0[.-][0-9][.:]17\.0\.[0-9]([.*]255)?\b/ ascii wide
        $threshold = /\bthreshold_?(emergency|active|normal)\b/ nocase
        $duration = /\bmin_?(over|under)_?threshold_?duration\b/ nocase
        $profile = /\bemergency_?profile(_?(id|active|group_?id_?list|duration))?\b/ nocase
        $name = /\b(load_?limit(er|ation)?|power_?limiter|fuse_?(limit|supervision))_?(set|threshold|active|apply|trip|value)\b/ nocase
    condition:
        2 of ($threshold, $duration, $profile) or ($obis and any of ($threshold, $duration, $profile, $name))
}

rule meter_disconnect_schedule
{
    meta:
        description = "a schedule or script object that switches the supply at a set time"
        capability = "meter.disconnect"
        threat = "sabotage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "16.1, 27.1"
        false_positives = "a meter that declares scheduled disconnection"
    strings:
        $script_axdr = { 12 00 09 11 ?? 09 06 00 ?? 0A 00 6A FF }
        $script_big = { 00 09 [0-6] 00 ( 00 | 01 | 02 ) 0A 00 6A FF }
        $script_little = { 09 00 [0-6] 00 ( 00 | 01 | 02 ) 0A 00 6A FF }
        $schedule_axdr = { 12 00 16 11 ?? 09 06 00 ?? 0F 00 01 FF }
        $schedule_big = { 00 16 [0-6] 00 ( 00 | 01 | 02 ) 0F 00 01 FF }
        $schedule_little = { 16 00 [0-6] 00 ( 00 | 01 | 02 ) 0F 00 01 FF }
        $script_text = /\b0[.-][0-9][.:]10\.0\.106[.*]255\b/ ascii wide
        $schedule_text = /\b0[.-][0-9][.:]15\.0\.1[.*]255\b/ ascii wide
    condition:
        any of ($script_axdr, $schedule_axdr, $script_text, $schedule_text) or
        (filesize < 32MB and any of ($script_big, $script_little, $schedule_big, $schedule_little))
}

rule meter_disconnect_modes
{
    meta:
        description = "carries the control modes and states of a supply switch"
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
        $state = /\b(control_?state|output_?state|disconnect_?control_?state)\b/ nocase
        $mode = /\b(control_?mode|disconnect_?control_?mode)\b/ nocase
        $ready = /\bready_?for_?re_?connect(ion)?\b/ nocase
        $remote = /\bremote_?(dis|re)connect(ion)?\b/ nocase
        $context = /\b(DLMS|COSEM|OBIS|kWh|kvarh|metrology|meter_?(id|serial|reading))\b/ nocase
    condition:
        $ready and $context and any of ($state, $mode, $remote) or ($context and $remote and $state and $mode)
}

rule meter_load_switch_names
{
    meta:
        description = "names a driver of the supply switch"
        capability = "meter.disconnect"
        threat = "sabotage"
        severity = "medium"
        confidence = "low"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "16.1, 27.1"
        false_positives = "relays for tariffs; a claim that there is no switch is then refuted or to be explained"
    strings:
        $latch = /\b(latch(ing)?|load|supply|main|mains|service)_?(relay|switch|breaker|contactor)_?(open|close|off|on|trip|pulse|drive|set|reset|state|feedback)\b/ nocase
        $act = /\b(open|close|trip|drive|pulse)_?(latch(ing)?|load|supply|main|mains|service)_?(relay|switch|breaker|contactor)\b/ nocase
        $context = /\b(DLMS|COSEM|OBIS|kWh|kvarh|metrology|meter_?(id|serial|reading))\b/ nocase
    condition:
        $context and any of ($latch, $act)
}

rule meter_valve
{
    meta:
        description = "opens or closes the valve of a gas or water meter (M-Bus)"
        capability = "meter.disconnect"
        threat = "sabotage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "16.1, 27.1"
        false_positives = "a meter that declares a valve"
    strings:
        $axdr = { 12 00 46 11 ?? 09 06 00 ?? 18 04 00 FF }
        $big = { 00 46 [0-6] 00 ( 01 | 02 | 03 | 04 ) 18 04 00 FF }
        $little = { 46 00 [0-6] 00 ( 01 | 02 | 03 | 04 ) 18 04 00 FF }
        $text = /\b0[.-][1-4][.:]24\.4\.0[.*]255\b/ ascii wide
        $valve = /\b((mbus|m_bus|gas|water)_?)?valve_?(open|close|control|release|cmd|command|state)\b/ nocase
        $act = /\b(open|close|release)_?((mbus|m_bus|gas|water)_?)?valve\b/ nocase
        $frame = /\bM-?Bus\b/
    condition:
        $axdr or (filesize < 32MB and any of ($big, $little)) or ($text and any of ($valve, $act)) or ($frame and any of ($valve, $act))
}

rule meter_push_names
{
    meta:
        description = "sends readings by itself to a destination that is set from outside"
        capability = "meter.push"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "7.1, 19.2"
        false_positives = "a meter that declares push"
    strings:
        $obis = /\b0[.-][0-9][.:]25\.9\.0([.*]255)?\b/ ascii wide
        $list = /\bpush_?(object|setup)_?list\b/ nocase
        $destination = /\bsend_?destination(_?and_?method)?\b/ nocase
        $window = /\b(communication|push)_?window\b/ nocase
        $delay = /\b(randomi[sz]ation_?start_?interval|number_?of_?retries|repetition_?delay)\b/ nocase
        $setup = /\bpush_?(setup|script|action|on_?(alarm|connectivity|interval|installation))\b/ nocase
        $notify = /\bdata_?notification\b/ nocase
    condition:
        2 of ($list, $destination, $window, $delay) or ($obis and any of ($list, $destination, $setup, $notify)) or ($setup and any of ($destination, $notify))
}

rule meter_gprs_object
{
    meta:
        description = "a COSEM object that sets up a mobile network modem (class 45)"
        capability = "modem.apn"
        threat = "espionage"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "16.2, 29.2"
        false_positives = "a meter that declares its modem"
    strings:
        $axdr = { 12 00 2D 11 ?? 09 06 00 ?? 19 04 00 FF }
        $big = { 00 2D [0-6] 00 ( 00 | 01 | 02 ) 19 04 00 FF }
        $little = { 2D 00 [0-6] 00 ( 00 | 01 | 02 ) 19 04 00 FF }
        $text = /\b0[.-][0-9][.:]25\.4\.0[.*]255\b/ ascii wide
        $name = /\bGPRS_?modem_?setup\b/ nocase
    condition:
        any of ($axdr, $text, $name) or (filesize < 32MB and any of ($big, $little))
}

rule meter_network_objects
{
    meta:
        description = "COSEM objects for a network: TCP, IP, PPP, modem, automatic calls (classes 41, 42, 44, 27 to 29)"
        capability = "meter.comms"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "16.2, 29.2"
        false_positives = "a meter that declares its communication unit"
    strings:
        $tcp = { 00 29 [0-6] 00 ( 00 | 01 | 02 ) 19 00 00 FF }
        $tcp_little = { 29 00 [0-6] 00 ( 00 | 01 | 02 ) 19 00 00 FF }
        $ip = { 00 2A [0-6] 00 ( 00 | 01 | 02 ) 19 01 00 FF }
        $ip_little = { 2A 00 [0-6] 00 ( 00 | 01 | 02 ) 19 01 00 FF }
        $ppp = { 00 2C [0-6] 00 ( 00 | 01 | 02 ) 19 03 00 FF }
        $ppp_little = { 2C 00 [0-6] 00 ( 00 | 01 | 02 ) 19 03 00 FF }
        $modem = { 00 1B [0-6] 00 ( 00 | 01 | 02 ) 02 00 00 FF }
        $answer = { 00 1C [0-6] 00 ( 00 | 01 | 02 ) 02 02 00 FF }
        $connect = { 00 1D [0-6] 00 ( 00 | 01 | 02 ) 02 01 00 FF }
        $axdr = { 12 00 ( 1B | 1C | 1D | 29 | 2A | 2C ) 11 ?? 09 06 00 ?? ( 02 | 19 ) ( 00 | 01 | 02 | 03 ) 00 FF }
        $text = /\b0[.-][0-9][.:](25\.[013]\.0|2\.[012]\.0)[.*]255\b/ ascii wide
    condition:
        any of ($axdr, $text) or (filesize < 32MB and (any of ($tcp*, $ip*, $ppp*) or all of ($modem, $answer, $connect)))
}

rule meter_security_setup
{
    meta:
        description = "lets keys and certificates of the meter be replaced from outside (class 64)"
        capability = "key.foreign_ca"
        threat = "both"
        severity = "low"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "19.3, 26.2"
        false_positives = "every DLMS meter with security suites; the question is who may call it"
    strings:
        $axdr = { 12 00 40 11 ?? 09 06 00 ?? 2B 00 ?? FF }
        $big = { 00 40 [0-6] 00 00 2B 00 00 FF }
        $little = { 40 00 [0-6] 00 00 2B 00 00 FF }
        $text = /\b0[.-]0[.:]43\.0\.[0-9]{1,2}[.*]255\b/ ascii wide
        $transfer = /\b(global_?)?key_?transfer\b/ nocase
        $import = /\b(import_?certificate|generate_?certificate_?request|security_?activate)\b/ nocase
        $context = /\b(security_?setup|COSEM|DLMS)\b/ nocase
    condition:
        $axdr or (filesize < 32MB and any of ($big, $little)) or ($text and any of ($transfer, $import)) or ($context and $transfer and $import)
}

rule meter_image_transfer
{
    meta:
        description = "takes a new firmware over the meter's protocol (class 18)"
        capability = "update.flash"
        threat = "both"
        severity = "low"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "12.1, 12.2"
        false_positives = "the declared update function of the meter"
    strings:
        $axdr = { 12 00 12 11 ?? 09 06 00 ?? 2C 00 ?? FF }
        $big = { 00 12 [0-6] 00 00 2C 00 00 FF }
        $little = { 12 00 [0-6] 00 00 2C 00 00 FF }
        $text = /\b0[.-][0-9][.:]44\.0\.[0-9][.*]255\b/ ascii wide
        $initiate = /\bimage_?transfer_?(initiate|enabled|status)\b/ nocase
        $block = /\bimage_?(block_?transfer|first_?not_?transferred_?block_?number|transferred_?blocks_?status)\b/ nocase
        $activate = /\bimage_?(verify|activate|to_?activate_?info)\b/ nocase
    condition:
        $axdr or (filesize < 32MB and any of ($big, $little)) or 2 of ($text, $initiate, $block, $activate)
}

rule meter_load_profile
{
    meta:
        description = "keeps a profile of consumption in intervals (class 7)"
        capability = "meter.capture_period"
        threat = "espionage"
        severity = "low"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "7.1, 19.2"
        false_positives = "a meter that declares its profiles"
    strings:
        $axdr = { 12 00 07 11 ?? 09 06 01 ?? 63 ( 01 | 02 ) 00 FF }
        $big = { 00 07 [0-6] 01 00 63 01 00 FF }
        $little = { 07 00 [0-6] 01 00 63 01 00 FF }
        $text = /\b1[.-][0-9][.:]99\.[12]\.0[.*]255\b/ ascii wide
    condition:
        any of ($axdr, $text) or (filesize < 32MB and any of ($big, $little))
}

rule meter_capture_short
{
    meta:
        description = "keeps consumption in intervals of five minutes or less"
        capability = "meter.capture_period"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "7.1, 19.2"
        false_positives = "test builds; the agreed interval is a quarter of an hour or more"
    strings:
        $axdr = { 01 00 63 01 00 FF [0-48] 06 00 00 ( 00 ( 01 | 05 | 0A | 0F | 1E | 3C | 78 | B4 | F0 ) | 01 2C ) }
        $big = { 00 07 [0-4] 01 00 63 01 00 FF [0-4] 00 00 ( 00 ( 01 | 05 | 0A | 0F | 1E | 3C | 78 | B4 | F0 ) | 01 2C ) }
        $little = { 07 00 [0-4] 01 00 63 01 00 FF [0-4] ( ( 01 | 05 | 0A | 0F | 1E | 3C | 78 | B4 | F0 ) 00 | 2C 01 ) 00 00 }
        $text = /\b(capture|recording|integration|load_?profile|profile)_?(period|interval)(_?(s|sec|seconds))?["']?[ \t]*[=:][ \t]*["']?([1-9]|[1-9][0-9]|1[0-9]{2}|2[0-9]{2}|300)["']?[ \t]*(s\b|sec|[,;}#\r\n])/ nocase
        $context = /\b(DLMS|COSEM|OBIS|kWh|kvarh|metrology|meter_?(id|serial|reading))\b/ nocase
    condition:
        $axdr or (filesize < 32MB and any of ($big, $little)) or ($text and $context)
}

rule meter_factory_mode
{
    meta:
        description = "a mode of the maker in which protections of the meter do not hold"
        capability = "meter.factory"
        threat = "sabotage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "16.1, 27.1"
        false_positives = "production builds, which should not reach the field"
    strings:
        $enter = /\b(enter|enable|unlock|start|activate|set|force)_?(the_?)?(factory|manufactur(er|ing)|production|engineering|calibration|backdoor|super)_?(mode|access|test|level|menu)\b/ nocase
        $mode = /\b(factory|manufactur(er|ing)|production|engineering)_?mode_?(enter|entry|enable(d)?|unlock|key|password|pwd|code|magic|cmd)\b/ nocase
        $secret = /\b(factory|manufactur(er|ing)|production|engineering|super|master)_?(password|pwd|passwd|pin|key|secret|code)\b/ nocase
        $context = /\b(DLMS|COSEM|OBIS|kWh|kvarh|metrology|meter_?(id|serial|reading))\b/ nocase
        $mode_utf8 = { E5 B7 A5 E5 8E 82 E6 A8 A1 E5 BC 8F } // 工厂模式
        $mode_gbk = { B9 A4 B3 A7 C4 A3 CA BD }
        $mode_wide = { E5 5D 82 53 21 6A 0F 5F }
        $enter_utf8 = { E8 BF 9B E5 85 A5 E5 8E 82 E5 86 85 E6 A8 A1 E5 BC 8F } // 进入厂内模式
        $enter_gbk = { BD F8 C8 EB B3 A7 C4 DA C4 A3 CA BD }
        $enter_wide = { DB 8F 65 51 82 53 85 51 21 6A 0F 5F }
    condition:
        $context and (any of ($enter, $mode, $enter_*) or ($secret and any of ($mode_*)))
}

rule meter_vendor_association
{
    meta:
        description = "an access to the meter that is for the maker alone"
        capability = "meter.factory"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "1.2, 16.1"
        false_positives = "production builds; operators hold the keys in the field"
    strings:
        $association = /\b(manufacturer|vendor|factory|producer|maker)_?(association|client|sap|access|login|role|user|channel)(_?(key|password|secret|llss?|hlss?|id))?\b/ nocase
        $hidden = /\b(hidden|secret|undocumented|reserved)_?(association|client|sap|obis|object)\b/ nocase
        $dlms = /\b(DLMS|COSEM|AARQ|AARE|dlms_[a-z]{2,20}|cosem_[a-z]{2,20})\b/
    condition:
        $dlms and any of ($association, $hidden)
}

rule meter_calibration_unlock
{
    meta:
        description = "unlocks or rewrites what the measurement rests on"
        capability = "meter.factory"
        threat = "sabotage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "16.1, 27.1"
        false_positives = "production builds; in the field it is behind a seal"
    strings:
        $unlock = /\b(unlock|unseal|bypass|override|ignore|skip)_?(calibration|metrology|metrological|cal|seal|jumper|hw_?protect|legal(ly)?_?relevant)(_?(lock|seal|protect(ion)?|jumper|check|switch|area|mode))?\b/ nocase
        $write = /\b(write|set|erase|store|update|patch)_?(calibration|cal|metrology|metrological)_?(const(ant)?s?|coef(f|ficient)?s?|data|gain|param(eter)?s?|table|factor|k_?factor)\b/ nocase
        $scale = /\b(energy|power|consumption|billing)_?(scale|scaling|fudge|bias|correction|skew)_?(factor|percent|remote|hidden|ppm)\b/ nocase
        $seal = /\b(calibration|metrology|seal|jumper|legal)_?(lock(ed)?|seal(ed)?|protected|switch|state)\b/ nocase
        $context = /\b(DLMS|COSEM|OBIS|kWh|kvarh|metrology|meter_?(id|serial|reading))\b/ nocase
    condition:
        $context and ($unlock or $scale or ($write and $seal))
}

rule meter_iec62056_programming
{
    meta:
        description = "sets a meter by password over its optical port (IEC 62056-21 programming mode)"
        capability = "meter.factory"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://en.wikipedia.org/wiki/IEC_62056"
        r155 = "16.1, 27.1"
        false_positives = "service tools; readers only sign on and read"
    strings:
        $password = { 01 50 31 02 28 }
        $password_text = /(\\x01|\\001|<SOH>)P1(\\x02|\\002|<STX>)\(/
        $write = { 01 57 ( 31 | 32 | 33 | 34 | 35 ) 02 }
        $write_text = /(\\x01|\\001|<SOH>)W[1-5](\\x02|\\002|<STX>)/
        $execute = { 01 45 ( 31 | 32 | 33 | 34 | 35 ) 02 }
        $programming = { 06 30 ( 30 | 31 | 32 | 33 | 34 | 35 | 36 | 39 ) 31 0D 0A }
        $sign_on = /\/\?[A-Za-z0-9%]{0,16}!(\r\n|\\r\\n)/
    condition:
        (any of ($password, $password_text) and any of ($write, $write_text, $execute)) or ($programming and $sign_on and any of ($password, $write, $execute))
}

rule meter_tamper_off
{
    meta:
        description = "turns the detection of tampering off or clears its record"
        capability = "meter.factory"
        threat = "sabotage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "16.1, 27.1"
        false_positives = "service functions behind a seal"
    strings:
        $act = /\b(disable|ignore|suppress|mask|mute|bypass|erase|wipe|clear)_?(all_?)?(anti_?)?(tamper(ing)?|magnet(ic)?_?(field|tamper|alarm)?|(terminal_?|meter_?|top_?)?cover_?(open|tamper)?|fraud)_?(detection|detect|alarm(s)?|event(s)?|flag(s)?|log|record(s)?|status|switch)\b/ nocase
        $noun = /\b(tamper|magnet(ic)?|cover_?open|fraud)_?(detection|detect|alarm|event|log)_?(off|disable(d)?|mask(ed)?|suppress(ed)?|erase|wipe)\b/ nocase
        $context = /\b(DLMS|COSEM|OBIS|kWh|kvarh|metrology|meter_?(id|serial|reading))\b/ nocase
    condition:
        $context and any of ($act, $noun)
}

rule meter_local_radio
{
    meta:
        description = "sends or reads readings by wireless M-Bus"
        capability = "meter.comms"
        threat = "espionage"
        severity = "low"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/wmbusmeters/wmbusmeters"
        r155 = "16.2, 29.2"
        false_positives = "a meter or display that declares it"
    strings:
        $name = /\b(w(ireless)?[-_ ]?M-?Bus|wmbus)([-_ ]?(stack|mode|frame|telegram|phy|tx|rx|init|send))?\b/ nocase
        $norm = /\bEN[ _]?13757(-[3457])?\b/
        $oms = /\bOMS[-_ ](profile|spec(ification)?|security|mode|end-device)\b/
        $modes = /\b(wmbus|mbus)_?(mode_?)?(T1|T2|S1|S2|C1|C2|N1|N2|R2)\b/ nocase
        $tool = /\b(rtl_wmbus|wmbusmeters|rtl-wmbus|iu880b|im871a|amb8465)\b/ nocase
    condition:
        $tool or 2 of ($name, $norm, $oms, $modes)
}

rule meter_consumer_port
{
    meta:
        description = "speaks at the consumer's port of a meter (SML, P1)"
        capability = "meter.comms"
        threat = "espionage"
        severity = "low"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.netbeheernederland.nl/"
        r155 = "16.2, 29.2"
        false_positives = "every meter with such a port; a reader of it when it sends on"
    strings:
        $sml = { 1B 1B 1B 1B 01 01 01 01 76 }
        $sml_end = { 1B 1B 1B 1B 1A }
        $sml_name = /\b(SML_?(GetList|PublicOpen|PublicClose|GetProfile)[A-Za-z_.]{0,16}|sml_(file|message|transport)_[a-z_]{3,24}|libsml)\b/
        $p1_version = /\b1-3:0\.2\.8\b/ ascii wide
        $p1_energy = /\b1-0:[12]\.8\.[12]\b/ ascii wide
        $p1_id = /\b0-0:96\.1\.[01]\b/ ascii wide
        $dsmr = /\bdsmr(_?(parser|reader|v?[2345]|telegram|port|p1))?\b/ nocase
    condition:
        $sml or ($sml_name and ($sml_end or #sml_name >= 2)) or ($p1_version and any of ($p1_energy, $p1_id)) or ($dsmr and 2 of ($p1_version, $p1_energy, $p1_id))
}

rule meter_powerline_stack
{
    meta:
        description = "sends over the power line (G3-PLC, PRIME)"
        capability = "meter.comms"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://g3-plc.com/"
        r155 = "16.2, 29.2"
        false_positives = "a meter that declares its communication unit"
    strings:
        $g3 = /\bG3[-_ ]?(PLC|ADP|MAC|PHY|ALLIANCE)\b/
        $adp = /\bADPM?[-_](DATA|NETWORK|DISCOVERY|LBP|BUFFER|PATH|ROUTE|PREQ)[-_A-Za-z.]{0,24}/
        $adp_call = /\bAdpm?(Data|NetworkJoin|NetworkStart|Discovery|Lbp|Initialize|SetRequest)[A-Za-z]{0,16}\b/
        $loadng = /\b(LOADng|loadng)(_|\b)/
        $prime = /\bPRIME[-_ ]?(v?1\.[34]|PLC|MAC|BN|SN|NODE|BASE|SERVICE)\b/
        $prime_mac = /\b(MLME|CL_?432|PLME)_(ESTABLISH|REGISTER|PROMOTE|DEMOTE|DL_DATA)[A-Z_.]{0,20}\b/
        $chip = /\b(PL360|PL460|MAX79356|ST8500|ST7590|STCOMET|ATPL2[35]0)\b/
        $plc = /\b(hplc|HPLC|BPLC|plc_(phy|mac)_(init|tx|rx|send))\b/
    condition:
        $adp_call or $prime_mac or ($g3 and any of ($adp, $loadng, $chip)) or ($prime and $chip) or ($chip and $plc)
}

rule meter_c12_procedures
{
    meta:
        description = "commands of the American meter protocols: load control, connect and disconnect (C12.18, C12.22)"
        capability = "meter.disconnect"
        threat = "sabotage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/rsmusllp/termineter"
        r155 = "16.1, 27.1"
        false_positives = "head-end software"
    strings:
        $norm = /\b(ANSI[ _]?)?C12[._](18|19|21|22)\b/ nocase
        $psem = /\bPSEM\b/
        $direct = /\bdirect_?load_?control(_?(cmd|command|execute|request))?\b/ nocase
        $relay = /\b(service|remote|rcd|rd)_?(switch|connect|disconnect|relay)_?(open|close|cmd|command|procedure|execute|arm|req)\b/ nocase
        $procedure = /\b(execute|run|do|std|mfg|standard|manufacturer)_?proc(edure)?(_?(nbr|init|initiate|response|[0-9]{1,3}))?\b/ nocase
    condition:
        any of ($norm, $psem) and any of ($direct, $relay) and ($procedure or $relay)
}

rule meter_zigbee_load_control
{
    meta:
        description = "obeys load control and supply commands by ZigBee Smart Energy"
        capability = "meter.limiter"
        threat = "sabotage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://csa-iot.org/all-solutions/smart-energy/"
        r155 = "16.1, 27.1"
        false_positives = "a meter or hub that declares it"
    strings:
        $event = /\b(Load_?Control_?Event|Report_?Event_?Status|Cancel_?(All_?)?Load_?Control_?Events?|Get_?Scheduled_?Events)\b/ nocase
        $name = /\b(drlc|demand_?response_?(and_?)?load_?control)([-_ ](client|server|cluster|event))?\b/ nocase
        $supply = /\b(Change_?Supply|Local_?Change_?Supply|Set_?Supply_?Status|Supply_?Status_?Response|Set_?Uncontrolled_?Flow_?Threshold|Set_?Maximum_?Demand)\b/ nocase
        $criticality = /\b(criticality_?level|average_?load_?adjustment(_?percentage)?|duty_?cycle|utility_?enrol(l)?ment_?group)\b/ nocase
        $zigbee = /\b(zigbee|zcl|emberAf|ezsp|CBKE)/ nocase
    condition:
        $zigbee and (2 of ($event, $name, $supply) or (any of ($event, $name, $supply) and $criticality))
}

rule meter_chinese_switching
{
    meta:
        description = "names in Chinese the remote switching of a supply or the protocol that does it"
        capability = "meter.disconnect"
        threat = "sabotage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://en.wikipedia.org/wiki/Smart_meter"
        r155 = "16.1, 27.1"
        false_positives = "meters for another market"
    strings:
        $remote_utf8 = { E8 BF 9C E7 A8 8B E6 8B 89 E5 90 88 E9 97 B8 } // 远程拉合闸
        $remote_gbk = { D4 B6 B3 CC C0 AD BA CF D5 A2 }
        $remote_wide = { DC 8F 0B 7A C9 62 08 54 F8 95 }
        $trip_utf8 = { E8 BF 9C E7 A8 8B E8 B7 B3 E9 97 B8 } // 远程跳闸
        $trip_gbk = { D4 B6 B3 CC CC F8 D5 A2 }
        $trip_wide = { DC 8F 0B 7A F3 8D F8 95 }
        $pull_utf8 = { E8 BF 9C E7 A8 8B E6 8B 89 E9 97 B8 } // 远程拉闸
        $pull_gbk = { D4 B6 B3 CC C0 AD D5 A2 }
        $pull_wide = { DC 8F 0B 7A C9 62 F8 95 }
        $allow_utf8 = { E5 85 81 E8 AE B8 E5 90 88 E9 97 B8 } // 允许合闸
        $allow_gbk = { D4 CA D0 ED BA CF D5 A2 }
        $allow_wide = { 41 51 B8 8B 08 54 F8 95 }
        $direct_utf8 = { E7 9B B4 E6 8E A5 E5 90 88 E9 97 B8 } // 直接合闸
        $direct_gbk = { D6 B1 BD D3 BA CF D5 A2 }
        $direct_wide = { F4 76 A5 63 08 54 F8 95 }
        $keep_utf8 = { E4 BF 9D E7 94 B5 E8 A7 A3 E9 99 A4 } // 保电解除
        $keep_gbk = { B1 A3 B5 E7 BD E2 B3 FD }
        $keep_wide = { DD 4F 35 75 E3 89 64 96 }
        $dlt = /\bDL[_\/]?T?[_ -]?645([-_]?(1997|2007))?\b/ nocase
        $relay = /\b(relay|breaker|switch)_?(trip|open|pull|close|off)\b/ nocase
    condition:
        any of ($remote_*, $trip_*, $pull_*, $allow_*, $direct_*, $keep_*) or ($dlt and $relay)
}

rule meter_clock_shift
{
    meta:
        description = "lets the time of the meter be set far from outside, past its limits"
        capability = "meter.factory"
        threat = "sabotage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dlms.com/dlms-cosem/"
        r155 = "16.1, 27.1"
        false_positives = "production builds; a shift of the clock moves the tariff"
    strings:
        $limit = /\b(ignore|skip|bypass|override|disable)_?(clock|time)_?(shift|sync|set|adjust)?_?(limit|window|check|event)\b/ nocase
        $silent = /\b(silent|quiet|unlogged|nolog|hidden)_?(clock|time)_?(set|shift|sync|adjust)\b/ nocase
        $context = /\b(DLMS|COSEM|OBIS|kWh|kvarh|metrology|meter_?(id|serial|reading))\b/ nocase
    condition:
        $context and any of ($limit, $silent)
}
