"""Contents for the rules of ``meter_control.yar``."""

from __future__ import annotations

from typing import Final

from tests.rules_vehicle.contents import Case, elf, gbk, hexa, mcu, wide

CASES: Final[tuple[Case, ...]] = (
    Case(
        "meter_disconnect_control",
        (mcu(bytes.fromhex("0046000060030aff")), mcu("disconnect_control", "remote_reconnect")),
        (mcu(bytes.fromhex("0001000060030aff")), mcu("disconnect_control")),
    ),
    Case(
        "meter_disconnect_name",
        (b"0-0:96.3.10.255;breaker\n", mcu("trip_supply_relay_cmd")),
        (b"0-0:96.3.1.255\n", mcu("trip_supply")),
    ),
    Case(
        "meter_limiter",
        (hexa("120047110009060000110000ff"), mcu(bytes.fromhex("00470000110000ff"))),
        (hexa("120046110009060000110000ff"), mcu(bytes.fromhex("0047000100110000"))),
    ),
    Case(
        "meter_limiter_names",
        (
            elf("threshold_emergency", "min_over_threshold_duration"),
            elf("0-0:17.0.0.255", "emergency_profile_active"),
        ),
        (elf("threshold_normal", "profile"), elf("0-0:17.0.0.255")),
    ),
    Case(
        "meter_push",
        (hexa("120028110009060000190900ff"), mcu(bytes.fromhex("2800000000190900ff"))),
        (hexa("120028110009060000190800ff"),),
    ),
    Case(
        "meter_push_names",
        (
            elf("push_object_list", "send_destination_and_method"),
            b"0-0:25.9.0.255 push_on_alarm\n",
        ),
        (elf("push_object_list"), b"git push --set-destination\n", elf("data_notification")),
    ),
    Case(
        "meter_disconnect_schedule",
        (
            hexa("12001611000906 00000f0001ff"),
            mcu(bytes.fromhex("0900000000 0a006aff")),
            b"0-0:10.0.106.255\n",
        ),
        (hexa("12001611000906 00000f0000ff"), b"0-0:10.0.100.255\n"),
    ),
    Case(
        "meter_disconnect_modes",
        (
            elf("DLMS server", "ready_for_reconnection", "output_state"),
            elf("cosem", "remote_disconnect", "control_state", "control_mode"),
        ),
        (elf("output_state", "control_mode"), elf("DLMS", "ready_for_reconnection")),
    ),
    Case(
        "meter_load_switch_names",
        (mcu("kWh", "latching_relay_open"), mcu("metrology", "open_main_contactor")),
        (mcu("kWh", "load_open_file"), mcu("latching_relay_open")),
    ),
    Case(
        "meter_valve",
        (
            hexa("120046110009060001180400ff"),
            mcu("M-Bus", "gas_valve_close"),
            b"0-1:24.4.0.255 valve_release\n",
        ),
        (mcu("valve_close"), b"0-1:24.2.1.255 valve_open\n"),
    ),
    Case(
        "meter_gprs_object",
        (hexa("12002d110009060000190400ff"), b"GPRS modem setup;45;0-0:25.4.0.255\n"),
        (hexa("12002d110009060000190500ff"), b"GPRS modem\n"),
    ),
    Case(
        "meter_network_objects",
        (
            hexa("120029110009060000190000ff"),
            mcu(bytes.fromhex("2c000000190300ff")),
            mcu(bytes.fromhex("001b0000020000ff001c0000020200ff001d0000020100ff")),
            b"0-0:25.1.0.255\n",
        ),
        (
            hexa("120003110009060100010800ff"),
            mcu(bytes.fromhex("001b0000020000ff001c0000020200ff")),
            b"0-0:25.1.0 is short\n",
        ),
    ),
    Case(
        "meter_security_setup",
        (
            hexa("1200401100090600002b0000ff"),
            elf("COSEM", "key_transfer", "import_certificate"),
        ),
        (hexa("1200401100090600002c0000ff"), elf("key_transfer", "import_certificate")),
    ),
    Case(
        "meter_image_transfer",
        (
            hexa("1200121100090600002c0000ff"),
            elf("image_transfer_initiate", "image_block_transfer", "image_activate"),
        ),
        (elf("image_transfer_status"), b"image transfer\n"),
    ),
    Case(
        "meter_load_profile",
        (hexa("1200071101090601006301 00ff"), b"1-0:99.1.0.255\n"),
        (hexa("120007110109060100620100ff"), b"1-0:99.98.0.255\n"),
    ),
    Case(
        "meter_capture_short",
        (
            hexa("0906010063 0100ff 0600000 03c".replace(" ", "")),
            mcu(bytes.fromhex("0700010063 0100ff 2c010000".replace(" ", ""))),
            elf("OBIS", "load_profile_interval=60\n"),
            b"# DLMS\ncapture_period: 300\n",
        ),
        (
            hexa("09060100630100ff0600000384"),
            b"# DLMS\ncapture_period: 900\n",
            b"# DLMS\ncapture_period = 3600\n",
            b"capture_period = 60\n",
        ),
    ),
    Case(
        "meter_factory_mode",
        (
            mcu("kWh", "enter_factory_mode", "OK"),
            elf("DLMS", "manufacturing_mode_unlock"),
            gbk("进入厂内模式") + b"\0OBIS\0",
        ),
        (mcu("enter_factory_mode"), mcu("kWh", "factory_reset"), mcu("kWh", "factory_password")),
    ),
    Case(
        "meter_vendor_association",
        (elf("DLMS", "manufacturer_association_key"), elf("COSEM", "hidden_client")),
        (elf("DLMS", "public_client"), elf("manufacturer_association")),
    ),
    Case(
        "meter_calibration_unlock",
        (
            mcu("metrology", "bypass_seal_check"),
            mcu("kWh", "write_calibration_constants", "seal_state"),
            elf("OBIS", "consumption_scale_factor"),
        ),
        (mcu("write_calibration_data", "seal_state"), mcu("kWh", "calibration_date")),
    ),
    Case(
        "meter_iec62056_programming",
        (
            elf("\x01P1\x02(00000000)\x03", "\x01W5\x020.9.1(%s)\x03"),
            b'"\\x01P1\\x02(%s)\\x03", "\\x01W1\\x02%s\\x03"\n',
        ),
        (elf("/?!\r\n", "\x06050\r\n"), elf("\x01P1\x02(00000000)\x03")),
    ),
    Case(
        "meter_tamper_off",
        (
            mcu("kWh", "disable_magnetic_field_detection"),
            mcu("OBIS", "clear_tamper_log"),
            mcu("metrology", "cover_open_event_masked"),
        ),
        (mcu("kWh", "tamper_detection"), mcu("clear_tamper_log")),
    ),
    Case(
        "meter_local_radio",
        (elf("wireless M-Bus stack", "EN 13757-4"), b"rtl_wmbus | wmbusmeters --x\n"),
        (elf("M-Bus"), b"wmbus\n"),
    ),
    Case(
        "meter_consumer_port",
        (
            hexa("1b1b1b1b010101017605"),
            b"/KFM5KAIFA-METER\r\n1-3:0.2.8(42)\r\n0-0:96.1.1(00)\r\n1-0:1.8.1(0*kWh)\r\n",
        ),
        (hexa("1b1b1b1b1a00"), b"1-0:1.8.1\n", b"dsmr_parser\n"),
    ),
    Case(
        "meter_powerline_stack",
        (
            elf("AdpmNetworkJoin.request"),
            elf("G3-PLC modem", "LOADng"),
            elf("MLME_ESTABLISH.confirm"),
        ),
        (elf("G3-PLC"), elf("PRIME numbers"), b"LOADng is a routing protocol\n"),
    ),
    Case(
        "meter_c12_procedures",
        (
            elf("C12.22", "remote_disconnect_cmd", "execute_procedure"),
            elf("PSEM", "direct_load_control_execute", "std_proc_21"),
        ),
        (elf("C12.18", "read table 1"), elf("direct_load_control")),
    ),
    Case(
        "meter_zigbee_load_control",
        (
            elf("emberAfDemandResponse", "LoadControlEvent", "ReportEventStatus", "DRLC client"),
            elf("zcl", "ChangeSupply", "criticality_level"),
        ),
        (elf("LoadControlEvent"), elf("zigbee", "ChangeSupply")),
    ),
    Case(
        "meter_chinese_switching",
        (mcu("执行远程拉闸"), gbk("允许合闸"), elf("DL/T645-2007", "relay_trip")),
        (mcu("合闸"), elf("relay_trip"), wide("拉闸")),
    ),
    Case(
        "meter_clock_shift",
        (mcu("kWh", "ignore_clock_shift_limit"), mcu("DLMS", "silent_time_set")),
        (mcu("kWh", "clock_shift_limit"), mcu("ignore_time_check")),
    ),
)
