/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the benchmark programs: a small deterministic generator and the
 * scale argument.  Every program is `NAME [SCALE]`; SCALE (default 1.0)
 * multiplies the amount of work. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline uint32_t rng32(uint64_t *s)
{
    *s = *s * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(*s >> 33) ^ (uint32_t)(*s >> 17);
}

static inline long scaled(int argc, char **argv, long n)
{
    double k = argc > 1 ? atof(argv[1]) : 1.0;
    long r = (long)(n * k);
    return r < 1 ? 1 : r;
}
#endif
