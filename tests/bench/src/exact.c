/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Double multiply-add whose results are all exact integers: the inexact flag
 * stays clear, so an emulator that trusts the host FPU only once that flag is
 * set stays on its slow path.  Scalar and packed forms alike. */
#include "common.h"

int main(int argc, char **argv)
{
    static double a[512], b[512];
    long reps = scaled(argc, argv, 700000);
    double sum = 0;

    for (int i = 0; i < 512; i++) {
        a[i] = i % 64;
        b[i] = 0;
    }
    for (long r = 0; r < reps; r++) {
        double t = (double)(r % 32);
        for (int i = 0; i < 512; i++)
            b[i] += t * a[i];
        if (r % 4096 == 0)
            sum += b[r % 512];
    }
    printf("exact %.0f %.0f\n", sum, b[511]);
    return 0;
}
