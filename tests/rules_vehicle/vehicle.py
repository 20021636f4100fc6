"""Contents for the rules of ``vehicle_bus.yar``."""

from __future__ import annotations

from typing import Final

from tests.rules_vehicle.contents import Case, elf, gbk, hexa, mcu, pe, python, script, wide

CASES: Final[tuple[Case, ...]] = (
    Case(
        "can_tool_program",
        (
            elf("%s - send CAN-frames via CAN_RAW sockets.", "Usage: %s <device> <can_frame>."),
            elf("%s - userspace daemon for serial line CAN interface driver SLCAN.\n"),
            elf("%s - manage PF_CAN netlink gateway.\n"),
        ),
        (
            b"cansend(1): send CAN-frames via CAN_RAW sockets",
            elf("dump CAN bus traffic", "Usage: %s [options] <CAN interface>+"),
        ),
    ),
    Case(
        "can_tcp_server_program",
        (
            elf("Usage: %s -l <port> -s <can_id> -d <can_id>", "TCP>CAN %s\n", "CAN>TCP %s\n"),
            elf("socketcand", '<CANBeacon name="%s" type="SocketCAN" description="%s">'),
        ),
        (b"socketcand <CANBeacon TCP>CAN %s", elf("socketcand", "listening")),
    ),
    Case(
        "can_network_program",
        (
            elf("can%d", "bind PF_CAN socket failed", "mosquitto_subscribe", "vehicle/+/cmd"),
            elf("can0", "can_send_frame: short write", "curl_easy_perform"),
        ),
        (
            elf("can0", "bind PF_CAN socket failed", "listen"),
            elf("i can do it", "can_send_frame", "curl_easy_perform"),
            elf("mosquitto_subscribe", "curl_easy_perform"),
        ),
    ),
    Case(
        "can_socketcand_commands",
        (
            elf("< open %s >", "< send %X %u %s >"),
            python('s.send(b"< open can0 >")\ns.send(b"< rawmode >")\n'),
        ),
        (b"<open can0> and send it", python('s.send(b"< open can0 >")\n')),
    ),
    Case(
        "can_python_sender",
        (
            python(
                "import can\nbus = can.interface.Bus(channel='can0', interface='socketcan')\n"
                "m = can.Message(arbitration_id=0x244, data=[0, 0])\nbus.send(m)\n"
            ),
            python(
                "s = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)\n"
                "s.send(struct.pack('<IB3x8s', ident, 8, payload))\n"
            ),
        ),
        (
            python("import can\nbus = can.Bus()\nfor m in bus:\n    print(m)\n"),
            python("import candy\nMessage(arbitration_id=1)\n"),
        ),
    ),
    Case(
        "can_serial_adapter",
        (
            script("slcand -o -c -s6 ttyUSB0 slcan0\nip link set slcan0 up\n"),
            elf("t%03X%d", "T%08X%d", "/dev/ttyACM0"),
        ),
        (script("slcand --help\n"), elf("t%03X%d", "%s")),
    ),
    Case(
        "diag_elm327_adapter",
        (
            elf("ATZ\r", "ATSP6\r", "ATSH7E0\r", "ATCRA7E8\r"),
            python("port.write(b'ATSP0\\r')\nport.write(b'AT SH 7DF\\r')\n"),
            elf("ELM327 v1.5", "ATE0", "ATSP6"),
        ),
        (b"AT SPEED: 6\nATSH", elf("ELM327 adapters are supported", "AT+CSQ")),
    ),
    Case(
        "diag_obd_upload",
        (
            python(
                "import obd, requests\nc = obd.OBD()\n"
                "requests.post(URL, json={'rpm': c.query(obd.commands.RPM).value})\n"
            ),
            elf("ATSP6\r", "010C\\r", "0902\\r", "MQTTClient_publishMessage"),
        ),
        (python("import obd\nprint(1)\n"), python("requests.post(URL, json={})\n")),
    ),
    Case(
        "j1939_stack",
        (script("modprobe can-j1939\n"), elf("socket(j1939)", "can't allocate rx buf")),
        (b"SAE J1939 is a set of standards", elf("j1938cat")),
    ),
    Case(
        "j1939_control_frame",
        (
            script("while :; do cansend can1 0C000003#F1FFFF00FFFFFFFF; sleep 0.01; done\n"),
            script("cansend can0 0c040b2a#0300FFFFFFFFFFFF\n"),
            python("can.Message(arbitration_id=0x0C00000B, data=d, is_extended_id=True)\n"),
        ),
        (
            script("cansend can0 18FEF100#FFFF\n"),
            script("candump can0,0C000003:1FFFFFFF\n"),
            python("can.Message(arbitration_id=0x0CF00400, data=d)\n"),
        ),
    ),
    Case(
        "j1939_control_names",
        (
            (
                b'BO_ 2348810243 TSC1: 8 VMC\n SG_ EngOverrideCtrlMode : 0|2@1+ (1,0) [0|3] "" E\n'
                b" SG_ EngRequestedSpeed_SpeedLimit : 8|16@1+\n"
            ),
            elf("J1939_XBR", "External_Acceleration_Demand"),
        ),
        (b"TSC1234 is a part number", elf("XBRICK", "engine torque")),
    ),
    Case(
        "veh_door_command",
        (elf("bus/%s/cmd/door_open", "ack"), wide("remote_open_all_doors")),
        (elf("door_open", "doors_closed"), elf("remote_door_state")),
    ),
    Case(
        "fms_upload",
        (
            elf("FMS-Standard 3.0", "CCVS1", "VDHR", "mqtt_publish", "fleet/%s/fms"),
            elf("CCVS", "EEC1", "LFE1", "TCO1", "curl_easy_perform"),
        ),
        (elf("CCVS", "EEC1", "LFE1", "TCO1"), elf("FMS-Standard", "curl_easy_perform")),
    ),
    Case(
        "fms_remote_interface",
        (
            elf("Accept: application/vnd.fmsstandard.com.VehiclePositions.v2.1+json"),
            b"GET https://host.invalid/rfms4/vehiclepositions?lastStopTime=x\n",
        ),
        (b"https://www.fms-standard.com/", b"/rfms4/help"),
    ),
    Case(
        "tacho_remote_download",
        (
            elf("remote_tacho_download started", "%s.DDD"),
            wide("DTCO 4.1", "Remote company card", "driver card download"),
        ),
        (b"the tachograph shows the speed", wide("company card", "driver card")),
    ),
    Case(
        "trailer_gateway",
        (elf("PLC4TRUCKS rx", "lamp on"), mcu("EBS11", "EBS12", "RGE21", "ISO11992-2")),
        (b"EBS12 is all", b"ISO 11992 connector, 7 pins"),
    ),
    Case(
        "uds_seed_key",
        (
            pe("GenerateKeyEx", "SeedKey_ECM.dll"),
            elf("uds_security_access", "seed_to_key", "level %d"),
        ),
        (elf("GenerateKey", "RSA_generate_key_ex"), elf("seed_key_store")),
    ),
    Case(
        "uds_script_sequence",
        (
            script(
                'echo "10 02" | isotpsend -s 7E0 -d 7E8 can0\n'
                'echo "27 01" | isotpsend -s 7E0 -d 7E8 can0\n'
            ),
            script(
                "cansend can0 7DF#02280300\ncansend can0 7DF#02850200\n"
                "cansend can0 7E0#021002\ncansend can0 7E0#022701\n"
            ),
        ),
        (
            script('echo "22 F1 90" | isotpsend -s 7E0 -d 7E8 can0\n'),
            script("date +'10 02 27 01'\n"),
        ),
    ),
    Case(
        "uds_client_library",
        (
            python(
                "from udsoncan.client import Client\nclient.unlock_security_access(3)\n"
                "client.request_download(loc)\nclient.transfer_data(1, b)\n"
            ),
        ),
        (
            python("import udsoncan\nclient.read_data_by_identifier(0xF190)\n"),
            python("client.transfer_data(1)\nclient.transfer_data(2)\n"),
        ),
    ),
    Case(
        "uds_silence_bus",
        (
            elf("disableRxAndTx", "ControlDTCSetting off"),
            elf("suppress_dtc", "stop_normal_comm", "disable_rx_and_tx"),
        ),
        (elf("CommunicationControl"), elf("disable_rx", "dtc_count")),
    ),
    Case(
        "uds_identity_write",
        (
            elf("uds_write_did", "write_vin_request", "VIN %s"),
            elf("cluster_init", "set_odometer_km"),
            elf("仪表", "里程清零"),
            gbk("修改里程"),
        ),
        (elf("uds_read", "read_vin"), elf("can_init", "reset_trip_meter"), elf("里程")),
    ),
    Case(
        "diag_doip",
        (
            elf("doip_server_start", "routing activation request from %04x", "13400"),
            hexa("02fd00050000000b0e00000000000000000000"),
            elf("DoIP_RoutingActivation", b"\x02\xfd\x80\x01\x00\x00\x00\x06"),
        ),
        (elf("doip_server_start"), b"routing activation on port 13400", hexa("02fd0004")),
    ),
    Case(
        "diag_doip_exposed",
        (
            script("iptables -t nat -A PREROUTING -i wwan0 -p tcp --dport 13400 -j DNAT --to x\n"),
            script("ssh -N -R 9000:10.0.0.1:13400 u@relay.invalid\n"),
        ),
        (
            script("iptables -A INPUT -i wwan0 -p tcp --dport 13400 -j DROP\n"),
            script("echo 13400\n"),
        ),
    ),
    Case(
        "someip_service",
        (
            (
                b'{"service-discovery" : {"enable":"true", "multicast" : "224.244.224.245",'
                b' "port" : "30490"}}'
            ),
            elf("libvsomeip3-sd.so.3"),
            mcu("SomeIpSd_MainFunction"),
        ),
        (b'{"service-discovery": "consul"}', b'{"multicast" : "224.0.0.1"}'),
    ),
    Case(
        "someip_can_bridge",
        (
            elf("vsomeip::runtime", "register_message_handler", "can0", "can_send_frame"),
            mcu("SomeIp_Rx", "on_message", "CAN_RAW", "Com_SendSignal"),
        ),
        (
            elf("vsomeip::runtime", "register_message_handler", "eth0"),
            elf("on_message", "can0", "can_send_frame"),
        ),
    ),
    Case(
        "xcp_calibration",
        (
            b"/begin IF_DATA XCPplus 0x0101\n /begin XCP_ON_UDP_IP 0x0100 0x15B3 /end\n",
            mcu("XcpInit", "XcpEvent", "XcpEthTlInit"),
            elf("xcp_connect", "xcp_short_upload", "xcp_unlock", "xcp_set_mta", "xcp_download"),
        ),
        (b"XCP is a protocol", elf("xcp_connect", "cp -a")),
    ),
    Case(
        "gbt32960_client",
        (
            elf("GB/T 32960 client", "vehicle_login", "real_time_info"),
            b"##\x01\xfeLSVAU2180N2183294\x01\x00\x1e",
            elf("车辆登入", "实时信息上报"),
            gbk("车辆登出", "平台登入"),
        ),
        (
            elf("GB/T 32960 is not used"),
            b"## heading\n##\x01\xfeshort",
            elf("车辆", "登入"),
        ),
    ),
    Case(
        "jt808_terminal",
        (
            elf("jt808_send_register", "terminal_auth", "jt808_location"),
            wide("JT/T 808-2013", "终端注册"),
            gbk("终端鉴权", "位置信息汇报"),
        ),
        (elf("terminal_auth"), b"JT/T 808 is the standard of another market"),
    ),
    Case(
        "jt808_vehicle_control",
        (
            elf(
                "jt808_on_msg", "vehicle_control_req", "terminal_control", "connect_special_server"
            ),
            python("JT808 = {0x8105: reset, 0x8500: doors}\n"),
        ),
        (elf("jt808_on_msg", "location_report"), elf("vehicle_control", "terminal_control")),
    ),
    Case(
        "veh_immobilise_chinese",
        (elf("收到断油断电指令"), gbk("远程锁车成功"), wide("远程熄火")),
        (elf("断电保护", "锁车提示音"), gbk("加油站")),
    ),
)
