// SPDX-License-Identifier: Apache-2.0
/*
 * A mount namespace of the agent's own, on a device of others: nobody else sees what is mounted in it, and it ends
 * with the agent, however that ends.
 */
#ifndef OOMLAB_AGENT_NAMESPACE_H
#define OOMLAB_AGENT_NAMESPACE_H

/* Enters it, with tracefs and debugfs where they are not mounted. Who is not root stays, and has what is there. */
void namespace_enter(void);

/*
 * As swapon(2), in the device's own namespace: the kernel keeps the file by the mount that it was found through, and
 * /proc/swaps has no whole path of one whose namespace is gone.
 */
int namespace_swap_on(const char *path);

#endif
