// SPDX-License-Identifier: Apache-2.0
/* The record that says what kind of device the agent is on, when it is none of its own. */
#ifndef OOMLAB_AGENT_DEVICE_RECORD_H
#define OOMLAB_AGENT_DEVICE_RECORD_H

/* Emits it; rights_look comes first. */
void device_record(void);

#endif
