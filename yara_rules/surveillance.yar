/*
 * Camera, microphone, screen, keyboard, radio, place and records of people, and the images
 * of a scanner, together with a way out.
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
        $ffmpeg = "ffmpeg" ascii fullword
        $push = /\/dev\/video[0-9][^\r\n]{0,160}(rtsp|rtmp|udp|tcp|http):\/\//
        $sink = /\b(rtmpsink|rtspclientsink|whipsink)[ \t]+location=/
    condition:
        ($ffmpeg and $push) or (any of ($device, $v4l) and any of ($rtmp, $sink))
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

rule surv_motion_program
{
    meta:
        description = "a camera watcher that keeps or streams pictures (motion)"
        capability = "surv.video"
        threat = "espionage"
        severity = "medium"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://motion-project.github.io/"
        r155 = "7.1, 19.2"
        false_positives = "sites whose cameras are declared"
    strings:
        $event = /\bon_(picture_save|movie_(start|end)|event_(start|end)|motion_detected|area_detected|camera_lost)\b/
        $netcam = /\bnetcam_(url|userpass|highres|high_url|keepalive)\b/
        $stream = /\b(stream_(port|localhost|maxrate|auth_method)|webcontrol_(port|localhost|parms))\b/
        $line = /(^|\n)(on_[a-z_]{5,20}|netcam_[a-z_]{3,14}|stream_[a-z_]{4,14}|webcontrol_[a-z_]{4,14}|picture_output|movie_output|target_dir|video_?device|movie_filename|snapshot_interval)[ \t]+[^\s]/
        $output = /\b(picture_output|movie_output|target_dir|movie_filename|snapshot_interval)\b/
    condition:
        (uint32(0) == 0x464C457F and $output and 2 of ($event, $netcam, $stream) and (#event >= 2 or #netcam >= 2)) or
        (#line >= 3 and any of ($event, $netcam, $stream))
}

rule surv_camera_server
{
    meta:
        description = "serves the picture of a camera to the network"
        capability = "surv.video"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1125/"
        r155 = "7.1, 19.2"
        false_positives = "cameras and recorders that declare it"
    strings:
        $device = /\/dev\/video([0-9]|%d)/
        $v4l = /\b(VIDIOC_(STREAMON|QBUF|DQBUF|S_FMT|REQBUFS)|v4l2src|libcamerasrc|nvarguscamerasrc)\b/
        $gst = /\b(gst_rtsp_server_new|gst_rtsp_media_factory_set_launch|GstRTSPMediaFactory)\b/
        $live = /\b(LIVE555 Streaming Media|v4l2rtspserver|RTSPServer|mjpg[_-]streamer|mediamtx|rtsp-simple-server|uvc_streamer)\b/
        $mjpeg = "multipart/x-mixed-replace" ascii
        $rtsp = /\brtsp:\/\/(%s|0\.0\.0\.0|\*|[A-Za-z0-9.-]{4,60}):?(%d|[0-9]{2,5})?\//
    condition:
        any of ($device, $v4l) and any of ($gst, $live, $mjpeg, $rtsp)
}

rule surv_camera_stream_command
{
    meta:
        description = "sends the picture of a camera out with a command"
        capability = "surv.video"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1125/"
        r155 = "7.1, 19.2"
        false_positives = "cameras that declare where they send"
    strings:
        $name = "ffmpeg" ascii fullword
        $ffmpeg = /[ \t]-f[ \t]+(v4l2|video4linux2|dshow|avfoundation)[ \t][^\r\n#]{0,160}(rtsp|rtmps?|udp|tcp|srt|https?|ftp):\/\/[A-Za-z0-9$\[]/
        $gst = /\b(v4l2src|libcamerasrc|nvarguscamerasrc|imxv4l2videosrc)\b[^\r\n#]{0,200}\b(udpsink|tcpclientsink|rtmp2?sink|rtspclientsink|souphttpclientsink|srtsink|whipsink)\b/
        $libcamera = /\b(libcamera-vid|rpicam-vid|raspivid)[ \t][^\r\n]{0,120}(\|[ \t]*(nc|ncat|ffmpeg|curl|cvlc)\b|(tcp|udp|rtmp|rtsp):\/\/)/
        $still = /\b(fswebcam|streamer|libcamera-still|raspistill|libcamera-jpeg)[ \t][^\r\n]{0,140}\b(curl|wget|scp|ftpput|nc|mosquitto_pub|rsync)[ \t]/
    condition:
        ($name and $ffmpeg) or any of ($gst, $libcamera, $still)
}

rule surv_camera_p2p
{
    meta:
        description = "lets a camera be watched through a maker's relay network"
        capability = "surv.video"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.cisa.gov/news-events/ics-advisories/icsa-21-166-01"
        r155 = "7.1, 16.2, 19.2"
        false_positives = "none known in a vehicle, scanner or meter"
    strings:
        $tutk = /\b(IOTC_(Connect_ByUID|Device_Login|Initialize2?|Listen)|av(ServStart|ClientStart|SendFrameData))[A-Za-z0-9_]{0,12}\b/
        $ppcs = /\b(PPCS_(Initialize|Listen|Connect|Login)|PPPP_(Initialize|Listen|Connect)|CS2_P2P|XQP2P_[A-Z][a-z]{3,12})\b/
        $xm = /\b(XMEye|xmsecu\.com|secu100\.net|Fun_Dev(Login|GetAlarm)|NETIP(_|\b))/
        $cloud = /\b[a-z0-9.-]{1,30}(iotcplatform\.com|tutk\.com|kalay\.net\.cn|kalayservice\.com|ppcs?\.easyip|p2pcam[a-z.]{2,12}|hik-connect\.com|easy4ip(cloud)?\.com|dvripp2p\.com)\b/
    condition:
        #tutk >= 2 or #ppcs >= 2 or $cloud or ($xm and any of ($tutk, $ppcs))
}

rule surv_video_terminal
{
    meta:
        description = "streams cameras and sound of a vehicle to a platform (JT/T 1078)"
        capability = "surv.video"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://github.com/SmallChi/JT1078"
        r155 = "7.1, 19.2"
        false_positives = "recorders built for that market"
    strings:
        $name = /\bJT_?\/?T?_?[ -]?1078(_?2016)?[A-Za-z_]{0,24}\b/ ascii wide nocase
        $request = /\b0x(9101|9102|9105|9201|9202|9205|9206|9301)\b/
        $words = /\b(real_?time_?(av|video|audio|media)|av_?(transmission|transfer|attributes)|live_?video|history_?video|play_?back|file_?upload|ptz|talk_?back)(_?(request|req|control|ctrl|start|stop|push|upload))?\b/ nocase
        $packet = { 30 31 63 64 81 ( 62 | 86 | 88 | E2 | E3 ) }
        $av_utf8 = { E5 AE 9E E6 97 B6 E9 9F B3 E8 A7 86 E9 A2 91 E4 BC A0 E8 BE 93 E8 AF B7 E6 B1 82 } // 实时音视频传输请求
        $av_gbk = { CA B5 CA B1 D2 F4 CA D3 C6 B5 B4 AB CA E4 C7 EB C7 F3 }
        $av_wide = { 9E 5B F6 65 F3 97 C6 89 91 98 20 4F 93 8F F7 8B 42 6C }
        $attr_utf8 = { E7 BB 88 E7 AB AF E4 B8 8A E4 BC A0 E9 9F B3 E8 A7 86 E9 A2 91 E5 B1 9E E6 80 A7 } // 终端上传音视频属性
        $attr_gbk = { D6 D5 B6 CB C9 CF B4 AB D2 F4 CA D3 C6 B5 CA F4 D0 D4 }
        $attr_wide = { C8 7E EF 7A 0A 4E 20 4F F3 97 C6 89 91 98 5E 5C 27 60 }
    condition:
        any of ($av_*, $attr_*, $packet) or ($name and any of ($request, $words))
}

rule surv_audio_program
{
    meta:
        description = "records sound and sends it"
        capability = "surv.audio"
        threat = "espionage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1123/"
        r155 = "7.1, 19.2"
        false_positives = "telephony and voice control that the maker declares"
    strings:
        $alsa = /\bsnd_pcm_read[in]\b/
        $pulse = /\bpa_simple_read\b|\bpa_stream_connect_record\b/
        $tiny = /\bpcm_(read|readi)\b/
        $android = /\bL?(android\/media\/AudioRecord|android\/media\/MediaRecorder|android\.media\.AudioRecord|AAudioStream_read|SLAndroidSimpleBufferQueueItf)\b/
        $open = /\b(snd_pcm_open|pa_simple_new|pa_context_connect|pcm_open|startRecording|setAudioSource|AAudioStreamBuilder_setDirection)\b/
        $mqtt = /\b(mosquitto_(publish|pub|sub|subscribe)|MQTT(Client|Async)_(publish|send|subscribe)[A-Za-z]{0,10}|mqtt_(publish|subscribe)|paho\.mqtt)\b/
        $http = /\b(curl_easy_perform|http_post|HttpSendRequest[AW]|WinHttpSendRequest|HttpURLConnection|L?okhttp3|requests\.(post|put))\b/
        $post = /\b(POST|PUT)[ \t]+\/[^\s]{0,80}[ \t]HTTP\/1/
        $stream = /\b(rtp_session_send|avformat_write_header|lws_write|rtmp_send|RTMP_Write)\b/
    condition:
        any of ($alsa, $pulse, $tiny, $android) and $open and any of ($mqtt, $http, $post, $stream)
}

rule surv_audio_windows
{
    meta:
        description = "records sound on Windows and sends it"
        capability = "surv.audio"
        threat = "espionage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1123/"
        r155 = "7.1, 19.2"
        false_positives = "conference software"
    strings:
        $wave = /\bwaveIn(Open|Start|AddBuffer)\b/
        $capture = /\b(IAudioCaptureClient|DirectSoundCaptureCreate8?|mciSendString[AW])\b/
        $mci = /\b(open new type waveaudio|record recsound)\b/ ascii wide nocase
        $net = /\b(HttpSendRequest[AW]|WinHttpSendRequest|InternetWriteFile|FtpPutFile[AW]|URLDownloadToFile[AW])\b/
        $send = /\b(WSASend|send)\b/
    condition:
        uint16(0) == 0x5A4D and (#wave >= 2 and any of ($net, $send) or ($capture and $mci) or ($mci and $net))
}

rule surv_place_receiver
{
    meta:
        description = "reads a satellite receiver"
        capability = "surv.location"
        threat = "espionage"
        severity = "low"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://gpsd.gitlab.io/gpsd/NMEA.html"
        r155 = "7.1, 19.2"
        false_positives = "navigation and time units that declare it"
    strings:
        $daemon = /\b(gpsd_(open|close|activate|poll|report|init|hexdump)|gps_(open|stream|read|unpack|waiting))\b/
        $socket = "/var/run/gpsd.sock" ascii
        $run = "/run/gpsd.sock" ascii
        $watch = "?WATCH={" ascii
        $bus = "interface='org.gpsd'" ascii
        $url = "gpsd://" ascii
        $class = /\{\\?"class\\?":\\?"(TPV|WATCH|SKY|DEVICES?|VERSION)\\?"/
        $device = /\/dev\/(ttyGPS|gps|gnss|ttyGNSS)[0-9]?\b/
        $sentence = /\$?G[PNLAB](RMC|GGA|GLL|VTG|GSA|GSV)[,"\x00]/
        $python = /\b(import gps|from gps import|import gpsd|from gpsd import|pynmea2\.parse|gps\.gps\()/
    condition:
        2 of ($daemon, $socket, $run, $url, $class, $watch, $bus) or any of ($device, $python) or #sentence >= 3
}

rule surv_place_upload_script
{
    meta:
        description = "a script that sends the place"
        capability = "surv.location"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1430/"
        r155 = "7.1, 19.2"
        false_positives = "fleet functions that the maker declares"
    strings:
        $source = /\b(gpspipe[ \t]+-[a-z]|cgps\b|gpsctl[ \t]|\/dev\/(ttyGPS|gps|gnss)[0-9]?|mmcli[ \t][^\r\n]{0,40}--location-get|AT\+(QGPSLOC|CGPSINFO|CGNSINF|UGRMC|UULOC)|pynmea2\.parse|gpsd\.get_current|dumpsys[ \t]+location)/
        $curl = /\b(curl|wget)([ \t][^\r\n]{0,80})?[ \t](-[TFd]|--(upload-file|form|data[a-z-]{0,10}|post-(file|data)))[ \t=]/
        $pipe = /\|[ \t]*(nc|ncat|netcat|socat|mosquitto_pub|curl|openssl[ \t]+s_client)\b/
        $mqtt = /\bmosquitto_pub[ \t][^\r\n]{0,120}-h\b/
        $python = /\b(requests\.(post|put)\(|\.publish\(|sendto\(|http\.client\.)/
    condition:
        filesize < 1MB and $source and any of ($curl, $pipe, $mqtt, $python)
}

rule surv_place_history
{
    meta:
        description = "keeps a history of places with the identity of the vehicle or person"
        capability = "surv.location"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1430/"
        r155 = "7.1, 19.2"
        false_positives = "trip logs that the driver can see and erase"
    strings:
        $table = /\bCREATE TABLE[ A-Z]{0,16} ["'`]?[a-z_]{0,16}(location|position|track|trip|gps|geo|route)/ nocase
        $columns = /\blat(itude)?["'`]?[ ]+(REAL|DOUBLE|FLOAT|NUMERIC|INT(EGER)?|TEXT)\b/ nocase
        $identity = /\b(vin|imei|driver_?id|device_?id|plate(_?no)?|user_?id|phone)\b/ nocase
        $json = /"(vin|imei|driver_?id|plate_?no)"[ ]?:[ ]?"?%[^{}]{0,200}"(lat|latitude|lng|lon|longitude)"[ ]?:[ ]?"?%/ nocase
        $query = /[?&](vin|imei|deviceid|id)=%[a-z0-9]{1,4}[^"\x00\s]{0,120}&(lat|latitude)=%/ nocase
    condition:
        ($table and $columns and $identity) or $json or $query
}

rule surv_keylog_windows
{
    meta:
        description = "watches the keyboard on Windows and writes key names"
        capability = "surv.keylog"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1056/001/"
        r155 = "7.1, 19.2"
        false_positives = "keyboard configuration tools do not write key names to a file"
    strings:
        $hook = /\bSetWindowsHookEx[AW]\b/
        $state = /\bGetAsyncKeyState\b/
        $raw = /\bRegisterRawInputDevices\b/
        $text = /\bGetKeyNameText[AW]\b/
        $keys = /(\[|<)(ENTER|BACKSPACE|CTRL|LCTRL|RCTRL|LSHIFT|SHIFT|CAPS ?LOCK|DELETE|ESCAPE|LEFT|RIGHT|DOWN|INSERT)(\]|>)/ ascii wide
        $window = /\bGet(ForegroundWindow|WindowText[AW])\b/
    condition:
        uint16(0) == 0x5A4D and any of ($hook, $state, $raw) and ((#keys >= 4 and $window) or (#keys >= 4 and $text))
}

rule surv_keylog_script
{
    meta:
        description = "a script that records key strokes"
        capability = "surv.keylog"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1056/001/"
        r155 = "7.1, 19.2"
        false_positives = "accessibility tools do not keep what was typed"
    strings:
        $pynput = /\bpynput(\.keyboard|[ \t]+import[ \t]+[^\r\n]{0,40}keyboard)\b/
        $keyboard = /\bkeyboard\.(on_press|on_release|record|hook)\(/
        $evdev = /\b(evdev\.(InputDevice|categorize|list_devices)|from evdev import)\b/
        $powershell = /\bGetAsyncKeyState\b/ ascii wide nocase
        $showkey = /\b(showkey|xinput[ \t]+test(-xi2)?|logkeys[ \t]+(-s|--start)|evtest[ \t]+\/dev\/input)\b/
        $append = /\bopen\([^)\r\n]{1,80}["']ab?["']\)/ ascii wide
        $keep = /\b(logging\.(info|basicConfig)|Out-File|Add-Content|requests\.post|smtplib|sendmail)\b/ ascii wide
        $file = />>[ \t]*["']?[\/$][^\s]{3,}/
    condition:
        filesize < 4MB and ((any of ($pynput, $keyboard, $evdev) and any of ($keep, $append)) or ($powershell and $keep and not uint16(0) == 0x5A4D) or ($showkey and ($file or $keep)))
}

rule surv_screen_command
{
    meta:
        description = "copies the screen and sends or keeps it"
        capability = "surv.screen"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1113/"
        r155 = "7.1, 19.2"
        false_positives = "support tools that a user starts"
    strings:
        $ffmpeg = /[ \t]-f[ \t]+(x11grab|gdigrab|kmsgrab|fbdev)[ \t][^\r\n#]{0,160}((rtsp|rtmps?|udp|tcp|srt|https?):\/\/[A-Za-z0-9$\[]|\.(mp4|mkv|ts|avi)\b)/
        $shot = /\b(scrot|import[ \t]+-window[ \t]+root|xwd[ \t]+-root|fbgrab|fbcat|grim|maim|screencap[ \t]+-p|gnome-screenshot[ \t]+-f|weston-screenshooter)\b[^\r\n]{0,140}\b(curl|wget|scp|nc|ncat|ftpput|mosquitto_pub|rsync|smbclient)[ \t]/
        $frame = /\b(cat|dd[ \t]+if=)[ \t]*\/dev\/fb[0-9]\b[^\r\n]{0,80}(\||>)/
        $powershell = /\.CopyFromScreen\([^\r\n]{3,80}\)/ ascii wide nocase
        $python = /\b(ImageGrab\.grab|pyautogui\.screenshot|mss\.mss)\(/
        $send = /\b(requests\.post|smtplib|UploadFile|ftplib|Invoke-(WebRequest|RestMethod)|sendmail|\.Save\()/ ascii wide nocase
    condition:
        $ffmpeg or $shot or ($frame and filesize < 1MB) or (filesize < 4MB and any of ($powershell, $python) and $send)
}

rule surv_screen_windows
{
    meta:
        description = "copies the screen on Windows and sends it"
        capability = "surv.screen"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1113/"
        r155 = "7.1, 19.2"
        false_positives = "remote support suites and conference software"
    strings:
        $blit = /\bBitBlt\b/
        $dc = /\bGet(DC|WindowDC|DesktopWindow|DCEx)\b/
        $duplicate = /\b(DuplicateOutput1?|IDXGIOutputDuplication|CreateDCA?W?\b.{0,4}DISPLAY)\b/
        $encode = /\b(GdipSaveImageToStream|GdipSaveImageToFile|GetDIBits|jpeg_start_compress|tjCompress2)\b/
        $net = /\b(HttpSendRequest[AW]|WinHttpSendRequest|InternetWriteFile|FtpPutFile[AW]|WSASend)\b/
        $name = /\b(screen_?(shot|capture|grab|spy|upload|monitor)|capture_?screen|grab_?screen)[a-z_]{0,16}\b/ ascii wide nocase
    condition:
        uint16(0) == 0x5A4D and filesize < 32MB and (($blit and $dc) or $duplicate) and $encode and $net and $name
}

rule surv_clipboard
{
    meta:
        description = "watches the clipboard and sends or keeps it"
        capability = "surv.keylog"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1115/"
        r155 = "7.1, 19.2"
        false_positives = "clipboard managers"
    strings:
        $listen = /\b(AddClipboardFormatListener|SetClipboardViewer)\b/
        $get = /\bGetClipboardData\b/
        $net = /\b(HttpSendRequest[AW]|WinHttpSendRequest|FtpPutFile[AW]|InternetWriteFile)\b/
        $loop = /\b(xclip[ \t]+[^\r\n]{0,40}-o|xsel[ \t]+(-[a-z]+[ \t]+)?(-o|--output)|wl-paste|pbpaste|termux-clipboard-get|Get-Clipboard)\b[^\r\n]{0,80}(>>|\||;)/ ascii wide
        $python = /\bpyperclip\.(paste|waitForNewPaste)\(/
        $send = /\b(curl|wget|nc|ncat|requests\.post|Invoke-(WebRequest|RestMethod)|mosquitto_pub|sendto)\b|>>[ \t]*\// ascii wide
    condition:
        (uint16(0) == 0x5A4D and $listen and $get and $net) or (filesize < 1MB and any of ($loop, $python) and $send)
}

rule surv_capture_command
{
    meta:
        description = "captures network traffic into a file or to another host"
        capability = "surv.sniff"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1040/"
        r155 = "7.1, 19.2"
        false_positives = "fault finding that was left in"
    strings:
        $write = /\b(tcpdump|tshark|dumpcap)[ \t][^\r\n#]{0,120}-w[ \t]*["']?([\/$.][^\s]{2,}|-[ \t])/
        $rotate = /\b(tcpdump|dumpcap|tshark)[ \t][^\r\n#]{0,120}(-[CGW][ \t]?[0-9]{1,6}|-b[ \t]+(filesize|duration):)/
        $pipe = /\b(tcpdump|tshark|dumpcap)[ \t][^\r\n#]{0,120}\|[^\r\n]{0,60}\b(nc|ncat|ssh|curl|socat)\b/
        $rpcap = /\b(rpcapd[ \t]+-[a-z]|ettercap[ \t]+-[TqiM]|bettercap[ \t]+-|arpspoof[ \t]+-i|dsniff[ \t]+-|mitmdump[ \t]+-|mitmproxy[ \t]+--mode)/
        $start = /(^|\n|;|&&|\||\x00)[ \t]*(sudo[ \t]+|nohup[ \t]+|exec[ \t]+|timeout[ \t]+[0-9smh]{1,6}[ \t]+)?(\/[a-z\/]{3,40}\/)?(tcpdump|tshark|dumpcap|rpcapd|ettercap|bettercap|arpspoof|dsniff|mitmdump|mitmproxy)[ \t]+-/
    condition:
        (uint16(0) == 0x2123 or uint32(0) == 0x464C457F) and $start and any of ($write, $rotate, $pipe, $rpcap)
}

rule surv_capture_program
{
    meta:
        description = "captures network traffic and sends it on"
        capability = "surv.sniff"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1040/"
        r155 = "7.1, 19.2"
        false_positives = "network monitors that are declared"
    strings:
        $dump = /\bpcap_(dump_open|dump|sendpacket|inject)\b/
        $open = /\bpcap_(open_live|create|open)\b/
        $scapy = /\b(sniff\([^)\r\n]{0,80}prn[ ]?=|AsyncSniffer\(|wrpcap\()/
        $raw = /\bsocket\.(AF_PACKET|PF_PACKET)\b|\bsocket\.SOCK_RAW\b[^\r\n]{0,40}0x0003|\bntohs\(0x0003\)/
        $mqtt = /\b(mosquitto_(publish|pub|sub|subscribe)|MQTT(Client|Async)_(publish|send|subscribe)[A-Za-z]{0,10}|mqtt_(publish|subscribe)|paho\.mqtt)\b/
        $http = /\b(curl_easy_perform|http_post|HttpSendRequest[AW]|WinHttpSendRequest|HttpURLConnection|L?okhttp3|requests\.(post|put))\b/
        $post = /\b(POST|PUT)[ \t]+\/[^\s]{0,80}[ \t]HTTP\/1/
        $send = /\b(requests\.post|paho|sendto\(|\.publish\(|ftplib)/
    condition:
        ($dump and $open and any of ($mqtt, $http, $post)) or (filesize < 1MB and any of ($scapy, $raw) and $send)
}

rule surv_wifi_monitor
{
    meta:
        description = "listens to all wireless traffic around"
        capability = "surv.sniff"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1040/"
        r155 = "7.1, 19.2"
        false_positives = "test tools"
    strings:
        $iw = /\biw[ \t]+(dev|phy)[ \t]+[^\s]{1,16}[ \t]+(interface[ \t]+add[ \t]+[^\s]{1,16}[ \t]+type|set[ \t]+type)[ \t]+monitor\b/
        $set = /\biw[ \t]+[^\s]{1,16}[ \t]+set[ \t]+monitor\b/
        $iwconfig = /\biwconfig[ \t]+[^\s]{1,16}[ \t]+mode[ \t]+(m|M)onitor\b/
        $airmon = /\b(airmon-ng[ \t]+start|airodump-ng[ \t]+[a-z-]|hcxdumptool[ \t]+-|kismet(_server)?[ \t]+-|horst[ \t]+-i)/
        $probe = /\b(Dot11ProbeReq|probe_?req(uest)?_?(sniff|log|collect|upload|mac|report))[a-z_]{0,16}\b/ nocase
    condition:
        filesize < 8MB and any of them
}

rule surv_radio_scan_upload
{
    meta:
        description = "lists the wireless or Bluetooth devices around and sends the list"
        capability = "surv.sniff"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1016/"
        r155 = "7.1, 19.2"
        false_positives = "positioning by access points that is declared"
    strings:
        $iw = /\biw[ \t]+(dev[ \t]+)?[^\s]{1,16}[ \t]+scan\b|\biwlist[ \t]+[^\s]{1,16}[ \t]+scan(ning)?\b|\bwpa_cli[ \t][^\r\n]{0,40}scan_results\b|\bnmcli[ \t][^\r\n]{0,40}wifi[ \t]+list\b/
        $bt = /\b(hcitool[ \t]+(-i[ \t]+[^\s]{1,8}[ \t]+)?(scan|inq|lescan)|btmgmt[ \t]+find|bluetoothctl[ \t][^\r\n]{0,40}scan[ \t]+on|btmon[ \t]+-w|ubertooth-[a-z]{2,6})\b/
        $python = /\b(BleakScanner|bluetooth\.discover_devices|bluepy\.btle\.Scanner|Scanner\(\)\.withDelegate)\b/
        $curl = /\b(curl|wget)([ \t][^\r\n]{0,80})?[ \t](-[TFd]|--(upload-file|form|data[a-z-]{0,10}|post-(file|data)))[ \t=]/
        $pipe = /\|[ \t]*(nc|ncat|socat|mosquitto_pub|curl)\b/
        $send = /\b(requests\.(post|put)\(|\.publish\(|mosquitto_pub[ \t])/
    condition:
        filesize < 1MB and any of ($iw, $bt, $python) and any of ($curl, $pipe, $send)
}

rule surv_identity_report
{
    meta:
        description = "reports the identities of device, SIM or vehicle in one message"
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
        $imei = /["'&?{, ]imei["']?[ ]?[=:][ ]?["'\\]{0,2}(%[a-z0-9*]|\$[A-Za-z{]|\{[a-z0-9_.]{0,24}\}|"[ ]?\+)/ ascii wide nocase
        $imsi = /["'&?{, ]imsi["']?[ ]?[=:][ ]?["'\\]{0,2}(%[a-z0-9*]|\$[A-Za-z{]|\{[a-z0-9_.]{0,24}\}|"[ ]?\+)/ ascii wide nocase
        $iccid = /["'&?{, ]iccid["']?[ ]?[=:][ ]?["'\\]{0,2}(%[a-z0-9*]|\$[A-Za-z{]|\{[a-z0-9_.]{0,24}\}|"[ ]?\+)/ ascii wide nocase
        $vin = /["'&?{, ]vin["']?[ ]?[=:][ ]?["'\\]{0,2}(%[a-z0-9*]|\$[A-Za-z{]|\{[a-z0-9_.]{0,24}\}|"[ ]?\+)/ ascii wide nocase
        $mac = /["'&?{, ](mac|wifi_?mac|bt_?mac|mac_?addr(ess)?)["']?[ ]?[=:][ ]?["'\\]{0,2}(%[a-z0-9*]|\$[A-Za-z{]|\{[a-z0-9_.]{0,24}\}|"[ ]?\+)/ ascii wide nocase
        $phone = /["'&?{, ](msisdn|phone_?(no|number)|android_?id|driver_?id)["']?[ ]?[=:][ ]?["'\\]{0,2}(%[a-z0-9*]|\$[A-Za-z{]|\{[a-z0-9_.]{0,24}\}|"[ ]?\+)/ ascii wide nocase
    condition:
        3 of them and any of ($imei, $imsi, $iccid, $vin)
}

rule surv_android_permissions
{
    meta:
        description = "an Android application that may follow, hear or read its user and starts by itself"
        capability = "surv.location"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://developer.android.com/reference/android/Manifest.permission"
        r155 = "7.1, 19.2"
        false_positives = "maps and telephony; an application is judged by all that it may do together"
    strings:
        $background = "ACCESS_BACKGROUND_LOCATION" ascii wide fullword
        $fine = "ACCESS_FINE_LOCATION" ascii wide fullword
        $audio = "RECORD_AUDIO" ascii wide fullword
        $camera = "permission.CAMERA" ascii wide fullword
        $contacts = "READ_CONTACTS" ascii wide fullword
        $sms = /\b(READ|RECEIVE)_SMS\b/ ascii wide
        $calls = /\b(READ_CALL_LOG|PROCESS_OUTGOING_CALLS|READ_PRIVILEGED_PHONE_STATE|CAPTURE_AUDIO_OUTPUT)\b/ ascii wide
        $boot = "RECEIVE_BOOT_COMPLETED" ascii wide fullword
        $net = "permission.INTERNET" ascii wide fullword
    condition:
        $net and $boot and (($background and any of ($audio, $camera, $contacts, $sms, $calls)) or ($fine and 3 of ($audio, $camera, $contacts, $sms, $calls)))
}

rule surv_android_records
{
    meta:
        description = "reads contacts, messages or calls of a phone and sends them"
        capability = "surv.contacts"
        threat = "espionage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1636/"
        r155 = "7.1, 19.2"
        false_positives = "telephony of a head unit that keeps them on board"
    strings:
        $sms = /\bcontent:\/\/(sms|mms|mms-sms)\b/ ascii wide
        $calls = /\bcontent:\/\/call_log\/calls\b/ ascii wide
        $contacts = /\bcontent:\/\/(com\.android\.contacts|contacts\/phones|icc\/adn)\b/ ascii wide
        $class = /\bL?android\/provider\/(ContactsContract|CallLog|Telephony)(\$[A-Za-z$]{3,24})?/
        $upload = /\b(upload|post|sync|send|report)_?(the_?)?(contacts?|call_?logs?|sms(es)?|messages|phone_?book)(list)?\b/ ascii wide nocase
        $net = /\bL?(java\/net\/(HttpURLConnection|Socket)|okhttp3?\/|retrofit2?\/|org\/eclipse\/paho)/
    condition:
        (2 of ($sms, $calls, $contacts) and ($net or $upload)) or (any of ($sms, $calls, $contacts, $class) and $upload and $net)
}

rule surv_phonebook_bluetooth
{
    meta:
        description = "takes phone book and messages of a paired phone and sends them"
        capability = "surv.contacts"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.bluetooth.com/specifications/specs/phone-book-access-profile-1-2-3/"
        r155 = "7.1, 19.2"
        false_positives = "hands-free units that keep them on board"
    strings:
        $pbap = /\b(telecom\/(pb|ich|och|mch|cch)\.vcf|x-bt\/(phonebook|vcard-listing|vcard)|org\.bluez\.obex\.PhonebookAccess1|PullAll|PullPhoneBook)\b/
        $map = /\b(x-bt\/(MAP-msg-listing|message|MAP-NotificationRegistration)|org\.bluez\.obex\.MessageAccess1)\b/
        $upload = /\b(upload|post|sync|send|report)_?(the_?)?(contacts?|call_?logs?|sms(es)?|messages|phone_?book|vcards?)(_?(list|to_?server|to_?cloud))?\b/ nocase
        $mqtt = /\b(mosquitto_(publish|pub|sub|subscribe)|MQTT(Client|Async)_(publish|send|subscribe)[A-Za-z]{0,10}|mqtt_(publish|subscribe)|paho\.mqtt)\b/
        $http = /\b(curl_easy_perform|http_post|HttpSendRequest[AW]|WinHttpSendRequest|HttpURLConnection|L?okhttp3|requests\.(post|put))\b/
        $post = /\b(POST|PUT)[ \t]+\/[^\s]{0,80}[ \t]HTTP\/1/
    condition:
        any of ($pbap, $map) and any of ($mqtt, $http, $post, $upload)
}

rule surv_cabin_video_upload
{
    meta:
        description = "sends pictures or clips from in or around the vehicle"
        capability = "surv.video"
        threat = "espionage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1125/"
        r155 = "7.1, 19.2"
        false_positives = "dash cameras whose owner chose the server"
    strings:
        $name = /\b(dash_?cam|cabin_?cam(era)?|in_?cabin_?(cam(era)?|video)|driver_?cam(era)?|sentry_?(clip|video|mode)|surround_?view|avm_?cam(era)?|rear_?cam(era)?|mdvr)[_.\/-]?[a-z0-9_]{0,24}\b/ nocase
        $upload = /\b(upload|push|send|report|sync|post)_?(the_?)?(event_?)?(video|clip|snapshot|jpe?g|image|photo|picture|frame|mp4|recording|footage)s?(_?(to_?(server|cloud|oss|s3|ftp|platform)|file|task|queue|url))?\b/ nocase
        $remote = /\b(remote|cloud|server|mqtt)_?(snapshot|capture|take_?photo|photo|live_?view|record(ing)?)\b/ nocase
        $mqtt = /\b(mosquitto_(publish|pub|sub|subscribe)|MQTT(Client|Async)_(publish|send|subscribe)[A-Za-z]{0,10}|mqtt_(publish|subscribe)|paho\.mqtt)\b/
        $http = /\b(curl_easy_perform|http_post|HttpSendRequest[AW]|WinHttpSendRequest|HttpURLConnection|L?okhttp3|requests\.(post|put))\b/
        $post = /\b(POST|PUT)[ \t]+\/[^\s]{0,80}[ \t]HTTP\/1/
        $shot_utf8 = { E6 8A 93 E6 8B 8D E4 B8 8A E4 BC A0 } // 抓拍上传
        $shot_gbk = { D7 A5 C5 C4 C9 CF B4 AB }
        $shot_wide = { 93 62 CD 62 0A 4E 20 4F }
        $remote_cn_utf8 = { E8 BF 9C E7 A8 8B E6 8A 93 E6 8B 8D } // 远程抓拍
        $remote_cn_gbk = { D4 B6 B3 CC D7 A5 C5 C4 }
        $remote_cn_wide = { DC 8F 0B 7A 93 62 CD 62 }
        $cabin_utf8 = { E8 BD A6 E5 86 85 E6 91 84 E5 83 8F E5 A4 B4 } // 车内摄像头
        $cabin_gbk = { B3 B5 C4 DA C9 E3 CF F1 CD B7 }
        $cabin_wide = { 66 8F 85 51 44 64 CF 50 34 59 }
    condition:
        any of ($shot_*, $remote_cn_*) or (any of ($name, $cabin_*) and any of ($upload, $remote) and any of ($mqtt, $http, $post))
}

rule surv_driver_monitoring_upload
{
    meta:
        description = "judges the driver's face and sends the result"
        capability = "surv.video"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://eur-lex.europa.eu/eli/reg/2019/2144/oj"
        r155 = "7.1, 19.2"
        false_positives = "drowsiness warnings, which must stay on board"
    strings:
        $judge = /\b(driver_?(face|fatigue|drows(y|iness)|distraction|gaze|emotion|identity|recognition|monitor(ing)?)|dms_(face|alarm|event|fatigue|feature|report)|eye_?closure|yawn(ing)?_?(detect|alarm|event))[a-z_]{0,20}\b/ nocase
        $upload = /\b(upload|push|report|sync|post|send)_?(the_?)?((dms|face|driver|adas)_?(alarm|event|image|feature|picture|attachment|evidence|face)?s?|(alarm|event|image|feature|picture|attachment|evidence)s?_?(to_?(server|cloud|platform)|file|url))\b/ nocase
        $mqtt = /\b(mosquitto_(publish|pub|sub|subscribe)|MQTT(Client|Async)_(publish|send|subscribe)[A-Za-z]{0,10}|mqtt_(publish|subscribe)|paho\.mqtt)\b/
        $http = /\b(curl_easy_perform|http_post|HttpSendRequest[AW]|WinHttpSendRequest|HttpURLConnection|L?okhttp3|requests\.(post|put))\b/
        $post = /\b(POST|PUT)[ \t]+\/[^\s]{0,80}[ \t]HTTP\/1/
        $fatigue_utf8 = { E7 96 B2 E5 8A B3 E9 A9 BE E9 A9 B6 } // 疲劳驾驶
        $fatigue_gbk = { C6 A3 C0 CD BC DD CA BB }
        $fatigue_wide = { B2 75 B3 52 7E 9A 76 9A }
        $face_utf8 = { E9 A9 BE E9 A9 B6 E5 91 98 E4 BA BA E8 84 B8 } // 驾驶员人脸
        $face_gbk = { BC DD CA BB D4 B1 C8 CB C1 B3 }
        $face_wide = { 7E 9A 76 9A 58 54 BA 4E 38 81 }
    condition:
        (any of ($judge, $fatigue_*, $face_*)) and $upload and any of ($mqtt, $http, $post)
}

rule surv_face_plate_upload
{
    meta:
        description = "recognises faces or number plates and sends them"
        capability = "surv.video"
        threat = "espionage"
        severity = "high"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://attack.mitre.org/techniques/T1125/"
        r155 = "7.1, 19.2"
        false_positives = "gates and cameras that declare it"
    strings:
        $face = /\b(face_?(recogni[sz](e|er|tion)|detect(ion|or)?|encod(e|ing)s?|library|database|compare|feature)|retinaface|arcface|insightface|seetaface|dlib_face)[a-z_]{0,16}\b/ nocase
        $plate = /\b((licen[cs]e_?)?plate_?(recogni[sz](e|er|tion)|no|number|ocr|color|detect(ion|or)?)|openalpr|hyperlpr[0-9]?|easypr|alpr_?(results|recognize|topn)|lpr_?(result|event|engine))\b/ nocase
        $upload = /\b(upload|push|report|sync|post|send)_?(the_?)?(face|plate|alarm|event|snap(shot)?|image|picture|capture|record)s?(_?(image|picture|feature|snap|to_?(server|cloud|platform)|file|url|info|record|result))?\b/ nocase
        $mqtt = /\b(mosquitto_(publish|pub|sub|subscribe)|MQTT(Client|Async)_(publish|send|subscribe)[A-Za-z]{0,10}|mqtt_(publish|subscribe)|paho\.mqtt)\b/
        $http = /\b(curl_easy_perform|http_post|HttpSendRequest[AW]|WinHttpSendRequest|HttpURLConnection|L?okhttp3|requests\.(post|put))\b/
        $post = /\b(POST|PUT)[ \t]+\/[^\s]{0,80}[ \t]HTTP\/1/
        $face_cn_utf8 = { E4 BA BA E8 84 B8 E8 AF 86 E5 88 AB } // 人脸识别
        $face_cn_gbk = { C8 CB C1 B3 CA B6 B1 F0 }
        $face_cn_wide = { BA 4E 38 81 C6 8B 2B 52 }
        $plate_cn_utf8 = { E8 BD A6 E7 89 8C E8 AF 86 E5 88 AB } // 车牌识别
        $plate_cn_gbk = { B3 B5 C5 C6 CA B6 B1 F0 }
        $plate_cn_wide = { 66 8F 4C 72 C6 8B 2B 52 }
    condition:
        any of ($face, $plate, $face_cn_*, $plate_cn_*) and $upload and any of ($mqtt, $http, $post)
}

rule surv_scan_image_upload
{
    meta:
        description = "sends images of a scanner out of the site"
        capability = "exfil.upload"
        threat = "espionage"
        severity = "high"
        confidence = "high"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dicomstandard.org/"
        r155 = "7.1, 19.2"
        false_positives = "the archive of the site itself; look at the host"
    strings:
        $dicom = /\b(storescu|dcmsend|dcmsnd|pynetdicom)[ \t]+[^\r\n#]{0,40}([0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|[a-z0-9-]{2,20}\.[a-z]{2,8})[ \t]+[0-9]{2,5}\b/
        $file = /\b(curl|wget|scp|sftp|rsync|ftpput|smbclient|rclone|aws[ \t]s3|ossutil|coscmd|robocopy|pscp)[ \t][^\r\n#]{0,80}\.(dcm|dcs|dicos|iic)\b/ nocase
        $image = /\b(curl|wget|scp|sftp|rsync|ftpput|smbclient|rclone|aws[ \t]s3|ossutil|coscmd|robocopy|pscp)[ \t][^\r\n#]{0,50}(scan|x-?ray|cargo|container|baggage|inspection|radiograph)[a-z0-9_\/\\-]{0,16}(images?|archive|\.tiff?|\.img|\.raw)\b/ nocase
    condition:
        any of them
}

rule surv_scan_image_program
{
    meta:
        description = "a program that sends images of a scanner to a server"
        capability = "exfil.upload"
        threat = "espionage"
        severity = "medium"
        confidence = "medium"
        author = "fwverify"
        date = "2026-11-21"
        reference = "https://www.dicomstandard.org/"
        r155 = "7.1, 19.2"
        false_positives = "the scanner's own archive function"
    strings:
        $dicos = /\b(DICOS|NEMA[ _]?IIC|IIC[ _]?1|DICOSClient|SDICOS)\b/ ascii wide
        $dicom = /\b(C-?STORE|StorageCommitment|SCUStore|DcmSCU|StoreSCU|AssociationRequest|1\.2\.840\.10008\.5\.1\.4\.1\.1\.(501|7|1))[A-Za-z0-9_.]{0,16}\b/ ascii wide
        $image = /\b((cargo|container|xray|x_?ray|baggage|vehicle|inspection|radiation|dual_?energy)_?(scan_?)?(image|picture|radiograph)s?)[a-z_]{0,20}\b/ ascii wide nocase
        $upload = /\b(upload|push|send|report|sync|post|transmit|forward)_?(the_?)?(scan|xray|x_?ray|inspection|cargo|raw|dicos)?_?(image|picture|file|data|result)s?(_?(to_?(server|cloud|center|centre|platform|headquarters|ftp)))\b/ ascii wide nocase
        $mqtt = /\b(mosquitto_(publish|pub|sub|subscribe)|MQTT(Client|Async)_(publish|send|subscribe)[A-Za-z]{0,10}|mqtt_(publish|subscribe)|paho\.mqtt)\b/
        $http = /\b(curl_easy_perform|http_post|HttpSendRequest[AW]|WinHttpSendRequest|HttpURLConnection|L?okhttp3|requests\.(post|put))\b/
        $post = /\b(POST|PUT)[ \t]+\/[^\s]{0,80}[ \t]HTTP\/1/
        $upload_cn_utf8 = { E6 89 AB E6 8F 8F E5 9B BE E5 83 8F E4 B8 8A E4 BC A0 } // 扫描图像上传
        $upload_cn_gbk = { C9 A8 C3 E8 CD BC CF F1 C9 CF B4 AB }
        $upload_cn_wide = { 6B 62 CF 63 FE 56 CF 50 0A 4E 20 4F }
        $xray_cn_utf8 = { E5 9B BE E5 83 8F E4 B8 8A E4 BC A0 E6 9C 8D E5 8A A1 E5 99 A8 } // 图像上传服务器
        $xray_cn_gbk = { CD BC CF F1 C9 CF B4 AB B7 FE CE F1 C6 F7 }
        $xray_cn_wide = { FE 56 CF 50 0A 4E 20 4F 0D 67 A1 52 68 56 }
        $remote_cn_utf8 = { E8 BF 9C E7 A8 8B E5 88 A4 E5 9B BE } // 远程判图
        $remote_cn_gbk = { D4 B6 B3 CC C5 D0 CD BC }
        $remote_cn_wide = { DC 8F 0B 7A 24 52 FE 56 }
    condition:
        any of ($upload_cn_*, $xray_cn_*, $remote_cn_*) or (any of ($dicos, $dicom, $image) and $upload) or ($dicos and any of ($mqtt, $http, $post))
}
