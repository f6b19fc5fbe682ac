/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PCI device to learn driver writing with.
 *
 * Specification: "EDU device", docs/specs/edu. Interrupts by INTA or MSI. Computing and DMA take a moment of virtual time, so that drivers must wait.
 * Property: dma_mask (28 bits).
 *
 *   00 R  identification 010000ed    04 RW  liveness: reads inverted    08 RW factorial     20 RW status: 0 computing (R), 7 interrupt after
 *   24 R  interrupt status           60 W  raise    64 W  acknowledge
 *   80 RW DMA source   88 RW destination   90 RW count   98 RW command: 0 start, 1 from the device, 2 interrupt 100 after     (32 or 64 bits)
 *   the device's own 4096 bytes are at DMA address 40000
 */
#include <errno.h>
#include <string.h>

#include "../../machine.h"
#include "../../pci.h"

enum { ID, LIVE = 4, FACTORIAL = 8, STATUS = 0x20, IRQ_STATUS = 0x24, IRQ_RAISE = 0x60, IRQ_ACK = 0x64, DMA_SOURCE = 0x80, DMA_TO = 0x88,
       DMA_COUNT = 0x90, DMA_COMMAND = 0x98 };
enum { STATUS_COMPUTING = 1, STATUS_INTERRUPT = 0x80 };
enum { DMA_RUN = 1, DMA_FROM_DEVICE = 2, DMA_INTERRUPT = 4 };
enum { IRQ_FACTORIAL = 1, IRQ_DMA = 0x100 };
#define BUFFER_AT 0x40000u
#define BUFFER 4096u
#define FACTORIAL_NS 10000
#define DMA_NS 100000

struct edu {
	struct pci_device pci;
	uint32_t live, factorial, status, irq;
	uint64_t source, to, count, command;
	uint8_t buffer[BUFFER];
	struct timer *factorial_timer, *dma_timer;
	struct region *region;
	uint64_t dma_mask;
};

static void edu_raise(struct edu *s, uint32_t bits)
{
	s->irq |= bits;
	if (!s->irq)
		return;
	if (pci_msi_enabled(&s->pci))
		pci_msi_send(&s->pci, 0);
	else
		pci_set_irq(&s->pci, true);
}

static void edu_computed(void *opaque)
{
	struct edu *s = opaque;
	uint32_t v = 1;

	/* modulo 2^32 a factorial is 0 from 34 on */
	for (uint32_t n = s->factorial; n && v; n--)
		v *= n;
	s->factorial = v;
	s->status &= ~STATUS_COMPUTING;
	if (s->status & STATUS_INTERRUPT)
		edu_raise(s, IRQ_FACTORIAL);
}

static bool in_buffer(const struct edu *s, uint64_t at)
{
	return at >= BUFFER_AT && at - BUFFER_AT <= BUFFER && s->count <= BUFFER - (at - BUFFER_AT);
}

static void edu_dma(void *opaque)
{
	struct edu *s = opaque;
	bool out = s->command & DMA_FROM_DEVICE;
	uint64_t mine = out ? s->source : s->to, memory = (out ? s->to : s->source) & s->dma_mask;

	if (!in_buffer(s, mine))
		guest_error(&s->pci.dev, "DMA of %llu bytes at 0x%llx is outside of the device's buffer", (unsigned long long)s->count,
			    (unsigned long long)mine);
	else if (out)
		pci_dma_write(&s->pci, memory, s->buffer + (mine - BUFFER_AT), s->count);
	else
		pci_dma_read(&s->pci, memory, s->buffer + (mine - BUFFER_AT), s->count);
	s->command &= ~(uint64_t)DMA_RUN;
	if (s->command & DMA_INTERRUPT)
		edu_raise(s, IRQ_DMA);
}

static uint64_t edu_read(void *opaque, uint64_t offset, unsigned size)
{
	struct edu *s = opaque;
	unsigned shift = offset >= DMA_SOURCE ? (offset & 4) * 8 : 0;

	(void)size;
	switch (offset < DMA_SOURCE ? offset : offset & ~7ull) {
	case ID:
		return 0x010000ed;
	case LIVE:
		return s->live;
	case FACTORIAL:
		return s->factorial;
	case STATUS:
		return s->status;
	case IRQ_STATUS:
		return s->irq;
	case DMA_SOURCE:
		return s->source >> shift;
	case DMA_TO:
		return s->to >> shift;
	case DMA_COUNT:
		return s->count >> shift;
	case DMA_COMMAND:
		return s->command >> shift;
	default:
		return UINT64_MAX;
	}
}

static void write_dma(struct edu *s, uint64_t offset, uint64_t value, unsigned size)
{
	unsigned shift = (offset & 4) * 8;
	uint64_t mask = size == 8 ? UINT64_MAX : 0xffffffffull << shift;
	uint64_t *r = (offset & ~7ull) == DMA_SOURCE ? &s->source : (offset & ~7ull) == DMA_TO ? &s->to :
		      (offset & ~7ull) == DMA_COUNT ? &s->count : (offset & ~7ull) == DMA_COMMAND ? &s->command : NULL;

	if (!r)
		return;
	if (s->command & DMA_RUN) {
		guest_error(&s->pci.dev, "DMA registers are written while it runs");
		return;
	}
	*r = (*r & ~mask) | (value << shift & mask);
	if (r == &s->command && (*r & DMA_RUN))
		timer_set(s->dma_timer, clock_ns(s->pci.dev.machine, CLOCK_VIRT) + DMA_NS);
}

static void edu_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct edu *s = opaque;

	switch (offset) {
	case LIVE:
		s->live = ~(uint32_t)value;
		break;
	case FACTORIAL:
		if (s->status & STATUS_COMPUTING)
			break;
		s->factorial = (uint32_t)value;
		s->status |= STATUS_COMPUTING;
		timer_set(s->factorial_timer, clock_ns(s->pci.dev.machine, CLOCK_VIRT) + FACTORIAL_NS);
		break;
	case STATUS:
		s->status = (s->status & ~STATUS_INTERRUPT) | (value & STATUS_INTERRUPT);
		break;
	case IRQ_RAISE:
		edu_raise(s, (uint32_t)value);
		break;
	case IRQ_ACK:
		s->irq &= ~(uint32_t)value;
		if (!s->irq)
			pci_set_irq(&s->pci, false);
		break;
	default:
		if (offset >= DMA_SOURCE)
			write_dma(s, offset, value, size);
	}
}

static void edu_reset(struct pci_device *d)
{
	struct edu *s = (struct edu *)d;

	timer_stop(s->factorial_timer);
	timer_stop(s->dma_timer);
	s->live = s->factorial = s->status = s->irq = 0;
	s->source = s->to = s->count = s->command = 0;
	memset(s->buffer, 0, sizeof s->buffer);
}

static const struct region_ops edu_ops = {edu_read, edu_write, .min = 4, .max = 8, .impl_min = 4, .impl_max = 8};

static int edu_realize(struct pci_device *d, struct err *e)
{
	struct edu *s = (struct edu *)d;
	int r = pci_msi_init(d, 0, 1, true, false);

	if (r < 0)
		return err_errno(e, -r, "edu: MSI");
	d->config[PCI_IRQ_PIN] = 1;
	s->factorial_timer = timer_new(d->dev.machine, CLOCK_VIRT, edu_computed, s);
	s->dma_timer = timer_new(d->dev.machine, CLOCK_VIRT, edu_dma, s);
	s->region = region_new_io(d->dev.machine, "edu-mmio", 1 << 20, &edu_ops, s);
	pci_bar(d, 0, PCI_BAR_MEM, s->region);
	return 0;
}

static void edu_unrealize(struct pci_device *d)
{
	struct edu *s = (struct edu *)d;

	timer_free(s->factorial_timer);
	timer_free(s->dma_timer);
	region_remove(s->region);
	region_free(s->region);
}

static const struct pci_class edu_class = {
	.info = {.vendor = 0x1234, .device = 0x11e8, .revision = 0x10, .class_code = 0x00ff00},
	.realize = edu_realize, .unrealize = edu_unrealize, .reset = edu_reset,
};
static const struct prop edu_props[] = {
	PCI_PROPS,
	{.name = "dma_mask", P_(struct edu, dma_mask, PROP_U64), .def = (1 << 28) - 1, .help = "address bits of its DMA"},
	{.name = NULL},
};
static const struct field edu_fields[] = {
	F_UINT(struct edu, live), F_UINT(struct edu, factorial), F_UINT(struct edu, status), F_UINT(struct edu, irq),
	F_UINT(struct edu, source), F_UINT(struct edu, to), F_UINT(struct edu, count), F_UINT(struct edu, command),
	F_BYTES(struct edu, buffer), F_TIMER(struct edu, factorial_timer), F_TIMER(struct edu, dma_timer), F_END,
};
static const struct state_table edu_state = {.name = "edu", .version = 1, .oldest = 1, .fields = edu_fields};

static const struct device_type edu_type = {
	.name = "edu", .bus = "PCI", .desc = "educational device", .category = "Misc", .size = sizeof(struct edu), .props = edu_props,
	.state = &edu_state, .user = true, .realize = pci_realize, .unrealize = pci_unrealize, .reset = pci_reset, .extra = &edu_class,
};
DEVICE(edu_type);
