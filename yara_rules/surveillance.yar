/*
 * Camera, microphone, keyboard and place, together with a way out.
 */

rule surv_video_stream
{
    meta:
        description = "takes pictures from a camera and sends them"
        capability = "surv.video"
        threat = "espionage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1125/"
        r155 = "7.1, 19.2"
        false_positives = "cameras that declare where they send"
    strings:
        $device = /\/dev\/video[0-9]/
        $v4l = "v4l2src" ascii fullword
        $rtmp = /\brtmps?:\/\/[A-Za-z0-9.-]{4,80}/
        $push = /\bffmpeg[ \t][^\r\n]{0,200}\/dev\/video[0-9][^\r\n]{0,200}(rtsp|rtmp|udp|tcp|http):\/\//
        $sink = /\b(rtmpsink|rtspclientsink|whipsink)[ \t]+location=/
    condition:
        $push or (any of ($device, $v4l) and any of ($rtmp, $sink))
}

rule surv_audio_record
{
    meta:
        description = "records sound with a command and keeps or sends it"
        capability = "surv.audio"
        threat = "espionage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1123/"
        r155 = "7.1, 19.2"
        false_positives = "telephony that the maker declares"
    strings:
        $arecord = /\barecord[ \t]+[^\r\n#]{0,120}(\||>|\.wav|\.raw|-t[ \t]*wav)/
        $ffmpeg = /\bffmpeg[ \t][^\r\n#]{0,120}-f[ \t]+(alsa|pulse)[ \t]+-i[ \t]/
        $gst = /\b(alsasrc|pulsesrc)[ \t]+[^\r\n#]{0,160}(udpsink|tcpclientsink|rtmpsink|souphttpclientsink)/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F or filesize < 64KB) and any of them
}

rule surv_keylog
{
    meta:
        description = "reads key strokes from the input devices and logs them"
        capability = "surv.keylog"
        threat = "espionage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1056/001/"
        r155 = "7.1, 19.2"
        false_positives = "tools for testing keyboards"
    strings:
        $event = /\/dev\/input\/event([0-9]|%)/
        $log = /\bkey[_-]?(log(ger|ging)?|stroke(s)?)\b/ nocase
        $caps = "<CapsLk>" ascii
        $shift = "<LShft>" ascii
    condition:
        ($event and $log) or ($caps and $shift)
}

rule surv_location_upload
{
    meta:
        description = "takes positions from a satellite receiver and sends them"
        capability = "surv.location"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://gpsd.gitlab.io/gpsd/NMEA.html"
        r155 = "7.1, 19.2"
        false_positives = "navigation and fleet functions that the maker declares"
    strings:
        $sentence = /\$G[PNLAB](RMC|GGA)\b/ ascii wide
        $gpsd = "?WATCH={\"enable\":true" ascii
        $field = /\b(lat|latitude)[=":]{1,3}[ ]?%[0-9.]{0,4}l?[fsd]/ ascii wide
        $post = /\b(POST|PUT)[ \t]+\/?[^\s]{0,80}|\bmqtt_publish\b|\bmosquitto_publish\b|\bMQTTClient_publish\b|\bcurl_easy_perform\b/ ascii wide
    condition:
        any of ($sentence, $gpsd) and $field and $post
}
