/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processor models of -cpu. */
#ifndef ISA_PPC_MODELS_H
#define ISA_PPC_MODELS_H
#include "isa/ppc/cpu.h"

/* A model's name in any case; NULL: the guest's default. Fills features and model; 0 or -EINVAL with a sentence. */
int ppc_model_parse(struct ppc_cpu *c, const char *spec, bool wide, struct err *e);
void ppc_models_print(FILE *f, bool wide);
uint32_t ppc_model_pvr(const struct ppc_cpu *c);
#endif
