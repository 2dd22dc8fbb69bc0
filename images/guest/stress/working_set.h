// SPDX-License-Identifier: Apache-2.0
/*
 * What user space has in memory: anonymous pages, page cache and locked memory, each on the list
 * of the kernel where the picture wants it.
 *
 * Anonymous pages begin as inactive; looked at twice by way of get_user_pages() they are active
 * (mm/gup.c, follow_page_pte; mm/swap.c, folio_mark_accessed). Page cache begins as inactive, and a
 * second read makes it active. It is that of a null block device, so it costs the host nothing.
 *
 * All kinds are taken in turns, so that they lie mixed, and among every eight pages one
 * cannot move: neither reclaim of the other seven nor compaction makes a block of order 3.
 * Among anonymous pages it is one of them, to which a pipe holds a reference (vmsplice(2)): what has
 * a reference more than it has mappings is passed over by compaction and reclaim. On a phone the
 * drivers of graphics and camera do that. The page cache of a block device comes from unmovable
 * blocks (block/bdev.c, bdev_alloc: GFP_USER), as page tables do, so it is mixed with those.
 */
#ifndef OOMLAB_STRESS_WORKING_SET_H
#define OOMLAB_STRESS_WORKING_SET_H

#include "stress/holder.h"

void working_set_prepare(bool files);
/*
 * Takes request->amounts[], by line of the picture: the anonymous, file and locked ones, and of
 * page tables as many as there are turns for.
 */
void working_set_take(const struct holder_request *request, struct holder_answer *answer);
/* Shared memory: the pages of a file without a name. */
void working_set_share(const struct holder_request *request, struct holder_answer *answer);
/* Maps page cache that is there already. */
void working_set_map(const struct holder_request *request, struct holder_answer *answer);

#endif
