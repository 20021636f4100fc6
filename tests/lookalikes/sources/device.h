/* Declarations of the few C library functions that the look-alikes link against.
 *
 * There is no C library behind them: the programs are built, packed and read by the tests,
 * never run. TWIN leaves out what the documented case is about.
 */
#ifndef DEVICE_H
#define DEVICE_H

typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ssize_t;
typedef long time_t;
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef struct file FILE;

struct in_address { u16 family; u16 port; u32 address; u8 zero[8]; };
struct can_address { u16 family; int index; u32 rx, tx; };
struct can_frame { u32 id; u8 length, pad[3], data[8]; };
struct request { char name[16]; int index; char rest[20]; };
struct calendar { int sec, min, hour, mday, mon, year, wday, yday, dst; long off; char *zone; };
struct account { char *name, *password; int uid, gid; char *gecos, *home, *shell; };

enum { AF_UNIX = 1, AF_INET = 2, AF_PACKET = 17, AF_CAN = 29, CAN_RAW = 1 };
#ifdef __mips__
enum { SOCK_DGRAM = 1, SOCK_STREAM = 2, SOCK_RAW = 3 };
#else
enum { SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3 };
#endif
enum { SIOCGIFINDEX = 0x8933, SIOCGIFHWADDR = 0x8927 };

int socket(int, int, int);
int bind(int, const void *, unsigned);
int listen(int, int);
int accept(int, void *, unsigned *);
int connect(int, const void *, unsigned);
int ioctl(int, unsigned long, ...);
ssize_t send(int, const void *, size_t, int);
ssize_t recv(int, void *, size_t, int);
ssize_t sendto(int, const void *, size_t, int, const void *, unsigned);
ssize_t recvfrom(int, void *, size_t, int, void *, unsigned *);
u32 inet_addr(const char *);
void *gethostbyname(const char *);
int open(const char *, int, ...);
ssize_t read(int, void *, size_t);
ssize_t write(int, const void *, size_t);
int close(int);
int dup2(int, int);
int fork(void);
int execl(const char *, const char *, ...);
int execve(const char *, char *const *, char *const *);
int chmod(const char *, unsigned);
int unlink(const char *);
int setuid(int);
int system(const char *);
FILE *popen(const char *, const char *);
int pclose(FILE *);
FILE *fopen(const char *, const char *);
int fclose(FILE *);
char *fgets(char *, int, FILE *);
int fputs(const char *, FILE *);
int fprintf(FILE *, const char *, ...);
int printf(const char *, ...);
int snprintf(char *, size_t, const char *, ...);
int sscanf(const char *, const char *, ...);
int strcmp(const char *, const char *);
int strncmp(const char *, const char *, size_t);
char *strstr(const char *, const char *);
size_t strlen(const char *);
char *strncpy(char *, const char *, size_t);
int memcmp(const void *, const void *, size_t);
void *memcpy(void *, const void *, size_t);
int atoi(const char *);
unsigned sleep(unsigned);
time_t time(time_t *);
struct calendar *localtime(const time_t *);
struct account *getpwnam(const char *);
char *crypt(const char *, const char *);
void *opendir(const char *);
void *readdir(void *);
int closedir(void *);
void syslog(int, const char *, ...);
void exit(int);
int __libc_start_main(int (*)(int, char **), int, char **, void *, void *, void *, void *);

#define KEPT __attribute__((used, noinline, visibility("default")))

__attribute__((unused)) static u16 net16(u16 value) { return (u16)(value << 8 | value >> 8); }

__attribute__((unused)) static int dial(const char *address, u16 port, int kind)
{
    struct in_address to = {AF_INET, net16(port), inet_addr(address), {0}};
    int line = socket(AF_INET, kind, 0);
    if (line < 0 || connect(line, &to, sizeof to) < 0)
        return -1;
    return line;
}

__attribute__((unused)) static int serve(u16 port, int kind)
{
    struct in_address at = {AF_INET, net16(port), 0, {0}};
    int line = socket(AF_INET, kind, 0);
    if (bind(line, &at, sizeof at) < 0)
        return -1;
    if (kind == SOCK_STREAM)
        listen(line, 4);
    return line;
}

int main(int, char **);
KEPT void _start(void) { __libc_start_main(main, 0, 0, 0, 0, 0, 0); exit(0); }
#endif
