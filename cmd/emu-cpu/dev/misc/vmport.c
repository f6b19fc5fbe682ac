/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMware's backdoor: IN EAX from port 5658 with a magic number in EAX and a command in CX; answers come in EAX, EBX, ECX, EDX.
 *
 * "VMware Backdoor I/O Port" (sites.google.com/site/chitchatvmback); the headers of open-vm-tools (backdoor_def.h).
 * Other devices add commands with vmport_register(). An unknown command, or a wrong magic, reads as all ones. No state.
 *
 *   0a version (6)   14 memory in MiB   2d frequency of the TSC, EAX low, EBX high
 */
#include <errno.h>

#include "../../isa-bus.h"
#include "../../machine.h"
#include "../../pc-chips.h"
#include "../../vcpu.h"
#include "isa/x86/cpu.h"

#define MAGIC 0x564d5868u
#define COMMANDS 0x60
enum { GET_VERSION = 0x0a, GET_MEMORY = 0x14, GET_HZ = 0x2d };
enum { EAX, EBX, ECX, EDX };
enum { GPR_RAX, GPR_RCX, GPR_RDX, GPR_RBX }; /* the order of the encoding */

struct vmport {
	struct device dev;
	struct {
		vmport_fn *fn;
		void *opaque;
	} command[COMMANDS];
	struct region *ports;
};

void vmport_register(struct device *d, unsigned command, vmport_fn *fn, void *opaque)
{
	struct vmport *s = (struct vmport *)d;

	if (command >= COMMANDS)
		return;
	s->command[command].fn = fn;
	s->command[command].opaque = opaque;
}

void vmport_command(struct device *d, uint32_t r[4])
{
	struct vmport *s = (struct vmport *)d;
	unsigned command = r[ECX] & 0xffff;

	if (r[EAX] != MAGIC || command >= COMMANDS || !s->command[command].fn)
		r[EAX] = UINT32_MAX;
	else
		s->command[command].fn(s->command[command].opaque, r);
}

static void get_version(void *opaque, uint32_t r[4])
{
	(void)opaque;
	r[EAX] = 6;
	r[EBX] = MAGIC;
	r[ECX] = 2; /* the product: a server */
}

static void get_memory(void *opaque, uint32_t r[4])
{
	struct vmport *s = opaque;

	r[EAX] = (uint32_t)(s->dev.machine->config.ram_size >> 20);
}

static void get_hz(void *opaque, uint32_t r[4])
{
	struct vcpu *v = vcpu_current();
	uint64_t hz = v ? vcpu_tsc_hz(v) : 0;

	(void)opaque;
	r[EAX] = (uint32_t)hz;
	r[EBX] = (uint32_t)(hz >> 32);
}

/* The processor waits in its IN: its registers are at rest, and EAX becomes what we return. */
static uint64_t vmport_read(void *opaque, uint64_t offset, unsigned size)
{
	struct vcpu *v = vcpu_current();
	uint64_t *gpr = v && v->cpu ? x86_cpu(v->cpu)->gpr : NULL;
	uint32_t r[4];

	(void)offset;
	if (!gpr || size != 4)
		return UINT32_MAX;
	r[EAX] = (uint32_t)gpr[GPR_RAX];
	r[EBX] = (uint32_t)gpr[GPR_RBX];
	r[ECX] = (uint32_t)gpr[GPR_RCX];
	r[EDX] = (uint32_t)gpr[GPR_RDX];
	vmport_command(opaque, r);
	gpr[GPR_RBX] = r[EBX];
	gpr[GPR_RCX] = r[ECX];
	gpr[GPR_RDX] = r[EDX];
	return r[EAX];
}

static void vmport_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	(void)opaque, (void)offset, (void)value, (void)size; /* commands are reads */
}

static const struct region_ops vmport_ops = {vmport_read, vmport_write, .min = 1, .max = 4, .unaligned = true};

static int vmport_realize(struct device *d, struct err *e)
{
	struct vmport *s = (struct vmport *)d;

	(void)e;
	vmport_register(d, GET_VERSION, get_version, s);
	vmport_register(d, GET_MEMORY, get_memory, s);
	vmport_register(d, GET_HZ, get_hz, s);
	s->ports = isa_ports(d, "vmport", 0x5658, 4, &vmport_ops, s);
	return 0;
}

static void vmport_unrealize(struct device *d)
{
	isa_ports_free(((struct vmport *)d)->ports);
}

static const struct device_type vmport_type = {
	.name = "vmport", .bus = "ISA", .desc = "VMware's backdoor port", .category = "Misc", .size = sizeof(struct vmport),
	.realize = vmport_realize, .unrealize = vmport_unrealize,
};
DEVICE(vmport_type);
