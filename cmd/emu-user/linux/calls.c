/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of calls, and the way from a guest's registers to a handler. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "linux.h"

/* Numbers that the C library's headers may be too old for; they are the same on every architecture. */
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

#define SYS_NOHOST           (-1)
#define REFUSED              NULL
#define INT                  {ARG_INT, 0}
#define UINT                 {ARG_UINT, 0}
#define OCT                  {ARG_OCTAL, 0}
#define HEX                  {ARG_HEX, 0}
#define LONG                 {ARG_LONG, 0}
#define ULONG                {ARG_ULONG, 0}
#define XLONG                {ARG_XLONG, 0}
#define FD                   {ARG_FD, 0}
#define DFD                  {ARG_DIRFD, 0}
#define PID                  {ARG_PID, 0}
#define SIG                  {ARG_SIGNAL, 0}
#define ID16                 {ARG_ID16, 0}
#define OFF64                {ARG_OFF64, 0}
#define OFFLH                {ARG_OFFLH, 0}
#define FLAGS(names)         {ARG_FLAGS, NAMES_##names}
#define ENUM(names)          {ARG_ENUM, NAMES_##names}
#define ADDR                 {ARG_ADDR, 0}
#define PTR                  {ARG_PTR, 0}
#define STR                  {ARG_STR, 0}
#define PATH                 {ARG_PATH, 0}
#define STRV                 {ARG_STRV, 0}
#define IBUF(length)         {ARG_IBUF, length}
#define OBUF(length)         {ARG_OBUF, length}
#define SOCKADDR(length)     {ARG_SOCKADDR, length}
#define IN(type)             {ARG_IN, ST_##type}
#define OUT(type)            {ARG_OUT, ST_##type}
#define INOUT(type)          {ARG_INOUT, ST_##type}

/* Two full definitions: ## must see the words of calls.def before they are expanded. */
#define ROW(fn, ...)         .handler = fn, .arg = {__VA_ARGS__}
#define CALL(id, host_call, fn, kind, ...) \
	[CALL_##id] = {.name = #id, .host = SYS_##host_call, .result = RESULT_##kind, ROW(fn, ##__VA_ARGS__)},
#define CALLN(id, called, host_call, fn, kind, ...) \
	[CALL_##id] = {.name = called, .host = SYS_##host_call, .result = RESULT_##kind, ROW(fn, ##__VA_ARGS__)},
const struct call linux_calls[CALL_COUNT] = {
	[CALL_UNKNOWN] = {.name = "unknown", .host = -1},
#include "calls.def"
};

struct linux_state *linux_state_new(const struct sys_table *table, uint64_t guest_base)
{
	struct linux_state *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->table = table;
	s->layouts = layouts_new(&table->layout, guest_base);
	if (!s->layouts) {
		free(s);
		return NULL;
	}
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

struct linux_state *linux_state_make(struct thread *t)
{
	struct process *p = t->process;
	struct linux_state *s = linux_state_new(p->abi->calls, p->guest_base), *none = NULL;
	if (!s) {
		err_print("no memory for the tables of system calls");
		user_die(t, SIGKILL, NULL);
	}
	linux_space_limits_set(s, p->options.space_limits);
	/* Two first calls at the same time: one of them wins. */
	if (!__atomic_compare_exchange_n(&p->linux_state, &none, s, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		layouts_free(s->layouts);
		free(s);
		s = none;
	}
	return s;
}

void linux_fork_child(struct process *p)
{
	if (p->linux_state)
		pthread_mutex_init(&p->linux_state->lock, NULL);
}

/* True the first time that bit n of the set is asked for. */
static bool first_time(uint64_t *set, unsigned n)
{
	return !(__atomic_fetch_or(&set[n / 64], 1ULL << n % 64, __ATOMIC_RELAXED) >> n % 64 & 1);
}

static int64_t refuse(struct thread *t, const struct call *c)
{
	if (first_time(linux_state(t)->logged, c - linux_calls))
		log_printf(LOG_UNIMP, "system call %s is not provided: the program gets ENOSYS\n", c->name);
	return -ENOSYS;
}

static int64_t unknown(struct thread *t, uint32_t number, const uint64_t *raw)
{
	if (first_time(linux_state(t)->logged_numbers, number % 1024))
		log_printf(LOG_UNIMP, "unknown system call %u: the program gets ENOSYS\n", number);
	if (t->process->options.strace)
		strace_unknown(number, raw);
	return -ENOSYS;
}

/* Registers to logical arguments. */
static void fetch(const struct sys_table *table, const struct call *c, const uint64_t *raw, uint64_t *a)
{
	bool narrow = table->layout.word == 4, big = table->layout.big_endian;
	unsigned r = 0;
	for (unsigned i = 0; i < 6; i++) {
		uint64_t v = r < 6 ? raw[r] : 0, low, high;
		switch (c->arg[i].kind) {
		case ARG_INT: case ARG_FD: case ARG_DIRFD: case ARG_PID: case ARG_SIGNAL:
			a[i] = (int64_t)(int32_t)v;
			break;
		case ARG_UINT: case ARG_OCTAL: case ARG_HEX: case ARG_FLAGS: case ARG_ENUM:
			a[i] = (uint32_t)v;
			break;
		case ARG_LONG:
			a[i] = narrow ? (uint64_t)(int64_t)(int32_t)v : v;
			break;
		case ARG_ID16:
			a[i] = (v & 0xffff) == 0xffff ? UINT64_MAX : v & 0xffff;
			break;
		case ARG_OFF64:
			if (!narrow) {
				a[i] = v;
				break;
			}
			if (table->pair_aligned && r % 2)
				r++;
			low = r < 6 ? (uint32_t)raw[r] : 0;
			r++;
			high = r < 6 ? (uint32_t)raw[r] : 0;
			a[i] = big ? low << 32 | high : high << 32 | low;
			break;
		case ARG_OFFLH:
			r++;
			a[i] = narrow ? (uint64_t)(uint32_t)v | (r < 6 ? raw[r] << 32 : 0) : v;
			break;
		default:
			a[i] = narrow ? (uint32_t)v : v;
		}
		r++;
	}
}

/* Errors whose numbers differ between architectures (MIPS, SPARC, Alpha, PA-RISC). */
static int64_t errno_to_guest(const struct sys_table *table, int64_t result)
{
	for (const struct value_map *m = table->errnos; m && m->host; m++)
		if (result == -(int64_t)m->host)
			return -(int64_t)m->guest;
	return result;
}

static int64_t perform(struct thread *t, const struct call *c, const uint64_t *a)
{
	return c->handler ? c->handler(t, a) : refuse(t, c);
}

int64_t sys_perform(struct thread *t, unsigned id, const uint64_t *words)
{
	const struct call *c = &linux_calls[id], *outer = t->call;
	uint64_t a[6];
	fetch(linux_state(t)->table, c, words, a);
	t->call = c;
	int64_t result = perform(t, c, a);
	t->call = outer;
	return result;
}

static __attribute__((noinline)) int64_t traced(struct thread *t, const struct call *c, const uint64_t *a)
{
	struct strace_line line;
	strace_enter(&line, t, c, a);
	int64_t result = perform(t, c, a);
	strace_leave(&line, c, result);
	return result;
}

int64_t sys_dispatch(struct thread *t, const struct sys_table *table, uint32_t number, const uint64_t *raw)
{
	uint32_t index = number - table->first;
	unsigned id = index < table->count ? table->ids[index] : CALL_UNKNOWN;
	if (id == CALL_UNKNOWN)
		return unknown(t, number, raw);
	const struct call *c = &linux_calls[id];
	uint64_t a[6];
	fetch(table, c, raw, a);
	t->call = c;
	int64_t result = __builtin_expect(t->process->options.strace, 0) ? traced(t, c, a) : perform(t, c, a);
	if (__builtin_expect(table->errnos != NULL, 0) && result < 0 && result > -4096)
		result = errno_to_guest(table, result);
	return result;
}
