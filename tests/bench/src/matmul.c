/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Double matrix multiply, blocked by rows (FP throughput; gcc 12 vectorizes it at -O2 where it can). */
#include "common.h"

#define N 320
static double a[N][N], b[N][N], c[N][N];

int main(int argc, char **argv)
{
    uint64_t seed = 3;
    long reps = scaled(argc, argv, 48);
    double sum = 0;

    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            /* /7: results are inexact, as real data's are (an emulator may
             * have a slow path until the inexact flag is set) */
            a[i][j] = ((int)(rng32(&seed) % 2000) - 1000) / 7.0;
            b[i][j] = ((int)(rng32(&seed) % 2000) - 1000) / 7.0;
        }
    for (long r = 0; r < reps; r++) {
        a[r % N][(r * 7) % N] += 1.0;
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < N; j++)
                c[i][j] = 0;
            for (int k = 0; k < N; k++) {
                double t = a[i][k];
                for (int j = 0; j < N; j++)
                    c[i][j] += t * b[k][j];
            }
        }
        sum += c[r % N][(r * 13) % N];
    }
    printf("matmul %.6e\n", sum);
    return 0;
}
