// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtio SCSI host (virtio 1.1, 5.6): queue 0 takes task management, queue 1 has buffers for events (a unit came or went, its parameters changed),
 * the others commands. One bus, targets 0 to 255, logical units to 16383.
 *
 * Task management: aborting waits for what is under way to end (a disk's requests cannot be called back from its server), so a task that is to be aborted
 * is over when the answer comes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../machine.h"
#include "../../scsi.h"
#include "../../virtio.h"

enum { F_INOUT, F_HOTPLUG, F_CHANGE };
enum { CONTROL, EVENT, FIRST, CDB_DEFAULT = 32, SENSE_DEFAULT = 96, TARGET_MAX = 255, LUN_MAX = 16383 };
enum { S_OK, S_OVERRUN, S_ABORTED, S_BAD_TARGET, S_RESET, S_BUSY, S_TRANSPORT_FAILURE, S_TARGET_FAILURE, S_NEXUS_FAILURE, S_FAILURE,
       S_FUNCTION_SUCCEEDED, S_FUNCTION_REJECTED, S_INCORRECT_LUN };
enum { T_TMF, T_AN_QUERY, T_AN_SUBSCRIBE };
enum { TMF_ABORT_TASK, TMF_ABORT_TASK_SET, TMF_CLEAR_ACA, TMF_CLEAR_TASK_SET, TMF_I_T_NEXUS_RESET, TMF_LOGICAL_UNIT_RESET, TMF_QUERY_TASK,
       TMF_QUERY_TASK_SET };
enum { REQUEST_HEAD = 19, RESPONSE_HEAD = 12, TMF_BYTES = 24, AN_BYTES = 20, EVENT_BYTES = 16 };
enum { EV_NONE, EV_TRANSPORT_RESET, EV_ASYNC_NOTIFY, EV_PARAM_CHANGE, EV_MISSED = 0x80000000 };
enum { REASON_HARD, REASON_RESCAN, REASON_REMOVED };

struct config {
	uint8_t queues[4], seg_max[4], max_sectors[4], cmd_per_lun[4], event_bytes[4], sense_size[4], cdb_size[4], max_channel[2], max_target[2],
		max_lun[4];
};

struct virtio_scsi {
	struct virtio_pci proxy; /* first */
	struct scsi_bus bus;
	uint32_t queues, max_sectors, cmd_per_lun, queue_size;
	bool hotplug, param_change;
	uint32_t cdb_size, sense_size; /* as the driver has set them */
	bool missed;                   /* an event for which there was no buffer */
};

struct command {
	struct scsi_request r;
	struct virtio_scsi *s;
	struct virtq_element *el;
	uint64_t tag;
	unsigned lun;
	struct iovec iov[];            /* data pieces: out, in */
};

static struct virtio_scsi *scsi_of(struct virtio *v)
{
	return (struct virtio_scsi *)v->dev;
}

/* The address of a unit (5.6.6.1): 1, target, LUN in flat space addressing. */
static struct scsi_unit *unit_at(struct virtio_scsi *s, const uint8_t lun[8], unsigned *number, bool exact)
{
	if (lun[0] != 1 || lun[4] || lun[5] || lun[6] || lun[7] || (lun[2] && (lun[2] & 0xc0) != 0x40))
		return NULL;
	*number = ((unsigned)lun[2] << 8 | lun[3]) & 0x3fff;
	return scsi_find(&s->bus, 0, lun[1], *number, exact);
}

/* ---- commands ---- */

static void respond(struct virtq_element *el, uint32_t sense_size, unsigned response, unsigned status, const uint8_t *sense, uint32_t residual, uint64_t data)
{
	uint8_t head[RESPONSE_HEAD] = {0};
	struct virtq *q = el->q;
	uint32_t n = sense ? sense_size < SCSI_SENSE ? sense_size : SCSI_SENSE : 0;
	virtio_put32(head, n);
	virtio_put32(head + 4, residual);
	head[10] = (uint8_t)status;
	head[11] = (uint8_t)response;
	virtq_write(el, 0, head, sizeof head);
	if (n)
		virtq_write(el, sizeof head, sense, n);
	/* The data lies behind room for the whole sense. */
	virtq_push(el, (uint32_t)(RESPONSE_HEAD + sense_size + data));
	virtq_notify(q);
}

static void command_done(struct scsi_request *r)
{
	struct command *c = (struct command *)r;
	uint64_t room = r->out_size + r->in_size;
	uint32_t residual = room - r->moved > UINT32_MAX ? UINT32_MAX : (uint32_t)(room - r->moved);
	bool check = r->status == SCSI_CHECK_CONDITION;
	respond(c->el, c->s->sense_size, r->overrun ? S_OVERRUN : S_OK, r->status, check ? r->sense : NULL, r->overrun ? 0 : residual,
		!r->ins ? 0 : check ? r->in_size : r->moved); /* a read that failed may have brought some */
	free(c);
}

/* What is behind the first `skip` bytes of the pieces. Any layout is allowed. */
static unsigned behind(struct iovec *to, const struct iovec *from, unsigned count, size_t skip)
{
	unsigned n = 0;
	for (unsigned i = 0; i < count; i++) {
		if (skip >= from[i].iov_len) {
			skip -= from[i].iov_len;
			continue;
		}
		to[n++] = (struct iovec){(uint8_t *)from[i].iov_base + skip, from[i].iov_len - skip};
		skip = 0;
	}
	return n;
}

static void serve(struct virtio_scsi *s, struct virtq_element *el)
{
	struct virtio *v = &s->proxy.virtio;
	uint32_t head_size = REQUEST_HEAD + s->cdb_size, answer_size = RESPONSE_HEAD + s->sense_size;
	uint8_t head[REQUEST_HEAD + 256];
	if (el->out_size < head_size || el->in_size < answer_size) {
		virtio_error(v, "SCSI command with %llu bytes out and %llu in: it has a header of %u and an answer of %u", (unsigned long long)el->out_size,
			     (unsigned long long)el->in_size, head_size, answer_size);
		virtq_push(el, 0);
		return;
	}
	uint64_t out = el->out_size - head_size, in = el->in_size - answer_size;
	virtq_read(el, 0, head, head_size);
	unsigned lun = 0;
	struct scsi_unit *u = unit_at(s, head, &lun, false);
	if (!u || (out && in)) { /* data in both directions: the feature was not offered */
		respond(el, s->sense_size, u ? S_FAILURE : S_BAD_TARGET, 0, NULL, 0, 0);
		return;
	}
	struct command *c = calloc(1, sizeof *c + (el->outs + el->ins) * sizeof c->iov[0]);
	if (!c) {
		respond(el, s->sense_size, S_BUSY, 0, NULL, 0, 0);
		return;
	}
	c->s = s;
	c->el = el;
	c->lun = lun;
	c->tag = virtio_get64(head + 8);
	c->r = (struct scsi_request){.unit = u, .cdb_size = s->cdb_size < SCSI_CDB_MAX ? s->cdb_size : SCSI_CDB_MAX, .out_size = out, .in_size = in,
				     .done = command_done};
	memcpy(c->r.cdb, head + REQUEST_HEAD, c->r.cdb_size);
	c->r.out = c->iov;
	c->r.outs = out ? behind(c->iov, el->out, el->outs, head_size) : 0;
	c->r.in = c->iov + c->r.outs;
	c->r.ins = in ? behind(c->iov + c->r.outs, el->in, el->ins, answer_size) : 0;
	scsi_submit(&c->r, lun);
}

/* ---- task management and notifications ---- */

static void each_unit(struct virtio_scsi *s, int target, void (*fn)(struct scsi_unit *u))
{
	for (struct device *d = s->bus.bus.children; d; d = d->next)
		if (d->realized && (target < 0 || ((struct scsi_unit *)d)->id == target))
			fn((struct scsi_unit *)d);
}

static const struct command *task(const struct scsi_unit *u, uint64_t tag)
{
	for (const struct scsi_request *r = u->first; r; r = r->next)
		if (((const struct command *)r)->tag == tag)
			return (const struct command *)r;
	return NULL;
}

static unsigned manage(struct virtio_scsi *s, const uint8_t *message)
{
	unsigned number, what = virtio_get32(message + 4);
	struct scsi_unit *u = unit_at(s, message + 8, &number, false);
	if (!u)
		return S_BAD_TARGET;
	if (what == TMF_I_T_NEXUS_RESET) {
		each_unit(s, u->id, scsi_unit_reset);
		return S_OK;
	}
	if (u->lun != number)
		return S_INCORRECT_LUN;
	switch (what) {
	case TMF_ABORT_TASK:
	case TMF_ABORT_TASK_SET:
	case TMF_CLEAR_TASK_SET:
		scsi_unit_drain(u);
		return S_OK;
	case TMF_LOGICAL_UNIT_RESET:
		scsi_unit_reset(u);
		return S_OK;
	case TMF_QUERY_TASK: return task(u, virtio_get64(message + 16)) ? S_FUNCTION_SUCCEEDED : S_OK;
	case TMF_QUERY_TASK_SET: return u->first ? S_FUNCTION_SUCCEEDED : S_OK;
	default: return S_FUNCTION_REJECTED; /* CLEAR ACA: there is no ACA */
	}
}

static void control(struct virtio_scsi *s, struct virtq *q)
{
	struct virtq_element *el;
	while ((el = virtq_pop(q))) {
		uint8_t message[TMF_BYTES], answer[5] = {0}, response;
		size_t n = virtq_read(el, 0, message, sizeof message);
		uint32_t type = n >= 4 ? virtio_get32(message) : UINT32_MAX;
		if (type == T_TMF && n == TMF_BYTES && el->in_size >= 1) {
			response = (uint8_t)manage(s, message);
			virtq_push(el, (uint32_t)virtq_write(el, 0, &response, 1));
		} else if ((type == T_AN_QUERY || type == T_AN_SUBSCRIBE) && n >= AN_BYTES && el->in_size >= sizeof answer) {
			virtq_push(el, (uint32_t)virtq_write(el, 0, answer, sizeof answer)); /* no asynchronous notifications: none of those asked for */
		} else {
			virtio_error(&s->proxy.virtio, "control message %u of %zu bytes, with room for %llu", type, n, (unsigned long long)el->in_size);
			virtq_push(el, 0);
			return;
		}
		virtq_notify(q);
	}
}

/* ---- events ---- */

static void event(struct virtio_scsi *s, const struct scsi_unit *u, uint32_t what, uint32_t reason)
{
	struct virtio *v = &s->proxy.virtio;
	uint8_t message[EVENT_BYTES] = {0};
	if (!virtio_running(v))
		return;
	struct virtq *q = &v->queue[EVENT];
	struct virtq_element *el = virtq_pop(q);
	if (!el) {
		s->missed = true;
		return;
	}
	virtio_put32(message, what | (s->missed ? (uint32_t)EV_MISSED : 0));
	s->missed = false;
	if (u) {
		message[4] = 1;
		message[5] = (uint8_t)u->id;
		message[6] = (uint8_t)(u->lun > 255 ? u->lun >> 8 | 0x40 : 0);
		message[7] = (uint8_t)u->lun;
	}
	virtio_put32(message + 12, reason);
	virtq_push(el, (uint32_t)virtq_write(el, 0, message, sizeof message));
	virtq_notify(q);
}

static void unit_changed(struct scsi_bus *b, struct scsi_unit *u, bool present)
{
	struct virtio_scsi *s = (struct virtio_scsi *)b->bus.owner;
	if (virtio_has(&s->proxy.virtio, F_HOTPLUG))
		event(s, u, EV_TRANSPORT_RESET, present ? REASON_RESCAN : REASON_REMOVED);
}

static void attention(struct scsi_bus *b, struct scsi_unit *u, unsigned asc, unsigned ascq)
{
	struct virtio_scsi *s = (struct virtio_scsi *)b->bus.owner;
	if (virtio_has(&s->proxy.virtio, F_CHANGE))
		event(s, u, EV_PARAM_CHANGE, asc | ascq << 8);
}

/* ---- virtio ---- */

static void kicked(struct virtio *v, struct virtq *q)
{
	struct virtio_scsi *s = scsi_of(v);
	struct virtq_element *el;
	if (q->index == CONTROL) {
		control(s, q);
	} else if (q->index == EVENT) {
		if (s->missed)
			event(s, NULL, EV_NONE, 0);
	} else {
		while ((el = virtq_pop(q)))
			serve(s, el);
	}
}

static uint64_t features(struct virtio *v)
{
	struct virtio_scsi *s = scsi_of(v);
	return (s->hotplug ? 1ull << F_HOTPLUG : 0) | (s->param_change ? 1ull << F_CHANGE : 0);
}

static void config_get(struct virtio *v, uint8_t *out)
{
	struct virtio_scsi *s = scsi_of(v);
	struct config *c = (struct config *)out;
	virtio_put32(c->queues, s->queues);
	virtio_put32(c->seg_max, s->queue_size - 2);
	virtio_put32(c->max_sectors, s->max_sectors);
	virtio_put32(c->cmd_per_lun, s->cmd_per_lun);
	virtio_put32(c->event_bytes, EVENT_BYTES);
	virtio_put32(c->sense_size, s->sense_size);
	virtio_put32(c->cdb_size, s->cdb_size);
	virtio_put16(c->max_channel, 0);
	virtio_put16(c->max_target, TARGET_MAX);
	virtio_put32(c->max_lun, LUN_MAX);
}

static void config_set(struct virtio *v, const uint8_t *in)
{
	struct virtio_scsi *s = scsi_of(v);
	const struct config *c = (const struct config *)in;
	uint32_t sense = virtio_get32(c->sense_size), cdb = virtio_get32(c->cdb_size);
	if (sense > 65535 || cdb < 16 || cdb > 256) {
		virtio_error(v, "bad data written to virtio-scsi configuration space: sense_size %u, cdb_size %u", sense, cdb);
		return;
	}
	s->sense_size = sense;
	s->cdb_size = cdb;
}

static void drain(struct scsi_unit *u)
{
	scsi_unit_drain(u);
}

static void unit_reset(struct scsi_unit *u)
{
	scsi_unit_reset(u);
}

static void reset_requests(struct virtio *v)
{
	struct virtio_scsi *s = scsi_of(v);
	if (s->bus.bus.machine)
		each_unit(s, -1, unit_reset);
	s->sense_size = SENSE_DEFAULT;
	s->cdb_size = CDB_DEFAULT;
	s->missed = false;
}

static const struct virtio_kind kind = {
	.id = 8, .name = "virtio-scsi", .config_size = sizeof(struct config), .features = features, .config_get = config_get, .config_set = config_set,
	.kicked = kicked, .reset = reset_requests,
};

/* ---- life ---- */

static int realize(struct pci_device *d, struct err *e)
{
	struct virtio_scsi *s = (struct virtio_scsi *)d;
	char name[32];
	if (!s->queues || s->queues > VIRTIO_QUEUES - FIRST)
		return err_set(e, EINVAL, "virtio-scsi-pci: num_queues is 1 to %u", VIRTIO_QUEUES - FIRST);
	if (s->queue_size < 4 || s->queue_size > VIRTQ_MAX || s->queue_size & (s->queue_size - 1))
		return err_set(e, EINVAL, "virtio-scsi-pci: virtqueue_size is a power of two from 4 to %u", VIRTQ_MAX);
	int r = virtio_pci_init(d, &kind, e);
	for (unsigned n = 0; !r && n < FIRST + s->queues; n++)
		virtio_add_queue(&s->proxy.virtio, s->queue_size);
	if (!r)
		r = virtio_pci_finish(d, s->queues + 3, e);
	if (r) {
		virtio_pci_free(d);
		return r;
	}
	s->sense_size = SENSE_DEFAULT;
	s->cdb_size = CDB_DEFAULT;
	snprintf(name, sizeof name, d->dev.id ? "%.28s.0" : "scsi.0", d->dev.id);
	scsi_bus_init(&s->bus, name, &d->dev);
	s->bus.max_id = TARGET_MAX;
	s->bus.max_lun = LUN_MAX;
	s->bus.changed = unit_changed;
	s->bus.attention = attention;
	return 0;
}

static void unrealize(struct pci_device *d)
{
	virtio_pci_free(d);
}

static void saving(void *state)
{
	each_unit(state, -1, drain);
}

static int loaded(void *state, struct err *e)
{
	struct virtio_scsi *s = state;
	if (s->sense_size > 65535 || s->cdb_size < 16 || s->cdb_size > 256)
		return err_set(e, EINVAL, "virtio-scsi: the saved sizes of sense (%u) and command (%u) are not possible", s->sense_size, s->cdb_size);
	return virtio_pci_loaded(state, e);
}

static const struct prop props[] = {
	VIRTIO_PCI_PROPS,
	{.name = "num_queues", P_(struct virtio_scsi, queues, PROP_U32), .def = 1},
	{.name = "virtqueue_size", P_(struct virtio_scsi, queue_size, PROP_U32), .def = 128},
	{.name = "max_sectors", P_(struct virtio_scsi, max_sectors, PROP_U32), .def = 0xffff},
	{.name = "cmd_per_lun", P_(struct virtio_scsi, cmd_per_lun, PROP_U32), .def = 128},
	{.name = "hotplug", P_(struct virtio_scsi, hotplug, PROP_BOOL), .def = 1, .help = "tell the guest of units that come and go"},
	{.name = "param_change", P_(struct virtio_scsi, param_change, PROP_BOOL), .def = 1, .help = "… whose size or medium changes"},
	{.name = NULL},
};

static const struct field fields[] = {
	F_STRUCT(struct virtio_scsi, proxy, virtio_pci_fields), F_UINT(struct virtio_scsi, cdb_size), F_UINT(struct virtio_scsi, sense_size),
	F_BOOL(struct virtio_scsi, missed), F_END,
};
static const struct state_table state = {.name = "virtio-scsi", .version = 1, .oldest = 1, .fields = fields, .loaded = loaded, .saving = saving};

static const struct pci_class class = {
	.info = {.vendor = 0x1af4, .device = 0x1004, .class_code = 0x010000},
	.realize = realize,
	.unrealize = unrealize,
	.reset = virtio_pci_reset,
	.config_written = virtio_pci_config_written,
	.config_read = virtio_pci_config_read,
};

static const struct device_type virtio_scsi_pci = {
	.name = "virtio-scsi-pci", .alias = "virtio-scsi", .bus = "PCI", .desc = "virtio SCSI host", .category = "Storage",
	.size = sizeof(struct virtio_scsi), .props = props, .state = &state, .user = true, .hotplug = true, .realize = pci_realize,
	.reset = pci_reset, .unrealize = pci_unrealize, .extra = &class,
};
DEVICE(virtio_scsi_pci);
VIRTIO_CHILD(virtio_scsi_device, "virtio-scsi-device", "virtio SCSI host", "Storage", struct virtio_scsi, props, state, class);
