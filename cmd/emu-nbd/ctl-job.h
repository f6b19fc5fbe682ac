/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What commands that start jobs share. */
#ifndef EMU_NBD_CTL_JOB_H
#define EMU_NBD_CTL_JOB_H
#include "block/job.h"
#include "daemon.h"
#include "state.h"

void daemon_jobs_init(struct daemon *d);
/* job-id, speed, on-error …; strings are borrowed from args. */
int job_options(const json_t *args, struct job_options *o, struct err *e);
/* The command that makes the job again after a kill. New object. */
json_t *job_again(const char *command, const json_t *args, struct disk *k);
struct blk *chain_node(struct disk *k, const char *node, const char *file, struct err *e);
/* The disk that the arguments name, with a medium and without a job. */
struct disk *job_disk(struct daemon *d, struct ctl_call *call, const json_t *args, struct err *e);
#endif
