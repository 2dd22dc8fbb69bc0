// SPDX-License-Identifier: Apache-2.0
/* The table of trigger kinds. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "trigger/kind.h"

extern const struct trigger_kind trigger_allocate;
extern const struct trigger_kind trigger_binder_mmap;
extern const struct trigger_kind trigger_command;
extern const struct trigger_kind trigger_fork;
extern const struct trigger_kind trigger_network;
extern const struct trigger_kind trigger_syscall;

static const struct trigger_kind *const kinds[] = {
	&trigger_allocate,
	&trigger_binder_mmap,
	&trigger_command,
	&trigger_fork,
	&trigger_network,
	&trigger_syscall,
};

const struct trigger_kind *trigger_kind_named(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i]->name, name))
			return kinds[i];
	return NULL;
}

bool trigger_kind_parse(const char *key, char *value)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i]->parse && kinds[i]->parse(key, value))
			return true;
	return false;
}
