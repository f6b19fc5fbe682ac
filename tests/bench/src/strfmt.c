/* SPDX-License-Identifier: GPL-2.0-or-later */
/* snprintf / strtol / strtod formatting and parsing. */
#include "common.h"

int main(int argc, char **argv)
{
    uint64_t seed = 5;
    uint32_t sum = 0;
    long reps = scaled(argc, argv, 900000);
    char buf[160];

    for (long r = 0; r < reps; r++) {
        uint32_t k = rng32(&seed);
        int n = snprintf(buf, sizeof buf, "%u %-10s|%08x|%d|%.3f", k, "name", k ^ 0x55, (int)(k % 1000) - 500,
                         (k % 100000) / 8.0);
        char *e;
        sum = sum * 31 + n + (uint32_t)strtoul(buf, &e, 10);
        sum += (uint32_t)(strtod(strrchr(buf, '|') + 1, NULL) * 8);
        for (char *p = buf; *p; p++)
            sum = (sum ^ (uint8_t)*p) * 16777619u;
    }
    printf("strfmt %08x\n", sum);
    return 0;
}
