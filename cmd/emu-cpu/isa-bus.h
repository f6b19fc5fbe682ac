/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ISA bus: ports, memory below 16 MiB, sixteen interrupt lines, eight DMA channels (8237). */
#ifndef EMU_CPU_ISA_BUS_H
#define EMU_CPU_ISA_BUS_H
#include "device.h"

struct isa_dma;
struct isa_bus {
	struct bus bus;
	struct region *ports, *memory;
	const struct irq *irq[16]; /* inputs of the interrupt controllers; the board fills them */
	struct isa_dma *dma;       /* NULL: no controller */
};

static inline struct isa_bus *isa_bus_of(struct device *d)
{
	return (struct isa_bus *)d->parent;
}
static inline const struct irq *isa_irq(struct device *d, unsigned n)
{
	return n < 16 ? isa_bus_of(d)->irq[n] : NULL;
}
/* Adds ports; the region is freed with isa_ports_free() in unrealize. */
struct region *isa_ports(struct device *d, const char *name, uint16_t base, unsigned count, const struct region_ops *ops,
			 void *opaque);
void isa_ports_free(struct region *r);

/*
 * A device's end of a DMA channel (0..7). transfer is called under the machine lock while the channel is unmasked and the device
 * requests: at channel position pos of a block of size bytes; it moves bytes with isa_dma_read/write and returns the new position
 * (terminal count when it equals size).
 */
typedef uint32_t isa_dma_fn(void *opaque, unsigned channel, uint32_t pos, uint32_t size);
void isa_dma_register(struct isa_dma *dma, unsigned channel, isa_dma_fn *transfer, void *opaque);
void isa_dma_request(struct isa_dma *dma, unsigned channel, bool on); /* DREQ */
bool isa_dma_is_write(struct isa_dma *dma, unsigned channel);         /* mode: device to memory */
bool isa_dma_autoinit(struct isa_dma *dma, unsigned channel);
uint32_t isa_dma_read(struct isa_dma *dma, unsigned channel, void *buf, uint32_t pos, uint32_t size);        /* from memory */
uint32_t isa_dma_write(struct isa_dma *dma, unsigned channel, const void *buf, uint32_t pos, uint32_t size); /* to memory */
#endif
