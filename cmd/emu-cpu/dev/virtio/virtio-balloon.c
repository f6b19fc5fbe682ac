// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtio memory balloon (virtio 1.1, 5.5): pages that the driver puts into it go back to the host; the target is set over the control socket
 * (balloon), the guest's memory statistics are asked for every so often (x-balloon-stats).
 *
 * Not modelled: free page hints and poisoning, which the standard has from 1.2 on.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "../../machine.h"
#include "../../virtio.h"

enum { F_MUST_TELL_HOST = 0, F_STATS_VQ = 1, F_DEFLATE_ON_OOM = 2 };
enum { INFLATE, DEFLATE, STATS, QUEUE_SIZE = 128, PAGE_SHIFT = 12, PAGE = 1 << PAGE_SHIFT, PAGES_AT_ONCE = 256, STAT_BYTES = 10, STAT_COUNT = 10 };

static const char *const stat_names[STAT_COUNT] = {
	"stat-swap-in", "stat-swap-out", "stat-major-faults", "stat-minor-faults", "stat-free-memory", "stat-total-memory",
	"stat-available-memory", "stat-disk-caches", "stat-htlb-pgalloc", "stat-htlb-pgfail",
};

struct config {
	uint8_t num_pages[4], actual[4]; /* little-endian on both interfaces here */
};

struct virtio_balloon {
	struct virtio_pci proxy; /* first */
	bool deflate_on_oom;
	uint32_t target, actual; /* pages in the balloon: wanted, there */
	uint32_t interval;       /* s between questions for statistics, 0: none */
	uint64_t stats[STAT_COUNT], updated; /* UINT64_MAX: not told; time of day in seconds, 0: never */
	struct virtq_element *held; /* the driver's statistics buffer: giving it back is the question */
	struct timer *timer;
};

static struct virtio_balloon *balloon_of(struct virtio *v)
{
	return (struct virtio_balloon *)v->dev;
}

/* ---- pages ---- */

/* The page's memory goes back to the host; it reads as zeros when it is touched again, which the driver must expect (5.5.6). */
static void page_discard(struct virtio_balloon *s, uint32_t pfn)
{
	struct space *dma = s->proxy.virtio.dma;
	uint64_t n = PAGE;
	void *host = space_map(dma, (uint64_t)pfn << PAGE_SHIFT, &n, true);
	if (!host) {
		guest_error(s->proxy.virtio.dev, "page 0x%x in the balloon is no memory", pfn);
		return;
	}
	/* A shared mapping's pages are in its file; a private one's (memory-backend-file) are its own. Where neither works the page stays. */
	if (n == PAGE && !((uintptr_t)host & (PAGE - 1)) && madvise(host, PAGE, MADV_REMOVE) < 0)
		(void)!madvise(host, PAGE, MADV_DONTNEED);
	space_unmap(dma, host, n, true);
}

static void pages(struct virtio_balloon *s, struct virtq_element *el, bool inflate)
{
	uint8_t raw[4 * PAGES_AT_ONCE];
	for (uint64_t at = 0; inflate && at + 4 <= el->out_size;) {
		size_t n = virtq_read(el, at, raw, sizeof raw) / 4;
		for (size_t i = 0; i < n; i++)
			page_discard(s, virtio_get32(raw + 4 * i));
		at += 4 * n;
	}
}

/* ---- statistics ---- */

static void stats_read(struct virtio_balloon *s)
{
	uint8_t raw[STAT_BYTES];
	for (uint64_t at = 0; at < 64 * STAT_BYTES && virtq_read(s->held, at, raw, sizeof raw) == sizeof raw; at += STAT_BYTES)
		if (virtio_get16(raw) < STAT_COUNT)
			s->stats[virtio_get16(raw)] = virtio_get64(raw + 2);
	s->updated = clock_ns(s->proxy.virtio.dev->machine, CLOCK_HOST) / NS_PER_S;
}

/* Takes the driver's buffer with its answer. */
static void stats_take(struct virtio_balloon *s)
{
	struct virtq *q = &s->proxy.virtio.queue[STATS];
	struct virtq_element *el;
	while ((el = virtq_pop(q))) {
		if (s->held) { /* only one is in use at a time (5.5.6.3): the elder goes back */
			virtq_push(s->held, 0);
			virtq_notify(q);
		}
		s->held = el;
		stats_read(s);
	}
}

static void stats_ask(void *opaque)
{
	struct virtio_balloon *s = opaque;
	struct machine *m = s->proxy.virtio.dev->machine;
	if (!s->interval)
		return;
	timer_set(s->timer, clock_ns(m, CLOCK_VIRT) + s->interval * NS_PER_S);
	if (!virtio_has(&s->proxy.virtio, F_STATS_VQ))
		return;
	if (!s->held) /* after a load it is still in the ring */
		stats_take(s);
	if (s->held) {
		struct virtq_element *el = s->held;
		s->held = NULL;
		virtq_push(el, 0);
		virtq_notify(&s->proxy.virtio.queue[STATS]);
	}
}

static void stats_forget(struct virtio_balloon *s)
{
	for (unsigned i = 0; i < STAT_COUNT; i++)
		s->stats[i] = UINT64_MAX;
	s->updated = 0;
}

/* ---- virtio ---- */

static void kicked(struct virtio *v, struct virtq *q)
{
	struct virtio_balloon *s = balloon_of(v);
	struct virtq_element *el;
	if (q->index == STATS) {
		stats_take(s);
		return;
	}
	while ((el = virtq_pop(q))) {
		pages(s, el, q->index == INFLATE);
		virtq_push(el, 0);
		virtq_notify(q);
	}
}

static uint64_t features(struct virtio *v)
{
	return 1ull << F_STATS_VQ | (balloon_of(v)->deflate_on_oom ? 1ull << F_DEFLATE_ON_OOM : 0);
}

static uint64_t ram_now(const struct virtio_balloon *s)
{
	uint64_t size = s->proxy.virtio.dev->machine->config.ram_size, gone = (uint64_t)s->actual << PAGE_SHIFT;
	return gone < size ? size - gone : 0;
}

static void config_get(struct virtio *v, uint8_t *out)
{
	struct virtio_balloon *s = balloon_of(v);
	struct config *c = (struct config *)out;
	virtio_put32(c->num_pages, s->target);
	virtio_put32(c->actual, s->actual);
}

static void config_set(struct virtio *v, const uint8_t *in)
{
	struct virtio_balloon *s = balloon_of(v);
	uint32_t actual = virtio_get32(((const struct config *)in)->actual);
	if (actual == s->actual)
		return;
	s->actual = actual;
	machine_event(v->dev->machine, "BALLOON_CHANGE", json_pack("{s:I}", "actual", (json_int_t)ram_now(s)));
}

static bool queue_usable(struct virtio *v, unsigned n)
{
	(void)v;
	return n <= STATS;
}

static void reset_requests(struct virtio *v)
{
	struct virtio_balloon *s = balloon_of(v);
	if (s->held)
		virtq_unpop(s->held);
	s->held = NULL;
	stats_forget(s);
}

static const struct virtio_kind kind = {
	.id = 5, .name = "virtio-balloon", .config_size = sizeof(struct config), .features = features, .config_get = config_get,
	.config_set = config_set, .kicked = kicked, .reset = reset_requests, .queue_usable = queue_usable,
};

/* ---- life ---- */

static bool is_balloon(const struct device *d)
{
	return !strncmp(d->type->name, "virtio-balloon-", 15);
}

struct search {
	struct device *found, *not_this;
};

static bool look(void *opaque, struct device *d)
{
	struct search *s = opaque;
	if (d->realized && d != s->not_this && is_balloon(d))
		s->found = d;
	return !s->found;
}

static int realize(struct pci_device *d, struct err *e)
{
	struct virtio_balloon *s = (struct virtio_balloon *)d;
	struct search other = {NULL, &d->dev};
	device_each(d->dev.machine, look, &other);
	if (other.found)
		return err_set(e, EEXIST, "virtio-balloon-pci: Only one balloon device is supported");
	stats_forget(s);
	s->timer = timer_new(d->dev.machine, CLOCK_VIRT, stats_ask, s);
	int r = s->timer ? virtio_pci_init(d, &kind, e) : err_set(e, ENOMEM, "virtio-balloon-pci: out of memory");
	for (unsigned n = 0; !r && n <= STATS; n++)
		virtio_add_queue(&s->proxy.virtio, QUEUE_SIZE);
	if (!r)
		r = virtio_pci_finish(d, 0, e);
	if (r) {
		virtio_pci_free(d);
		timer_free(s->timer);
		s->timer = NULL;
	}
	return r;
}

static void unrealize(struct pci_device *d)
{
	struct virtio_balloon *s = (struct virtio_balloon *)d;
	reset_requests(&s->proxy.virtio);
	virtio_pci_free(d);
	timer_free(s->timer);
}

/* The buffer that is held goes back into the ring, where the next question finds it. */
static void saving(void *state)
{
	struct virtio_balloon *s = state;
	if (s->held)
		virtq_unpop(s->held);
	s->held = NULL;
}

static const struct prop props[] = {
	VIRTIO_PCI_PROPS,
	{.name = "deflate-on-oom", P_(struct virtio_balloon, deflate_on_oom, PROP_BOOL), .help = "the guest may take pages back when it has no others"},
	{.name = "guest-stats-polling-interval", P_(struct virtio_balloon, interval, PROP_U32), .help = "seconds between questions for statistics, 0: none"},
	{.name = NULL},
};

static const struct field fields[] = {
	F_STRUCT(struct virtio_balloon, proxy, virtio_pci_fields), F_UINT(struct virtio_balloon, target), F_UINT(struct virtio_balloon, actual),
	F_UINT(struct virtio_balloon, interval), F_UINTS(struct virtio_balloon, stats), F_UINT(struct virtio_balloon, updated),
	F_TIMER(struct virtio_balloon, timer), F_END,
};

static int loaded(void *state, struct err *e)
{
	return virtio_pci_loaded(state, e);
}
static const struct state_table state = {.name = "virtio-balloon", .version = 1, .oldest = 1, .fields = fields, .loaded = loaded, .saving = saving};

static void reset(struct pci_device *d)
{
	struct virtio_balloon *s = (struct virtio_balloon *)d;
	virtio_pci_reset(d);
	s->actual = 0; /* a machine reset gives the guest all of its memory; the target stays the host's wish */
	if (s->interval)
		timer_set(s->timer, clock_ns(d->dev.machine, CLOCK_VIRT) + s->interval * NS_PER_S);
}

static const struct pci_class class = {
	.info = {.vendor = 0x1af4, .device = 0x1002, .class_code = 0x00ff00},
	.realize = realize,
	.unrealize = unrealize,
	.reset = reset,
	.config_written = virtio_pci_config_written,
	.config_read = virtio_pci_config_read,
};

static const struct device_type virtio_balloon_pci = {
	.name = "virtio-balloon-pci", .alias = "virtio-balloon", .bus = "PCI", .desc = "virtio memory balloon", .category = "Misc",
	.size = sizeof(struct virtio_balloon), .props = props, .state = &state, .user = true, .hotplug = true, .realize = pci_realize,
	.reset = pci_reset, .unrealize = pci_unrealize, .extra = &class,
};
DEVICE(virtio_balloon_pci);
VIRTIO_CHILD(virtio_balloon_device, "virtio-balloon-device", "virtio memory balloon", "Misc", struct virtio_balloon, props, state, class);

/* ---- control commands ---- */

static struct virtio_balloon *the_balloon(struct machine *m, struct ctl_call *call, struct err *e)
{
	struct search s = {NULL, NULL};
	device_each(m, look, &s);
	if (!s.found) {
		ctl_error_class(call, "DeviceNotActive");
		err_set(e, ENODEV, "No balloon device has been activated");
	}
	return (struct virtio_balloon *)s.found;
}

static json_t *set_target(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	json_int_t value = json_integer_value(json_object_get(args, "value"));
	struct virtio_balloon *s = the_balloon(m, call, e);
	if (!s)
		return NULL;
	if (value <= 0) {
		err_set(e, EINVAL, "Parameter 'value' expects a size");
		return NULL;
	}
	uint64_t size = m->config.ram_size, want = (uint64_t)value > size ? size : (uint64_t)value;
	uint32_t target = (uint32_t)((size - want) >> PAGE_SHIFT);
	if (target != s->target) {
		s->target = target;
		virtio_config_changed(&s->proxy.virtio);
	}
	return NULL;
}
static const struct ctl_arg balloon_args[] = {{"value", 'i', false}, {0}};
static const struct ctl_command balloon_row = {.name = "balloon", .args = balloon_args, .run = set_target};
CTL_COMMAND(balloon_row);

static json_t *query(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct virtio_balloon *s = the_balloon(opaque, call, e);
	(void)args;
	return s ? json_pack("{s:I}", "actual", (json_int_t)ram_now(s)) : NULL;
}
static const struct ctl_command query_row = {.name = "query-balloon", .run = query};
CTL_COMMAND(query_row);

/* The statistics that the guest told last; interval: seconds between questions from now on. Those never told are -1, as programs know it. */
static json_t *query_stats(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	const json_t *interval = json_object_get(args, "interval");
	struct virtio_balloon *s = the_balloon(m, call, e);
	if (!s)
		return NULL;
	if (interval) {
		json_int_t n = json_integer_value(interval);
		if (n < 0 || n > UINT32_MAX / 1000) {
			err_set(e, EINVAL, "interval: seconds, 0 to %u", UINT32_MAX / 1000);
			return NULL;
		}
		s->interval = (uint32_t)n;
		if (n)
			timer_set(s->timer, clock_ns(m, CLOCK_VIRT));
		else
			timer_stop(s->timer);
	}
	json_t *stats = json_object();
	for (unsigned i = 0; i < STAT_COUNT; i++)
		json_object_set_new(stats, stat_names[i], json_integer((json_int_t)s->stats[i]));
	return json_pack("{s:I, s:I, s:o}", "interval", (json_int_t)s->interval, "last-update", (json_int_t)s->updated, "stats", stats);
}
static const struct ctl_arg stats_args[] = {{"interval", 'i', true}, {0}};
static const struct ctl_command stats_row = {.name = "x-balloon-stats", .args = stats_args, .run = query_stats};
CTL_COMMAND(stats_row);
