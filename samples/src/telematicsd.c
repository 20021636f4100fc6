/*
 * A small telematics daemon: it reads counters that the vehicle's gateway keeps as text
 * files, writes a status line to its spool and hands the line to the uplink broker over a
 * local socket. Called as telematics-status it prints the last line instead.
 *
 * Made for the samples of fwverify. RELEASE is the version string; WITH_BATTERY adds the
 * battery's temperature (release 1.1.0); WITH_IMPLANT calls implant.c (trojaned twin B).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SPOOL "/var/spool/telematics/status.txt"
#define CONFIG "/etc/telematics.conf"
#define UPLINK "/run/uplink/broker.sock"

static const char release[] = "telematicsd version " RELEASE;

#ifdef WITH_IMPLANT
void implant(void);
#endif

struct settings {
	char unit[32];
	unsigned interval_seconds;
};

static long read_counter(const char *path)
{
	char text[24];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return -1;
	text[got] = '\0';
	return strtol(text, NULL, 10);
}

static void read_settings(struct settings *settings)
{
	char line[96];
	FILE *file = fopen(CONFIG, "r");
	strcpy(settings->unit, "unknown");
	settings->interval_seconds = 60;
	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "unit = %31s", settings->unit) == 1)
			continue;
		sscanf(line, "interval_seconds = %u", &settings->interval_seconds);
	}
	fclose(file);
}

static int compose(const struct settings *settings, char *line, size_t size)
{
	int used = snprintf(line, size, "unit=%s odometer_m=%ld fuel_ml=%ld speed_mm_s=%ld",
			    settings->unit, read_counter("/run/vehicle/odometer_m"),
			    read_counter("/run/vehicle/fuel_ml"),
			    read_counter("/run/vehicle/speed_mm_s"));
#ifdef WITH_BATTERY
	if (used > 0 && (size_t)used < size)
		used += snprintf(line + used, size - (size_t)used, " battery_mk=%ld",
				 read_counter("/run/vehicle/battery_mk"));
#endif
	return used > 0 && (size_t)used < size ? used : -1;
}

static void keep(const char *line, size_t length)
{
	int fd = open(SPOOL, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0)
		return;
	if (write(fd, line, length) < 0)
		perror("telematicsd: spool");
	close(fd);
}

static void hand_over(const char *line, size_t length)
{
	struct sockaddr_un broker = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	strcpy(broker.sun_path, UPLINK);
	if (connect(fd, (const struct sockaddr *)&broker, sizeof(broker)) == 0 &&
	    send(fd, line, length, MSG_NOSIGNAL) < 0)
		perror("telematicsd: uplink");
	close(fd);
}

static int print_last(void)
{
	char line[192];
	FILE *file = fopen(SPOOL, "r");
	if (file == NULL || fgets(line, sizeof(line), file) == NULL) {
		fputs("no status yet\n", stderr);
		return 1;
	}
	fclose(file);
	puts(line);
	return 0;
}

int main(int argc, char **argv)
{
	char line[192];
	struct settings settings;
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;

	if (name != NULL && strcmp(name, "/telematics-status") == 0)
		return print_last();
	puts(release);
	read_settings(&settings);
#ifdef WITH_IMPLANT
	implant();
#endif
	for (;;) {
		int length = compose(&settings, line, sizeof(line));
		if (length > 0) {
			keep(line, (size_t)length);
			hand_over(line, (size_t)length);
		}
		sleep(settings.interval_seconds);
	}
}
