/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EMU_MON_PLAN_CHECK_H
#define EMU_MON_PLAN_CHECK_H
#include "plan.h"

/* The descriptions of character back ends in a plan, before anything is started: unknown ones, ids twice, ids that are missing. */
int plan_check_fronts(const struct plan *p, struct err *e);
#endif
