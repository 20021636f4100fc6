/*
 * The vehicle and what it is charged from: frames on its buses, bridges to networks,
 * diagnosis, fleet and tracking protocols, immobilising, chargers, inverters, batteries.
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

rule can_tool_program
{
    meta:
        description = "a program that sends, replays or routes frames of a vehicle bus"
        capability = "can.inject"
        threat = "sabotage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/linux-can/can-utils"
        r155 = "11.1, 11.4, 29.2"
        false_positives = "bus tools that were left in after testing"
    strings:
        $send = "send CAN-frames via CAN_RAW sockets" ascii
        $replay = "replay a compact CAN frame logfile" ascii
        $generate = "CAN frames generator" ascii
        $sequence = "sends CAN messages with a rising sequence number" ascii
        $gateway = "manage PF_CAN netlink gateway" ascii
        $serial = "userspace daemon for serial line CAN interface driver" ascii
        $option = "<can_id>#{" ascii
        $isotp = "(destination can_id. Use 8 digits for extended IDs)" ascii
        $bcm = "/dev/bcm" ascii
    condition:
        uint32(0) == 0x464C457F and any of them
}

rule can_tcp_server_program
{
    meta:
        description = "a program that offers a vehicle bus on a network port"
        capability = "can.remote_bridge"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/linux-can/socketcand"
        r155 = "11.1, 16.2, 29.2"
        false_positives = "bench gateways that were left in"
    strings:
        $isotpserver = "TCP>CAN %s" ascii
        $canlogserver = "low count of CAN devices!" ascii
        $bcmserver = "< %%%ds %%c %%lu %%lu %%x" ascii
        $cannelloni = "cannelloni" ascii fullword
        $cannelloni_text = /\b(CAN interface|UDPThread|TCPThread|SCTPThread)\b/ ascii
        $socketcand = "socketcand" ascii fullword
        $beacon = "<CANBeacon" ascii
        $rawmode = "< rawmode >" ascii
    condition:
        uint32(0) == 0x464C457F and (any of ($isotpserver, $canlogserver, $bcmserver) or ($cannelloni and $cannelloni_text) or ($socketcand and any of ($beacon, $rawmode)))
}

rule can_network_program
{
    meta:
        description = "a program with a vehicle bus on one side and a message broker or cloud on the other"
        capability = "can.remote_bridge"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.kernel.org/doc/html/latest/networking/can.html"
        r155 = "11.1, 16.2, 29.2"
        false_positives = "telematics units that only report; look for what they send to the bus"
    strings:
        $raw = /\bv?can(%d|%u|[0-9])\b/
        $open = /\b(can_raw|CAN_RAW|PF_CAN|AF_CAN|SocketCAN|socketcan|can_frame|can_send(_frame|_msg)?|can_write)\b/
        $mqtt = /\b(mosquitto_(publish|pub|sub|subscribe)|MQTT(Client|Async)_(publish|send|subscribe)[A-Za-z]{0,10}|mqtt_(publish|subscribe)|paho\.mqtt)\b/
        $http = /\b(curl_easy_perform|http_post|HttpSendRequest[AW]|WinHttpSendRequest|HttpURLConnection|L?okhttp3|requests\.(post|put))\b/
        $socket = /\b(lws_client_connect|websocket_client|amqp_socket|zmq_connect|grpc_channel)[a-z_]{0,20}\b/
    condition:
        uint32(0) == 0x464C457F and filesize < 64MB and $raw and $open and any of ($mqtt, $http, $socket)
}

rule can_socketcand_commands
{
    meta:
        description = "speaks the text protocol that puts frames on a vehicle bus over TCP"
        capability = "can.remote_bridge"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/linux-can/socketcand"
        r155 = "11.1, 11.4, 29.2"
        false_positives = "none known outside clients and servers of that protocol"
    strings:
        $open = /<[ ]open[ ]v?(can[0-9]|%s)[ ]>/
        $send = /<[ ](send|add|update)[ ]([0-9A-Fa-f]{1,8}|%[0-9a-zA-Z]{1,4})[ ]/
        $raw = /<[ ](rawmode|bcmmode|isotpmode)[ ]>/
    condition:
        2 of them
}

rule can_python_sender
{
    meta:
        description = "a script that builds bus frames and sends them"
        capability = "can.inject"
        threat = "sabotage"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://python-can.readthedocs.io/en/stable/"
        r155 = "11.1, 11.4, 29.2"
        false_positives = "the library itself and its examples"
    strings:
        $import = /(^|\n)[ \t]*(import can\b|from can\b[ \t.])/
        $bus = /\bcan\.(interface\.)?(Bus|ThreadSafeBus)\(/
        $message = /\b(can\.)?Message\([^)]{0,80}arbitration_id[ ]?=/
        $send = /\.send(_periodic)?\(/
        $socket = /\bsocket\.(AF_CAN|PF_CAN)\b/
        $pack = /\bstruct\.pack\([ ]?["'][<=@>]?I(B3x8s|BBBB8s)["']/
    condition:
        ($import and $bus and $message and $send) or ($socket and $pack)
}

rule can_serial_adapter
{
    meta:
        description = "drives a vehicle bus through a serial adapter (SLCAN)"
        capability = "can.inject"
        threat = "sabotage"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.kernel.org/doc/html/latest/networking/can.html"
        r155 = "11.1, 11.4, 29.2"
        false_positives = "workshop tools"
    strings:
        $attach = /\bslcan_attach[ \t]+[^\r\n#]{0,40}\/dev\/tty/
        $daemon = /\bslcand[ \t]+(-[A-Za-z][ \t]?[0-9A-Za-z]{0,8}[ \t]+){1,8}(\/dev\/)?tty/
        $ldattach = /\bldattach[ \t]+(-[^\s]{1,12}[ \t]+){0,6}(SLCAN|slcan|17)[ \t]+\/dev\//
        $short = /\bt%0?3[xX]/
        $long = /\bT%0?8l?[xX]/
        $any_short = "%c%03X%d" ascii
        $any_long = "%c%08X%d" ascii
    condition:
        any of ($attach, $daemon, $ldattach) or ($short and $long) or ($any_short and $any_long)
}

rule diag_elm327_adapter
{
    meta:
        description = "talks to a vehicle through an OBD adapter (ELM327, STN)"
        capability = "diag.uds"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://en.wikipedia.org/wiki/ELM327"
        r155 = "11.3, 18.3"
        false_positives = "applications for drivers that show readings"
    strings:
        $name = /\b(ELM327|STN(11|21|22)[0-9]{2}|OBDLink)\b/
        $protocol = /\bAT[ ]?SP[ ]?[0-9A]\b/
        $header = /\bAT[ ]?SH[ ]?([0-9A-Fa-f]{3,6}\b|%|\{)/
        $receive = /\bAT[ ]?(CRA|CFC|FCSH|FCSD|FCSM|CAF)[ ]?[0-9A-Fa-f%{]/
        $reset = /\bAT[ ]?(WS|E0|L0|S0|H1|AL)\b/
        $stn = /\bST(PX|DI|PO|FAP|CMM|PPM|MA)[ \r\\"]/
    condition:
        2 of ($protocol, $header, $receive, $stn) or ($name and 2 of ($protocol, $header, $receive, $reset, $stn))
}

rule diag_obd_upload
{
    meta:
        description = "an OBD dongle that sends what it reads to a server"
        capability = "exfil.upload"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1041/"
        r155 = "7.1, 19.2"
        false_positives = "fleet and insurance dongles that are declared"
    strings:
        $elm = /\bAT[ ]?(SP[ ]?[0-9A]|SH[ ]?[0-9A-Fa-f]{3,6}|DPN|RV)\b/
        $pid = /\b(0100|010C|010D|0902|01 0C|01 0D|09 02)\\r/
        $python = /\b(obd\.(OBD|Async|commands)|import obd)\b/
        $mqtt = /\b(mosquitto_(publish|pub|sub|subscribe)|MQTT(Client|Async)_(publish|send|subscribe)[A-Za-z]{0,10}|mqtt_(publish|subscribe)|paho\.mqtt)\b/
        $http = /\b(curl_easy_perform|http_post|HttpSendRequest[AW]|WinHttpSendRequest|HttpURLConnection|L?okhttp3|requests\.(post|put))\b/
        $post = /\b(POST|PUT)[ \t]+\/[^\s]{0,80}[ \t]HTTP\/1/
    condition:
        ($python or ($elm and $pid)) and any of ($mqtt, $http, $post)
}

rule j1939_stack
{
    meta:
        description = "speaks the network of trucks, buses and machines (J1939)"
        capability = "diag.j1939"
        threat = "both"
        severity = "low"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.kernel.org/doc/html/latest/networking/j1939.html"
        r155 = "11.3, 18.3"
        false_positives = "a heavy vehicle needs it; the question is which unit and who may send"
    strings:
        $module = /\bcan[-_]j1939\b/
        $tool = /\b(j1939cat|j1939acd|j1939spy|j1939sr|testj1939|libj1939)\b/
        $socket = /\b(CAN_J1939|SO_J1939_[A-Z_]{4,20}|socket\(j1939\)|J1939_NLA_[A-Z_]{3,20})/
        $claim = /\bj1939_?(address_?claim(ed)?|addr_?claim|claim_?address)\b/ nocase
        $python = /\bj1939\.ElectronicControlUnit\(|\bControllerApplication\(/
        $tp = /\bj1939_?(tp|etp)_?(cm|dt|rts|cts|bam)\b/ nocase
    condition:
        any of them
}

rule j1939_control_frame
{
    meta:
        description = "sends frames that command torque, speed or braking (TSC1, XBR)"
        capability = "can.inject"
        threat = "sabotage"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.kernel.org/doc/html/latest/networking/j1939.html"
        r155 = "11.1, 16.1, 27.1"
        false_positives = "test benches for power trains"
    strings:
        $cansend = /\bcansend[ \t]+v?(can|slcan)[0-9]{1,2}[ \t]+0[Cc]((00)(00|03|0[BbFf]|10|29)|04(0[Bb]))[0-9A-Fa-f]{2}#[0-9A-Fa-f.]{2,24}/
        $cangen = /\bcangen[ \t]+[^\r\n]{0,60}-I[ \t]*0[Cc]((00)(00|03|0[BbFf]|10|29)|04(0[Bb]))[0-9A-Fa-f]{2}\b/
        $j1939cat = /\bj1939cat[ \t]+[^\r\n]{0,60}:[^\r\n]{0,8},0x0?0?(0000|0400)\b/
        $python = /\barbitration_id[ ]?=[ ]?0x0?[Cc]((00)(00|03|0[BbFf]|10|29)|04(0[Bb]))[0-9A-Fa-f]{2}\b/
    condition:
        any of them
}

rule j1939_control_names
{
    meta:
        description = "names the requests for torque, speed or braking of a heavy vehicle"
        capability = "can.inject"
        threat = "sabotage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.kernel.org/doc/html/latest/networking/j1939.html"
        r155 = "11.1, 27.1"
        false_positives = "message databases and units that only listen to the requests"
    strings:
        $tsc1 = /\b(J1939_)?TSC1(_(Tx|tx|TX|send|cmd|[A-Z]{2,4}))?\b/
        $xbr = /\b(J1939_)?XBR(_(Tx|tx|TX|send|cmd|EBC|[A-Z]{2,4}))?\b/
        $override = /\b(Engine_?)?Override_?Control_?Mode(_?Priority)?\b/ nocase
        $torque = /\bEng(ine)?_?Req(uested)?_?(Torque|Speed)(_?(Speed|Torque)?_?(Limit|Condition|Conditions)?)?\b/ nocase
        $acceleration = /\bExternal_?Acceleration_?Demand\b/ nocase
        $brake = /\bXBR_?(EBI_?Mode|Priority|Control_?Mode|Urgency)\b/ nocase
    condition:
        (any of ($tsc1, $xbr) and any of ($override, $torque, $acceleration, $brake)) or 2 of ($override, $torque, $acceleration, $brake)
}

rule veh_door_command
{
    meta:
        description = "opens the doors, ramp or lowers a bus on command from outside"
        capability = "can.inject"
        threat = "sabotage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.fms-standard.com/"
        r155 = "11.1, 11.4, 29.2"
        false_positives = "bodies controllers with a declared remote function"
    strings:
        $door = /\b(remote|cloud|mqtt|ota|tsp|sms|cmd|rpc)[_.\/:-]((bus|passenger|all|front|rear)[_-]?)?(doors?[_-]?(open|release|unlock)|(open|release|unlock)[_-]?((bus|passenger|all|front|rear)[_-]?)?doors?|ramp[_-]?(deploy|out|extend)|kneel(ing)?)\b/ ascii wide nocase
        $emergency = /\b(door|ramp)[_-]?(emergency[_-]?release|release[_-]?override)[_-]?(remote|cmd|mqtt)\b/ ascii wide nocase
    condition:
        any of them
}

rule fms_upload
{
    meta:
        description = "reads the fleet interface of a truck or bus and sends the readings"
        capability = "exfil.upload"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.fms-standard.com/"
        r155 = "7.1, 19.2"
        false_positives = "fleet management that is declared"
    strings:
        $vdhr = /\b(HRVD|VDHR|HRLFC)\b/
        $ccvs = /\bCCVS1?\b/
        $tco1 = /\bTCO1\b/
        $lfe = /\bLFE1?\b/
        $eec1 = /\bEEC1\b/
        $driver = /\b(Driver_?[12]_?(Identification|ID|Working_?State))\b/
        $name = /\b(FMS[-_ ]?(Standard|Gateway|Interface)|busfms|BusFMS|bus_fms)\b/
        $mqtt = /\b(mosquitto_(publish|pub|sub|subscribe)|MQTT(Client|Async)_(publish|send|subscribe)[A-Za-z]{0,10}|mqtt_(publish|subscribe)|paho\.mqtt)\b/
        $http = /\b(curl_easy_perform|http_post|HttpSendRequest[AW]|WinHttpSendRequest|HttpURLConnection|L?okhttp3|requests\.(post|put))\b/
        $post = /\b(POST|PUT)[ \t]+\/[^\s]{0,80}[ \t]HTTP\/1/
    condition:
        ($name or 3 of ($vdhr, $ccvs, $tco1, $lfe, $eec1, $driver)) and any of ($mqtt, $http, $post) and any of ($vdhr, $ccvs, $tco1, $lfe, $eec1)
}

rule fms_remote_interface
{
    meta:
        description = "gives positions and states of a fleet to a remote party (rFMS)"
        capability = "surv.location"
        threat = "espionage"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.fms-standard.com/"
        r155 = "7.1, 19.2"
        false_positives = "fleet management that is declared"
    strings:
        $type = /\bapplication\/vnd\.fmsstandard\.com\.[A-Za-z]{4,40}/
        $path = /\/rfms[0-9v.]{0,5}\/(vehicles|vehiclepositions|vehiclestatuses)\b/ nocase
    condition:
        any of them
}

rule tacho_remote_download
{
    meta:
        description = "downloads the tachograph or driver card from a distance"
        capability = "exfil.upload"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://eur-lex.europa.eu/eli/reg_impl/2016/799/oj"
        r155 = "7.1, 19.2"
        false_positives = "fleet management that is declared"
    strings:
        $remote = /\b(remote[_ -]?tacho(graph)?|tacho(graph)?[_ -]?remote|rtd)[_ -]?(download|authenti[a-z]{4,12}|ddd)\b/ ascii wide nocase
        $tacho = /\b(tacho(graph)?|DTCO|SE5000)\b/ ascii wide nocase
        $company = /\b(remote[_ -]?)?company[_ -]?card\b/ ascii wide nocase
        $file = /[A-Za-z0-9_%}*]\.(DDD|V1B|C1B|TGD)\b/ ascii wide
        $overview = /\b(VU|vehicle[_ -]?unit)[_ -]?(overview|download|activities|events[_ -]?and[_ -]?faults)\b/ ascii wide nocase
        $card = /\bdriver[_ -]?card[_ -]?(download|read|data)\b/ ascii wide nocase
    condition:
        $remote or ($tacho and 2 of ($company, $file, $overview, $card))
}

rule trailer_gateway
{
    meta:
        description = "speaks between towing vehicle and trailer (ISO 11992, PLC4TRUCKS)"
        capability = "can.inject"
        threat = "sabotage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.sae.org/standards/content/j2497/"
        r155 = "11.1, 11.4, 29.2"
        false_positives = "brake and trailer units, which have to"
    strings:
        $iso = /\bISO[_ -]?11992\b/ nocase
        $plc = /\b(J2497|PLC4TRUCKS|SSC[_ -]?P485)\b/ nocase
        $brakes = /\bEBS(11|12|21|22|23)\b/
        $gear = /\bRGE(11|12|21|22|23)\b/
        $general = /\bGPM(11|12|21|22|23|24|25)\b/
        $trailer = /\b(trailer|towed)[_ -]?(brake|abs|ebs)[_ -]?(demand|request|release|apply|cmd|command)\b/ nocase
    condition:
        $plc or ($iso and any of ($brakes, $gear, $general, $trailer)) or 2 of ($brakes, $gear, $general)
}

rule uds_seed_key
{
    meta:
        description = "computes the key that unlocks a control unit for diagnosis"
        capability = "diag.uds"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://automotive.wiki/index.php/ISO_14229"
        r155 = "11.3, 18.3"
        false_positives = "a tester; a vehicle unit should check keys, not make them"
    strings:
        $export = /\bGenerateKeyEx(Opt)?\b/
        $asap = /\b(ASAP1A_CCP_|XCP_)(ComputeKeyFromSeed|GetAvailablePrivileges)\b/
        $helper = /\b(seed_?(2|to)_?key|(compute|calc(ulate)?|derive|gen(erate)?)_?key_?from_?seed|security_?access_?(calc|gen)[a-z_]{0,12}key)\b/ nocase
        $seed = /\b(request_?seed|send_?key)\b/ nocase
        $uds = /\b(uds|diag|iso14229|isotp)[_:]/ nocase
    condition:
        any of ($export, $asap) or ($helper and any of ($seed, $uds))
}

rule uds_script_sequence
{
    meta:
        description = "a script that unlocks or programs a control unit with raw requests"
        capability = "diag.uds"
        threat = "both"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/linux-can/can-utils"
        r155 = "11.3, 18.3"
        false_positives = "workshop scripts that were left in"
    strings:
        $isotp = /\bisotp(send|perf)[ \t]+[^\r\n#]{0,60}v?can[0-9]/
        $cansend = /\bcansend[ \t]+v?can[0-9][ \t]+(7[0-9A-Fa-f]{2}|18[Dd][ABab][0-9A-Fa-f]{4})#/
        $programming = /\b(10 ?02|0210 ?02)\b/
        $access = /\b(02)?27 ?(01|03|05|09|11|61)\b/
        $routine = /\b31 ?01 ?[Ff][Ff] ?0[01]\b/
        $download = /\b34 ?00 ?(44|33|24)/
        $vin = /\b2[Ee] ?[Ff]1 ?90/
        $silence = /\b(02|03)?28 ?0[13]\b|\b(02)?85 ?02\b/
        $reset = /\b(02)?11 ?0[13]\b/
    condition:
        any of ($isotp, $cansend) and 2 of ($programming, $access, $routine, $download, $vin, $silence, $reset)
}

rule uds_client_library
{
    meta:
        description = "a diagnosis client that programs or unlocks control units"
        capability = "diag.uds"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://udsoncan.readthedocs.io/en/latest/"
        r155 = "11.3, 18.3"
        false_positives = "workshop software"
    strings:
        $import = /\b(from|import)[ \t]+(udsoncan|uds|odxtools|gallia)\b/
        $unlock = /\b(client|uds|self\.client|tester)\.(unlock_security_access|request_download|transfer_data|request_transfer_exit|routine_control|start_routine|write_data_by_identifier|communication_control|control_dtc_setting)\(/
    condition:
        $import and #unlock >= 2
}

rule uds_silence_bus
{
    meta:
        description = "tells control units to stop talking or to stop recording faults"
        capability = "diag.uds"
        threat = "sabotage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.iso.org/standard/72439.html"
        r155 = "11.3, 27.1"
        false_positives = "reprogramming sequences, which do so for a moment"
    strings:
        $comm = /\b(disable|stop|suppress)_?(rx_?and_?tx|rx_?tx|normal_?communication|non_?diag(nostic)?_?communication)\b/ nocase
        $enum = /\bdisableRxAndTx\b|\benableRxAndDisableTx\b/
        $dtc = /\b(dtc_?setting_?off|control_?dtc_?setting_?off|disable_?dtc(_?(setting|storage|logging))?|suppress_?dtc)\b/ nocase
        $control = /\b(Communication_?Control|Control_?DTC_?Setting)\b/ nocase
    condition:
        ($comm or $enum) and ($dtc or $control)
}

rule uds_identity_write
{
    meta:
        description = "writes the identity or the distance record of a vehicle"
        capability = "diag.uds"
        threat = "sabotage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.iso.org/standard/72439.html"
        r155 = "11.3, 18.3"
        false_positives = "end-of-line programming, which should not reach the field"
    strings:
        $vin = /\b(write|program|set|change|clone|patch)_?(vin|vehicle_?identification_?number)(_(request|cmd|f190))?\b/ nocase
        $odo = /\b(write|set|reset|roll_?back|adjust|change|patch)_?(odometer|odo|mileage|total_?(vehicle_?)?distance)(_(value|km|cmd|request))?\b/ nocase
        $sedan = /\b(odometer|mileage)_?(rollback|correction|tamper|override)\b/ nocase
        $clear_utf8 = { E9 87 8C E7 A8 8B E6 B8 85 E9 9B B6 } // 里程清零
        $clear_gbk = { C0 EF B3 CC C7 E5 C1 E3 }
        $clear_wide = { CC 91 0B 7A 05 6E F6 96 }
        $change_utf8 = { E4 BF AE E6 94 B9 E9 87 8C E7 A8 8B } // 修改里程
        $change_gbk = { D0 DE B8 C4 C0 EF B3 CC }
        $change_wide = { EE 4F 39 65 CC 91 0B 7A }
        $adjust_utf8 = { E9 87 8C E7 A8 8B E8 B0 83 E6 A0 A1 } // 里程调校
        $adjust_gbk = { C0 EF B3 CC B5 F7 D0 A3 }
        $adjust_wide = { CC 91 0B 7A 03 8C 21 68 }
        $bus = /\b(uds|isotp|eeprom|cluster|can|ecu|diag)_/ nocase
    condition:
        any of ($clear_*, $change_*, $adjust_*) or (any of ($vin, $odo, $sedan) and $bus)
}

rule diag_doip
{
    meta:
        description = "speaks vehicle diagnosis over the network (DoIP)"
        capability = "diag.doip"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.iso.org/standard/74785.html"
        r155 = "11.3, 18.3"
        false_positives = "testers and gateways that declare it"
    strings:
        $name = /\bDo_?IP[A-Za-z_]{0,24}\b/
        $lower = /\bdoip_[a-z_]{3,40}\b/
        $routing = /\b(routing[ _]?activation|RoutingActivation)([ _]?(request|response|req|res|type))?\b/ nocase
        $announce = /\bvehicle[ _]?(announcement|identification[ _]?(request|response))\b/ nocase
        $alive = /\balive[ _]?check[ _]?(request|response|req|res)\b/ nocase
        $port = /\b13400\b/
        $activation = { 02 FD 00 05 00 00 00 ( 07 | 0B ) }
        $diagnostic = { 02 FD 80 01 00 00 }
    condition:
        $activation or ($diagnostic and ($name or $lower)) or (($name or $lower) and 2 of ($routing, $announce, $alive, $port))
}

rule diag_doip_exposed
{
    meta:
        description = "opens the diagnosis port of the vehicle to another network"
        capability = "diag.doip"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.iso.org/standard/74785.html"
        r155 = "11.3, 16.2, 18.3"
        false_positives = "none known in a released vehicle"
    strings:
        $iptables = /\b(iptables|ip6tables)[ \t][^\r\n]{0,160}--dport[ \t]+13400\b[^\r\n]{0,120}(ACCEPT|DNAT)/
        $nft = /\b(tcp|udp|th)[ \t]dport[ \t]+(\{[^}]{0,60})?13400\b[^\r\n]{0,80}(accept|dnat)/
        $forward = /\b(ssh|autossh|dbclient)[ \t][^\r\n]{0,120}-[A-Za-z]{0,4}R[ \t]*[^\s]{0,40}:13400\b/
        $socat = /\bsocat[ \t][^\r\n]{0,120}:13400\b/
    condition:
        any of them
}

rule someip_service
{
    meta:
        description = "offers or finds vehicle services on the network (SOME/IP)"
        capability = "net.listener"
        threat = "both"
        severity = "low"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/COVESA/vsomeip"
        r155 = "6.2, 29.1"
        false_positives = "units with a service-oriented network, which need it"
    strings:
        $config = /"service-discovery"[ \t\r\n]*:/
        $multicast = /"multicast"[ \t]*:[ \t]*"(22[4-9]|23[0-9])\.[0-9.]{5,11}"/
        $port = /"port"[ \t]*:[ \t]*"?30490\b/
        $library = /\blibvsomeip3?(-sd)?\.so\b/
        $header = { FF FF 81 00 00 00 [2] 00 00 [2] 01 01 02 00 }
        $autosar = /\bSomeIpSd?_(Init|MainFunction|RxIndication|TriggerTransmit)\b/
    condition:
        $header or $autosar or $library or ($config and any of ($multicast, $port))
}

rule someip_can_bridge
{
    meta:
        description = "passes service calls of the network on to a vehicle bus"
        capability = "can.remote_bridge"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/COVESA/vsomeip"
        r155 = "11.1, 16.2, 29.2"
        false_positives = "gateways, which declare it"
    strings:
        $vsomeip = /\b(vsomeip|someip|SomeIp)(_|::|\b)/
        $method = /\b(register_message_handler|on_message|SetMethod|request_service|offer_service)\b/
        $can = /\bv?can[0-9]\b|\b(can_frame|can_send(_frame)?|AF_CAN|PF_CAN|CAN_RAW)\b/
        $write = /\b(can_send(_frame|_msg)?|write_can|send_can(_frame|_msg)?|CanIf_Transmit|Com_SendSignal)\b/
    condition:
        $vsomeip and $method and $can and $write
}

rule xcp_calibration
{
    meta:
        description = "reads and writes the memory of a control unit for calibration (XCP, CCP)"
        capability = "diag.xcp"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.asam.net/standards/detail/mcd-1-xcp/"
        r155 = "11.3, 18.3"
        false_positives = "development builds; a released unit should not have it"
    strings:
        $a2l = /\/begin[ \t]+(XCP_ON_(TCP_IP|UDP_IP|CAN|FLX|USB)|IF_DATA[ \t]+(XCP|XCPplus|ASAP1B_CCP|CANAPE_EXT))/
        $slave = /\bXcp(Init|EthServerInit|EthTlInit|TlInit|Command|Event|SetA2lName|_Init|_MainFunction|_SoAdIfRxIndication|_CanIfRxIndication)\b/
        $words = /\b(SHORT_?UPLOAD|SHORT_?DOWNLOAD|SET_?MTA|BUILD_?CHECKSUM|SET_?DAQ_?PTR|START_?STOP_?DAQ_?LIST|ALLOC_?ODT_?ENTRY|PROGRAM_?CLEAR)\b/
        $names = /\b(XCP|CCP)(_|on|\b)/
        $session = /\b(xcp|ccp)_?(connect|unlock|upload|download|get_?seed|set_?mta|program(_?start)?)\b/ nocase
    condition:
        $a2l or #slave >= 2 or ($names and #words >= 3) or #session >= 3
}

rule gbt32960_client
{
    meta:
        description = "reports vehicle, driver and place to a platform (GB/T 32960)"
        capability = "surv.location"
        threat = "espionage"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://docs.emqx.com/en/emqx/latest/gateway/gbt32960.html"
        r155 = "7.1, 19.2"
        false_positives = "vehicles built for that market; a European one does not need it"
    strings:
        $name = /\bGB_?\/?T_?[ -]?32960\b/ ascii wide nocase
        $symbol = /\bgbt?_?32960_?[a-z_]{3,40}\b/ nocase
        $login = /\b(vehicle|platform)_?(login|logout)\b/ nocase
        $report = /\b(real_?time_?(info|report|data)|reissue_?(info|report|data)|re_?upload)\b/ nocase
        $frame = /##[\x01-\x08]\xFE[A-HJ-NPR-Z0-9]{17}[\x01-\x03]/
        $enter_utf8 = { E8 BD A6 E8 BE 86 E7 99 BB E5 85 A5 } // 车辆登入
        $enter_gbk = { B3 B5 C1 BE B5 C7 C8 EB }
        $enter_wide = { 66 8F 86 8F 7B 76 65 51 }
        $leave_utf8 = { E8 BD A6 E8 BE 86 E7 99 BB E5 87 BA } // 车辆登出
        $leave_gbk = { B3 B5 C1 BE B5 C7 B3 F6 }
        $leave_wide = { 66 8F 86 8F 7B 76 FA 51 }
        $real_utf8 = { E5 AE 9E E6 97 B6 E4 BF A1 E6 81 AF E4 B8 8A E6 8A A5 } // 实时信息上报
        $real_gbk = { CA B5 CA B1 D0 C5 CF A2 C9 CF B1 A8 }
        $real_wide = { 9E 5B F6 65 E1 4F 6F 60 0A 4E A5 62 }
        $platform_utf8 = { E5 B9 B3 E5 8F B0 E7 99 BB E5 85 A5 } // 平台登入
        $platform_gbk = { C6 BD CC A8 B5 C7 C8 EB }
        $platform_wide = { 73 5E F0 53 7B 76 65 51 }
    condition:
        $frame or 2 of ($enter_utf8, $leave_utf8, $real_utf8, $platform_utf8) or 2 of ($enter_gbk, $leave_gbk, $real_gbk, $platform_gbk) or 2 of ($enter_wide, $leave_wide, $real_wide, $platform_wide) or
        (any of ($name, $symbol) and any of ($login, $report, $enter_*, $leave_*, $real_*, $platform_*))
}

rule jt808_terminal
{
    meta:
        description = "a terminal that reports place and driver to a platform (JT/T 808, 809)"
        capability = "surv.location"
        threat = "espionage"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/SmallChi/JT808"
        r155 = "7.1, 19.2"
        false_positives = "trackers built for that market"
    strings:
        $name = /\bJT_?\/?T?_?[ -]?(808|809|1078)(_?(2011|2013|2019))?\b/ ascii wide nocase
        $symbol = /\bjtt?_?(808|809)_?[a-z_]{3,40}\b/ nocase
        $register = /\bterminal_?(register|registration|auth(entication)?|heart_?beat|logout)\b/ nocase
        $position = /\b(location|position)_?(report|info|batch|upload)\b/ nocase
        $reg_utf8 = { E7 BB 88 E7 AB AF E6 B3 A8 E5 86 8C } // 终端注册
        $reg_gbk = { D6 D5 B6 CB D7 A2 B2 E1 }
        $reg_wide = { C8 7E EF 7A E8 6C 8C 51 }
        $auth_utf8 = { E7 BB 88 E7 AB AF E9 89 B4 E6 9D 83 } // 终端鉴权
        $auth_gbk = { D6 D5 B6 CB BC F8 C8 A8 }
        $auth_wide = { C8 7E EF 7A 74 92 43 67 }
        $pos_utf8 = { E4 BD 8D E7 BD AE E4 BF A1 E6 81 AF E6 B1 87 E6 8A A5 } // 位置信息汇报
        $pos_gbk = { CE BB D6 C3 D0 C5 CF A2 BB E3 B1 A8 }
        $pos_wide = { 4D 4F 6E 7F E1 4F 6F 60 47 6C A5 62 }
    condition:
        2 of ($reg_utf8, $auth_utf8, $pos_utf8) or 2 of ($reg_gbk, $auth_gbk, $pos_gbk) or 2 of ($reg_wide, $auth_wide, $pos_wide) or
        (any of ($name, $symbol) and any of ($register, $position, $reg_*, $auth_*, $pos_*))
}

rule jt808_vehicle_control
{
    meta:
        description = "a platform can command the vehicle or move the terminal to another server (JT/T 808)"
        capability = "veh.immobilise"
        threat = "sabotage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/SmallChi/JT808"
        r155 = "16.1, 27.1"
        false_positives = "trackers built for that market, with the function declared"
    strings:
        $name = /\bjt_?\/?t?_?[ -]?808/ ascii wide nocase
        $vehicle = /\b(vehicle|car)_?(control|ctrl)(_?(req|request|cmd|resp|response|0x8500))?\b/ nocase
        $hex = /\b0x8500\b/ nocase
        $terminal = /\b0x8105\b/ nocase
        $words = /\b(terminal_?(control|power_?off|reset)|connect_?(special|specified|appointed)_?server|wireless_?upgrade)\b/ nocase
        $control_utf8 = { E8 BD A6 E8 BE 86 E6 8E A7 E5 88 B6 } // 车辆控制
        $control_gbk = { B3 B5 C1 BE BF D8 D6 C6 }
        $control_wide = { 66 8F 86 8F A7 63 36 52 }
        $term_utf8 = { E7 BB 88 E7 AB AF E6 8E A7 E5 88 B6 } // 终端控制
        $term_gbk = { D6 D5 B6 CB BF D8 D6 C6 }
        $term_wide = { C8 7E EF 7A A7 63 36 52 }
    condition:
        $name and any of ($vehicle, $hex, $control_*) and any of ($terminal, $words, $term_*)
}

rule veh_immobilise_chinese
{
    meta:
        description = "names in Chinese a remote command that stops or locks the vehicle"
        capability = "veh.immobilise"
        threat = "sabotage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://unece.org/transport/documents/2021/03/standards/un-regulation-no-155-cyber-security-and-cyber-security"
        r155 = "16.1, 27.1"
        false_positives = "rental and theft protection that the maker declares"
    strings:
        $cut_utf8 = { E6 96 AD E6 B2 B9 E6 96 AD E7 94 B5 } // 断油断电
        $cut_gbk = { B6 CF D3 CD B6 CF B5 E7 }
        $cut_wide = { AD 65 B9 6C AD 65 35 75 }
        $restore_utf8 = { E6 81 A2 E5 A4 8D E6 B2 B9 E7 94 B5 } // 恢复油电
        $restore_gbk = { BB D6 B8 B4 D3 CD B5 E7 }
        $restore_wide = { 62 60 0D 59 B9 6C 35 75 }
        $cutoil_utf8 = { E6 96 AD E6 B2 B9 E7 94 B5 } // 断油电
        $cutoil_gbk = { B6 CF D3 CD B5 E7 }
        $cutoil_wide = { AD 65 B9 6C 35 75 }
        $lock_utf8 = { E8 BF 9C E7 A8 8B E9 94 81 E8 BD A6 } // 远程锁车
        $lock_gbk = { D4 B6 B3 CC CB F8 B3 B5 }
        $lock_wide = { DC 8F 0B 7A 01 95 66 8F }
        $stall_utf8 = { E8 BF 9C E7 A8 8B E7 86 84 E7 81 AB } // 远程熄火
        $stall_gbk = { D4 B6 B3 CC CF A8 BB F0 }
        $stall_wide = { DC 8F 0B 7A 84 71 6B 70 }
        $limit_utf8 = { E8 BF 9C E7 A8 8B E9 99 90 E9 80 9F } // 远程限速
        $limit_gbk = { D4 B6 B3 CC CF DE CB D9 }
        $limit_wide = { DC 8F 0B 7A 50 96 1F 90 }
        $off_utf8 = { E8 BF 9C E7 A8 8B E6 96 AD E7 94 B5 } // 远程断电
        $off_gbk = { D4 B6 B3 CC B6 CF B5 E7 }
        $off_wide = { DC 8F 0B 7A AD 65 35 75 }
    condition:
        any of them
}

rule veh_remote_functions
{
    meta:
        description = "a telematics unit that executes vehicle functions on command of a server"
        capability = "can.remote_bridge"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://unece.org/transport/documents/2021/03/standards/un-regulation-no-155-cyber-security-and-cyber-security"
        r155 = "16.1, 16.2, 29.2"
        false_positives = "declared remote services"
    strings:
        $doors = /\b(remote|rvc|cmd|tbox)[_-]?(door)?[_-]?(un)?lock(_?doors?)?\b/ nocase
        $start = /\b(remote|rvc|tbox)[_-]?(engine[_-]?)?(start|crank)(_?engine)?\b/ nocase
        $climate = /\b(remote|rvc|tbox)[_-]?(climate|ac|hvac|air_?con(ditioning)?|seat_?heat(ing)?)(_?(on|off|start|stop))?\b/ nocase
        $horn = /\b(remote|rvc|tbox)[_-]?(horn|flash|find_?car|light)(_?(on|off|flash))?\b/ nocase
        $window = /\b(remote|rvc|tbox)[_-]?(window|sunroof|trunk|tail_?gate)(_?(open|close))?\b/ nocase
        $charge = /\b(remote|rvc|tbox)[_-]?charg(e|ing)(_?(start|stop|on|off|port))?\b/ nocase
        $platform = /\b(tsp|t-?box|telematics|mqtt|tbox)[_.\/-]?(server|cloud|platform|url|client|topic|broker|gateway)\b/ nocase
    condition:
        $platform and 3 of ($doors, $start, $climate, $horn, $window, $charge)
}

rule veh_kill_contactor
{
    meta:
        description = "opens the high-voltage contactors or the battery on command from outside"
        capability = "veh.kill"
        threat = "sabotage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://unece.org/transport/documents/2021/03/standards/un-regulation-no-155-cyber-security-and-cyber-security"
        r155 = "16.1, 27.1"
        false_positives = "crash and service cut-off, which must not have a remote route"
    strings:
        $act = /\b(open|trip|drop|release|cut|kill|shut_?down|disconnect|disable)_?((hv|high_?voltage|traction|main|battery|pack|propulsion)_?){1,2}(contactors?|relays?|battery|bus|power|supply)\b/ nocase
        $noun = /\b(hv|hvil|traction|main|battery|pack)_?(contactors?|relay|power)_?(open|trip|off|kill|shut_?down|cut)\b|\b(hv|high_?voltage|traction|battery)_?(trip|kill|shut_?down|cut_?off|disconnect)\b/ nocase
        $route = /\b(remote|ota|cloud|mqtt|tsp|sms|server|backend|platform|telematics)[_.\/:-]?(cmd|command|request|control|handler|callback|msg|message|topic|rpc|action)\b/ nocase
        $battery_utf8 = { E8 BF 9C E7 A8 8B E6 96 AD E5 BC 80 E7 94 B5 E6 B1 A0 } // 远程断开电池
        $battery_gbk = { D4 B6 B3 CC B6 CF BF AA B5 E7 B3 D8 }
        $battery_wide = { DC 8F 0B 7A AD 65 00 5F 35 75 60 6C }
        $hv_utf8 = { E9 AB 98 E5 8E 8B E4 B8 8B E7 94 B5 } // 高压下电
        $hv_gbk = { B8 DF D1 B9 CF C2 B5 E7 }
        $hv_wide = { D8 9A 8B 53 0B 4E 35 75 }
    condition:
        any of ($battery_*) or (any of ($act, $noun, $hv_*) and $route)
}

rule veh_kill_relay_script
{
    meta:
        description = "a script that switches fuel, starter or ignition on a word from the network"
        capability = "veh.kill"
        threat = "sabotage"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.cisa.gov/news-events/ics-advisories/icsa-22-200-01"
        r155 = "16.1, 27.1"
        false_positives = "theft protection that the maker declares"
    strings:
        $relay = /\b(fuel|starter|ignition|engine|immobili[sz]er|kill|main|hv)[_ -]?(pump[_ -]?)?(relay|pump|cut|cutoff|gpio|pin|contactor|switch)\b/ nocase
        $sysfs = /\becho[ \t]+["']?[01]["']?[ \t]*>[ \t]*["']?(\/sys\/class\/(gpio|leds)\/|\$)[^\r\n]{0,60}(value|brightness)/
        $gpioset = /\b(gpioset|raspi-gpio|pinctrl|gpio)[ \t]+(-[^\s]{1,12}[ \t]+){0,4}[^\r\n]{1,30}[= \t][01]\b/
        $python = /\b(GPIO\.output\(|\.set_value\(|digitalWrite\(|gpiod\.)/
        $poll = /\b(curl|wget)[ \t][^\r\n]{0,120}https?:\/\//
        $mqtt = /\b(mosquitto_sub|paho\.mqtt|mqtt\.Client\()/
        $sms = /\b(mmcli[ \t][^\r\n]{0,40}(--messaging|-s[ \t])|gammu|smstools|RunOnReceive|AT\+CMG[RL])/
        $net = /\b(nc|ncat|socat)[ \t][^\r\n]{3,80}/
    condition:
        filesize < 1MB and $relay and any of ($sysfs, $gpioset, $python) and any of ($poll, $mqtt, $sms, $net)
}

rule veh_idle_lock
{
    meta:
        description = "locks the vehicle after it stood still or reached a count of days"
        capability = "veh.geofence"
        threat = "sabotage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://media.ccc.de/v/37c3-12142-breaking_drm_in_polish_trains"
        r155 = "16.1, 27.1"
        false_positives = "parking functions without a lock of the drive"
    strings:
        $idle = /\b(days?|hours?|time)_?(idle|stopped|parked|stationary|standstill|not_?mov(ed|ing))\b|\b(idle|standstill|parked|stationary|stop(ped)?)_?(days|hours|counter|since)\b/ ascii wide nocase
        $lock = /\b(lock|disable|block|inhibit|forbid)_?(train|vehicle|engine|converter|inverter|traction|loco|compressor|pantograph)(_?(start|on))?\b/ ascii wide nocase
        $locked = /\b(train|vehicle|engine|traction|converter|inverter|compressor|pantograph|drive)_?(is_?)?(locked|blocked|inhibited|lock_?(flag|active|state))\b/ ascii wide nocase
        $unlock = /\b(secret|hidden|service)_?(unlock|key_?(combo|sequence|combination))\b/ ascii wide nocase
    condition:
        $idle and any of ($lock, $locked, $unlock)
}

rule veh_workshop_fence
{
    meta:
        description = "knows the place of workshops and locks there"
        capability = "veh.geofence"
        threat = "sabotage"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://media.ccc.de/v/37c3-12142-breaking_drm_in_polish_trains"
        r155 = "16.1, 27.1"
        false_positives = "none known"
    strings:
        $place = /\b(workshop|service_?cent(er|re)|repair_?(shop|yard)|competitor|depot|warsztat|zntk)_?[a-z0-9]{0,16}_?(polygon|area|zone|fence|bbox|lat(itude)?|lon(gitude)?|position|coords?)\b/ ascii wide nocase
        $lock = /\b(lock|disable|block|inhibit|forbid)_?(train|vehicle|engine|converter|inverter|traction|loco|compressor|pantograph)(_?(start|on))?\b/ ascii wide nocase
        $locked = /\b(train|vehicle|engine|traction|converter|inverter|compressor|pantograph|drive)_?(is_?)?(locked|blocked|inhibited|lock_?(flag|active|state))\b/ ascii wide nocase
    condition:
        $place and any of ($lock, $locked)
}

rule veh_fence_shapes
{
    meta:
        description = "holds map areas together with an order to stop or lock"
        capability = "veh.geofence"
        threat = "sabotage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.rfc-editor.org/rfc/rfc7946"
        r155 = "16.1, 27.1"
        false_positives = "speed zones that the operator sets"
    strings:
        $polygon = /"type"[ \t]*:[ \t]*"(Multi)?Polygon"/
        $coordinates = /"coordinates"[ \t]*:[ \t\r\n]*\[[ \t\r\n]*\[/
        $circle = /"(radius|radius_m)"[ \t]*:[ \t]*[0-9]{2,6}/
        $centre = /"(lat|latitude)"[ \t]*:[ \t]*-?[0-9]{1,2}\.[0-9]{3,}/
        $action = /"(action|on_?enter|on_?exit|on_?leave|command|effect)"[ \t]*:[ \t]*"[a-z_ -]{0,20}(lock|immobili[sz]e|disable|inhibit|stop|shutdown|kill|derate)[a-z_ -]{0,30}"/ nocase
    condition:
        (($polygon and $coordinates) or ($circle and $centre)) and $action
}

rule veh_tracker_sms_words
{
    meta:
        description = "obeys the text messages of cheap trackers: cut the fuel, listen in, change the server"
        capability = "veh.immobilise"
        threat = "both"
        severity = "critical"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.cisa.gov/news-events/ics-advisories/icsa-22-200-01"
        r155 = "16.1, 16.2, 27.1"
        false_positives = "command lists of fleet software"
    strings:
        $stop = /\b(stop|resume|quickstop|stopelec|supplyelec)(123456|%s|\[?pw\]?)/ nocase
        $password = /\b(admin|apn|adminip|begin|tracker|monitor|nofix|noadmin|arm|disarm|gprs|password|sleep|stockade)(123456|%6s|%s[ ,])/ nocase
        $concox = /\b(DYD|HFYD)(,[0-9]{4,6}|,%s)?#/
        $relay = /\bRELAY,[01]#/
        $server = /\bSERVER,[01],[^\s"]{3,60}#/
        $gt06 = /\b(TIMER|CENTER|SOS|GMT|GPRSSET|WHERE|FACTORY|PARAM|STATUS),?[A-Z0-9,.]{0,24}#/
        $fix = /\bfix0[0-9]{2}[smh](\*{3}|[0-9]{3})n(123456|%s)/
        $cut = /\bstop_?elec\b/ nocase
        $restore = /\bsupply_?elec\b/ nocase
        $message = /\+CMTI?:|AT\+CNMI=/
    condition:
        any of ($stop, $concox, $relay) and any of ($password, $server, $gt06, $fix) or #password >= 3 or ($message and ($relay or ($cut and $restore)))
}

rule veh_ota_campaign
{
    meta:
        description = "takes orders of a server to program control units of the vehicle"
        capability = "update.remote_mgmt"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://unece.org/transport/documents/2021/03/standards/un-regulation-no-156-software-update-and-software-update"
        r155 = "12.1, 12.2"
        false_positives = "the declared update system of the vehicle"
    strings:
        $campaign = /\b(campaign[_-]?(id|download|install|status|manifest)|(start|cancel|install|activate)[_-]?campaign|ota[_-]?(campaign|master|slave|agent|orchestrator))\b/ nocase
        $ecu = /\b((flash|program|update|reprogram|install)[_-]?(target[_-]?)?ecus?|ecu[_-]?(flash(er|ing)?|update|reprogram|install|list|serial))\b/ nocase
        $bus = /\b(do_?ip|uds|isotp|iso_?tp|unified[_ ]?diag[a-z]{0,8}|SecurityAccess|RequestDownload)/ nocase
        $server = /\b(wss?|https?|mqtts?):\/\/[A-Za-z0-9.%{}$-]{2,80}/
    condition:
        $campaign and $ecu and ($bus or $server)
}

rule v2x_stack
{
    meta:
        description = "broadcasts the place of the vehicle to others (V2X)"
        capability = "surv.location"
        threat = "espionage"
        severity = "low"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.etsi.org/technologies/automotive-intelligent-transport"
        r155 = "7.1, 19.2"
        false_positives = "vehicles with a declared V2X unit"
    strings:
        $j2735 = /\b(BasicSafetyMessage|J2735|TravelerInformation|SignalRequestMessage|MapData)\b/
        $itsg5 = /\b(ITS-?G5|GeoNetworking|DENM|decentralizedEnvironmentalNotification|CoopAwareness|CamParameters|ItsPduHeader)\b/
        $security = /\b(IEEE[ _]?1609(Dot2)?|pseudonym[_ ]?cert(ificate)?s?|EtsiTs103097)\b/
        $radio = /\b(PC5|C-?V2X|cv2x|802\.11p|OCB mode|iw dev [a-z0-9]+ ocb)\b/
        $stack = /\b(vanetza|libcv2x|v2x_(tx|rx|stack|send)|acf_v2x)\b/ nocase
    condition:
        $stack or 2 of ($j2735, $itsg5, $security, $radio)
}

rule ecall_modem
{
    meta:
        description = "calls and sends the position of the vehicle through the modem (eCall)"
        capability = "surv.location"
        threat = "espionage"
        severity = "low"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://eur-lex.europa.eu/eli/reg/2015/758/oj"
        r155 = "7.1, 19.2"
        false_positives = "cars and vans must have it; its number must be the emergency number"
    strings:
        $at = /\bAT\+(CECALL|QECALL|QEMSD|UECALL|CECS)[=?]/
        $name = /\b(e_?Call|ecall_[a-z]{2,20}|ERA[_-]?GLONASS)\b/
        $msd = /\b(MSD|msd)[_ ]?(data|update|encode|transmission|push|pull|send|buffer|req)\b/
        $psap = /\bPSAP\b/
    condition:
        $at or ($name and any of ($msd, $psap))
}

rule ocpp_control
{
    meta:
        description = "a charging station obeys a server: stop, unlock, limit, out of service (OCPP)"
        capability = "power.kill"
        threat = "sabotage"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://openchargealliance.org/protocols/open-charge-point-protocol/"
        r155 = "16.1, 27.1"
        false_positives = "charging stations, which have it by design: the server must be the operator's"
    strings:
        $version = /\bocpp[12]\.[0-9](\.[0-9])?\b/
        $stop = /\b(RemoteStopTransaction|RequestStopTransaction)(Request|Response|Req|Conf|\.req|\.conf)?\b/
        $unlock = /\bUnlockConnector(Request|Response|Req|Conf|\.req|\.conf)?\b/
        $availability = /\bChangeAvailability(Request|Response|Req|Conf|\.req|\.conf)?\b/
        $profile = /\b(Set|Clear)ChargingProfile(Request|Response|Req|Conf|\.req|\.conf)?\b/
        $reset = /\b(TriggerMessage|GetCompositeSchedule|BootNotification|SetVariables)(Request|Response|Req|Conf|\.req|\.conf)?\b/
    condition:
        3 of ($stop, $unlock, $availability, $profile) or ($version and 2 of ($stop, $unlock, $availability, $profile, $reset))
}

rule ocpp_firmware
{
    meta:
        description = "a charging station lets a server replace its firmware or take its logs (OCPP)"
        capability = "update.remote_mgmt"
        threat = "both"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://openchargealliance.org/protocols/open-charge-point-protocol/"
        r155 = "12.1, 12.2"
        false_positives = "charging stations, which have it by design"
    strings:
        $firmware = /\b(Signed)?UpdateFirmware(Request|Response|Req|Conf|\.req|\.conf)?\b/
        $status = /\b(Signed)?FirmwareStatusNotification\b/
        $logs = /\b(GetDiagnostics|DiagnosticsStatusNotification|GetLog|LogStatusNotification|DataTransfer)(Request|Response|Req|Conf|\.req|\.conf)?\b/
        $ocpp = /\bocpp[12_.]|\bOCPP\b/
    condition:
        $ocpp and $firmware and any of ($status, $logs)
}

rule ocpp_central_system
{
    meta:
        description = "names the server that commands a charging station"
        capability = "net.endpoint"
        threat = "both"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://openchargealliance.org/protocols/open-charge-point-protocol/"
        r155 = "6.2, 29.1"
        false_positives = "the operator's own server"
    strings:
        $url = /\bwss?:\/\/[A-Za-z0-9.-]{4,80}(:[0-9]{2,5})?\/[A-Za-z0-9\/_.-]{0,40}(ocpp|OCPP|steve|centralsystem|CentralSystemService)[A-Za-z0-9\/_.-]{0,40}/
        $key = /\b(central_?system_?(url|uri|address)|csms_?(url|uri)|ocpp_?(server|backend|url|endpoint))["']?[ \t]*[=:][ \t]*["']?(wss?|https?):\/\/[A-Za-z0-9.-]{4,80}/ nocase
    condition:
        any of them
}

rule charging_iso15118
{
    meta:
        description = "talks with a vehicle through the charging cable (ISO 15118)"
        capability = "net.listener"
        threat = "both"
        severity = "low"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.iso.org/standard/77845.html"
        r155 = "6.2, 29.1"
        false_positives = "charging stations and vehicles, which need it"
    strings:
        $urn = /\burn:iso:(std:iso:)?15118:[0-9-]{1,4}:/
        $din = "urn:din:70121:" ascii
        $messages = /\b(SessionSetup|ServiceDiscovery|ChargeParameterDiscovery|PowerDelivery|CertificateInstallation|PreCharge|CurrentDemand|WeldingDetection)(Req|Res|Request|Response)\b/
        $slac = /\bCM_(SLAC_PARM|ATTEN_CHAR|SLAC_MATCH|START_ATTEN_CHAR)[._](REQ|CNF|IND|RSP)\b/
    condition:
        any of ($urn, $din) or #messages >= 4 or $slac
}

rule inverter_sunspec_control
{
    meta:
        description = "limits or disconnects an inverter through its control registers (SunSpec)"
        capability = "power.kill"
        threat = "sabotage"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://sunspec.org/specifications/"
        r155 = "16.1, 27.1"
        false_positives = "energy management that the owner uses"
    strings:
        $limit = /\bWMaxLim(Pct)?(_?(Ena|WinTms|RvrtTms|RmpTms))?\b/
        $connect = /\bConn_(WinTms|RvrtTms)\b/
        $der = /\b(DERCtlAC|WSetEna|WSetPct|AntiIslEna|DERMeasureAC|PFWInjEna|WMaxLimPctEna)\b/
        $marker = /\bSunS(pec)?\b/
        $controls = /\bimmediate[ _]controls?\b/ nocase
    condition:
        2 of ($limit, $connect, $der) or ($limit and any of ($marker, $controls))
}

rule grid_telecontrol
{
    meta:
        description = "switches plant by telecontrol (IEC 60870-5-104, IEC 61850)"
        capability = "power.kill"
        threat = "sabotage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/mz-automation/lib60870"
        r155 = "16.1, 27.1"
        false_positives = "telecontrol that the grid operator asked for"
    strings:
        $single = /\bC_(SC|DC|RC|SE)_(NA|NB|NC|TA|TB|TC)_1\b/
        $command = /\b(SingleCommand|DoubleCommand|SetpointCommand(Normalized|Scaled|Short))_(create|getFromBuffer|getState)\b/
        $server = /\bCS10[14]_(Slave|Connection|Master)_[a-zA-Z]{4,30}\b/
        $goose = /\b(ControlObjectClient_(operate|select|create)|IedServer_setPerformCheckHandler|IedServer_setControlHandler)\b/
        $model = /\b(CSWI|XCBR|DRCC|DWMX)[0-9]{1,2}[.$](CO[.$])?[A-Za-z]{2,12}[.$]?(Oper|SBO[w]?|ctlVal)?/
        $operate = /\bOper[.$]?ctlVal\b|\bctlModel\b/
    condition:
        $goose or #single >= 2 or ($command and $server) or ($model and $operate)
}

rule inverter_region_lock
{
    meta:
        description = "refuses to work by country or on order of the maker"
        capability = "power.kill"
        threat = "sabotage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://heise.de/-10183716"
        r155 = "16.1, 27.1"
        false_positives = "grid code selection, which changes limits and does not stop the device"
    strings:
        $message = /\b(inverter|device|charger|machine)[ ](is|was)[ ]not[ ](be[ ])?(allowed|permitted|authori[sz]ed)[ ](to[ ](be[ ])?)?(use|used|operate|work)[ ]?(at|in|for|to)?\b/ ascii wide nocase
        $region = /\b(region|country|area|geo|sales_?(area|region))_?(lock(ed|_?out)?|ban(ned)?|forbid(den)?|block(ed|list)?|blacklist)\b/ ascii wide nocase
        $vendor = /\b(vendor|factory|oem|distributor|dealer|cloud|remote)_?(lock(ed|out)?|disable(d)?|brick|shut_?down|stop)(_?(inverter|device|output|grid|cmd|command|flag|state))\b/ ascii wide nocase
        $inverter = /\b(inverter|pv_|grid_?tie|mppt|anti_?island(ing)?|feed_?in|battery_?soc|micro_?inverter)/ ascii wide nocase
        $ban_utf8 = { E7 A6 81 E6 AD A2 E5 9C A8 E8 AF A5 E5 8C BA E5 9F 9F E4 BD BF E7 94 A8 } // 禁止在该区域使用
        $ban_gbk = { BD FB D6 B9 D4 DA B8 C3 C7 F8 D3 F2 CA B9 D3 C3 }
        $ban_wide = { 81 79 62 6B 28 57 E5 8B 3A 53 DF 57 7F 4F 28 75 }
        $lock_utf8 = { E5 8C BA E5 9F 9F E9 94 81 E5 AE 9A } // 区域锁定
        $lock_gbk = { C7 F8 D3 F2 CB F8 B6 A8 }
        $lock_wide = { 3A 53 DF 57 01 95 9A 5B }
        $off_utf8 = { E8 BF 9C E7 A8 8B E5 85 B3 E6 9C BA } // 远程关机
        $off_gbk = { D4 B6 B3 CC B9 D8 BB FA }
        $off_wide = { DC 8F 0B 7A 73 51 3A 67 }
    condition:
        $message or any of ($ban_*) or ($inverter and any of ($region, $vendor, $lock_*, $off_*))
}

rule inverter_cloud_logger
{
    meta:
        description = "a logger of a solar inverter with an open service port and a maker's cloud"
        capability = "remote.maintenance"
        threat = "both"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/jmccrohan/pysolarmanv5"
        r155 = "1.2, 16.2"
        false_positives = "home automation that talks to such loggers"
    strings:
        $magic = /\b(HF-A11ASSISTHREAD|WIFIKIT-214028-READ)\b/
        $cloud = /\b[a-z0-9.-]{0,40}(solarmanpv|deyecloud|igen-tech|solarman|sunsynk|growatt|ginlong|soliscloud|goodwe-power|semsportal)\.(com|net|cn)\b/ nocase
        $at = /\bAT\+(YZAPP|YZLOG|INVDATA|SMEM|NDBGS|NREGEN|WSCAN|WEBU|NETP)\b/
        $write = /\b(AT\+INVDATA=|write_(multiple_)?holding_registers?|inverter_?(cmd|command)|remote_?control)\b/ nocase
    condition:
        $magic or ($cloud and any of ($at, $write))
}

rule inverter_modbus_write
{
    meta:
        description = "a script that limits or stops a plant by writing registers"
        capability = "power.kill"
        threat = "sabotage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://modbus.org/specs.php"
        r155 = "16.1, 27.1"
        false_positives = "energy management that the owner set up"
    strings:
        $mbpoll = /\bmbpoll[ \t]+[^\r\n#]{4,100}[ \t]-?[0-9]{1,5}[ \t]*(\r|\n|;|&)/
        $python = /\.write_(register|registers|coil|coils)\([ ]?(0x[0-9A-Fa-f]+|[0-9]+|[A-Z_]{3,40})/
        $node = /\.writeRegisters?\([ ]?(0x[0-9A-Fa-f]+|[0-9]+)/
        $plant = /\b(inverter|active_?power_?(limit|set|control)|power_?(limit|curtail(ment)?)|curtail|feed_?in_?limit|export_?limit|grid_?(disconnect|relay)|wechselrichter)/ nocase
        $net = /\b(mqtt|requests\.(get|post)|curl|wget|websocket|urllib)\b/ nocase
    condition:
        filesize < 1MB and any of ($mbpoll, $python, $node) and $plant and $net
}

rule bms_remote_cutoff
{
    meta:
        description = "switches a battery off through its management system"
        capability = "power.kill"
        threat = "sabotage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/FurTrader/Overkill-Solar-BMS-Tools"
        r155 = "16.1, 27.1"
        false_positives = "battery tools of the owner"
    strings:
        $jbd = { DD 5A E1 02 00 ( 00 | 01 | 02 | 03 ) }
        $daly = { A5 40 ( D9 | DA ) 08 ( 00 | 01 ) 00 00 00 00 00 00 00 }
        $mos = /\b(dis_?charge|dsg|dchg|charge|chg|pack|output)_?(mos(fet)?|fet|relay|contactor)s?_?(off|ctrl|control|switch|disable|open|set)\b/ nocase
        $mos_call = /\b(set|switch|close|disable|turn_?off|control)_?(the_?)?(dis_?charge|dsg|dchg|charge|chg)_?(mos(fet)?|fet|switch)s?(_?(off|state))?\b/ nocase
        $route = /\b(remote|cloud|mqtt|ble|bluetooth|gprs|4g|server|app)[_.\/:-]?(cmd|command|control|ctrl|topic|handler|write|callback|protect|lock)\b/ nocase
        $discharge_utf8 = { E5 85 B3 E9 97 AD E6 94 BE E7 94 B5 4D 4F 53 } // 关闭放电MOS
        $discharge_gbk = { B9 D8 B1 D5 B7 C5 B5 E7 4D 4F 53 }
        $discharge_wide = { 73 51 ED 95 3E 65 35 75 4D 00 4F 00 53 00 }
        $lock_utf8 = { E9 94 81 E5 AE 9A E7 94 B5 E6 B1 A0 } // 锁定电池
        $lock_gbk = { CB F8 B6 A8 B5 E7 B3 D8 }
        $lock_wide = { 01 95 9A 5B 35 75 60 6C }
        $remote_utf8 = { E8 BF 9C E7 A8 8B E5 85 B3 E9 97 AD E6 94 BE E7 94 B5 } // 远程关闭放电
        $remote_gbk = { D4 B6 B3 CC B9 D8 B1 D5 B7 C5 B5 E7 }
        $remote_wide = { DC 8F 0B 7A 73 51 ED 95 3E 65 35 75 }
    condition:
        any of ($jbd, $daly, $discharge_*, $remote_*) or ((any of ($mos, $mos_call, $lock_*)) and $route)
}
