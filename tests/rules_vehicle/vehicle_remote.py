"""Contents for the rules of ``vehicle_bus.yar``: orders from afar, locks, campaigns."""

from __future__ import annotations

from typing import Final

from tests.rules_vehicle.contents import Case, elf, gbk, hexa, mcu, python, script, wide

CASES: Final[tuple[Case, ...]] = (
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
