/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processor models of -cpu and their identification registers. */
#ifndef ISA_AARCH64_MODELS_H
#define ISA_AARCH64_MODELS_H
#include "isa/aarch64/cpu.h"

/* "cortex-a57,+crc,-lse"; NULL: max. Fills features and model; 0 or -EINVAL with a sentence. */
int a64_model_parse(struct a64_cpu *c, const char *spec, struct err *e);
void a64_models_print(FILE *f);
/* An identification register (op0 3, op1 0, CRn 0) as Linux shows it to programs. */
uint64_t a64_model_id(const struct a64_cpu *c, unsigned crm, unsigned op2);
/* Does a program's MRS of it work? */
bool a64_model_has_id(unsigned crm, unsigned op2);
/* Tables of helpers, made when the first instruction that wants them is translated. */
void a64_crc_init(void);
void a64_crypto_init(void);
#endif
