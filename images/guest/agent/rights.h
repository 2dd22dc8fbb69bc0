// SPDX-License-Identifier: Apache-2.0
/*
 * What this process may do on a device that is not its own: as root nearly all, as the shell of a phone little.
 * Each right is tried, for neither the uid nor the file's mode tells what a security module refuses.
 */
#ifndef OOMLAB_AGENT_RIGHTS_H
#define OOMLAB_AGENT_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/recipe.h"

enum right {
	RIGHT_PAGETYPEINFO, /* free lists by migratetype: all usable units are counted there */
	RIGHT_KPAGEFLAGS,   /* the fingerprint */
	RIGHT_PAGEMAP,	    /* frame numbers of its own pages */
	RIGHT_SYSCTL,	    /* write below /proc/sys/vm */
	RIGHT_ADJ,	    /* an oom_score_adj of -1000 */
	RIGHT_KMSG,	    /* marks in the kernel's log */
	RIGHT_MLOCK,	    /* all of its memory locked */
	RIGHT_SNDBUF,	    /* socket buffers beyond the limit */
	RIGHT_FILES,	    /* a million descriptors */
	RIGHT_TRACEFS,
	RIGHT_DEBUGFS,
	RIGHT_ZRAM, /* a swap device on zram set up anew */
	RIGHTS,
};

/* Tries all of them, once; emit and guest_secure come first. */
void rights_look(void);

/* The words of those that are lacking, for the device record; how many. */
size_t rights_lacking(const char *words[RIGHTS]);

/* False when a right that the recipe needs was refused: told by an error at `rights`. */
bool rights_suffice(const struct recipe *recipe);

/* Likewise for one right, which `what` needs. */
bool rights_allow(enum right right, const char *what);

/* Tells it of a right that somebody else tried, by its word; false. */
bool rights_refuse(int error, const char *what, const char *word);

#endif
