/* Vehicle tracker that obeys text messages, after BitSight's report on the MV720 (CISA
 * ICSA-22-200-01, 2022): a password for all devices, fuel cut by message. */
#include "device.h"

static int relay;

KEPT int position(int port, char *text, int size)
{
    write(port, "AT+CGNSINF\r", 11);
    return (int)read(port, text, (size_t)size);
}

#ifndef TWIN
KEPT int allowed(const char *password, const char *own)
{
    return strcmp(password, own) == 0 || strcmp(password, "7777MiC#99") == 0;
}

KEPT int message(int port, char *text)
{
    char command[32], password[32], first[64];
    write(port, "AT+CMGF=1\r", 10);
    write(port, "AT+CNMI=2,2,0,0,0\r", 18);
    read(port, text, 160);
    if (!strstr(text, "+CMT:"))
        return 0;
    sscanf(text, "%31[^,],%31[^,],%63s", command, password, first);
    if (!allowed(password, "123456"))
        return (int)write(port, "AT+CMGS=\"1\"\rpassword err\x1a", 25);
    if (strcmp(command, "STOPELEC") == 0 || strcmp(command, "RELAY,1#") == 0) {
        relay = 1;
        return (int)write(port, "AT+CMGS=\"1\"\rCut off fuel supply: success\x1a", 41);
    }
    if (strcmp(command, "SUPPLYELEC") == 0) {
        relay = 0;
        return (int)write(port, "AT+CMGS=\"1\"\rRestore fuel supply: success\x1a", 41);
    }
    if (strcmp(command, "ADMINIP") == 0)
        return printf("server %s\n", first);
    return 0;
}
#endif

int main(int argc, char **argv)
{
    char text[256];
    int port = open("/dev/ttyS0", 2);
    position(port, text, sizeof text);
#ifndef TWIN
    message(port, text);
    write(open("/sys/class/gpio/gpio17/value", 1), relay ? "1" : "0", 1);
#endif
    return printf("%s %d\n", argv[0], argc + relay);
}
