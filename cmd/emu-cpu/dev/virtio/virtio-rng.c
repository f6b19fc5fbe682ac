// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtio entropy device (virtio 1.1, 5.4): fills buffers with random bytes from an object (-object rng-random or rng-builtin), at most `max-bytes`
 * in each `period` of milliseconds.
 */
#include <errno.h>
#include <string.h>
#include "../../machine.h"
#include "../../object.h"
#include "../../virtio.h"

enum { QUEUE_SIZE = 8, CHUNK = 4096 };
#define NS_PER_MS 1000000ull

struct virtio_rng {
	struct virtio_pci proxy; /* first */
	char *rng;
	uint64_t max_bytes;
	uint32_t period;         /* ms */
	uint64_t quota;          /* bytes left in this period */
	struct timer *timer;     /* its end; armed while something was taken from it */
	struct timer *retry;     /* the source had nothing */
};

static struct virtio_rng *rng_of(struct virtio *v)
{
	return (struct virtio_rng *)v->dev;
}

static uint64_t features(struct virtio *v)
{
	(void)v;
	return 0;
}

static void config_get(struct virtio *v, uint8_t *config)
{
	(void)v, (void)config; /* it has none (5.4.4) */
}

/* Bytes put into the element. */
static uint64_t fill(struct virtio_rng *s, struct virtq_element *el)
{
	uint64_t want = el->in_size < s->quota ? el->in_size : s->quota, got = 0;
	uint8_t data[CHUNK];
	while (got < want) {
		size_t n = want - got < sizeof data ? (size_t)(want - got) : sizeof data;
		int r = rng_fill(s->proxy.pci.dev.machine, s->rng, data, n);
		if (r <= 0)
			break;
		virtq_write(el, got, data, (size_t)r);
		got += (uint64_t)r;
	}
	return got;
}

static void kicked(struct virtio *v, struct virtq *q)
{
	struct virtio_rng *s = rng_of(v);
	struct machine *m = s->proxy.pci.dev.machine;
	struct virtq_element *el;
	while (s->quota && (el = virtq_pop(q))) {
		if (!el->in_size) {
			virtio_error(v, "a buffer without room for random bytes");
			virtq_push(el, 0);
			return;
		}
		uint64_t n = fill(s, el);
		if (!n) { /* at least one byte must be put in (5.4.6.1) */
			virtq_unpop(el);
			timer_set(s->retry, clock_ns(m, CLOCK_VIRT) + 10 * NS_PER_MS);
			return;
		}
		s->quota -= n;
		if (!timer_armed(s->timer))
			timer_set(s->timer, clock_ns(m, CLOCK_VIRT) + s->period * NS_PER_MS);
		virtq_push(el, (uint32_t)n);
		virtq_notify(q);
	}
}

static void next_period(void *opaque)
{
	struct virtio_rng *s = opaque;
	s->quota = s->max_bytes;
	virtq_kick(&s->proxy.virtio.queue[0]);
}

static void try_again(void *opaque)
{
	virtq_kick(&((struct virtio_rng *)opaque)->proxy.virtio.queue[0]);
}

static void reset_requests(struct virtio *v)
{
	timer_stop(rng_of(v)->retry); /* the quota is the host's: it outlives a reset */
}

static const struct virtio_kind kind = {
	.id = 4, .name = "virtio-rng", .features = features, .config_get = config_get, .kicked = kicked, .reset = reset_requests,
};

static void forget(struct virtio_rng *s)
{
	virtio_pci_free(&s->proxy.pci);
	timer_free(s->timer);
	timer_free(s->retry);
	s->timer = s->retry = NULL;
}

static int realize(struct pci_device *d, struct err *e)
{
	struct virtio_rng *s = (struct virtio_rng *)d;
	struct machine *m = d->dev.machine;
	if (!s->period)
		return err_set(e, EINVAL, "virtio-rng-pci: 'period' parameter expects a positive integer");
	if (!s->max_bytes)
		return err_set(e, EINVAL, "virtio-rng-pci: 'max-bytes' parameter must be positive");
	if (s->rng && !rng_exists(m, s->rng))
		return err_set(e, ENOENT, "virtio-rng-pci: there is no source of random numbers '%s'; -object rng-random,id=%s makes one", s->rng, s->rng);
	s->timer = timer_new(m, CLOCK_VIRT, next_period, s);
	s->retry = timer_new(m, CLOCK_VIRT, try_again, s);
	s->quota = s->max_bytes;
	int r = s->timer && s->retry ? virtio_pci_init(d, &kind, e) : err_set(e, ENOMEM, "virtio-rng-pci: out of memory");
	if (!r) {
		virtio_add_queue(&s->proxy.virtio, QUEUE_SIZE);
		r = virtio_pci_finish(d, 2, e);
	}
	if (r)
		forget(s);
	return r;
}

static void unrealize(struct pci_device *d)
{
	forget((struct virtio_rng *)d);
}

static int loaded(void *state, struct err *e)
{
	struct virtio_rng *s = state;
	if (s->quota > s->max_bytes)
		s->quota = s->max_bytes; /* this machine allows less */
	return virtio_pci_loaded(state, e);
}

static const struct prop props[] = {
	VIRTIO_PCI_PROPS,
	{.name = "rng", P_(struct virtio_rng, rng, PROP_STRING), .help = "id of a source of random numbers; without it the host's"},
	{.name = "max-bytes", P_(struct virtio_rng, max_bytes, PROP_U64), .def = INT64_MAX, .help = "bytes in each period, at most"},
	{.name = "period", P_(struct virtio_rng, period, PROP_U32), .def = 1 << 16, .help = "milliseconds"},
	{.name = NULL},
};

static const struct field fields[] = {
	F_STRUCT(struct virtio_rng, proxy, virtio_pci_fields), F_UINT(struct virtio_rng, quota), F_TIMER(struct virtio_rng, timer),
	F_TIMER(struct virtio_rng, retry), F_END,
};
static const struct state_table state = {.name = "virtio-rng", .version = 1, .oldest = 1, .fields = fields, .loaded = loaded};

static const struct pci_class class = {
	.info = {.vendor = 0x1af4, .device = 0x1005, .class_code = 0x00ff00},
	.realize = realize,
	.unrealize = unrealize,
	.reset = virtio_pci_reset,
	.config_written = virtio_pci_config_written,
	.config_read = virtio_pci_config_read,
};

static const struct device_type virtio_rng_pci = {
	.name = "virtio-rng-pci", .alias = "virtio-rng", .bus = "PCI", .desc = "virtio entropy device", .category = "Misc",
	.size = sizeof(struct virtio_rng), .props = props, .state = &state, .user = true, .hotplug = true, .realize = pci_realize,
	.reset = pci_reset, .unrealize = pci_unrealize, .extra = &class,
};
DEVICE(virtio_rng_pci);
VIRTIO_CHILD(virtio_rng_device, "virtio-rng-device", "virtio entropy device", "Misc", struct virtio_rng, props, state, class);
