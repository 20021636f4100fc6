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
    Case(
        "veh_remote_functions",
        (
            elf("tsp_server", "remote_unlock", "remote_engine_start", "remote_climate_on"),
            elf("telematics.cloud", "rvc_door_lock", "rvc_horn", "rvc_window_open"),
        ),
        (
            elf("remote_unlock", "remote_engine_start", "remote_climate_on"),
            elf("tsp_server", "remote_unlock", "climate_on"),
        ),
    ),
    Case(
        "veh_kill_contactor",
        (
            elf("ota_cmd", "open_hv_contactors", "ack"),
            elf("mqtt/command", "battery_shutdown", "battery/%s"),
            gbk("远程断开电池"),
        ),
        (
            elf("open_hv_contactors", "crash detected"),
            elf("ota_cmd", "battery_voltage", "open_file"),
        ),
    ),
    Case(
        "veh_kill_relay_script",
        (
            script(
                "FUEL_RELAY=/sys/class/gpio/gpio17\n"
                "mosquitto_sub -h broker.invalid -t v/1 | while read c; do\n"
                " [ $c = cut ] && echo 0 > $FUEL_RELAY/value # fuel relay\ndone\n"
            ),
            python(
                "STARTER_RELAY = 22\ncmd = mqtt.Client()\nGPIO.output(STARTER_RELAY, 0)\n"
                "# starter relay\n"
            ),
        ),
        (
            script("echo 1 > /sys/class/gpio/gpio17/value # fuel pump relay\n"),
            script("mosquitto_sub -h broker.invalid\necho 1 > /sys/class/leds/a/brightness\n"),
        ),
    ),
    Case(
        "veh_idle_lock",
        (
            mcu("days_idle", "lock_train", "ERR 0x7A"),
            elf("standstill_counter", "traction_locked"),
        ),
        (mcu("days_idle", "wake_up"), elf("idle_time_ms", "lock_file")),
    ),
    Case(
        "veh_workshop_fence",
        (
            mcu("workshop_minsk_polygon", "inverter_locked"),
            wide("competitor_zone", "traction_inhibited"),
        ),
        (mcu("workshop_mode", "inverter_locked"), elf("depot_lat", "blocks")),
    ),
    Case(
        "veh_fence_shapes",
        (
            (
                b'{"type": "Polygon", "coordinates": [[[17.1, 53.2], [17.2, 53.3]]],'
                b' "action": "inhibit_start"}'
            ),
            b'{"lat": 52.40641, "lon": 16.92993, "radius": 300, "on_enter": "immobilise"}',
        ),
        (
            b'{"type": "Polygon", "coordinates": [[[17.1, 53.2]]], "action": "notify"}',
            b'{"action": "stop"}',
        ),
    ),
    Case(
        "veh_tracker_sms_words",
        (
            mcu("stop123456", "resume123456", "adminip123456", "apn123456"),
            mcu("DYD,000000#", "HFYD,000000#", "SERVER,1,relay.invalid,7018,0#"),
            elf("RELAY,1#", "TIMER,10,60#", "WHERE#"),
            mcu("AT+CNMI=2,2\r", "STOPELEC", "SUPPLYELEC"),
        ),
        (
            mcu("STOPELEC", "SUPPLYELEC"),
            mcu("+CMT:", "STOPELEC"),
            mcu("stop12345", "RELAY,1"),
            b"password123456",
            elf("RESET#", "STATUS#"),
        ),
    ),
    Case(
        "veh_ota_campaign",
        (
            elf("ota_master", "campaign_id", "ecu_flash", "doip", "https://fota.invalid/v1"),
            elf("start_campaign", "flash_target_ecu", "wss://%s/ota"),
        ),
        (elf("campaign_id", "newsletter"), elf("ecu_flash", "wss://%s/ota")),
    ),
    Case(
        "v2x_stack",
        (elf("libcv2x.so", "v2x_send"), elf("BasicSafetyMessage", "IEEE 1609.2", "PC5")),
        (elf("DENMARK"), elf("BasicSafetyMessage")),
    ),
    Case(
        "ecall_modem",
        (elf("AT+QECALL=1,1"), elf("eCall triggered", "MSD encode failed", "PSAP")),
        (elf("eCall"), elf("recall_msd", "PSAP")),
    ),
    Case(
        "ocpp_control",
        (
            elf("ocpp1.6", "UnlockConnector", "ChangeAvailability", "BootNotification"),
            (
                b'{"action":"RemoteStopTransaction"}{"action":"SetChargingProfile"}'
                b'{"action":"UnlockConnector.req"}'
            ),
        ),
        (elf("ocpp1.6", "Heartbeat", "BootNotification"), elf("UnlockConnector")),
    ),
    Case(
        "ocpp_firmware",
        (elf("ocpp16", "OCPP", "UpdateFirmware.req", "FirmwareStatusNotification", "GetLog"),),
        (elf("OCPP", "UpdateFirmware"), elf("UpdateFirmware", "GetLog")),
    ),
    Case(
        "ocpp_central_system",
        (
            b"url=wss://cs.example.invalid:8080/steve/websocket/CentralSystemService/\n",
            b'{"csms_url": "wss://csms.invalid/"}',
        ),
        (b"wss://chat.invalid/socket", b"# ocpp url goes here\n"),
    ),
    Case(
        "charging_iso15118",
        (
            elf("urn:iso:15118:2:2013:MsgDef", "V2GTP"),
            elf("SessionSetupReq", "SessionSetupRes", "PowerDeliveryReq", "PreChargeRes"),
        ),
        (b"ISO 15118-2:2014 Road vehicles", elf("SessionSetupReq")),
    ),
    Case(
        "inverter_sunspec_control",
        (
            elf("SunSpec", "WMaxLimPct", "WMaxLim_Ena"),
            b'[{"name": "Conn_WinTms"}, {"name": "WMaxLimPct_RvrtTms"}][{"name": "DERCtlAC"}]',
        ),
        (elf("SunSpec", "WMaxRtg"), b"WMaximum"),
    ),
    Case(
        "grid_telecontrol",
        (
            elf("CS104_Slave_create", "SingleCommand_getState", "C_SC_NA_1"),
            elf("C_SC_NA_1", "C_DC_NA_1", "M_SP_NA_1"),
            elf("GGIO1.SPCSO1", "CSWI1.Pos.Oper", "Oper.ctlVal"),
        ),
        (elf("M_SP_NA_1", "M_ME_NC_1"), elf("CS104_Connection_create")),
    ),
    Case(
        "inverter_region_lock",
        (
            mcu("This inverter is not allowed to be used at %s, please call your dealer"),
            mcu("This inverter is not allowed to use in %s."),
            elf("inverter_main", "country_lock", "vendor_disable_output"),
            elf("inverter", "远程关机"),
        ),
        (elf("inverter_main", "country_code", "grid_code"), elf("country_lock"), elf("远程关机")),
    ),
    Case(
        "inverter_cloud_logger",
        (
            elf("HF-A11ASSISTHREAD", "48899"),
            elf("access1.solarmanpv.com", "AT+INVDATA=8,%s"),
        ),
        (b"solarmanpv.com is a web page", elf("AT+INVALID", "home.invalid")),
    ),
    Case(
        "inverter_modbus_write",
        (
            python(
                "import requests\nw = requests.get(URL).json()['curtailment']\n"
                "client.write_register(40155, w)  # active_power_limit\n"
            ),
            script(
                "# feed_in_limit\nw=$(curl -s https://in.invalid/w)\n"
                "mbpoll -m tcp -a 1 -r 40155 -t 4 10.0.0.9 0\n"
            ),
        ),
        (
            python("client.read_holding_registers(40155)  # active_power_limit\n"),
            python("client.write_register(3, 1)\n"),
        ),
    ),
    Case(
        "bms_remote_cutoff",
        (
            hexa("dd5ae10200011d77"),
            elf("mqtt_cmd", "discharge_mos_off", "soc"),
            elf("ble_write", "set_charge_mos_state"),
            gbk("关闭放电MOS"),
        ),
        (elf("discharge_current", "mqtt_cmd"), hexa("dda50300fffd77"), elf("MOSFET")),
    ),
)
