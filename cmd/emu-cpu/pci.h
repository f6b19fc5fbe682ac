/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI (Local Bus Specification 3.0): functions with 256 bytes of configuration space (4 KiB on express buses), BARs, INTx, MSI, MSI-X,
 * expansion ROMs, bus-master DMA; bridges.
 */
#ifndef EMU_CPU_PCI_H
#define EMU_CPU_PCI_H
#include "device.h"

struct pci_bus {
	struct bus bus;
	struct region *memory, *ports; /* where BARs appear */
	struct space *dma;             /* what bus masters see */
	uint8_t number;                /* secondary bus number, kept by bridges */
	struct pci_device *function[256]; /* slot << 3 | function */
	/* The routing of INTx: pin 0..3 of a slot to an input of `irq`. */
	int (*map_irq)(struct pci_bus *b, unsigned devfn, unsigned pin);
	void (*set_irq)(void *opaque, int input, bool level);
	void *irq_opaque;
	unsigned inputs;
	int level[8];                  /* how many functions hold each input */
	void (*msi)(void *opaque, uint64_t address, uint32_t data); /* message interrupts of bus masters; NULL: a plain store */
	void *msi_opaque;
	struct acpi_hotplug *hotplug;  /* who tells the guest of functions that come and go (acpi-hotplug.h); NULL: nobody */
};

struct pci_info {
	uint16_t vendor, device, sub_vendor, sub_device;
	uint8_t revision;
	uint32_t class_code; /* 24 bits: class, subclass, interface */
	bool bridge;         /* header type 1 */
	bool express;
	const char *rom;     /* default romfile, or NULL */
};

#define PCI_BARS 6
#define PCI_ROM_SLOT 6
enum { PCI_BAR_MEM = 0, PCI_BAR_IO = 1, PCI_BAR_MEM64 = 4, PCI_BAR_PREFETCH = 8 };

struct pci_bar {
	struct region *region; /* the device's; NULL: none */
	uint8_t type;
	uint64_t size, mapped; /* UINT64_MAX: not mapped */
};

struct pci_device {
	struct device dev; /* first */
	uint8_t devfn;
	int32_t addr;      /* property "addr" */
	uint8_t *config, *write_mask, *clear_mask; /* 256 or 4096 bytes: current, writable bits, write-1-to-clear bits */
	uint32_t config_size;
	struct pci_bar bar[7];
	struct space *dma;         /* the bus's: use pci_dma_*(), which ask the bus-master bit */
	struct pci_bus *secondary; /* of a bridge */
	uint8_t irq_state; /* what the function asks of its pin */
	bool pin_high;     /* what the bus was told */
	uint8_t msi_cap, msix_cap; /* offsets, 0: none */
	uint16_t msix_vectors;
	uint8_t *msix_table, *msix_pending;
	uint32_t msix_table_size, msix_pending_size; /* bytes */
	struct region *msix_region, *msix_pba, *rom;
	char section[104];
	char *romfile;     /* property "romfile" */
	int32_t rombar;
	bool multifunction;
	uint8_t used[32];  /* config bytes taken by capabilities, one bit each 8 bytes */
};

static inline struct pci_device *pci_device(struct device *d) { return (struct pci_device *)d; }
static inline struct pci_bus *pci_bus_of(struct pci_device *d) { return (struct pci_bus *)d->dev.parent; }

/* A PCI device type's `extra`. Functions that a type overrides; all may be NULL. */
struct pci_class {
	struct pci_info info;
	int (*realize)(struct pci_device *d, struct err *e); /* config header is filled */
	void (*unrealize)(struct pci_device *d);
	void (*reset)(struct pci_device *d);
	/* After the core has stored: bytes [at, at+size) changed from `old`. */
	void (*config_written)(struct pci_device *d, unsigned at, unsigned size, uint32_t old);
	uint32_t (*config_read)(struct pci_device *d, unsigned at, unsigned size, uint32_t value);
};
/*
 * A PCI device_type uses these as realize/unrealize/reset and begins its props with PCI_PROPS. Configuration space, MSI-X table and pins are
 * saved by the core in a section of their own (the device's path and "/pci").
 */
int pci_realize(struct device *d, struct err *e);
void pci_unrealize(struct device *d);
void pci_reset(struct device *d);
#define PCI_PROPS \
	{.name = "addr", P_(struct pci_device, addr, PROP_ADDR), .def = -1, .help = "slot[.function]"}, \
	{.name = "romfile", P_(struct pci_device, romfile, PROP_STRING), .help = "expansion ROM"}, \
	{.name = "rombar", P_(struct pci_device, rombar, PROP_I32), .def = 1}, \
	{.name = "multifunction", P_(struct pci_device, multifunction, PROP_BOOL)}

void pci_bus_init(struct pci_bus *b, const char *name, struct device *owner, struct machine *m, struct region *memory,
		  struct region *ports, struct space *dma);
struct pci_bus *pci_bus_find(struct pci_bus *root, uint8_t number);
/* For boards: makes and realizes a function at devfn (-1: the next free slot). */
struct pci_device *pci_create(struct pci_bus *b, int devfn, const char *type, struct err *e);

/* In realize. region stays the device's. type: PCI_BAR_ bits; the size is the region's, a power of two. */
void pci_bar(struct pci_device *d, unsigned n, unsigned type, struct region *region);
/* Space for a capability; at 0: anywhere from 0x40. Returns its offset, or -ENOSPC. */
int pci_capability(struct pci_device *d, uint8_t id, unsigned at, unsigned size);
int pci_msi_init(struct pci_device *d, unsigned at, unsigned vectors, bool bits64, bool maskable);
/* The table and the pending bits in BAR `bar` at the given offsets; bar_region is a container of the device's. */
int pci_msix_init(struct pci_device *d, unsigned vectors, unsigned bar, struct region *bar_region, uint64_t table, uint64_t pending,
		  struct err *e);
bool pci_msi_enabled(const struct pci_device *d);
bool pci_msix_enabled(const struct pci_device *d);
void pci_msi_send(struct pci_device *d, unsigned vector);
void pci_msix_send(struct pci_device *d, unsigned vector);

void pci_set_irq(struct pci_device *d, bool level); /* the pin of config 0x3d */

/* Configuration accesses of host bridges: size 1, 2, 4, at aligned. */
uint32_t pci_config_read(struct pci_bus *root, uint8_t bus, uint8_t devfn, unsigned at, unsigned size);
void pci_config_write(struct pci_bus *root, uint8_t bus, uint8_t devfn, unsigned at, uint32_t value, unsigned size);

/* DMA of the function: nothing happens without bus mastering (and reads give ones). */
enum mem_result pci_dma_read(struct pci_device *d, uint64_t addr, void *buf, uint64_t size);
enum mem_result pci_dma_write(struct pci_device *d, uint64_t addr, const void *buf, uint64_t size);
/* space_map() of the function; NULL without bus mastering. */
void *pci_dma_map(struct pci_device *d, uint64_t addr, uint64_t *size, bool write);
void pci_dma_unmap(struct pci_device *d, void *host, uint64_t size, bool written);
/* What the state of every PCI-to-PCI bridge begins with (its pci_info says `bridge`). */
struct pci_bridge {
	struct pci_device pci; /* first */
	struct pci_bus bus;    /* the secondary */
	struct region *memory, *ports, *window[3];
	bool reset_asserted;
};
/* In realize and unrealize of a bridge. */
int pci_bridge_init(struct pci_bridge *b, const char *bus_name, struct err *e);
void pci_bridge_free(struct pci_bridge *b);
/* Configuration registers that both the header and a chip's own code name (PCI 3.0, 6.1). */
enum { PCI_COMMAND = 4, PCI_STATUS = 6, PCI_CLASS = 9, PCI_HEADER = 14, PCI_BAR0 = 16, PCI_SUBSYSTEM = 44, PCI_ROM = 48, PCI_CAPABILITIES = 52,
       PCI_IRQ_LINE = 60, PCI_IRQ_PIN = 61, PCI_PRIMARY = 24, PCI_SECONDARY = 25, PCI_SUBORDINATE = 26, PCI_BRIDGE_CONTROL = 62 };
enum { PCI_COMMAND_IO = 1, PCI_COMMAND_MEMORY = 2, PCI_COMMAND_MASTER = 4, PCI_COMMAND_NO_INTX = 0x400 };
bool pci_is_master(const struct pci_device *d);

static inline void pci_put16(uint8_t *p, uint16_t v) { p[0] = (uint8_t)v; p[1] = (uint8_t)(v >> 8); }
static inline void pci_put32(uint8_t *p, uint32_t v) { pci_put16(p, (uint16_t)v); pci_put16(p + 2, (uint16_t)(v >> 16)); }
static inline uint16_t pci_get16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t pci_get32(const uint8_t *p) { return pci_get16(p) | (uint32_t)pci_get16(p + 2) << 16; }
#endif
