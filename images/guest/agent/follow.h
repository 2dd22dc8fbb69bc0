// SPDX-License-Identifier: Apache-2.0
/* A file of records, as it grows, for whoever listens from outside a device. */
#ifndef OOMLAB_AGENT_FOLLOW_H
#define OOMLAB_AGENT_FOLLOW_H

#define FOLLOW_DONE 0
#define FOLLOW_FAILED 1
#define FOLLOW_NO_FILE 2

/*
 * `agent follow RECORDS OFFSET`: writes the bytes from there on to stdout as they come, until no agent holds the
 * file and all are out. FOLLOW_FAILED: nobody listens any more, or what is said on stderr; FOLLOW_NO_FILE: the
 * file is not there, or shorter than that. Takes no memory once the first byte is out.
 */
int follow_run(const char *path, const char *offset);

#endif
