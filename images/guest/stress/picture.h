// SPDX-License-Identifier: Apache-2.0
/*
 * A memory picture: the lines of a Mem-Info report that the guest is to show, and what its
 * kernel says of them now (/proc/meminfo). All in kB, for the whole node.
 */
#ifndef OOMLAB_STRESS_PICTURE_H
#define OOMLAB_STRESS_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

enum picture_line {
	LINE_ACTIVE_ANON,
	LINE_INACTIVE_ANON,
	LINE_ACTIVE_FILE,
	LINE_INACTIVE_FILE,
	LINE_UNEVICTABLE,
	LINE_SLAB_RECLAIMABLE,
	LINE_SLAB_UNRECLAIMABLE,
	LINE_PAGETABLES,
	LINE_KERNEL_STACK,
	LINE_MAPPED,
	LINE_SHMEM,
	LINE_FREE_CMA,
	PICTURE_LINES,
};

struct picture {
	bool wanted;		      /* the recipe has one */
	int64_t kb[PICTURE_LINES];    /* UNLIMITED: nobody asked for this line */
	int64_t min_kb, low_kb;	      /* watermarks; UNLIMITED likewise */
};

/* The names that recipes and records use, NULL at the end. */
extern const char *const picture_names[PICTURE_LINES + 1];

/* The guest's own figures; false with errno when /proc/meminfo cannot be read. */
bool picture_read(int64_t kb[PICTURE_LINES]);

/* How much of a line is missing; negative when there is too much of it, 0 when nobody asked. */
int64_t picture_missing_kb(const struct picture *picture, const int64_t now_kb[PICTURE_LINES],
			   enum picture_line line);

/* A line of 20 MB or more that is more than a tenth off; PICTURE_LINES when there is none. */
enum picture_line picture_worst(const struct picture *picture, const int64_t now_kb[PICTURE_LINES]);

/* Watermarks so low that nothing is reclaimed while the picture is made. */
bool picture_relax_watermarks(void);

/*
 * A variant has written this file: what it holds now is what the boot gave, as far as the picture has none of its
 * own. Files that no picture touches are nothing to it.
 */
void picture_keep_setting(const char *path);

/* The picture's own, or those of the boot where it has none; true without a picture. False with errno. */
bool picture_set_watermarks(const struct picture *picture);

#endif
