/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two 8237A DMA controllers, cascaded as in a PC/AT, with the page registers of the PIIX.
 *
 * Data sheets: Intel 8237A (231466-005, 1993); page registers: Intel 82371SB PIIX3, 2.5.1.
 * Not modelled: memory-to-memory transfers (channels 0 and 1 of a PC do not have them wired), compressed timing, rotating priority and
 * the demand/single difference: a device moves as much as it has whenever it is asked.
 *
 * Channels 0..3 (first controller) move bytes, 5..7 (second) 16-bit words; channel 4 is the cascade. `pos` and `size` of isa-bus.h count bytes.
 * Memory beyond the 64 KiB (128 KiB) page of a channel is not reached: the address wraps within it.
 *
 *   00-07 / c0-ce   base and current address, count (low byte, then high; the flip-flop chooses)
 *   08 / d0  R status (TC bits are cleared), W command      0c / d8  W clear flip-flop
 *   09 / d2  W request                                      0d / da  R temporary, W master clear
 *   0a / d4  W one mask bit                                 0e / dc  W clear all masks
 *   0b / d6  W mode                                         0f / de  all mask bits
 *   80-8f  page registers (87 83 81 82 for 0..3, 8b 89 8a for 5..7, 8f refresh); the others are plain bytes
 */
#include <errno.h>
#include <stdlib.h>

#include "../../isa-bus.h"
#include "../../machine.h"

enum { CMD_DISABLE = 4 };
enum { MODE_TRANSFER = 0x0c, MODE_WRITE = 4, MODE_READ = 8, MODE_AUTOINIT = 0x10, MODE_DECREMENT = 0x20 };

struct dma_channel {
	uint16_t base_address, base_count, address, count;
	uint8_t mode;
	bool reached;           /* TC: the count has gone from 0 to ffff */
};

struct dma_user {
	isa_dma_fn *transfer;
	void *opaque;
};

struct isa_dma {
	struct device dev;
	struct dma_channel channel[8];
	struct dma_user user[8]; /* wiring, not state */
	uint8_t mask[2], request[2], soft_request[2], tc[2], command[2];
	bool high_byte[2];
	uint8_t page[16];
	uint16_t running;       /* channels whose transfer() is under way: a request from inside it does not nest */
	struct region *ports[3];
};

static const uint8_t page_of[8] = {7, 3, 1, 2, 15, 11, 9, 10};

static bool dma_masked(const struct isa_dma *s, unsigned ch)
{
	return (s->mask[ch >> 2] >> (ch & 3) & 1) || (s->command[ch >> 2] & CMD_DISABLE) ||
	       (ch < 4 && ((s->mask[1] & 1) || (s->command[1] & CMD_DISABLE))); /* the cascade is channel 4 */
}

static unsigned dma_shift(unsigned ch)
{
	return ch >= 4;
}

/* Bytes of the block that is programmed. */
static uint32_t dma_block(const struct isa_dma *s, unsigned ch)
{
	return ((uint32_t)s->channel[ch].base_count + 1) << dma_shift(ch);
}

static uint32_t dma_position(const struct isa_dma *s, unsigned ch)
{
	const struct dma_channel *c = &s->channel[ch];

	return (uint32_t)(uint16_t)(c->base_count - c->count) << dma_shift(ch);
}

static void dma_set_position(struct isa_dma *s, unsigned ch, uint32_t pos)
{
	struct dma_channel *c = &s->channel[ch];
	uint32_t units = pos >> dma_shift(ch), size = (uint32_t)c->base_count + 1;

	if (units > size)
		units = size;
	if (units == size) { /* terminal count */
		c->reached = true;
		s->tc[ch >> 2] |= 1 << (ch & 3);
		s->soft_request[ch >> 2] &= ~(1 << (ch & 3));
		if (c->mode & MODE_AUTOINIT) {
			c->address = c->base_address;
			c->count = c->base_count;
			c->reached = false;
			return;
		}
		s->mask[ch >> 2] |= 1 << (ch & 3);
	}
	c->count = (uint16_t)(c->base_count - units);
	c->address = (uint16_t)(c->mode & MODE_DECREMENT ? c->base_address - units : c->base_address + units);
}

static void dma_run(struct isa_dma *s, unsigned ch)
{
	uint8_t bit = 1 << (ch & 3);

	while (((s->request[ch >> 2] | s->soft_request[ch >> 2]) & bit) && !dma_masked(s, ch) && !(s->running >> ch & 1) &&
	       s->user[ch].transfer) {
		uint32_t pos = dma_position(s, ch), size = dma_block(s, ch), done;

		if (pos >= size)
			pos = 0;
		s->running |= 1 << ch;
		done = s->user[ch].transfer(s->user[ch].opaque, ch, pos, size);
		s->running &= ~(1 << ch);
		if (done > size)
			done = size;
		/* the guest cannot have touched the registers in between: all this is under the machine lock */
		dma_set_position(s, ch, done);
		if (done <= pos || done == size)
			return; /* nothing now, or the end of a block: it will ask again (an auto-initialised block has no last end) */
	}
}

void isa_dma_register(struct isa_dma *s, unsigned ch, isa_dma_fn *transfer, void *opaque)
{
	if (s && ch < 8)
		s->user[ch] = (struct dma_user){transfer, opaque};
}

void isa_dma_request(struct isa_dma *s, unsigned ch, bool on)
{
	uint8_t bit = 1 << (ch & 3);

	if (!s || ch > 7)
		return;
	if (!on) {
		s->request[ch >> 2] &= ~bit;
		return;
	}
	s->request[ch >> 2] |= bit;
	dma_run(s, ch);
}

bool isa_dma_is_write(struct isa_dma *s, unsigned ch)
{
	return s && (s->channel[ch & 7].mode & MODE_TRANSFER) == MODE_WRITE;
}

bool isa_dma_autoinit(struct isa_dma *s, unsigned ch)
{
	return s && (s->channel[ch & 7].mode & MODE_AUTOINIT);
}

/* Moves [pos, pos + size) of the channel's block, at most to its end, wrapping within the page. Returns the bytes moved. */
static uint32_t dma_move(struct isa_dma *s, unsigned ch, void *buf, uint32_t pos, uint32_t size, bool to_memory)
{
	const struct dma_channel *c = &s->channel[ch];
	uint32_t block = dma_block(s, ch), window = 0x10000u << dma_shift(ch), done = 0;
	uint64_t page = (uint64_t)(s->page[page_of[ch]] & (ch < 4 ? 0xff : 0xfe)) << 16;
	uint32_t base = (uint32_t)c->base_address << dma_shift(ch);
	struct space *memory = s->dev.machine->memory;
	bool down = c->mode & MODE_DECREMENT;

	if (pos >= block)
		return 0;
	if (size > block - pos)
		size = block - pos;
	while (done < size) {
		uint32_t unit = 1u << dma_shift(ch), n, at;

		if (down) { /* units go down, the bytes of a unit stay in order */
			uint32_t k = pos + done;

			at = (base - (k & ~(unit - 1)) + (k & (unit - 1))) & (window - 1);
			n = 1;
		} else {
			at = (base + pos + done) & (window - 1);
			n = size - done < window - at ? size - done : window - at;
		}
		if (to_memory)
			space_write(memory, page + at, (const uint8_t *)buf + done, n);
		else
			space_read(memory, page + at, (uint8_t *)buf + done, n);
		done += n;
	}
	return done;
}

uint32_t isa_dma_read(struct isa_dma *s, unsigned ch, void *buf, uint32_t pos, uint32_t size)
{
	return s && ch < 8 ? dma_move(s, ch, buf, pos, size, false) : 0;
}

uint32_t isa_dma_write(struct isa_dma *s, unsigned ch, const void *buf, uint32_t pos, uint32_t size)
{
	return s && ch < 8 ? dma_move(s, ch, (void *)buf, pos, size, true) : 0;
}

/* ---- registers ------------------------------------------------------------------------------------------------------ */
static void dma_clear(struct isa_dma *s, unsigned k)
{
	s->mask[k] = 15;
	s->soft_request[k] = s->tc[k] = s->command[k] = 0;
	s->high_byte[k] = false;
}

static void dma_reset(struct device *d)
{
	struct isa_dma *s = (struct isa_dma *)d;

	for (unsigned i = 0; i < 8; i++)
		s->channel[i] = (struct dma_channel){0};
	for (unsigned k = 0; k < 2; k++) {
		dma_clear(s, k);
		s->request[k] = 0;
	}
	for (unsigned i = 0; i < sizeof s->page; i++)
		s->page[i] = 0;
}

static uint64_t dma_read(struct isa_dma *s, unsigned k, unsigned reg)
{
	const struct dma_channel *c = &s->channel[k * 4 + (reg >> 1 & 3)];
	uint16_t v;

	if (reg < 8) {
		v = reg & 1 ? c->reached ? 0xffff : c->count : c->address;
		s->high_byte[k] = !s->high_byte[k];
		return s->high_byte[k] ? v & 0xff : v >> 8;
	}
	if (reg == 8) {
		v = (uint16_t)(s->tc[k] | (s->request[k] | s->soft_request[k]) << 4);
		s->tc[k] = 0;
		return v & 0xff;
	}
	return reg == 15 ? 0xf0 | s->mask[k] : 0; /* the temporary register serves memory to memory only */
}

static void dma_run_all(struct isa_dma *s)
{
	for (unsigned ch = 0; ch < 8; ch++)
		dma_run(s, ch);
}

static void dma_write_word(struct isa_dma *s, unsigned k, unsigned reg, uint8_t value)
{
	struct dma_channel *c = &s->channel[k * 4 + (reg >> 1)];
	uint16_t *base = reg & 1 ? &c->base_count : &c->base_address;

	s->high_byte[k] = !s->high_byte[k];
	*base = s->high_byte[k] ? (uint16_t)((*base & 0xff00) | value) : (uint16_t)((*base & 0xff) | value << 8);
	if (reg & 1) {
		c->count = c->base_count;
		c->reached = false;
	} else {
		c->address = c->base_address;
	}
}

static void dma_write(struct isa_dma *s, unsigned k, unsigned reg, uint8_t value)
{
	unsigned n = value & 3;

	switch (reg) {
	case 0 ... 7:
		dma_write_word(s, k, reg, value);
		return;
	case 8:
		s->command[k] = value;
		if (value & 1)
			guest_error(&s->dev, "memory-to-memory transfers are not wired in a PC");
		break;
	case 9:
		s->soft_request[k] = (uint8_t)(value & 4 ? s->soft_request[k] | 1 << n : s->soft_request[k] & ~(1 << n));
		break;
	case 10:
		s->mask[k] = (uint8_t)(value & 4 ? s->mask[k] | 1 << n : s->mask[k] & ~(1 << n));
		break;
	case 11:
		s->channel[k * 4 + n].mode = value & 0xfc;
		return;
	case 12:
		s->high_byte[k] = false;
		return;
	case 13:
		dma_clear(s, k);
		return;
	case 14:
		s->mask[k] = 0;
		break;
	default:
		s->mask[k] = value & 15;
	}
	dma_run_all(s);
}

static uint64_t dma1_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)size;
	return dma_read(opaque, 0, (unsigned)offset);
}

static void dma1_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	(void)size;
	dma_write(opaque, 0, (unsigned)offset, (uint8_t)value);
}

/* The second controller's registers are two ports apart. */
static uint64_t dma2_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)size;
	return dma_read(opaque, 1, (unsigned)offset >> 1);
}

static void dma2_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	(void)size;
	dma_write(opaque, 1, (unsigned)offset >> 1, (uint8_t)value);
}

static uint64_t page_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)size;
	return ((struct isa_dma *)opaque)->page[offset & 15];
}

static void page_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	(void)size;
	((struct isa_dma *)opaque)->page[offset & 15] = (uint8_t)value;
}

/* Port 80 is where firmware shows its progress; port 92 lies among the aliases at 90..9f, so these are not decoded. */
static const struct region_ops dma1_ops = {dma1_read, dma1_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1};
static const struct region_ops dma2_ops = {dma2_read, dma2_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1};
static const struct region_ops page_ops = {page_read, page_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1};

static int dma_realize(struct device *d, struct err *e)
{
	struct isa_dma *s = (struct isa_dma *)d;
	struct isa_bus *b = isa_bus_of(d);

	if (b->dma)
		return err_set(e, EBUSY, "i8257: the ISA bus has its DMA controllers already");
	b->dma = s;
	s->mask[0] = s->mask[1] = 15;
	s->ports[0] = isa_ports(d, "dma1", 0x00, 16, &dma1_ops, s);
	s->ports[1] = isa_ports(d, "dma2", 0xc0, 32, &dma2_ops, s);
	s->ports[2] = isa_ports(d, "dma-page", 0x80, 16, &page_ops, s);
	return 0;
}

static void dma_unrealize(struct device *d)
{
	struct isa_dma *s = (struct isa_dma *)d;

	for (int i = 0; i < 3; i++)
		isa_ports_free(s->ports[i]);
	isa_bus_of(d)->dma = NULL;
}

static const struct field channel_fields[] = {
	F_UINT(struct dma_channel, base_address), F_UINT(struct dma_channel, base_count), F_UINT(struct dma_channel, address),
	F_UINT(struct dma_channel, count), F_UINT(struct dma_channel, mode), F_BOOL(struct dma_channel, reached), F_END,
};
static const struct field dma_fields[] = {
	F_STRUCTS(struct isa_dma, channel, channel_fields), F_BYTES(struct isa_dma, mask), F_BYTES(struct isa_dma, request),
	F_BYTES(struct isa_dma, soft_request), F_BYTES(struct isa_dma, tc), F_BYTES(struct isa_dma, command),
	F_BYTES(struct isa_dma, high_byte), F_BYTES(struct isa_dma, page), F_END,
};
static const struct state_table dma_state = {.name = "i8257", .version = 1, .oldest = 1, .fields = dma_fields};

static const struct device_type dma_type = {
	.name = "i8257", .bus = "ISA", .desc = "8237A DMA controllers", .category = "Misc", .size = sizeof(struct isa_dma),
	.state = &dma_state, .realize = dma_realize, .unrealize = dma_unrealize, .reset = dma_reset,
};
DEVICE(dma_type);
