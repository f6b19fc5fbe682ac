/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The types of QMP's commands and events, as the reference manual has them. */
#include "qapi.h"

const struct qapi_type qapi_types[] = {
	{"WatchdogAction", QAPI_ENUM, "reset,shutdown,poweroff,pause,debug,none,inject-nmi", NULL, NULL},
	{0}};
