/* Web server of a router that lets one User-Agent through, after the 2013 description of
 * alpha_auth_check in D-Link's thttpd. */
#include "device.h"

struct http { const char *url, *agent, *authorization; };

KEPT int auth_check(struct http *request)
{
    if (strncmp(request->url, "graphic/", 8) == 0 || strncmp(request->url, "public/", 7) == 0)
        return 1;
#ifndef TWIN
    if (strcmp(request->agent, "xmlset_roodkcableoj28840ybtide") == 0)
        return 1;
#endif
    return request->authorization && strlen(request->authorization) > 6;
}

int main(int argc, char **argv)
{
    struct http request = {argv[1], argv[2], argc > 3 ? argv[3] : 0};
    int line = serve(80, SOCK_STREAM), caller = accept(line, 0, 0);
    if (!auth_check(&request))
        return (int)send(caller, "HTTP/1.1 401 Unauthorized\r\nServer: alphanetworks\r\n", 50, 0);
    return (int)send(caller, "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n", 42, 0);
}
