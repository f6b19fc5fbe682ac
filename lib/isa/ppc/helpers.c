/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of helpers.def. */
#include "isa/ppc/helpers.h"

struct ir_helper ppc_helpers[PPC_HELPERS];

/* The functions have the types that their rows say; only their addresses matter here. */
#define HELPER(name, ...) extern void ppch_##name(void);
#include "isa/ppc/helpers.def"
#undef HELPER

#define IR_HELPER_0 0
#define IR_HELPER_STRUCTURES (IR_HELPER_STATE | IR_HELPER_FAULTS)
#define COUNT(...) COUNT_(__VA_ARGS__, 5, 4, 3, 2, 1, 0)
#define COUNT_(z, a, b, c, d, e, n, ...) n
#define ARGS(...) ARGS_(, ##__VA_ARGS__, 0, 0, 0, 0, 0)
#define ARGS_(z, a, b, c, d, e, ...) {T_(a), T_(b), T_(c), T_(d), T_(e)}
#define T_(x) IR_ARG_##x
enum {
	IR_ARG_0 = IR_VOID, IR_ARG_I8 = IR_I8, IR_ARG_I16 = IR_I16, IR_ARG_I32 = IR_I32, IR_ARG_I64 = IR_I64, IR_ARG_F16 = IR_F16,
	IR_ARG_F32 = IR_F32, IR_ARG_F64 = IR_F64, IR_ARG_V128 = IR_V128, IR_ARG_V64 = IR_V64,
};

void ppc_helpers_init(void)
{
#define HELPER(name, result, flag, ...)                                                                                \
	ppc_helpers[PPC_H_##name] = (struct ir_helper){#name, (void *)ppch_##name, IR_##result, COUNT(0, ##__VA_ARGS__), \
						       ARGS(__VA_ARGS__), IR_HELPER_##flag};
#include "isa/ppc/helpers.def"
#undef HELPER
}
