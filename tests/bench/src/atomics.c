/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two threads: atomic counters, a compare-and-swap loop, a mutex, and a
 * ping-pong between threads is left out on purpose (that measures the
 * scheduler, not the translator). */
#include "common.h"
#include <pthread.h>

static uint32_t counter, hash;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t locked_sum;
static long reps;

static void *work(void *arg)
{
    uint32_t id = (uint32_t)(uintptr_t)arg;
    for (long i = 0; i < reps; i++) {
        __atomic_fetch_add(&counter, id, __ATOMIC_SEQ_CST);
        uint32_t old = __atomic_load_n(&hash, __ATOMIC_RELAXED);
        while (!__atomic_compare_exchange_n(&hash, &old, old + (uint32_t)i, 1, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            ;
        if (i % 16 == 0) {
            pthread_mutex_lock(&lock);
            locked_sum += id;
            pthread_mutex_unlock(&lock);
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t t[2];
    reps = scaled(argc, argv, 12000000);
    for (uintptr_t i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, work, (void *)(i + 1));
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    printf("atomics %08x %08x %08x\n", counter, hash, locked_sum);
    return 0;
}
