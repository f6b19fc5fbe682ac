/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -test-protocol: devices driven by lines on standard input; see emu-cpu(1). */
#ifndef EMU_CPU_TEST_PROTOCOL_H
#define EMU_CPU_TEST_PROTOCOL_H
#include "base/err.h"

struct machine;
int test_protocol_start(struct machine *m, struct err *e);
void test_protocol_stop(struct machine *m);
#endif
