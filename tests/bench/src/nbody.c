/* SPDX-License-Identifier: GPL-2.0-or-later */
/* N-body: scalar double arithmetic with a long dependency chain (sqrt, divide). */
#include "common.h"
#include <math.h>

#define NB 5
static double x[NB][3] = {{0,0,0},{4.84,-1.16,-.10},{8.34,4.12,-.4},{12.89,-15.11,-.22},{15.37,-25.9,.179}};
static double v[NB][3] = {{0,0,0},{.606,2.81,-.02},{-1.01,1.82,.008},{1.08,.868,-.01},{.979,.594,-.034}};
static const double m[NB] = {39.47,.0376,.0112,.00172,.00203};

static double energy(void)
{
    double e = 0;
    for (int i = 0; i < NB; i++) {
        e += .5 * m[i] * (v[i][0]*v[i][0] + v[i][1]*v[i][1] + v[i][2]*v[i][2]);
        for (int j = i + 1; j < NB; j++) {
            double d2 = 0;
            for (int k = 0; k < 3; k++)
                d2 += (x[i][k] - x[j][k]) * (x[i][k] - x[j][k]);
            e -= m[i] * m[j] / sqrt(d2);
        }
    }
    return e;
}

int main(int argc, char **argv)
{
    long steps = scaled(argc, argv, 5000000);
    double dt = 1e-3;

    for (long s = 0; s < steps; s++) {
        for (int i = 0; i < NB; i++)
            for (int j = i + 1; j < NB; j++) {
                double d[3], d2 = 0, mag;
                for (int k = 0; k < 3; k++) {
                    d[k] = x[i][k] - x[j][k];
                    d2 += d[k] * d[k];
                }
                mag = dt / (d2 * sqrt(d2));
                for (int k = 0; k < 3; k++) {
                    v[i][k] -= d[k] * m[j] * mag;
                    v[j][k] += d[k] * m[i] * mag;
                }
            }
        for (int i = 0; i < NB; i++)
            for (int k = 0; k < 3; k++)
                x[i][k] += dt * v[i][k];
    }
    printf("nbody %.6f\n", energy());
    return 0;
}
