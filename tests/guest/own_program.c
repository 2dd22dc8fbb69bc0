// SPDX-License-Identifier: Apache-2.0
/* What docs/own-programs.md has a reader write: page faults of a map, timed; `mytest ROUNDS`. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define PAGES 16
#define PAGE 4096

static long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

int main(int count, char **words)
{
	int rounds = count > 1 ? atoi(words[1]) : 10;
	long best = 0;

	for (int i = 0; i < rounds; i++) {
		long start = now_ns(), took;
		char *map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (map == MAP_FAILED)
			return 1;
		for (int page = 0; page < PAGES; page++)
			map[page * PAGE] = 1;
		took = now_ns() - start;
		best = !best || took < best ? took : best;
		munmap(map, PAGES * PAGE);
	}
	printf("fault_16_pages %ld ns\n", best);
	printf("rounds %d rounds\n", rounds);
	return 0;
}
