/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Regions as text, for -d op and for failing tests: one operation a line, "%5:i64 = add %3, 0x10". */
#include <inttypes.h>
#include "jit/ir.h"

static void value(const struct ir_region *r, ir_ref t, FILE *f)
{
	if (t && t < r->temps && r->temp[t].constant)
		fprintf(f, "0x%" PRIx64, r->temp[t].value);
	else
		fprintf(f, "%%%u", t);
}

static void memop(uint32_t x, FILE *f)
{
	fprintf(f, " %u%s%s", 8u << (x & IR_MEM_LOG2), x & IR_MEM_BE ? "be" : "", x & IR_MEM_SIGNED ? "s" : "");
	if (x >> IR_MEM_ALIGN_SHIFT & 7)
		fprintf(f, " align%u", 1u << (x >> IR_MEM_ALIGN_SHIFT & 7));
	fprintf(f, "%s%s%s", x & IR_MEM_ATOMIC ? " atomic" : "", x & IR_MEM_ACQUIRE ? " acquire" : "",
		x & IR_MEM_RELEASE ? " release" : "");
	if (x >> IR_MEM_INDEX_SHIFT & 15)
		fprintf(f, " map%u", x >> IR_MEM_INDEX_SHIFT & 15);
}

static void slot(const struct ir_region *r, uint32_t x, FILE *f)
{
	if (x & IR_LOCAL)
		fprintf(f, " local%u", x & ~IR_LOCAL);
	else
		fprintf(f, " %s", x < r->guest->slot_count ? r->guest->slots[x].name : "?");
}

void ir_print_op(const struct ir_region *r, const struct ir_op *op, FILE *f)
{
	if (op->op >= IR_OPS) {
		fprintf(f, "?%u\n", op->op);
		return;
	}
	const struct ir_op_info *info = &ir_op_info[op->op];
	const ir_ref in[5] = {op->a, op->b, op->c, op->d, op->y};
	const char *type = op->type < IR_TYPES ? ir_type_name[op->type] : "?";
	bool first = true;

	if (op->op == IR_INSN) {
		fprintf(f, " ---- 0x%" PRIx64 " +%u", op->imm, op->aux);
		if (op->x)
			fprintf(f, " extra 0x%x", op->x);
		fputc('\n', f);
		return;
	}
	fputs(op->op == IR_LABEL ? " " : "    ", f);
	if (op->dst)
		fprintf(f, "%%%u:%s = ", op->dst, type);
	fputs(info->name, f);
	if (!op->dst && op->type != IR_VOID)
		fprintf(f, ".%s", type);
	if (info->flags & (IR_F_LANE | IR_F_FLANE | IR_F_ANYLANE))
		fprintf(f, ".%s", op->aux < IR_TYPES ? ir_type_name[op->aux] : "?");
	if (op->op == IR_SETCOND || op->op == IR_SELECT || op->op == IR_BRCOND)
		fprintf(f, ".%s", op->aux < IR_CONDS ? ir_cond_name[op->aux] : "?");
	else if (op->aux && !(info->flags & (IR_F_LANE | IR_F_FLANE | IR_F_ANYLANE)))
		fprintf(f, ".%u", op->aux);
	if (op->op == IR_GET || op->op == IR_SET)
		slot(r, op->x, f);
	if (op->op == IR_CALL)
		fprintf(f, " %s", ((const struct ir_helper *)(uintptr_t)op->imm)->name);
	for (unsigned i = 0; i < 5; i++)
		if (in[i]) {
			fputs(first ? " " : ", ", f);
			first = false;
			value(r, in[i], f);
		}
	if (info->flags & IR_F_FAULT) {
		fprintf(f, " %+" PRId64, (int64_t)op->imm);
		memop(op->x, f);
	} else if (info->flags & IR_F_BR || op->op == IR_LABEL) {
		fprintf(f, " L%u", op->x);
	} else if (op->op != IR_CALL && op->op != IR_GET && op->op != IR_SET) {
		if (op->op == IR_DEPOSIT || op->op == IR_EXTRACT || op->op == IR_SEXTRACT)
			fprintf(f, " [%u +%u]", op->x & 255, op->x >> 8);
		else if (op->x)
			fprintf(f, " x=%u", op->x);
		if (op->imm)
			fprintf(f, " imm=0x%" PRIx64, op->imm);
	}
	fputc('\n', f);
}

void ir_print(const struct ir_region *r, FILE *f)
{
	fprintf(f, "region 0x%" PRIx64 ": %u instructions, %u operations, %u values\n", r->pc, r->insns, r->ops,
		r->temps - 1);
	for (uint32_t i = 0; i < r->ops; i++)
		if (r->op[i].op != IR_NOP)
			ir_print_op(r, &r->op[i], f);
}
