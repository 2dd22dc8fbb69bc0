// SPDX-License-Identifier: Apache-2.0
/*
 * Control records: one JSON object a line, one write a line, on the control serial line, or in a file.
 *
 * Only the supervisor (in a guest of its own PID 1) speaks. The buffer is allocated and locked at start, so
 * that a guest without memory can still tell what happened to it.
 */
#ifndef OOMLAB_AGENT_EMIT_H
#define OOMLAB_AGENT_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Buffer and kernel log, without a line to write records to yet. -1 with errno. */
int emit_prepare(void);

/* The above, and opens /dev/NAME, raw, no echo; holds it open. -1 with errno. */
int emit_open(const char *name);

/* Records go to this file from now on. */
void emit_to(int fd);

/* The kernel log can be written to. */
bool emit_has_marks(void);

void emit_begin(const char *event);
void emit_text(const char *key, const char *text);
/* As a text whose characters are the bytes, 0 to 255. */
void emit_bytes(const char *key, const char *bytes, size_t count);
void emit_number(const char *key, int64_t number);
void emit_flag(const char *key, bool flag);
void emit_numbers(const char *key, const int64_t *numbers, size_t count);
void emit_texts(const char *key, const char *const *texts, size_t count);
/* Rows of so many numbers, the first of each row `stride` numbers after that of the last. */
void emit_rows(const char *key, const int64_t *numbers, size_t rows, size_t count, size_t stride);
void emit_end(void);

/* A figure of the load's own: a name in snake_case, a whole number, and what it is a number of ("KiB/s"). */
void emit_measure(const char *name, int64_t value, const char *unit);

/* Something is missing or went wrong that need not end the trial. */
void emit_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What makes the trial worthless: the caller ends it. */
void emit_error(const char *where, int error, const char *message);

/* A line on the kernel's own log ("oomlab: ..."), so that the console tells the story. */
void emit_mark(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Record and mark that a phase begins. */
void emit_phase(const char *name);

/* Blocks until the host has sent a line (or `size` - 1 bytes); the newline is left out. */
void emit_read_line(char *text, size_t size);

/* Waits until the line has taken everything. */
void emit_drain(void);

#endif
