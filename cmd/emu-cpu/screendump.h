/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A picture of a screen as a file's bytes. */
#ifndef EMU_CPU_SCREENDUMP_H
#define EMU_CPU_SCREENDUMP_H
#include <stdio.h>
#include "base/err.h"

struct display;
/* Binary PPM (P6), 24 bits a pixel. The surface as it is: refresh it first. 0 or -errno with e filled. */
int screendump_ppm(const struct display *d, FILE *to, struct err *e);
/* PNG, 24 bits a pixel; -ENOTSUP where libpng was not built in. */
int screendump_png(const struct display *d, FILE *to, struct err *e);
#endif
