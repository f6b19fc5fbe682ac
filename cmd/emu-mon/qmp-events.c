/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP's events and what they carry. */
#include "qmp.h"

const struct qmp_event qmp_events[] = {
	{"SHUTDOWN", "guest:bool"},
	{"RESET", "guest:bool"},
	{"STOP", NULL},
	{"RESUME", NULL},
	{"POWERDOWN", NULL},
	{0}};
