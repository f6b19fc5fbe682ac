/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control commands: the machine as a whole. Stop, go, reset, power, state, processors. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core.h"
#include "ctl-cpu.h"
#include "jit/isa.h"
#include "jit/mmu.h"
#include "vcpu.h"

static json_t *query_status(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;

	(void)call, (void)args, (void)e;
	return json_pack("{s:b, s:b, s:s}", "running", m->state == RUN_RUNNING, "singlestep", m->config.single_step, "status", run_state_name(m->state));
}
static const struct ctl_command status_row = {.name = "query-status", .run = query_status};
CTL_COMMAND(status_row);

static json_t *stop(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;

	(void)call, (void)args, (void)e;
	if (m->state == RUN_RUNNING)
		machine_stop(m, RUN_PAUSED);
	return NULL;
}
static const struct ctl_command stop_row = {.name = "stop", .run = stop};
CTL_COMMAND(stop_row);

static json_t *cont(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;

	(void)call, (void)args;
	if (m->state == RUN_SHUTDOWN || m->state == RUN_INTERNAL_ERROR || m->state == RUN_GUEST_PANICKED) {
		err_set(e, EPERM, "Resetting the Virtual Machine is required");
		return NULL;
	}
	if (m->state != RUN_SUSPENDED)
		machine_continue(m);
	return NULL;
}
static const struct ctl_command cont_row = {.name = "cont", .run = cont};
CTL_COMMAND(cont_row);

#define REQUEST(ident, text, what, cause) \
	static json_t *ident(void *opaque, struct ctl_call *call, const json_t *args, struct err *e) \
	{ \
		(void)call, (void)args, (void)e; \
		machine_request(opaque, what, cause); \
		return NULL; \
	} \
	static const struct ctl_command ident##_row = {.name = text, .run = ident}; \
	CTL_COMMAND(ident##_row)
REQUEST(system_reset, "system_reset", REQUEST_RESET, "host-qmp-system-reset");
REQUEST(system_powerdown, "system_powerdown", REQUEST_POWERDOWN, "host-qmp-system-powerdown");
REQUEST(quit, "quit", REQUEST_QUIT, "host-qmp-quit");

static json_t *system_wakeup(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;

	(void)call, (void)args;
	if (m->state != RUN_SUSPENDED)
		err_set(e, EINVAL, "Unable to wake up: guest is not in suspended state");
	else
		machine_request(m, REQUEST_WAKEUP, "host-qmp-system-wakeup");
	return NULL;
}
static const struct ctl_command wakeup_row = {.name = "system_wakeup", .run = system_wakeup};
CTL_COMMAND(wakeup_row);

static json_t *inject_nmi(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;

	(void)call, (void)args;
	if (!m->cpus)
		err_set(e, ENOTSUP, "machine does not provide NMIs");
	else
		machine_nmi(m);
	return NULL;
}
static const struct ctl_command nmi_row = {.name = "inject-nmi", .run = inject_nmi};
CTL_COMMAND(nmi_row);

static json_t *watchdog_set_action(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	static const char *const names[] = {"reset", "shutdown", "poweroff", "inject-nmi", "pause", "debug", "none"};
	struct machine *m = opaque;
	const char *action = json_string_value(json_object_get(args, "action"));

	(void)call;
	for (int i = 0; i < 7; i++)
		if (!strcmp(names[i], action)) {
			m->config.watchdog_action = i;
			return NULL;
		}
	err_set(e, EINVAL, "Invalid parameter '%.100s': action is one of reset, shutdown, poweroff, inject-nmi, pause, debug, none", action);
	return NULL;
}
static const struct ctl_arg action_args[] = {{"action", 's', false}, {0}};
static const struct ctl_command watchdog_row = {.name = "watchdog-set-action", .args = action_args, .run = watchdog_set_action};
CTL_COMMAND(watchdog_row);

/* ---- processors ---- */

static json_t *query_cpus_fast(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	json_t *list = json_array();
	char path[64];

	(void)call, (void)args, (void)e;
	for (unsigned i = 0; i < m->cpus; i++) {
		snprintf(path, sizeof path, "/machine/unattached/device[%u]", i);
		json_array_append_new(list, json_pack("{s:i, s:b, s:i, s:s, s:s, s:s}", "cpu-index", (int)i, "halted", m->vcpu[i]->halted, "thread-id",
						      (int)m->vcpu[i]->tid, "arch", "x86", "target", m->config.isa, "qom-path", path));
	}
	return list;
}
static const struct ctl_command cpus_row = {.name = "query-cpus-fast", .run = query_cpus_fast};
CTL_COMMAND(cpus_row);

/* The older one asks each processor where it is: they stand still for that. */
static json_t *query_cpus(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	json_t *list = json_array();
	char path[64];

	(void)call;
	if (m->cpus && !ctl_cpu_hold(m, args, e)) {
		json_decref(list);
		return NULL;
	}
	for (unsigned i = 0; i < m->cpus; i++) {
		snprintf(path, sizeof path, "/machine/unattached/device[%u]", i);
		json_array_append_new(list, json_pack("{s:i, s:b, s:b, s:s, s:i, s:s, s:I}", "CPU", (int)i, "current", i == 0, "halted", m->vcpu[i]->halted,
						      "qom_path", path, "thread_id", (int)m->vcpu[i]->tid, "arch", "x86", "pc",
						      (json_int_t)m->vcpu[i]->cpu->isa->get_pc(m->vcpu[i]->cpu)));
	}
	if (m->cpus)
		ctl_cpu_release(m);
	return list;
}
static const struct ctl_command cpus_old_row = {.name = "query-cpus", .run = query_cpus};
CTL_COMMAND(cpus_old_row);

struct vcpu *ctl_cpu_hold(struct machine *m, const json_t *args, struct err *e)
{
	json_int_t n = json_integer_value(json_object_get(args, "cpu-index"));

	if (n < 0 || n >= (json_int_t)m->cpus || !m->vcpu[n]->cpu) {
		err_set(e, EINVAL, "there is no CPU %lld", (long long)n);
		return NULL;
	}
	if (m->state == RUN_RUNNING)
		vcpus_pause(m);
	return m->vcpu[n];
}

void ctl_cpu_release(struct machine *m)
{
	if (m->state == RUN_RUNNING)
		vcpus_resume(m);
}

static json_t *registers(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	struct vcpu *v = ctl_cpu_hold(m, args, e);
	char *text = NULL;
	size_t size = 0;
	FILE *f;
	json_t *result;

	(void)call;
	if (!v)
		return NULL;
	f = open_memstream(&text, &size);
	v->ops->print(v, f, json_string_value(json_object_get(args, "what")));
	fclose(f);
	result = json_pack("{s:s}", "text", text);
	free(text);
	ctl_cpu_release(m);
	return result;
}
static const struct ctl_arg registers_args[] = {{"cpu-index", 'i', true}, {"what", 's', true}, {0}};
static const struct ctl_command registers_row = {.name = "x-cpu-info", .args = registers_args, .run = registers};
CTL_COMMAND(registers_row);

/* ---- memory ---- */

#define READ_MAX (16u << 20)

static void put_hex(char *to, const uint8_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		to[2 * i] = "0123456789abcdef"[from[i] >> 4];
		to[2 * i + 1] = "0123456789abcdef"[from[i] & 15];
	}
	to[2 * n] = '\0';
}

/* Guest memory as a processor sees it (virtual) or as the bus does. strict: where there is nothing is an error there too. */
static int read_memory(struct machine *m, struct vcpu *v, bool strict, uint64_t addr, uint8_t *to, uint64_t size)
{
	while (size) {
		uint64_t n = 4096 - (addr & 4095), physical = addr;

		if (n > size)
			n = size;
		if (v && v->ops->translate(v, addr, &physical) < 0)
			return -EFAULT;
		if (space_read(v ? v->space : m->memory, physical, to, n) != MEM_OK && (v || strict))
			return -EFAULT;
		to += n;
		addr += n;
		size -= n;
	}
	return 0;
}

static json_t *memory_read(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	uint64_t addr = (uint64_t)json_integer_value(json_object_get(args, "addr"));
	json_int_t size = json_integer_value(json_object_get(args, "size"));
	bool virtual_memory = json_is_true(json_object_get(args, "virtual"));
	struct vcpu *v = virtual_memory ? ctl_cpu_hold(m, args, e) : NULL;
	uint8_t *data;
	char *hex;
	json_t *result = NULL;

	(void)call;
	if (virtual_memory && !v)
		return NULL;
	data = size > 0 && size <= READ_MAX ? malloc((size_t)size) : NULL;
	hex = data ? malloc(2 * (size_t)size + 1) : NULL;
	if (!hex) {
		err_set(e, EINVAL, "size is 1 to %u", READ_MAX);
	} else if (!m->memory || read_memory(m, v, json_is_true(json_object_get(args, "strict")), addr, data, (uint64_t)size) < 0) {
		err_set(e, EFAULT, "Invalid addr 0x%016llx/size %lld specified", (unsigned long long)addr, (long long)size);
	} else {
		put_hex(hex, data, (size_t)size);
		result = json_pack("{s:s}", "data", hex);
	}
	free(hex);
	free(data);
	if (v)
		ctl_cpu_release(m);
	return result;
}
static const struct ctl_arg read_args[] = {{"addr", 'i', false}, {"size", 'i', false}, {"virtual", 'b', true}, {"cpu-index", 'i', true}, {"strict", 'b', true}, {0}};
static const struct ctl_command read_row = {.name = "x-memory-read", .args = read_args, .run = memory_read};
CTL_COMMAND(read_row);

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static json_t *memory_write(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct machine *m = opaque;
	uint64_t addr = (uint64_t)json_integer_value(json_object_get(args, "addr"));
	const char *hex = json_string_value(json_object_get(args, "data"));
	size_t n = strlen(hex) / 2;
	uint8_t *data = malloc(n + 1);

	(void)call;
	for (size_t i = 0; data && i < 2 * n; i++)
		if (hex_digit(hex[i]) < 0)
			n = 0;
	for (size_t i = 0; data && i < n; i++)
		data[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
	if (!data || !n || strlen(hex) & 1)
		err_set(e, EINVAL, "data is an even number of hexadecimal digits");
	else if (!m->memory || space_write(m->memory, addr, data, n) != MEM_OK)
		err_set(e, EFAULT, "Invalid addr 0x%016llx/size %zu specified", (unsigned long long)addr, n);
	free(data);
	return NULL;
}
static const struct ctl_arg write_args[] = {{"addr", 'i', false}, {"data", 's', false}, {0}};
static const struct ctl_command write_row = {.name = "x-memory-write", .args = write_args, .run = memory_write};
CTL_COMMAND(write_row);

static json_t *save_to_file(struct machine *m, const json_t *args, bool physical, struct err *e, struct ctl_call *call)
{
	uint64_t addr = (uint64_t)json_integer_value(json_object_get(args, "val"));
	json_int_t size = json_integer_value(json_object_get(args, "size"));
	struct vcpu *v = physical ? NULL : ctl_cpu_hold(m, args, e);
	int fd = ctl_take_fd(call, 0);
	uint8_t page[4096];

	if (fd < 0)
		err_set(e, EBADF, "a file descriptor must come with the command");
	for (json_int_t at = 0; !e->code && at < size; at += 4096) {
		size_t n = size - at < 4096 ? (size_t)(size - at) : 4096;
		if (read_memory(m, v, false, addr + (uint64_t)at, page, n) < 0)
			err_set(e, EFAULT, "Invalid addr 0x%016llx/size %lld specified", (unsigned long long)addr, (long long)size);
		else if (fd_write_all(fd, page, n) < 0)
			err_errno(e, errno, "cannot write");
	}
	if (fd >= 0)
		close(fd);
	if (v)
		ctl_cpu_release(m);
	return NULL;
}

static json_t *memsave(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	return save_to_file(opaque, args, false, e, call);
}

static json_t *pmemsave(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	return save_to_file(opaque, args, true, e, call);
}
static const struct ctl_arg memsave_args[] = {{"val", 'i', false}, {"size", 'i', false}, {"filename", 's', true}, {"cpu-index", 'i', true}, {0}};
static const struct ctl_command memsave_row = {.name = "memsave", .args = memsave_args, .run = memsave},
				pmemsave_row = {.name = "pmemsave", .args = memsave_args, .run = pmemsave};
CTL_COMMAND(memsave_row);
CTL_COMMAND(pmemsave_row);

/* ---- the whole state ---- */

/* To or from the descriptor that comes with the command, the machine standing still meanwhile. */
static json_t *whole_state(struct machine *m, struct ctl_call *call, int (*transfer)(struct machine *m, int fd, struct err *e), struct err *e)
{
	bool running = m->state == RUN_RUNNING;
	int fd = ctl_take_fd(call, 0);

	if (fd < 0) {
		err_set(e, EBADF, "a file descriptor must come with the command");
		return NULL;
	}
	if (running)
		machine_stop(m, RUN_SAVING);
	/* A load that was refused before anything was touched: it goes on as it was. */
	transfer(m, fd, e);
	close(fd);
	if (running)
		machine_continue(m);
	return NULL;
}

static json_t *save(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	(void)args;
	return whole_state(opaque, call, machine_save, e);
}
static const struct ctl_command save_row = {.name = "x-save", .run = save};
CTL_COMMAND(save_row);

static json_t *load(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	(void)args;
	return whole_state(opaque, call, machine_load, e);
}
static const struct ctl_command load_row = {.name = "x-load", .run = load};
CTL_COMMAND(load_row);
