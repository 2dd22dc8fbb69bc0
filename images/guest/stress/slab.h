// SPDX-License-Identifier: Apache-2.0
/*
 * Stressor `slab`: kernel objects.
 *
 * Unreclaimable: messages in POSIX queues, one page-sized object for each page of a message
 * (ipc/msgutil.c, load_msg). The queues have no name any more, so they end with their process.
 * Reclaimable: negative directory entries with long names in sysfs, which remembers what it
 * does not have (fs/kernfs/dir.c, kernfs_iop_lookup; fs/dcache.c, __d_alloc takes the name from
 * a reclaimable slab). The shrinker can have them; but every so many is the name of a file that
 * is there, so that few slabs become empty, as on a machine that has been up for days.
 */
#ifndef OOMLAB_STRESS_SLAB_H
#define OOMLAB_STRESS_SLAB_H

#include "stress/holder.h"

void slab_prepare(void);
void slab_unreclaimable(const struct holder_request *request, struct holder_answer *answer);
void slab_reclaimable(const struct holder_request *request, struct holder_answer *answer);

#endif
