/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integer mix: sieve of Eratosthenes, quicksort, open-addressing hash table. */
#include "common.h"

static uint32_t sieve(uint8_t *f, uint32_t n)
{
    uint32_t count = 0;
    memset(f, 1, n);
    for (uint32_t i = 2; i < n; i++) {
        if (!f[i])
            continue;
        count++;
        for (uint64_t j = (uint64_t)i * i; j < n; j += i)
            f[j] = 0;
    }
    return count;
}

static void quick(uint32_t *a, long lo, long hi)
{
    while (lo < hi) {
        uint32_t p = a[lo + (hi - lo) / 2];
        long i = lo, j = hi;
        while (i <= j) {
            while (a[i] < p)
                i++;
            while (a[j] > p)
                j--;
            if (i <= j) {
                uint32_t t = a[i];
                a[i++] = a[j];
                a[j--] = t;
            }
        }
        if (j - lo < hi - i) {
            quick(a, lo, j);
            lo = i;
        } else {
            quick(a, i, hi);
            hi = j;
        }
    }
}

int main(int argc, char **argv)
{
    enum { N = 1 << 18, SIEVE = 1 << 20, HB = 1 << 17 };
    uint8_t *flags = malloc(SIEVE);
    uint32_t *a = malloc(N * sizeof *a), *h = malloc(HB * sizeof *h);
    uint32_t sum = 0;
    uint64_t seed = 42;
    long reps = scaled(argc, argv, 14);

    for (long r = 0; r < reps; r++) {
        sum = sum * 31 + sieve(flags, SIEVE);
        for (long i = 0; i < N; i++)
            a[i] = rng32(&seed);
        quick(a, 0, N - 1);
        for (long i = 0; i < N; i += 1001)
            sum = sum * 31 + a[i];
        memset(h, 0, HB * sizeof *h);
        for (long i = 0; i < HB / 2; i++) {
            uint32_t key = a[(i * 3) % N] | 1, slot = (key * 2654435761u) >> 15;
            while (h[slot] && h[slot] != key)
                slot = (slot + 1) & (HB - 1);
            h[slot] = key;
        }
        for (long i = 0; i < N; i++) {
            uint32_t key = a[i] | 1, slot = (key * 2654435761u) >> 15, n = 0;
            while (h[slot] && h[slot] != key)
                slot = (slot + 1) & (HB - 1), n++;
            sum += n + h[slot] % 7;
        }
    }
    printf("int %08x\n", sum);
    return 0;
}
