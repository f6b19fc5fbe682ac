/* SPDX-License-Identifier: GPL-2.0-or-later */
/* These programs print what calls did; natively and under emu-user they must print the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A result with its error, by name. */
#define SAY(call)                                                                                         \
	do {                                                                                              \
		errno = 0;                                                                                \
		long long say_ = (long long)(call);                                                       \
		printf("%s = %lld%s%s\n", #call, say_, say_ < 0 ? " " : "", say_ < 0 ? strerrorname_np(errno) : ""); \
	} while (0)
