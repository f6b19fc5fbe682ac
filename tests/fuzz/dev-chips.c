/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine with every chip of a PC, driven by the input: register accesses, time, lines, DMA, keys, messages, media changes. Nothing may
 * crash or hang; at the end the state of one device must go round.
 */
#include <stdlib.h>
#include <string.h>
#include "../../cmd/emu-cpu/dev/intc/apic.h"
#include "../../cmd/emu-cpu/display.h"
#include "../../cmd/emu-cpu/pc-chips.h"
#include "../../cmd/emu-cpu/pci.h"
#include "../../cmd/emu-cpu/testing.h"
#include "../unit/dev-drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);

/* A machine an input: what it frees would fill the sanitizer's quarantine first and the fuzzer's limit then. */
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=16";
}

/* In place of the processors' A20 gate. */
static bool a20;
void machine_a20(struct machine *m, bool on) { (void)m; a20 = on; }
bool machine_a20_get(struct machine *m) { (void)m; return a20; }

static struct vcpu *self;
static struct machine *m;
static void line(struct vcpu *v, bool on) { (void)v; (void)on; }
static void pulse(struct vcpu *v) { (void)v; }
static void sipi(struct vcpu *v, uint8_t vector) { (void)v; (void)vector; }
static uint64_t tsc(struct vcpu *v) { (void)v; return clock_ns(m, CLOCK_VIRT) * 2; }
static uint64_t hz(struct vcpu *v) { (void)v; return 2000000000; }
static struct vcpu *current(void) { return self; }
static const struct apic_processor processor = {line, pulse, pulse, pulse, sipi, tsc, hz, current};

static const struct { uint16_t base, count; } ports[] = {
	{0x20, 2}, {0xa0, 2}, {0x4d0, 2}, {0x40, 4}, {0x61, 1}, {0x70, 2}, {0x60, 1}, {0x64, 1}, {0x92, 1}, {0, 16}, {0xc0, 32}, {0x80, 16},
	{0x3f8, 8}, {0x2f8, 8}, {0x378, 8}, {0x3f0, 8}, {0x3f5, 1}, {0x3f5, 1}, {0x510, 12}, {0x441, 3}, {0xe0, 12}, {0x2000, 24},
	{0x505, 1}, {0xe9, 1},
};
static const uint64_t memories[] = {0xfee00000, 0xfee00000, 0xfec00000, 0xfec00010, 0xfed00000, 0xfed00100, 0xfff00000, 0xffe00000, 0x80000000,
				     0xff000000, 0, 0x10000};

struct input { const uint8_t *p, *end; };
static uint8_t u8(struct input *i) { return i->p < i->end ? *i->p++ : 0; }
static uint16_t u16(struct input *i) { uint16_t v = u8(i); return (uint16_t)(v | u8(i) << 8); }
static uint32_t u32(struct input *i) { uint32_t v = u16(i); return v | (uint32_t)u16(i) << 16; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const plain[] = {"isa-i8259", "isa-pit", "mc146818rtc", "i8257", "i8042", "isa-serial", "isa-serial", "isa-parallel",
					    "fw_cfg_io", "hpet", "ioapic", "ib700", "i6300esb", "pc-testdev", "pvpanic", "isa-debugcon"};
	struct device *d[32];
	struct apic *a[2];
	struct drive floppy = {0}, flash = {0};
	struct err e = ERR_INIT;
	struct input in = {data, data + size};
	enum mem_result r;
	unsigned n = 0, budget = 0;
	uint8_t box[16] = {0};
	uint64_t passed = 0;

	m = machine_new_test();
	for (; n < sizeof plain / sizeof plain[0]; n++)
		d[n] = test_device(m, plain[n], n == 9 ? "msi=on,timers=4" : n == 2 ? "clock=vm,lost_tick_policy=slew" : NULL);
	drive_insert(&floppy, 1440 * 512);
	drive_insert(&flash, 0x10000);
	d[n] = device_new(m, "isa-fdc", NULL, &e);
	device_set_ptr(d[n], "driveA", &floppy);
	if (device_realize(d[n], &e) < 0)
		abort();
	d[n]->type->reset(d[n]);
	n++;
	for (unsigned i = 0; i < 2; i++, n++) {
		d[n] = device_new(m, i ? "cfi.pflash02" : "cfi.pflash01", m->system_bus, &e);
		device_set_ptr(d[n], "drive", i ? NULL : &flash);
		if (i)
			device_set(d[n], "num-blocks", "2", &e);
		if (device_realize(d[n], &e) < 0)
			abort();
		d[n]->type->reset(d[n]);
		region_add(space_root(m->memory), i ? 0xffe00000 : 0xfff00000, pflash_region(d[n]), 1);
	}
	for (unsigned i = 0; i < 2; i++, n++) {
		struct vcpu *v = vcpu_new_test(m);

		a[i] = apic_new(m, v, i, &e);
		a[i]->processor = &processor;
		vcpu_set_apic(v, a[i]);
		d[n] = &a[i]->dev;
		self = v;
	}
	self = a[0]->vcpu;
	m->i8259 = d[0];
	fw_cfg_add_writable(m, "etc/box", box, sizeof box, NULL, NULL, &e);
	i8254_connect(d[1], &hpet_legacy_inputs(d[9])[0]);
	mc146818_connect(d[2], &hpet_legacy_inputs(d[9])[1]);
	hpet_connect_legacy(d[9], &i8259_inputs(d[0])[0], &i8259_inputs(d[0])[8]);
	hpet_connect(d[9], 2, &ioapic_inputs(d[10])[2]);
	pci_config_write(pci_bus_of(pci_device(d[12])), 0, pci_device(d[12])->devfn, 0x10, 0x80000000, 4);
	pci_config_write(pci_bus_of(pci_device(d[12])), 0, pci_device(d[12])->devfn, 4, 2, 2);

	while (in.p < in.end && ++budget < 4000) {
		uint8_t op = u8(&in), k;
		uint16_t port;
		uint64_t at;
		uint64_t value;

		switch (op & 15) {
		case 0: case 1: case 2: case 3: case 4: case 5:
			k = u8(&in) % (sizeof ports / sizeof ports[0]);
			port = (uint16_t)(ports[k].base + (op >> 4) % ports[k].count);
			if ((op & 15) < 4)
				space_store(m->ports, port, u8(&in), 1, &r);
			else if ((op & 15) == 4)
				space_load(m->ports, port, 1, &r);
			else
				space_store(m->ports, port, u32(&in), 1u << (op >> 4 & 3), &r);
			break;
		case 6: case 7: case 8:
			k = u8(&in) % (sizeof memories / sizeof memories[0]);
			at = memories[k] + u16(&in) % (op & 0x80 ? 0x400 : 0x10000);
			if ((op & 15) == 8)
				space_load(m->memory, at, 1u << (op >> 4 & 3), &r);
			else
				space_store(m->memory, at & ~3ull, u32(&in), op & 0x10 ? 8 : op & 0x20 ? 1 : 4, &r);
			break;
		case 9:
			value = u8(&in) * (1ull << (op >> 4) * 4 / 3);
			/* time with all timers at their fastest is dear: 100 ms an input at most */
			if (passed + value > 100000000)
				value &= 0xfff;
			passed += value;
			if (!clock_running(m)) /* a panic or a request has stopped it */
				clock_start(m);
			clock_step(m, value);
			break;
		case 10:
			k = u8(&in);
			irq_set(k & 0x80 ? &ioapic_inputs(d[10])[k % 24] : &i8259_inputs(d[0])[k & 15], k & 0x40);
			apic_extint(a[0], i8259_pending(d[0]));
			break;
		case 11:
			self = a[op >> 4 & 1]->vcpu;
			k = u8(&in);
			if (op & 0x20)
				apic_msr_write(a[op >> 4 & 1], k < 0x40 ? 0x800 + k : 0x6e0, u32(&in));
			else if (op & 0x40)
				apic_set_base(a[op >> 4 & 1], 0xfee00000 + (k & 15) * 0x100 + (k >> 4) * 0x1000);
			else
				apic_msr_read(a[op >> 4 & 1], 0x800 + (k & 0x3f), &value);
			break;
		case 12:
			for (unsigned i = 0; i < 2; i++)
				if (apic_pending(a[i]))
					apic_acknowledge(a[i]);
			break;
		case 13:
			k = u8(&in);
			if (op & 0x10)
				input_key(m, k, op & 0x20);
			else if (op & 0x40)
				input_motion(m, (int8_t)k * 3, (int8_t)u8(&in));
			else
				input_wheel(m, (int8_t)k);
			input_sync(m);
			break;
		case 14:
			floppy.fail = op & 0x10 ? EIO : 0;
			flash.fail = op & 0x20 ? EIO : 0;
			drive_run(&floppy);
			drive_run(&flash);
			if (op & 0x40)
				drive_insert(&floppy, op & 0x80 ? 0 : (u8(&in) + 1) * 8192ull);
			break;
		default:
			space_st_le64(m->memory, u16(&in), (uint64_t)u32(&in) << 32 | u32(&in));
		}
	}
	{
		unsigned i = (data && size ? data[size - 1] : 0) % n;
		const char *why;

		drive_run(&floppy);
		drive_run(&flash);
		why = test_round_trip(d[i], NULL);
		if (*why) {
			fprintf(stderr, "%s: %s\n", d[i]->type->name, why);
			abort();
		}
	}
	machine_free_test(m);
	drive_run(&floppy);
	drive_run(&flash);
	free(floppy.data);
	free(flash.data);
	return 0;
}
