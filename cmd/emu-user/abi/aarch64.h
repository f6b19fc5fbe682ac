/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The AArch64 ABI's parts for each other. */
#ifndef ABI_AARCH64_H
#define ABI_AARCH64_H
#include "order.h"
const void *vdso_aarch64(struct process *p, size_t *size);
void vdso_aarch64_mapped(struct process *p, uint64_t base);
#endif
