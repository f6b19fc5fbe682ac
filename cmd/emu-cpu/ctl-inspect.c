/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control commands: a processor's registers, addresses, ports. Data for emu-mon's x, print, i, o and their like. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core.h"
#include "ctl-cpu.h"
#include "jit/isa.h"
#include "memory-internal.h"
#include "vcpu.h"

static json_t *registers(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	struct vcpu *v = ctl_cpu_hold(m, args, e);
	json_t *list;
	unsigned bits = 0;
	uint64_t pc = 0;

	(void)call;
	if (!v)
		return NULL;
	list = json_object();
	for (unsigned n = 0; n < v->cpu->isa->reg_count; n++) {
		const struct isa_reg *r = &v->cpu->isa->regs[n];
		uint64_t value = 0;
		uint8_t bytes[64] = {0};
		if (r->bits > 64 || v->cpu->isa->get_reg(v->cpu, n, bytes) < 0)
			continue;
		for (unsigned i = 0; i < r->bits / 8; i++)
			value |= (uint64_t)bytes[i] << 8 * (v->cpu->isa->big_endian ? r->bits / 8 - 1 - i : i);
		json_object_set_new(list, r->name, json_integer((json_int_t)value));
	}
	v->ops->code(v, &bits, &pc);
	json_object_set_new(list, "pc", json_integer((json_int_t)pc));
	ctl_cpu_release(m);
	return json_pack("{s:s, s:i, s:o}", "arch", m->config.isa, "code-bits", (int)bits, "registers", list);
}
static const struct ctl_arg cpu_args[] = {{"cpu-index", 'i', true}, {0}};
static const struct ctl_command registers_row = {.name = "x-registers", .args = cpu_args, .run = registers};
CTL_COMMAND(registers_row);

static json_t *translate(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	struct vcpu *v = ctl_cpu_hold(m, args, e);
	uint64_t physical;
	json_t *r;

	(void)call;
	if (!v)
		return NULL;
	if (v->ops->translate(v, (uint64_t)json_integer_value(json_object_get(args, "addr")), &physical) < 0)
		r = json_object();
	else
		r = json_pack("{s:I}", "physical", (json_int_t)physical);
	ctl_cpu_release(m);
	return r;
}
static const struct ctl_arg translate_args[] = {{"addr", 'i', false}, {"cpu-index", 'i', true}, {0}};
static const struct ctl_command translate_row = {.name = "x-translate", .args = translate_args, .run = translate};
CTL_COMMAND(translate_row);

/* Where a physical address is in this process; pid is for who may look into its page map. */
static json_t *host_address(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	unsigned long long addr = (unsigned long long)json_integer_value(json_object_get(args, "addr"));
	struct machine *m = opaque;
	struct space_page p = {0};

	(void)call;
	if (m->memory)
		space_page(m->memory, addr, &p);
	if (!p.region)
		err_set(e, EFAULT, "No memory is mapped at address 0x%llx", addr);
	else if (!p.host)
		err_set(e, EFAULT, "Memory at address 0x%llx is not RAM", addr);
	if (e->code)
		return NULL;
	return json_pack("{s:s, s:I, s:i}", "region", region_name(p.region), "address", (json_int_t)((uintptr_t)p.host + (addr & 4095)), "pid",
			 (int)getpid());
}
static const struct ctl_arg addr_args[] = {{"addr", 'i', false}, {0}};
static const struct ctl_command host_row = {.name = "x-host-address", .args = addr_args, .run = host_address};
CTL_COMMAND(host_row);

/* ---- ports ---- */

static bool port_of(struct machine *m, const json_t *args, json_int_t *port, json_int_t *size, struct err *e)
{
	*port = json_integer_value(json_object_get(args, "port"));
	*size = json_integer_value(json_object_get(args, "size"));
	if (!m->ports)
		err_set(e, ENOTSUP, "the machine has no I/O ports");
	else if (*port < 0 || *port > 0xffff || (*size != 1 && *size != 2 && *size != 4))
		err_set(e, EINVAL, "a port is 0 to 65535, its size 1, 2 or 4");
	return !e->code;
}

static json_t *port_read(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	json_int_t port, size;

	(void)call;
	if (!port_of(m, args, &port, &size, e))
		return NULL;
	return json_pack("{s:I}", "value", (json_int_t)space_load(m->ports, (uint64_t)port, (unsigned)size, NULL));
}
static const struct ctl_arg port_args[] = {{"port", 'i', false}, {"size", 'i', false}, {"value", 'i', true}, {0}};
static const struct ctl_command port_read_row = {.name = "x-port-read", .args = port_args, .run = port_read};
CTL_COMMAND(port_read_row);

static json_t *port_write(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	json_int_t port, size;

	(void)call;
	if (port_of(m, args, &port, &size, e))
		space_store(m->ports, (uint64_t)port, (uint64_t)json_integer_value(json_object_get(args, "value")), (unsigned)size, NULL);
	return NULL;
}
static const struct ctl_command port_write_row = {.name = "x-port-write", .args = port_args, .run = port_write};
CTL_COMMAND(port_write_row);
