/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtio (OASIS "Virtual I/O Device" 1.1; legacy interface as its sections say): split virtqueues with indirect descriptors and event
 * indices, the device's common state, and what a transport (virtio-pci.c, virtio-mmio.c) and a device (dev/virtio/…) are for each other.
 *
 * Everything here runs under the machine lock. A device takes elements with virtq_pop(), may keep them as long as it likes, and gives each back
 * with virtq_push() and virtq_notify(). What a driver does wrong marks the device broken until it is reset (status bit NEEDS_RESET).
 */
#ifndef EMU_CPU_VIRTIO_H
#define EMU_CPU_VIRTIO_H
#include <sys/uio.h>
#include "device.h"
#include "save.h"

#define VIRTIO_QUEUES 72         /* of one device, at most */
#define VIRTQ_MAX 1024           /* descriptors of a queue, at most */
#define VIRTQ_SEGMENTS 1026      /* pieces of guest memory in one element, at most */
#define VIRTIO_NO_VECTOR 0xffffu

struct virtio;
struct virtq;

/* Feature bits that are not a device's own (6) */
enum { VIRTIO_F_NOTIFY_ON_EMPTY = 24, VIRTIO_F_ANY_LAYOUT = 27, VIRTIO_F_INDIRECT = 28, VIRTIO_F_EVENT_IDX = 29, VIRTIO_F_VERSION_1 = 32,
       VIRTIO_F_PLATFORM = 33 };
/* Device status (2.1) */
enum { VIRTIO_ACKNOWLEDGE = 1, VIRTIO_DRIVER = 2, VIRTIO_DRIVER_OK = 4, VIRTIO_FEATURES_OK = 8, VIRTIO_NEEDS_RESET = 64, VIRTIO_FAILED = 128 };

/* A device: what its kind does. */
struct virtio_kind {
	uint16_t id;              /* 5: network 1, block 2, console 3, entropy 4, balloon 5, SCSI 8 … */
	const char *name;
	uint16_t config_size;     /* bytes of configuration space, at most; config_length() may say less */
	/* Features offered, besides those of the core. */
	uint64_t (*features)(struct virtio *v);
	/* The driver has accepted these. May be NULL. */
	void (*accepted)(struct virtio *v, uint64_t features);
	/* Fills config_size bytes in the byte order of the interface (virtio_put16() …). */
	void (*config_get)(struct virtio *v, uint8_t *config);
	/* config holds what the driver has written over what config_get gave. May be NULL: read-only. */
	void (*config_set)(struct virtio *v, const uint8_t *config);
	void (*kicked)(struct virtio *v, struct virtq *q); /* there may be new elements */
	void (*reset)(struct virtio *v);
	void (*status)(struct virtio *v, uint8_t status);  /* after a change; may be NULL */
	bool (*queue_usable)(struct virtio *v, unsigned n);/* for queues that exist only with some feature; NULL: all */
};

struct virtq {
	struct virtio *virtio;
	uint16_t index;
	uint16_t size_max, size;   /* descriptors; 0: does not exist */
	uint64_t desc, avail, used;/* guest addresses; 0: not set up */
	uint16_t last_avail, used_index, signalled_used;
	bool signalled_valid, ready;
	uint16_t vector;
	uint32_t in_flight;
};

struct virtio {
	struct device *dev;
	const struct virtio_kind *kind;
	struct space *dma;
	uint64_t offered, features; /* accepted */
	uint8_t status, isr;
	uint16_t config_vector;
	uint8_t generation;         /* of configuration space */
	bool legacy;                /* the driver uses the legacy interface */
	bool broken;
	bool event_idx, indirect;   /* properties: offer them */
	unsigned queues;
	struct virtq queue[VIRTIO_QUEUES];
	/* transport */
	void (*interrupt)(struct virtio *v, uint16_t vector); /* isr is set already */
	bool (*may_dma)(struct virtio *v);
};

struct virtq_element {
	struct virtq *q;
	uint16_t head;
	unsigned outs, ins;            /* pieces that the device reads; writes */
	uint64_t out_size, in_size;    /* bytes */
	struct iovec *out, *in;        /* host memory: parts of `piece` */
	struct iovec piece[];          /* outs + ins of them */
};

/* dev, kind, dma filled by the transport; queue sizes by the device afterwards, before the machine runs. */
void virtio_init(struct virtio *v, struct device *dev, const struct virtio_kind *kind, struct space *dma);
struct virtq *virtio_add_queue(struct virtio *v, unsigned size);
void virtio_reset(struct virtio *v);
void virtio_set_status(struct virtio *v, uint8_t status);
uint64_t virtio_offer(struct virtio *v); /* all feature bits that may be accepted now */
void virtio_accept(struct virtio *v, uint64_t features);
static inline bool virtio_has(const struct virtio *v, unsigned bit) { return v->features >> bit & 1; }
bool virtio_running(const struct virtio *v); /* DRIVER_OK, not broken */
void virtio_config_changed(struct virtio *v);
void virtio_error(struct virtio *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void virtq_kick(struct virtq *q);            /* the driver's notification */
/* The next element, allocated; NULL: none (or the device is broken). */
struct virtq_element *virtq_pop(struct virtq *q);
bool virtq_empty(struct virtq *q);
/* Gives it back: written is how many bytes of `in` are valid (from its start). Frees it. The driver is told by virtq_notify(). */
void virtq_push(struct virtq_element *el, uint32_t written);
/* Gives it back as if it had never been taken; only the one popped last. Frees it. */
void virtq_unpop(struct virtq_element *el);
void virtq_notify(struct virtq *q);
/* Copies from and to the pieces: returns the bytes. */
size_t virtq_read(const struct virtq_element *el, size_t offset, void *to, size_t n);
size_t virtq_write(const struct virtq_element *el, size_t offset, const void *from, size_t n);

/* Configuration space is little-endian, and of the guest's order on the legacy interface; legacy guests here are little-endian. */
static inline void virtio_put16(uint8_t *p, uint16_t v) { p[0] = (uint8_t)v; p[1] = (uint8_t)(v >> 8); }
static inline void virtio_put32(uint8_t *p, uint32_t v) { virtio_put16(p, (uint16_t)v); virtio_put16(p + 2, (uint16_t)(v >> 16)); }
static inline void virtio_put64(uint8_t *p, uint64_t v) { virtio_put32(p, (uint32_t)v); virtio_put32(p + 4, (uint32_t)(v >> 32)); }
static inline uint16_t virtio_get16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t virtio_get32(const uint8_t *p) { return virtio_get16(p) | (uint32_t)virtio_get16(p + 2) << 16; }
static inline uint64_t virtio_get64(const uint8_t *p) { return virtio_get32(p) | (uint64_t)virtio_get32(p + 4) << 32; }

/* Configuration space for transports: n is 1, 2 or 4 (8 by two halves). */
uint64_t virtio_config_read(struct virtio *v, uint64_t offset, unsigned n);
void virtio_config_write(struct virtio *v, uint64_t offset, uint64_t value, unsigned n);

extern const struct field virtio_fields[]; /* F_STRUCT(T, virtio, virtio_fields) */
int virtio_loaded(struct virtio *v, struct err *e);

/* ---- transports ---- */

/* What a virtio-…-pci device's state begins with. Its type is made with VIRTIO_PCI_TYPE and its state table calls virtio_pci_loaded(). */
#include "pci.h"
struct virtio_pci {
	struct pci_device pci; /* first */
	struct virtio virtio;
	struct region *io, *memory, *common, *isr, *device, *notify, *msix_bar;
	uint32_t feature_select, driver_feature_select; /* 0: low half, 1: high half */
	uint32_t driver_features[2];
	uint16_t queue_select;
	uint8_t config_cap;
	int disable_legacy;    /* 0 off, 1 on, 2 auto: on where the slot is an express one */
	bool disable_modern;
	int32_t vectors;       /* MSI-X; -1: as many as the device wants */
};
#define VIRTIO_PCI_PROPS \
	PCI_PROPS, \
	{.name = "disable-legacy", P_(struct virtio_pci, disable_legacy, PROP_CHOICE), .def = 2, .choices = virtio_on_off_auto, \
	 .help = "no legacy interface: on, off, auto"}, \
	{.name = "disable-modern", P_(struct virtio_pci, disable_modern, PROP_BOOL), .help = "no virtio 1.0 interface"}, \
	{.name = "vectors", P_(struct virtio_pci, vectors, PROP_I32), .def = -1, .help = "MSI-X vectors, 0: none, -1: as many as queues need"}, \
	{.name = "event_idx", P_(struct virtio_pci, virtio.event_idx, PROP_BOOL), .def = 1}, \
	{.name = "indirect_desc", P_(struct virtio_pci, virtio.indirect, PROP_BOOL), .def = 1}
extern const char *const virtio_on_off_auto[];
/* In the device's pci_class: realize calls init first, sets up its queues and backend, then finish. */
int virtio_pci_init(struct pci_device *d, const struct virtio_kind *kind, struct err *e);
int virtio_pci_finish(struct pci_device *d, unsigned wanted_vectors, struct err *e);
void virtio_pci_free(struct pci_device *d);
void virtio_pci_reset(struct pci_device *d);
void virtio_pci_config_written(struct pci_device *d, unsigned at, unsigned size, uint32_t old);
uint32_t virtio_pci_config_read(struct pci_device *d, unsigned at, unsigned size, uint32_t value);
extern const struct field virtio_pci_fields[];

/*
 * The same device on a virtio-mmio transport (virtio-mmio.c): a second type whose bus is "virtio-bus". virtio_pci_init() and its kin look where they are; the
 * properties are those behind the PCI ones.
 */
#define VIRTIO_CHILD(ident, text, words, group, T, pci_props, pci_state, pci_class) \
	static const struct device_type ident = { \
		.name = text, .bus = "virtio-bus", .desc = words, .category = group, .size = sizeof(T), .props = (pci_props) + VIRTIO_PCI_ONLY_PROPS, \
		.state = &(pci_state), .user = true, .realize = virtio_child_realize, .reset = virtio_child_reset, .unrealize = virtio_child_unrealize, \
		.extra = &(pci_class), \
	}; \
	DEVICE(ident)
#define VIRTIO_PCI_ONLY_PROPS 7 /* PCI_PROPS, disable-legacy, disable-modern, vectors */
int virtio_child_realize(struct device *d, struct err *e);
void virtio_child_unrealize(struct device *d);
void virtio_child_reset(struct device *d);
/* From virtio-pci.c */
int virtio_mmio_child_init(struct virtio_pci *p, const struct virtio_kind *kind);
void virtio_mmio_child_attach(struct virtio_pci *p);
void virtio_mmio_child_free(struct virtio_pci *p);
void virtio_mmio_child_lower(struct virtio_pci *p);
/* For boards: a transport of 512 bytes at base of the container; its bus takes one device. NULL with e filled. */
struct device *virtio_mmio_new(struct machine *m, struct region *container, uint64_t base, const struct irq *irq, bool legacy, struct err *e);
int virtio_pci_loaded(void *state, struct err *e);
#endif
