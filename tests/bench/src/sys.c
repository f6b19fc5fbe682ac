/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls (getppid, 2 million) and signals delivered to self (100 thousand). */
#include "common.h"
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile sig_atomic_t hits;
static void on_usr1(int s) { (void)s; hits++; }

int main(int argc, char **argv)
{
    struct sigaction sa;
    long calls = scaled(argc, argv, 2000000), sigs = scaled(argc, argv, 100000), bad = 0;
    pid_t pp = getppid();

    memset(&sa, 0, sizeof sa);
    sa.sa_handler = on_usr1;
    sigaction(SIGUSR1, &sa, NULL);
    for (long i = 0; i < calls; i++)
        bad += getppid() != pp;
    for (long i = 0; i < sigs; i++)
        raise(SIGUSR1);
    printf("sys %ld %ld %ld\n", calls, (long)hits, bad);
    return 0;
}
