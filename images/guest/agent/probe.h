// SPDX-License-Identifier: Apache-2.0
/* A fixed piece of work, so that the host learns how fast this guest is. */
#ifndef OOMLAB_AGENT_PROBE_H
#define OOMLAB_AGENT_PROBE_H

void probe_run(void);

#endif
