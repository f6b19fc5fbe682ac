/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of the intermediate form's types, conditions and operations. */
#include "jit/ir.h"

const uint8_t ir_type_bytes[IR_TYPES] = {0, 1, 2, 4, 8, 16, 2, 4, 8, 10, 16, 8, 16, 32};
const uint8_t ir_type_class[IR_TYPES] = {
	IR_CLASS_VOID, IR_CLASS_INT, IR_CLASS_INT, IR_CLASS_INT, IR_CLASS_INT, IR_CLASS_INT, IR_CLASS_FP,
	IR_CLASS_FP, IR_CLASS_FP, IR_CLASS_FP, IR_CLASS_FP, IR_CLASS_VEC, IR_CLASS_VEC, IR_CLASS_VEC,
};
const char *const ir_type_name[IR_TYPES] = {"void", "i8", "i16", "i32", "i64", "i128", "f16",
					    "f32", "f64", "f80", "f128", "v64", "v128", "v256"};
const char *const ir_cond_name[IR_CONDS] = {"eq", "ne", "ltu", "geu", "leu", "gtu",
					    "lts", "ges", "les", "gts", "tstz", "tstnz"};

/* The bare words of ops.def. */
enum {
	COMM = IR_F_COMM, SIDE = IR_F_SIDE, FAULT = IR_F_FAULT, RS = IR_F_RS, WS = IR_F_WS, END = IR_F_END,
	BR = IR_F_BR, LANE = IR_F_LANE, FLANE = IR_F_FLANE, ANYLANE = IR_F_ANYLANE, FPENV = IR_F_FPENV,
};
enum {
	VOID = IR_CLASS_VOID, INT = IR_CLASS_INT, FP = IR_CLASS_FP, VEC = IR_CLASS_VEC, SCALAR = INT | FP,
	WIDE = INT | FP | VEC | 128, ANY = VOID | INT | FP | VEC,
};

const struct ir_op_info ir_op_info[IR_OPS] = {
	[IR_NOP] = {.name = "nop", .classes = ANY},
#define IR_OP(NAME, text, class, d0, k1, k2, k3, k4, f)                                                               \
	[IR_##NAME] = {text, (class) & 127, (class) >= 128, IR_K_##d0, IR_K_##k1, IR_K_##k2, IR_K_##k3, IR_K_##k4, f},
#include "jit/ops.def"
};
