"""Contents for the rules of ``cellular.yar``."""

from __future__ import annotations

from typing import Final

from tests.rules_vehicle.contents import Case, elf, gbk, hexa, mcu, python, script, wide

CASES: Final[tuple[Case, ...]] = (
    Case(
        "modem_apn",
        (mcu('AT+CGDCONT=1,"IP","net.invalid"\r', "AT+QIACT=1\r"),),
        (mcu("AT+CGDCONT?\r", "AT+QIACT=1\r"), mcu('AT+CGDCONT=1,"IP"')),
    ),
    Case(
        "modem_apn_credentials",
        (
            mcu('AT+QICSGP=1,1,"net.invalid","user1","word1",1\r'),
            mcu('AT+CGAUTH=1,1,"user1","word1"\r'),
        ),
        (mcu('AT+QICSGP=1,1,"net.invalid","","",0\r'), mcu("AT+CGAUTH=1,0\r")),
    ),
    Case(
        "modem_apn_foreign_m2m",
        (
            b"[modem]\napn=cmiot\nuser=\n",
            mcu('AT+CGDCONT=1,"IPV4V6","3gnet"\r'),
            b'{"apn": "unim2m.njm2mapn", "auth": 0}',
        ),
        (b"apn=internet\n", b"apn=cmnetwork.invalid\n", b"3gnet cmnet ctnet\n"),
    ),
    Case(
        "modem_http_client",
        (mcu("AT+QHTTPURL=%d,80\r", "AT+QHTTPPOST=%d\r"), wide("AT+HTTPINIT")),
        (mcu("AT+QHTTP", "AT+CSQ\r"), b"HTTPINIT"),
    ),
    Case(
        "modem_mqtt_client",
        (mcu('AT+QMTOPEN=0,"broker.invalid",1883\r'), mcu("AT+CMQTTSTART\r")),
        (mcu("AT+QMT", "MQTT"), mcu("AT+SMS\r")),
    ),
    Case(
        "modem_sms_command",
        (
            mcu("AT+CNMI=2,2,0,0,0\r", "AT+CMGL=4\r", "cut_engine", "OK"),
            mcu("AT+CNMI=2,2,0,0,0\r", "+CMT:", "Cut off the fuel: done"),
        ),
        (
            mcu("AT+CNMI=2,2\r", "AT+CMGL=4\r", "engine"),
            mcu("AT+CNMI=2,2\r", "+CMT:", "fuel"),
        ),
    ),
    Case(
        "modem_sms_send",
        (mcu("AT+CMGF=1\r", 'AT+CMGS="%s"\r'),),
        (mcu("AT+CMGF?\r", "AT+CMGS?\r"), mcu("AT+CMGF=1\r", "AT+CMGD=1\r")),
    ),
    Case(
        "modem_sms_runs_program",
        (
            b"[smsd]\nservice = files\nRunOnReceive = /usr/lib/alarm/got-sms\n",
            b"devices = GSM1\neventhandler = /usr/local/bin/on_sms\n[GSM1]\n",
            script(
                "for p in $(mmcli -m 0 --messaging-list-sms); do\n"
                ' t=$(mmcli -s "$p" | grep text)\n eval "$t"\ndone\n'
            ),
        ),
        (
            b"# RunOnReceive is not set\n",
            script("mmcli -m 0 --messaging-list-sms\n"),
            b"eventhandler = on_click\n",
        ),
    ),
    Case(
        "modem_sms_program",
        (elf("libgsmsd.so.8", "SMSD_MainLoop"), elf("GSM_SendSMS", "GSM_InitConnection")),
        (b"SMSD_MainLoop", elf("GSM_GetNetworkInfo")),
    ),
    Case(
        "modem_control_channel",
        (
            script(
                "qmicli -d /dev/cdc-wdm0 --wds-start-network=\"apn='x'\" --client-no-release-cid\n"
            ),
            script("quectel-CM -s net.invalid &\n"),
            elf("GobiNet", "QMIWDS_StartNetwork"),
        ),
        (script("qmicli -d /dev/cdc-wdm0 --dms-get-model\n"), elf("GobiNet")),
    ),
    Case(
        "modem_dial_script",
        (
            b"ABORT 'NO CARRIER'\n'' ATZ\nOK AT+CGDCONT=1,\"IP\",\"x\"\nOK ATD*99#\nCONNECT ''\n",
            script("pppd /dev/ttyUSB2 115200 connect 'chat -v -f /etc/chatscripts/gprs'\n"),
        ),
        (b"ABORT BUSY\nCONNECT ''\n", script("pppd call home\n")),
    ),
    Case(
        "modem_network_profile",
        (
            b"[connection]\nid=wwan\ntype=gsm\n\n[gsm]\napn=net.invalid\n",
            b"config interface 'wwan'\n\toption proto 'qmi'\n\toption apn 'net.invalid'\n",
        ),
        (b"[connection]\ntype=wifi\n", b"config interface 'lan'\n\toption proto 'static'\n"),
    ),
    Case(
        "modem_usb_activation",
        (
            script("usb_modeswitch -v 12d1 -p 1f01 -J\n"),
            script("echo 2c7c 0125 > /sys/bus/usb-serial/drivers/option1/new_id\n"),
        ),
        (script("usb_modeswitch --help\n"), b"the option driver: modprobe optional\n"),
    ),
    Case(
        "modem_named_module",
        (elf("Quectel", "EC25-E"), wide("SIMCOM_Ltd", "SIM7600E"), elf("Fibocom", "L610-CN")),
        (elf("Quectel"), elf("EC25"), elf("u-blox", "NEO-M8N")),
    ),
    Case(
        "modem_esim_provisioning",
        (
            hexa("a0000005591010ffffffff8900000100"),
            script("lpac profile download -a 'LPA:1$x.invalid$ABC'\n"),
            elf("/gsma/rsp2/es9plus/getBoundProfilePackage"),
        ),
        (hexa("a0000005591010ffffffff89000002"), b"LPA:1 is a version\n"),
    ),
    Case(
        "modem_identity_collect",
        (
            mcu("AT+CGSN\r", "AT+CIMI\r", '{"imei":"%s"}'),
            mcu("AT+GSN\r", "AT+QCCID\r", "AT+QIOPEN=1,0"),
        ),
        (mcu("AT+CGSN\r", "AT+CIMI\r"), mcu("AT+CGSN\r", '{"imei":"%s"}')),
    ),
    Case(
        "modem_device_management",
        (
            mcu("AT+NCDP=198.51.100.4,5683\r"),
            elf("coap://lwm2m.invalid:5683", "/rd?ep=urn:imei:%s&lt=300"),
        ),
        (elf("coap://sensor.invalid", "/.well-known/core"), elf("lwm2m_initial")),
    ),
    Case(
        "modem_assisted_location",
        (
            b"SUPL_HOST=supl.invalid\nSUPL_PORT=7275\n",
            mcu('AT+QGPSSUPLURL="agnss.example.invalid:7276"\r'),
        ),
        (b"# SUPL_HOST is not set\n", b"supplies.example.com\n"),
    ),
    Case(
        "modem_listen_in",
        (
            mcu("ATS0=1\r", "AT+CMIC=0,15\r", "AT+CLVL=0\r"),
            mcu("监听号码"),
            gbk("远程监听"),
        ),
        (mcu("ATS0=0\r", "AT+CMIC=0,15\r"), mcu("ATS0=1\r", "AT+CREG?\r")),
    ),
    Case(
        "modem_identity_change",
        (mcu('AT+EGMR=1,7,"%s"\r'), mcu("AT^PHYNUM=IMEI,%s\r")),
        (mcu("AT+EGMR=0,7\r"), mcu("AT^PHYNUM?\r")),
    ),
    Case(
        "modem_debug_port",
        (
            mcu('AT+QADBKEY="%s"\r'),
            mcu('AT+QCFG="usbcfg",0x2C7C,0x0125,1,1,1,1,1,1,0\r'),
            mcu('AT!ENTERCND="A710"\r'),
        ),
        (mcu('AT+QCFG="usbcfg"\r'), mcu('AT+QCFG="usbcfg",0x2C7C,0x0125,1,1,1,1,1,0,0\r')),
    ),
    Case(
        "modem_shell_bridge",
        (
            script("socat TCP-LISTEN:5000,fork /dev/ttyUSB2,raw,echo=0 &\n"),
            b"2000:raw:0:/dev/ttyUSB1:115200 8DATABITS NONE 1STOPBIT\n",
            script('while read line; do\n eval "$line"\ndone < /dev/ttyUSB2\n'),
        ),
        (
            script("socat TCP-LISTEN:5000,fork TCP:127.0.0.1:80\n"),
            script("while read line; do echo $line; done < /dev/ttyUSB2\n"),
            python("serial.Serial('/dev/ttyUSB2')\n"),
        ),
    ),
    Case(
        "modem_tcp_socket",
        (mcu('AT+CIPSTART="TCP","relay.invalid",7018\r'), mcu("AT+USOCO=%d\r")),
        (mcu("AT+CIPSHUT\r"), mcu("AT+USOCR?\r")),
    ),
)
