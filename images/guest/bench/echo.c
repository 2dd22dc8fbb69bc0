// SPDX-License-Identifier: Apache-2.0
#include "bench/echo.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/scudo.h"

/*
 * An AIDL call to android.tests.binder.IBenchmark begins with a strict-mode word, a work-source
 * word, the header 'SYST' and the descriptor: its length, and 31 UTF-16 characters with their end.
 */
#define TOKEN_BYTES 80
#define REQUEST_HEAD (TOKEN_BYTES + 4)
#define REPLY_HEAD 8
#define ACCEPT_FDS 0x10 /* TF_ACCEPT_FDS, which libbinder sets on every call */

static const char descriptor[] = "android.tests.binder.IBenchmark";

/*
 * Each side's own: what was to be sent, the parcel, what arrived. The client has its vectors as long as it runs, the
 * server makes both anew for each call; parcels are made anew by either side.
 */
static struct {
	unsigned char *vector, *arrived;
	struct scudo_block parcel, sent, returned;
} buffers;

static unsigned char token[TOKEN_BYTES];

static void make_token(void)
{
	uint32_t words[4] = { 0, UINT32_MAX, 0x53595354, sizeof(descriptor) - 1 };

	memcpy(token, words, sizeof(words));
	for (size_t i = 0; i < sizeof(descriptor); i++)
		token[sizeof(words) + 2 * i] = (unsigned char)descriptor[i];
}

/* Half as much again as is written: Parcel::growData, when the array does not fit (libs/binder/Parcel.cpp). */
static size_t grown(size_t head, size_t bytes)
{
	return (head + bytes) * 3 / 2;
}

static int prepare_allocations(unsigned char *parcel, size_t bytes)
{
	int error = scudo_prepare(&buffers.parcel, parcel, grown(REQUEST_HEAD, bytes));

	if (!error)
		error = scudo_prepare(&buffers.sent, buffers.arrived, bytes);
	return error ? error : scudo_prepare(&buffers.returned, buffers.vector, bytes);
}

int echo_prepare(size_t bytes)
{
	size_t vector, parcel = grown(REQUEST_HEAD, bytes);
	unsigned char *all;

	if (parcel > scudo_largest_kept())
		parcel = scudo_largest_kept();
	vector = (bytes + 15) & ~(size_t)15; /* Aligned as a C library's allocations are. */
	all = mmap(NULL, 2 * vector + parcel, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (all == MAP_FAILED)
		return errno;
	buffers.vector = all;
	buffers.arrived = all + vector;
	for (size_t i = 0; i < bytes; i++)
		buffers.vector[i] = (unsigned char)i;
	make_token();
	return prepare_allocations(all + 2 * vector, bytes);
}

static void put_call(struct binder_stream *stream, uint32_t command, uint32_t code, const void *data,
		     size_t bytes)
{
	struct binder_transaction_data call = { .code = code, .flags = ACCEPT_FDS, .data_size = bytes };

	call.data.ptr.buffer = (binder_uintptr_t)data;
	binder_put(stream, command, &call, sizeof(call));
}

/* Length, and the array after it, as Parcel::writeByteVector has them. */
static void put_vector(unsigned char *to, const unsigned char *vector, uint32_t bytes)
{
	memcpy(to, &bytes, sizeof(bytes));
	memcpy(to + sizeof(bytes), vector, bytes);
}

/* The vector is taken out of the request, copied as the service's method does, and packed again. */
static unsigned char *pack_reply(const struct binder_transaction_data *call, size_t *length)
{
	const unsigned char *request = (const unsigned char *)call->data.ptr.buffer;
	unsigned char *parcel, *sent, *returned;
	uint32_t bytes = 0, ok = 0;

	if (call->data_size >= REQUEST_HEAD && !memcmp(request, token, TOKEN_BYTES))
		memcpy(&bytes, request + TOKEN_BYTES, sizeof(bytes));
	sent = scudo_allocate(&buffers.sent, bytes);
	memcpy(sent, request + REQUEST_HEAD, bytes);
	returned = scudo_allocate(&buffers.returned, bytes);
	memcpy(returned, sent, bytes);
	parcel = scudo_allocate(&buffers.parcel, grown(REPLY_HEAD, bytes));
	memcpy(parcel, &ok, sizeof(ok));
	put_vector(parcel + sizeof(ok), returned, bytes);
	scudo_free(&buffers.returned);
	scudo_free(&buffers.sent);
	*length = REPLY_HEAD + bytes;
	return parcel;
}

static void put_answer(struct binder_stream *stream, const struct binder_transaction_data *call)
{
	unsigned char *parcel;
	size_t length;

	if (call->code != ECHO_LIBBINDER) {
		/* Sent from the driver's own buffer, which can be given back only afterwards. */
		put_call(stream, BC_REPLY, 0, (void *)call->data.ptr.buffer, call->data_size);
		binder_put_free(stream, call->data.ptr.buffer);
		return;
	}
	/* libbinder gives the request back before it replies (b/238777741). */
	binder_put_free(stream, call->data.ptr.buffer);
	parcel = pack_reply(call, &length);
	put_call(stream, BC_REPLY, 0, parcel, length);
}

void echo_serve(struct binder_end *end)
{
	struct binder_stream stream = { .read_bytes = 0 };
	struct binder_transaction_data call;
	bool serves = true;
	uint32_t code;

	binder_put(&stream, BC_ENTER_LOOPER, NULL, 0);
	/* The last answer is still to be written when the last call has come. */
	while (serves || stream.write_bytes) {
		if (binder_talk(end, &stream, true))
			_exit(1);
		/* The driver has copied it (IPCThreadState::executeCommand: `reply` goes when it has been sent). */
		scudo_free(&buffers.parcel);
		while (binder_next(&stream, &code, &call, sizeof(call))) {
			if (code != BR_TRANSACTION)
				continue;
			put_answer(&stream, &call);
			serves = call.code != ECHO_QUIT;
		}
	}
}

/* Writes what was put and reads on until the call has come to its end. */
static enum bench_result await_reply(struct echo_client *client, struct binder_stream *stream,
				     struct binder_transaction_data *reply, struct bench_failure *failure)
{
	for (;;) {
		uint32_t code;

		failure->error = binder_talk(client->end, stream, true);
		failure->where = BENCH_TRANSACTION;
		if (failure->error)
			return BENCH_OVER;
		while (binder_next(stream, &code, reply, sizeof(*reply))) {
			if (code == BR_REPLY)
				return BENCH_SERVED;
			if (code == BR_NOOP || code == BR_TRANSACTION_COMPLETE || code == BR_SPAWN_LOOPER)
				continue;
			failure->reply = code;
			failure->error = binder_extended_error(client->end);
			return code == BR_FAILED_REPLY ? BENCH_REFUSED : BENCH_OVER;
		}
	}
}

static enum bench_result call_plain(struct echo_client *client, uint32_t code, size_t bytes,
				    struct bench_failure *failure)
{
	struct binder_stream stream = { .read_bytes = 0 };
	struct binder_transaction_data reply;
	enum bench_result result;

	if (client->owed)
		binder_put_free(&stream, client->owed);
	client->owed = 0;
	put_call(&stream, BC_TRANSACTION, code, buffers.vector, bytes);
	result = await_reply(client, &stream, &reply, failure);
	if (result == BENCH_SERVED)
		client->owed = reply.data.ptr.buffer;
	return result;
}

/* Copies the vector out of it, and gives its buffer back. */
static enum bench_result take_reply(const struct echo_client *client, struct binder_stream *stream,
				    const struct binder_transaction_data *reply, struct bench_failure *failure)
{
	if (reply->data_size == REPLY_HEAD + client->bytes)
		memcpy(buffers.arrived, (unsigned char *)reply->data.ptr.buffer + REPLY_HEAD, client->bytes);
	binder_put_free(stream, reply->data.ptr.buffer);
	failure->error = binder_talk(client->end, stream, false);
	return failure->error ? BENCH_OVER : BENCH_SERVED;
}

static enum bench_result call_libbinder(struct echo_client *client, struct bench_failure *failure)
{
	struct binder_stream stream = { .read_bytes = 0 };
	struct binder_transaction_data reply;
	unsigned char *parcel = scudo_allocate(&buffers.parcel, grown(REQUEST_HEAD, client->bytes));
	enum bench_result result;

	memcpy(parcel, token, TOKEN_BYTES);
	put_vector(parcel + TOKEN_BYTES, buffers.vector, (uint32_t)client->bytes);
	put_call(&stream, BC_TRANSACTION, ECHO_LIBBINDER, parcel, REQUEST_HEAD + client->bytes);
	result = await_reply(client, &stream, &reply, failure);
	if (result == BENCH_SERVED)
		result = take_reply(client, &stream, &reply, failure);
	scudo_free(&buffers.parcel);
	return result;
}

enum bench_result echo_step(void *argument, struct bench_failure *failure)
{
	struct echo_client *client = argument;
	struct bench_failure now = { 0 };
	enum bench_result result = client->mode == ECHO_RAW ?
					   call_plain(client, ECHO_RAW, client->bytes, &now) :
					   call_libbinder(client, &now);

	if (result != BENCH_SERVED)
		*failure = now;
	return result;
}

enum bench_result echo_check(struct echo_client *client, struct bench_failure *failure)
{
	const unsigned char *came = buffers.arrived;
	enum bench_result result;

	memset(buffers.arrived, 0xff, client->bytes);
	result = echo_step(client, failure);
	if (result == BENCH_SERVED && client->mode == ECHO_RAW)
		came = (const unsigned char *)client->owed;
	if (result == BENCH_SERVED && memcmp(came, buffers.vector, client->bytes)) {
		*failure = (struct bench_failure){ .where = BENCH_PAYLOAD };
		return BENCH_OVER;
	}
	return result;
}

void echo_settle_debt(struct echo_client *client)
{
	struct binder_stream stream = { .read_bytes = 0 };

	if (!client->owed)
		return;
	binder_put_free(&stream, client->owed);
	client->owed = 0;
	binder_talk(client->end, &stream, false);
}

enum bench_result echo_quit(struct echo_client *client, struct bench_failure *failure)
{
	return call_plain(client, ECHO_QUIT, sizeof(uint32_t), failure);
}
