/*
 * The vehicle: frames sent from scripts, bridges to networks, diagnosis, immobilising.
 */

rule can_inject_script
{
    meta:
        description = "sends fixed frames on a vehicle bus"
        capability = "can.inject"
        threat = "sabotage"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/linux-can/can-utils"
        r155 = "11.1, 11.4"
        false_positives = "bench tests that were left in"
    strings:
        $cansend = /\bcansend[ \t]+v?(s?l?can)[0-9]{1,2}[ \t]+[0-9A-Fa-f]{3,8}#[0-9A-Fa-fR#.]{0,64}/
        $cangen = /\bcangen[ \t]+(-[A-Za-z]+[ \t]+[^\s]{1,10}[ \t]+)*v?can[0-9]/
    condition:
        any of them
}

rule can_remote_bridge
{
    meta:
        description = "passes what comes from a network on to a vehicle bus"
        capability = "can.remote_bridge"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/linux-can/can-utils"
        r155 = "11.1, 29.2, 16.2"
        false_positives = "declared remote diagnosis"
    strings:
        $send = /\b(cansend|canplayer|slcand|isotpsend)[ \t]/
        $cannelloni = /\bcannelloni[ \t][^\r\n]{0,60}-I[ \t]*v?can[0-9]/
        $socketcand = /\bsocketcand[ \t][^\r\n]{0,60}-i[ \t]*v?can[0-9]/
        $canlogserver = /\bcanlogserver[ \t][^\r\n]{0,60}v?can[0-9]/
        $mqtt = /\bmosquitto_sub[ \t][^\r\n]{0,120}-h[ \t]*[^\s]{4,}/
        $netcat = /\b(nc|ncat|netcat|socat)[ \t][^\r\n]{3,120}/
        $poll = /\b(curl|wget)[ \t][^\r\n]{0,80}https?:\/\//
        $can = /\bv?can[0-9]\b/
    condition:
        any of ($cannelloni, $socketcand, $canlogserver) or
        (uint16(0) == 0x2123 and $send and $can and any of ($mqtt, $netcat, $poll))
}

rule diag_uds_services
{
    meta:
        description = "speaks vehicle diagnosis with programming and security services"
        capability = "diag.uds"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.iso.org/standard/72439.html"
        r155 = "11.3, 18.3"
        false_positives = "diagnosis testers and their databases"
    strings:
        $a = /\bSecurity_?Access\b/ nocase
        $b = /\bRoutine_?Control\b/ nocase
        $c = /\bRequest_?Download\b/ nocase
        $d = /\bTransfer_?Data\b/ nocase
        $e = /\bRequest_?Transfer_?Exit\b/ nocase
        $f = /\bWrite_?Data_?By_?(Local_?)?Identifier\b/ nocase
        $g = /\bDiagnostic_?Session_?Control\b/ nocase
        $h = /\bCommunication_?Control\b/ nocase
        $i = /\bInput_?Output_?Control_?By_?Identifier\b/ nocase
        $j = /\bTester_?Present\b/ nocase
    condition:
        6 of them
}

rule veh_immobilise_command
{
    meta:
        description = "names a remote command that stops or locks the vehicle"
        capability = "veh.immobilise"
        threat = "sabotage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://unece.org/transport/documents/2021/03/standards/un-regulation-no-155-cyber-security-and-cyber-security"
        r155 = "16.1, 27.1"
        false_positives = "theft protection that the maker declares"
    strings:
        $one = /\b(remote|cmd|command|rpc|mqtt|sms)[_.\/: -](engine[_-]?(stop|kill|off|disable)|fuel[_-]?cut(off)?|immobili[sz]e(r)?|vehicle[_-]?(stop|lock|disable)|starter[_-]?(disable|lock)|hv[_-]?(off|kill|disconnect)|traction[_-]?(off|disable))\b/ ascii wide nocase
        $two = /\b(engine[_-]?(stop|kill|disable)|fuel[_-]?cut(off)?|immobili[sz]e(r)?|vehicle[_-]?(lock|disable)|hv[_-]?disconnect)[_.\/: -](remote|cmd|command|request|rpc|by[_-]?sms)\b/ ascii wide nocase
    condition:
        any of them
}

rule veh_geofence_lock
{
    meta:
        description = "locks or stops by place"
        capability = "veh.geofence"
        threat = "sabotage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://media.ccc.de/v/37c3-12142-breaking_drm_in_polish_trains"
        r155 = "16.1, 27.1"
        false_positives = "fleet functions that the maker declares"
    strings:
        $fence = /\bgeo[_-]?fence[a-z_]{0,20}\b/ ascii wide nocase
        $polygon = /\b(point|in|inside)[_-]?(in[_-]?)?polygon\b/ ascii wide nocase
        $lock = /\b(lock|disable|block|inhibit|stop)[_-]?(train|vehicle|engine|motor|converter|inverter|traction|device|loco)\b/ ascii wide nocase
        $lock_state = /\b(train|vehicle|engine|traction|converter|inverter)[_-]?(locked|blocked|inhibited|disabled)\b/ ascii wide nocase
    condition:
        ($fence or $polygon) and ($lock or $lock_state)
}
