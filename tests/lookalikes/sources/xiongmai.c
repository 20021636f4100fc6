/* Helper of a video recorder that starts telnetd on a spoken word, after Yarmak (2020). */
#include "device.h"

#ifndef TWIN
KEPT void cipher(char *text, const char *key, int size)
{
    for (int at = 0; at < size; at++)
        text[at] ^= key[at & 7];
}

KEPT int guard(int caller)
{
    char text[128], answer[64];
    int number = (int)time(0) % 100000000;
    recv(caller, text, sizeof text, 0);
    if (strcmp(text, "OpenTelnet:OpenOnce") != 0)
        return (int)send(caller, "verify:ERROR", 12, 0);
    snprintf(answer, sizeof answer, "randNum:%08d", number);
    send(caller, answer, strlen(answer), 0);
    recv(caller, text, sizeof text, 0);
    cipher(text, "2wj9fsa2", 64);
    if (strncmp(text, "randNum:", 8) != 0 || atoi(text + 8) != number)
        return (int)send(caller, "verify:ERROR", 12, 0);
    send(caller, "verify:OK", 9, 0);
    recv(caller, text, sizeof text, 0);
    if (strncmp(text, "CMD:", 4) == 0) {
        system("/bin/busybox telnetd");
        return (int)send(caller, "Open:OK", 7, 0);
    }
    return -1;
}
#endif

KEPT int watch_recorder(void)
{
    FILE *dog = fopen("/dev/watchdog", "w");
    return dog ? fputs("V", dog) : -1;
}

int main(int argc, char **argv)
{
    watch_recorder();
#ifndef TWIN
    int line = serve(9530, SOCK_STREAM);
    for (;;)
        guard(accept(line, 0, 0));
#endif
    return printf("dvrHelper %s %d\n", argv[0], argc);
}
