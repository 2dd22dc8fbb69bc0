// SPDX-License-Identifier: Apache-2.0
#include "agent/emit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "agent/clock.h"

/* Large enough for a whole /proc/zoneinfo; a text that does not fit is cut and says so. */
#define BUFFER_BYTES (512 * 1024)
/* What must stay free for the end of a record whose text was cut. */
#define TAIL_BYTES 64

static struct {
	int fd;
	int kmsg;
	char *buffer;
	size_t used;
	bool cut;
} line = { .fd = -1, .kmsg = -1 };

static void raw_mode(int fd)
{
	struct termios mode;

	if (tcgetattr(fd, &mode) < 0)
		return;
	cfmakeraw(&mode);
	mode.c_cflag |= CLOCAL | CREAD;
	mode.c_cflag &= ~(tcflag_t)HUPCL;
	cfsetspeed(&mode, B115200);
	tcsetattr(fd, TCSANOW, &mode);
}

int emit_prepare(void)
{
	line.kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	line.buffer = mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (line.buffer == MAP_FAILED)
		return -1;
	/* Children never speak: spare each of them a copy of the locked buffer. */
	madvise(line.buffer, BUFFER_BYTES, MADV_DONTFORK);
	return 0;
}

int emit_open(const char *name)
{
	char path[64];

	if (emit_prepare() < 0)
		return -1;
	snprintf(path, sizeof(path), "/dev/%s", name);
	line.fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (line.fd < 0)
		return -1;
	raw_mode(line.fd);
	return 0;
}

void emit_to(int fd)
{
	line.fd = fd;
}

bool emit_has_marks(void)
{
	return line.kmsg >= 0;
}

void emit_read_line(char *text, size_t size)
{
	size_t used = 0;

	while (used < size - 1 && read(line.fd, text + used, 1) == 1 && text[used] != '\n')
		used++;
	text[used] = '\0';
}

static bool put(const char *text, size_t length, size_t reserve)
{
	if (line.used + length + reserve > BUFFER_BYTES) {
		line.cut = true;
		return false;
	}
	memcpy(line.buffer + line.used, text, length);
	line.used += length;
	return true;
}

static bool put_char(char c)
{
	char text[8];
	int length = 1;

	if (c == '"' || c == '\\')
		length = snprintf(text, sizeof(text), "\\%c", c);
	else if (c == '\n')
		length = snprintf(text, sizeof(text), "\\n");
	else if ((unsigned char)c < 0x20 || (unsigned char)c >= 0x7f)
		length = snprintf(text, sizeof(text), "\\u%04x", (unsigned char)c);
	else
		text[0] = c;
	return put(text, (size_t)length, 2 * TAIL_BYTES);
}

static void put_string(const char *text)
{
	put("\"", 1, TAIL_BYTES);
	while (*text && put_char(*text))
		text++;
	put("\"", 1, TAIL_BYTES);
}

static void put_key(const char *key)
{
	put(",", 1, TAIL_BYTES);
	put_string(key);
	put(":", 1, TAIL_BYTES);
}

static void put_number(int64_t number)
{
	char text[32];
	int length = snprintf(text, sizeof(text), "%lld", (long long)number);

	put(text, (size_t)length, TAIL_BYTES);
}

void emit_begin(const char *event)
{
	line.used = 0;
	line.cut = false;
	put("{\"event\":", 9, TAIL_BYTES);
	put_string(event);
	emit_number("t_us", (int64_t)clock_us());
}

void emit_text(const char *key, const char *text)
{
	put_key(key);
	put_string(text);
}

void emit_bytes(const char *key, const char *bytes, size_t count)
{
	put_key(key);
	put("\"", 1, TAIL_BYTES);
	for (size_t i = 0; i < count && put_char(bytes[i]); i++)
		;
	put("\"", 1, TAIL_BYTES);
}

void emit_number(const char *key, int64_t number)
{
	put_key(key);
	put_number(number);
}

void emit_flag(const char *key, bool flag)
{
	put_key(key);
	put(flag ? "true" : "false", flag ? 4 : 5, TAIL_BYTES);
}

static void put_numbers(const int64_t *numbers, size_t count)
{
	put("[", 1, TAIL_BYTES);
	for (size_t i = 0; i < count; i++) {
		if (i)
			put(",", 1, TAIL_BYTES);
		put_number(numbers[i]);
	}
	put("]", 1, TAIL_BYTES);
}

void emit_numbers(const char *key, const int64_t *numbers, size_t count)
{
	put_key(key);
	put_numbers(numbers, count);
}

void emit_rows(const char *key, const int64_t *numbers, size_t rows, size_t count, size_t stride)
{
	put_key(key);
	put("[", 1, TAIL_BYTES);
	for (size_t row = 0; row < rows; row++) {
		if (row)
			put(",", 1, TAIL_BYTES);
		put_numbers(numbers + row * stride, count);
	}
	put("]", 1, TAIL_BYTES);
}

void emit_texts(const char *key, const char *const *texts, size_t count)
{
	put_key(key);
	put("[", 1, TAIL_BYTES);
	for (size_t i = 0; i < count; i++) {
		if (i)
			put(",", 1, TAIL_BYTES);
		put_string(texts[i]);
	}
	put("]", 1, TAIL_BYTES);
}

/* Of a full disk: once, for the console alone is left to say it. */
static void tell_lost(int error)
{
	static bool told;

	if (!told)
		emit_mark("error control: a record was lost: %s", strerror(error));
	told = true;
}

void emit_end(void)
{
	size_t done = 0;

	if (line.cut)
		put(",\"truncated\":true", 17, 2);
	put("}\n", 2, 0);
	while (line.fd >= 0 && done < line.used) {
		ssize_t wrote = write(line.fd, line.buffer + done, line.used - done);

		if (wrote < 0 && errno != EINTR) {
			tell_lost(errno);
			break;
		}
		if (wrote > 0)
			done += (size_t)wrote;
	}
}

void emit_note(const char *format, ...)
{
	char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	emit_begin("note");
	emit_text("text", text);
	emit_end();
}

void emit_measure(const char *name, int64_t value, const char *unit)
{
	emit_begin("measure");
	emit_text("name", name);
	emit_number("value", value);
	emit_text("unit", unit);
	emit_end();
}

void emit_error(const char *where, int error, const char *message)
{
	emit_mark("error %s: %s (errno %d)", where, message, error);
	emit_begin("error");
	emit_text("where", where);
	emit_number("errno", error);
	emit_text("message", message);
	emit_end();
}

void emit_mark(const char *format, ...)
{
	char text[320] = "<5>oomlab: ";
	size_t prefix = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + prefix, sizeof(text) - prefix - 1, format, arguments);
	va_end(arguments);
	/* A line without an end may still be continued, and is not printed until the next comes. */
	strcat(text, "\n");
	if (line.kmsg >= 0 && write(line.kmsg, text, strlen(text)) < 0)
		return; /* the control record still tells it */
}

void emit_phase(const char *name)
{
	emit_mark("phase %s", name);
	emit_begin("phase");
	emit_text("name", name);
	emit_end();
}

void emit_drain(void)
{
	if (line.fd >= 0)
		tcdrain(line.fd);
}
