/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -strace: one line a call, "PID name(argument,…) = result". What an argument looks like follows from its kind in calls.def.
 * The line is written whole when the call is over; calls that may not come back (exit, execve, sigreturn) print theirs before.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include "linux.h"

__attribute__((format(printf, 2, 3))) static void put(struct strace_line *l, const char *fmt, ...)
{
	va_list ap;
	if (l->length >= sizeof(l->text) - 1)
		return;
	va_start(ap, fmt);
	int n = vsnprintf(l->text + l->length, sizeof(l->text) - l->length, fmt, ap);
	va_end(ap);
	l->length += n;
	if (l->length > sizeof(l->text) - 1)
		l->length = sizeof(l->text) - 1;
}

static void put_string(struct strace_line *l, struct thread *t, uint64_t addr)
{
	char text[1024];
	if (!addr) {
		put(l, "NULL");
		return;
	}
	int64_t n = user_read_string(t, text, addr, sizeof(text));
	if (n == -ENAMETOOLONG) {
		text[sizeof(text) - 1] = 0;
		n = sizeof(text) - 1;
	} else if (n < 0) {
		put(l, "0x%016llx", (unsigned long long)addr);
		return;
	}
	put(l, "\"");
	for (int64_t i = 0; i < n; i++) {
		unsigned char c = text[i];
		if (c == '"' || c == '\\')
			put(l, "\\%c", c);
		else if (c < 32 || c == 127)
			put(l, "\\%03o", c);
		else
			put(l, "%c", c);
	}
	put(l, n == sizeof(text) - 1 ? "\"…" : "\"");
}

static void put_vector(struct strace_line *l, struct thread *t, uint64_t addr)
{
	unsigned word = t->process->abi->word;
	uint64_t item;
	if (!addr) {
		put(l, "NULL");
		return;
	}
	put(l, "{");
	for (unsigned i = 0; i < 64; i++, addr += word) {
		if (user_read_word(t, &item, addr) < 0 || !item)
			break;
		put_string(l, t, item);
		put(l, ",");
	}
	put(l, "NULL}");
}

static void put_address(struct strace_line *l, uint64_t addr)
{
	if (addr)
		put(l, "0x%016llx", (unsigned long long)addr);
	else
		put(l, "NULL");
}

static void put_struct(struct strace_line *l, struct thread *t, enum struct_id id, uint64_t addr)
{
	const struct layout *lo = &linux_layouts(t)->by_id[id];
	const struct field *f = layout_fields(linux_layouts(t), id);
	_Alignas(8) uint8_t host[LAYOUT_MAX];
	bool any = false;
	if (!addr || lo->size > 64 || struct_read(t, id, host, addr) < 0) {
		put_address(l, addr);
		return;
	}
	put(l, "{");
	for (; f->kind != FK_END; f++) {
		if (!f->host_size || (f->kind & FK_KIND_MASK) == FK_BYTES || f->count != 1)
			continue;
		uint64_t v = 0;
		memcpy(&v, host + f->host, f->host_size);
		put(l, "%s%s = %lld", any ? "," : "", f->name,
		    f->host_size == 4 ? (long long)(int32_t)v : f->host_size == 2 ? (long long)(int16_t)v : (long long)v);
		any = true;
	}
	put(l, "}");
}

static void put_argument(struct strace_line *l, struct thread *t, struct call_arg arg, uint64_t v)
{
	char names[512];
	switch (arg.kind) {
	case ARG_INT: case ARG_FD: case ARG_PID: case ARG_ID16:
		put(l, "%d", (int)v);
		break;
	case ARG_DIRFD:
		if ((int)v == AT_FDCWD)
			put(l, "AT_FDCWD");
		else
			put(l, "%d", (int)v);
		break;
	case ARG_SIGNAL:
		names_print_value(names, sizeof(names), NAMES_signal, (uint32_t)v);
		put(l, "%s", names);
		break;
	case ARG_UINT:
		put(l, "%u", (unsigned)v);
		break;
	case ARG_OCTAL:
		put(l, "0%o", (unsigned)v);
		break;
	case ARG_HEX:
		put(l, "%#x", (unsigned)v);
		break;
	case ARG_LONG: case ARG_OFF64: case ARG_OFFLH:
		put(l, "%lld", (long long)v);
		break;
	case ARG_ULONG:
		put(l, "%llu", (unsigned long long)v);
		break;
	case ARG_XLONG:
		put(l, "%#llx", (unsigned long long)v);
		break;
	case ARG_FLAGS:
		names_print_flags(names, sizeof(names), arg.param, (uint32_t)flags_to_host(t, arg.param, v));
		put(l, "%s", names);
		break;
	case ARG_ENUM:
		names_print_value(names, sizeof(names), arg.param, (uint32_t)flags_to_host(t, arg.param, v));
		put(l, "%s", names);
		break;
	case ARG_STR: case ARG_PATH:
		put_string(l, t, v);
		break;
	case ARG_STRV:
		put_vector(l, t, v);
		break;
	case ARG_IN: case ARG_INOUT:
		put_struct(l, t, arg.param, v);
		break;
	default:
		put_address(l, v);
	}
}

static void write_line(const char *text)
{
	log_lock();
	fputs(text, log_stream());
	fflush(log_stream());
	log_unlock();
}

static bool may_not_return(const struct call *c)
{
	return c->result == RESULT_NONE || c->handler == sys_execve || c->handler == sys_execveat;
}

void strace_enter(struct strace_line *l, struct thread *t, const struct call *c, const uint64_t *a)
{
	l->length = 0;
	put(l, "%d %s(", (int)getpid(), c->name);
	for (unsigned i = 0; i < 6 && c->arg[i].kind != ARG_NONE; i++) {
		/* Without O_CREAT nobody passes open() a mode: the register has whatever it had. */
		if (i && c->arg[i].kind == ARG_OCTAL && c->arg[i - 1].kind == ARG_FLAGS &&
		    c->arg[i - 1].param == NAMES_open &&
		    !(flags_to_host(t, NAMES_open, a[i - 1]) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))))
			break;
		put(l, i ? "," : "");
		put_argument(l, t, c->arg[i], a[i]);
	}
	put(l, ")");
	if (may_not_return(c)) {
		put(l, "\n");
		write_line(l->text);
	}
}

void strace_leave(struct strace_line *l, const struct call *c, int64_t result)
{
	if (c->result == RESULT_NONE || (may_not_return(c) && (result >= 0 || result == USER_NO_RESULT)))
		return;
	if (may_not_return(c)) {
		l->length = 0;
		put(l, "%d %s(…)", (int)getpid(), c->name);
	}
	if (l->length > sizeof(l->text) - 128)
		l->length = sizeof(l->text) - 128;
	if (result == -ERESTARTSYS)
		put(l, " = ? (interrupted)\n");
	else if (result < 0 && result > -4096)
		put(l, " = -1 errno=%d (%s)\n", (int)-result, strerror((int)-result));
	else if (c->result == RESULT_HEX)
		put(l, " = 0x%016llx\n", (unsigned long long)result);
	else
		put(l, " = %lld\n", (long long)result);
	write_line(l->text);
}

void strace_unknown(uint32_t number, const uint64_t *raw)
{
	struct strace_line l = {.length = 0};
	put(&l, "%d Unknown syscall %u(%lld,%lld,%lld,%lld,%lld,%lld) = -1 errno=%d (%s)\n", (int)getpid(), number,
	    (long long)raw[0], (long long)raw[1], (long long)raw[2], (long long)raw[3], (long long)raw[4],
	    (long long)raw[5], ENOSYS, strerror(ENOSYS));
	write_line(l.text);
}
