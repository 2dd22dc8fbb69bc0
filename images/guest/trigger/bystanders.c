// SPDX-License-Identifier: Apache-2.0
#include "trigger/bystanders.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/emit.h"

struct life {
	uint64_t kb;
	int ready;
};

static int live(void *argument)
{
	const struct life *life = argument;
	char *memory = mmap(NULL, life->kb * 1024, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return 1;
	memset(memory, 0x5a, life->kb * 1024);
	if (write(life->ready, "", 1) != 1)
		return 1;
	for (;;)
		pause();
}

int bystanders_start(const struct recipe *recipe)
{
	int64_t pids[CHILD_LIMIT];
	int ready[2];
	char byte;

	if (!recipe->bystander_count)
		return 0;
	if (pipe(ready) < 0)
		return errno;
	for (unsigned i = 0; i < recipe->bystander_count; i++) {
		struct life life = { .kb = recipe->bystander_kb, .ready = ready[1] };

		if (!child_start(ROLE_BYSTANDER, (int)i, recipe->bystander_adj, live, &life))
			return errno;
		/* One after the other, so that their memory lies the same way each time. */
		if (read(ready[0], &byte, 1) != 1)
			return EIO;
	}
	close(ready[0]);
	close(ready[1]);
	emit_begin("bystanders");
	emit_numbers("pids", pids, (size_t)child_pids(ROLE_BYSTANDER, pids, CHILD_LIMIT));
	emit_end();
	return 0;
}
