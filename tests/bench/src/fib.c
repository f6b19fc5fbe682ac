/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recursive calls and returns. */
#include "common.h"

__attribute__((noinline, noclone)) static uint32_t fib(uint32_t n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

int main(int argc, char **argv)
{
    long reps = scaled(argc, argv, 60);
    volatile uint32_t n = 32;
    uint32_t sum = 0;

    for (long r = 0; r < reps; r++)
        sum += fib(n) + r;
    printf("fib %08x\n", sum);
    return 0;
}
