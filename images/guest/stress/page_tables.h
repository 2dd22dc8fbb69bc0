// SPDX-License-Identifier: Apache-2.0
/*
 * Stressor `page_tables`: one byte read per page of page table entries. What is mapped is the
 * zero page, so nothing but tables is taken.
 */
#ifndef OOMLAB_STRESS_PAGE_TABLES_H
#define OOMLAB_STRESS_PAGE_TABLES_H

#include "stress/holder.h"

void page_tables_prepare(void);
/* One table; false when there is no room in the address space for more. */
bool page_tables_take(void);
void page_tables_grow(const struct holder_request *request, struct holder_answer *answer);

#endif
