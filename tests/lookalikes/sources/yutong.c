/* Telematics box of an electric bus, after Ruter's test (2025): a mobile network account,
 * updates over it, and frames to the battery and power controllers. */
#include "device.h"

KEPT int can_open(const char *name)
{
    struct request ask = {{0}, 0, {0}};
    struct can_address at = {AF_CAN, 0, 0, 0};
    int line = socket(AF_CAN, SOCK_RAW, CAN_RAW);
    strncpy(ask.name, name, 15);
    ioctl(line, SIOCGIFINDEX, &ask);
    at.index = ask.index;
    bind(line, &at, sizeof at);
    return line;
}

KEPT int show_speed(int line)
{
    struct can_frame frame;
    read(line, &frame, sizeof frame);
    return printf("speed %d km/h\n", frame.data[6]);
}

#ifndef TWIN
KEPT int dial_up(void)
{
    int port = open("/dev/ttyUSB2", 2);
    write(port, "AT+CPIN?\r", 9);
    write(port, "AT+CGDCONT=1,\"IP\",\"fleet.iot.apn\"\r", 34);
    write(port, "AT+QESIM=\"enable\",\"8940011234567890123\"\r", 40);
    write(port, "AT+CGACT=1,1\r", 13);
    return system("pppd call fleet-lte");
}

KEPT int high_voltage(int line, int on)
{
    struct can_frame frame = {0x98FFF2EF, 8, {0}, {(u8)(on ? 0x55 : 0xAA), 0, 0, 0, 0, 0, 0, 0xFF}};
    syslog(5, "BMS HV relay request: %s", on ? "close" : "open");
    return (int)write(line, &frame, sizeof frame);
}

KEPT int update(const char *package)
{
    char text[256];
    snprintf(text, sizeof text, "wget -q -O /tmp/ota.tgz http://ota.fleet.example-bus.cn:8080/%s", package);
    if (system(text) != 0)
        return -1;
    system("tar xzf /tmp/ota.tgz -C /tmp && sh /tmp/ota/install.sh");
    return system("can_flash --node BMS --node VCU /tmp/ota/vcu.s19");
}

KEPT int obey(int line, const char *topic, const char *text)
{
    if (strstr(topic, "/remote/powerOff") || strstr(text, "vehicle_disable"))
        return high_voltage(line, 0);
    if (strstr(topic, "/remote/ota"))
        return update(text);
    if (strstr(topic, "/remote/speedLimit"))
        return high_voltage(line, atoi(text));
    return 0;
}
#endif

int main(int argc, char **argv)
{
    int line = can_open("can0");
    show_speed(line);
#ifndef TWIN
    dial_up();
    obey(line, argv[1], argv[2]);
#endif
    return argc + !argv;
}
