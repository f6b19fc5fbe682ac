/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHAR_TERMINAL_H
#define CHAR_TERMINAL_H
#include "char/char.h"

/* After SIGCONT: the shell has put the terminal's settings back; stdio sets its own again. */
void char_terminal_continued(struct chardevs *cs);
#endif
