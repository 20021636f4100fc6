/*
 * Firmware of a small electricity meter for a Cortex-M3: it counts the pulses of a
 * metering front end, keeps the energy registers and answers DLMS/COSEM GET requests for
 * its object list (IEC 62056-6-2) over a serial port.
 *
 * Made for the samples of fwverify. RELEASE is the version string; WITH_DEMAND adds the
 * maximum demand register (release 2.1.0); WITH_DISCONNECT adds the disconnect control
 * object (class 70) and its handler, which no release note speaks of (trojaned twin).
 */
#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define UART_STATUS REGISTER(0x40013800u)
#define UART_DATA REGISTER(0x40013804u)
#define UART_RATE REGISTER(0x40013808u)
#define UART_CONTROL REGISTER(0x4001380cu)
#define PULSE_COUNT REGISTER(0x40000024u)
#define TICKS REGISTER(0xe000e018u)
#define RELAY REGISTER(0x40010c10u)

/* One element of the object list as it goes over the wire (A-XDR). */
struct object {
	uint8_t class_tag, class_high, class_low;
	uint8_t version_tag, version;
	uint8_t name_tag, name_length, name[6];
};

#define OBJECT(class_id, version, a, b, c, d, e, f) \
	{ 0x12, (class_id) >> 8, (class_id) & 0xff, 0x11, version, 0x09, 6, { a, b, c, d, e, f } }

static const struct object objects[] = {
	OBJECT(8, 0, 0, 0, 1, 0, 0, 255),     /* clock */
	OBJECT(1, 0, 0, 0, 96, 1, 0, 255),    /* serial number */
	OBJECT(1, 0, 1, 0, 0, 2, 0, 255),     /* firmware version */
	OBJECT(3, 0, 1, 0, 1, 8, 0, 255),     /* active energy, import */
	OBJECT(3, 0, 1, 0, 2, 8, 0, 255),     /* active energy, export */
	OBJECT(15, 2, 0, 0, 40, 0, 0, 255),   /* association */
#ifdef WITH_DEMAND
	OBJECT(4, 0, 1, 0, 1, 6, 0, 255),     /* maximum demand */
#endif
#ifdef WITH_DISCONNECT
	OBJECT(70, 0, 0, 0, 96, 3, 10, 255),  /* disconnect control */
#endif
};

#define OBJECT_COUNT (sizeof(objects) / sizeof(objects[0]))

static const char release[] = "meter-app version " RELEASE;
static const char serial_number[] = "NLE 0000 0000 0042";

static struct {
	uint32_t import_wh, export_wh, pulses;
#ifdef WITH_DEMAND
	uint32_t demand_w, demand_pulses, demand_start;
#endif
#ifdef WITH_DISCONNECT
	uint32_t output_state;
#endif
} state;

static uint8_t frame[128];

void reset(void);
static void halt(void);
extern uint32_t bss_start[], bss_end[];

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
	(void (*)(void))0x20004000u, reset, halt, halt, halt, halt, halt, 0, 0, 0, 0, halt, halt, 0,
	halt, halt,
};

static void halt(void)
{
	for (;;)
		;
}

static void put_byte(uint8_t value)
{
	while ((UART_STATUS & 0x80u) == 0)
		;
	UART_DATA = value;
}

static void put_long(uint32_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		put_byte((uint8_t)(value >> shift));
}

static void put_text(const char *text)
{
	while (*text != '\0')
		put_byte((uint8_t)*text++);
}

/* CRC-16/X-25, the frame check of HDLC. */
static uint16_t frame_check(const uint8_t *data, uint32_t size)
{
	uint16_t crc = 0xffff;
	for (uint32_t at = 0; at < size; at++) {
		crc ^= data[at];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc & 1) != 0 ? (uint16_t)(crc >> 1 ^ 0x8408) : (uint16_t)(crc >> 1);
	}
	return (uint16_t)~crc;
}

static uint32_t get_frame(void)
{
	uint32_t used = 0;
	while ((UART_STATUS & 0x20u) != 0 && used < sizeof(frame))
		frame[used++] = (uint8_t)UART_DATA;
	if (used < 10)
		return 0;
	uint16_t said = (uint16_t)(frame[used - 2] | frame[used - 1] << 8);
	return frame_check(frame, used - 2) == said ? used - 2 : 0;
}

static const struct object *find(uint16_t class_id, const uint8_t *name)
{
	for (uint32_t at = 0; at < OBJECT_COUNT; at++) {
		const struct object *object = &objects[at];
		uint32_t same = object->class_high == class_id >> 8 &&
				object->class_low == (class_id & 0xff);
		for (int byte = 0; byte < 6; byte++)
			same &= object->name[byte] == name[byte];
		if (same)
			return object;
	}
	return 0;
}

static void answer_get(const struct object *object)
{
	switch (object->class_low) {
	case 1:
		put_text(object->name[2] == 96 ? serial_number : release);
		break;
	case 3:
		put_long(object->name[2] == 1 ? state.import_wh : state.export_wh);
		break;
#ifdef WITH_DEMAND
	case 4:
		put_long(state.demand_w);
		break;
#endif
	case 15:
		for (uint32_t at = 0; at < sizeof(objects); at++)
			put_byte(((const uint8_t *)objects)[at]);
		break;
	default:
		put_long(TICKS);
	}
}

#ifdef WITH_DISCONNECT
static const char disconnect_log[] = "disconnect_control: remote_disconnect executed";
static const char reconnect_log[] = "disconnect_control: remote_reconnect executed";

/* Methods 1 and 2 of class 70: remote_disconnect and remote_reconnect. */
static void answer_action(const struct object *object, uint8_t method)
{
	if (object->class_low != 70)
		return;
	state.output_state = method == 2;
	RELAY = state.output_state != 0 ? 0x00000001u : 0x00010000u;
	put_text(state.output_state != 0 ? reconnect_log : disconnect_log);
}
#endif

static void serve(void)
{
	uint32_t size = get_frame();
	if (size == 0)
		return;
	const struct object *object = find((uint16_t)(frame[1] << 8 | frame[2]), &frame[3]);
	if (object == 0)
		return;
	if (frame[0] == 0xc0)
		answer_get(object);
#ifdef WITH_DISCONNECT
	if (frame[0] == 0xc3 && size > 9)
		answer_action(object, frame[9]);
#endif
}

static void count(void)
{
	uint32_t now = PULSE_COUNT;
	state.import_wh += now - state.pulses;
#ifdef WITH_DEMAND
	if (TICKS - state.demand_start > 900000u) {
		uint32_t average_w = (now - state.demand_pulses) * 4u;
		if (average_w > state.demand_w)
			state.demand_w = average_w;
		state.demand_pulses = now;
		state.demand_start = TICKS;
	}
#endif
	state.pulses = now;
}

void reset(void)
{
	for (volatile uint32_t *word = bss_start; word < bss_end; word++)
		*word = 0;
	UART_RATE = 0x0341u;
	UART_CONTROL = 0x200cu;
	put_text(release);
	for (;;) {
		count();
		serve();
	}
}
