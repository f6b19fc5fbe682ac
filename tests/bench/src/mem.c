/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libc string routines: memcpy, memmove, memset, strlen, memchr, strcmp, strchr. */
#include "common.h"

int main(int argc, char **argv)
{
    enum { LEN = 1 << 16 };
    char *a = malloc(LEN), *b = malloc(LEN);
    uint32_t sum = 0;
    long reps = scaled(argc, argv, 60000);

    for (long i = 0; i < LEN; i++)
        a[i] = 'a' + i % 23;
    a[LEN - 1] = 0;
    for (long r = 0; r < reps; r++) {
        long off = r % 61;
        memcpy(b, a + off, LEN - off);
        sum += strlen(b);
        memmove(b + 16, b, LEN / 2);
        memset(b + LEN / 2, 'A' + r % 20, 4096);
        b[LEN - 1] = 0;
        sum = sum * 31 + (uint32_t)strlen(b);
        sum += (char *)memchr(b, 0, LEN) - b;
        sum += strcmp(a + 16, b + 16) < 0;
        /* many short ones: call overhead rather than bandwidth */
        for (int i = 0; i < 60; i++) {
            char s[64];
            int n = 3 + (i * 7 + (int)r) % 40;
            memcpy(s, b + i * 97, n);
            s[n] = 0;
            sum += strlen(s) + (strchr(s, 'q') ? 1 : 0);
        }
    }
    printf("mem %08x\n", sum);
    return 0;
}
