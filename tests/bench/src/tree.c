/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pointer chasing over a shuffled list, and binary trees with malloc/free. */
#include "common.h"

struct node { struct node *l, *r; };

static struct node *make(int d)
{
    struct node *n = malloc(sizeof *n);
    n->l = d ? make(d - 1) : NULL;
    n->r = d ? make(d - 1) : NULL;
    return n;
}

static int check(const struct node *n)
{
    return n->l ? 1 + check(n->l) + check(n->r) : 1;
}

static void drop(struct node *n)
{
    if (n->l) {
        drop(n->l);
        drop(n->r);
    }
    free(n);
}

int main(int argc, char **argv)
{
    enum { N = 1 << 16 };
    uint32_t *next = malloc(N * sizeof *next), p = 0, sum = 0;
    uint64_t seed = 11;
    long reps = scaled(argc, argv, 250);

    for (uint32_t i = 0; i < N; i++)
        next[i] = i;
    for (uint32_t i = N - 1; i > 0; i--) { /* Sattolo: a single cycle */
        uint32_t j = rng32(&seed) % i, t = next[i];
        next[i] = next[j];
        next[j] = t;
    }
    for (long r = 0; r < reps; r++) {
        for (long i = 0; i < 4 * N; i++)
            p = next[p];
        sum = sum * 31 + p;
        for (int d = 4; d <= 14; d += 2) {
            struct node *t = make(d);
            sum += check(t);
            drop(t);
        }
    }
    printf("tree %08x\n", sum);
    return 0;
}
