// SPDX-License-Identifier: Apache-2.0
/*
 * A process behind handle 0 that sends every call back: what a trigger needs that makes transactions. It is
 * forked while memory is plenty, opens the device when the variant's driver is there, and is no victim.
 */
#ifndef OOMLAB_TRIGGER_BINDER_SERVER_H
#define OOMLAB_TRIGGER_BINDER_SERVER_H

/* Forks it; it waits. 0 or the errno. */
int binder_server_prepare(void);

/* Has it open and map the device and become context manager, and waits until it has: 0 or the errno. */
int binder_server_begin(void);

#endif
