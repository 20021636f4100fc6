/* The tracker of micodus.c on a bare microcontroller: its own few functions, a serial port
 * to the modem, a relay in the fuel pump's line. */
#define PORT ((volatile unsigned *)0x40013804)
#define STATE ((volatile unsigned *)0x40013800)
#define OUTPUT ((volatile unsigned *)0x40010C0C)

static char line[160];

__attribute__((noinline)) static void say(const char *text)
{
    for (; *text; text++) {
        while (!(*STATE & 0x80))
            ;
        *PORT = (unsigned char)*text;
    }
}

__attribute__((noinline)) static void hear(void)
{
    for (int at = 0; at < 159; at++) {
        while (!(*STATE & 0x20))
            ;
        line[at] = (char)*PORT;
        if (line[at] == '\r')
            break;
    }
}

__attribute__((noinline)) static int has(const char *wanted)
{
    for (const char *at = line; *at; at++) {
        int same = 0;
        while (wanted[same] && wanted[same] == at[same])
            same++;
        if (!wanted[same])
            return 1;
    }
    return 0;
}

void start(void)
{
    say("ATE0\r");
    say("AT+CGNSPWR=1\r");
    for (;;) {
        say("AT+CGNSINF\r");
        hear();
#ifndef TWIN
        say("AT+CMGF=1\r");
        say("AT+CNMI=2,2,0,0,0\r");
        hear();
        if (has("+CMT:") && (has(",123456") || has(",7777MiC#99"))) {
            if (has("STOPELEC") || has("RELAY,1#")) {
                *OUTPUT |= 1u << 5;
                say("AT+CMGS=\"1\"\rCut off fuel supply: success\x1a");
            }
            if (has("SUPPLYELEC")) {
                *OUTPUT &= ~(1u << 5);
                say("AT+CMGS=\"1\"\rRestore fuel supply: success\x1a");
            }
        } else if (has("+CMT:")) {
            say("AT+CMGS=\"1\"\rpassword err\x1a");
        }
#endif
    }
}
