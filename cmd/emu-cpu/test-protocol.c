/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Register-level tests from scripts. One command a line; the answer is one line, OK with a value or FAIL with a sentence. The clock is the
 * test's (clock_own()). Lines of a device that was named by irq_intercept_in are told as "IRQ raise N" and "IRQ lower N".
 */
#include "test-protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core.h"
#include "x86-parts.h"

#define LINE_MAX_ (1u << 20)
#define BYTES_MAX (256u << 10)

struct tester {
	struct machine *m;
	struct loop_fd *watch;
	char *line;
	size_t size;
	/* inputs that are watched: the device's own are put back at the end */
	struct irq *inputs, saved[64], *told;
	unsigned count;
};

static struct tester *state(const struct machine *m)
{
	return m->parts->tester;
}

static void answer(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void answer(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

/* ---- commands ---- */

struct words {
	char *word[8];
	unsigned count;
};

static bool number(const struct words *w, unsigned n, uint64_t *v)
{
	char *end;

	if (n >= w->count || !*w->word[n])
		return false;
	errno = 0;
	*v = strtoull(w->word[n], &end, 0);
	return !*end && !errno;
}

static unsigned size_of(char letter)
{
	return letter == 'b' ? 1 : letter == 'w' ? 2 : letter == 'l' ? 4 : 8;
}

static void port(struct machine *m, const struct words *w)
{
	bool in = w->word[0][0] == 'i';
	unsigned size = size_of(w->word[0][strlen(w->word[0]) - 1]);
	uint64_t at, v = 0;

	if (!m->ports)
		answer("FAIL this machine has no ports");
	else if (!number(w, 1, &at) || at > 0xffff || (!in && !number(w, 2, &v)))
		answer("FAIL %s PORT%s", w->word[0], in ? "" : " VALUE");
	else if (in)
		answer("OK 0x%04" PRIx64, space_load(m->ports, at, size, NULL));
	else {
		space_store(m->ports, at, v, size, NULL);
		answer("OK");
	}
}

static void memory(struct machine *m, const struct words *w)
{
	bool read = w->word[0][0] == 'r';
	unsigned size = size_of(w->word[0][strlen(w->word[0]) - 1]);
	uint64_t at, v = 0;

	if (!m->memory)
		answer("FAIL this machine has no memory");
	else if (!number(w, 1, &at) || (!read && !number(w, 2, &v)))
		answer("FAIL %s ADDRESS%s", w->word[0], read ? "" : " VALUE");
	else if (read)
		answer("OK 0x%016" PRIx64, space_load(m->memory, at, size, NULL));
	else {
		space_store(m->memory, at, v, size, NULL);
		answer("OK");
	}
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void bytes(struct machine *m, const struct words *w)
{
	uint64_t at, size, v = 0;
	uint8_t *data;

	if (!m->memory || !number(w, 1, &at) || !number(w, 2, &size) || size == 0 || size > BYTES_MAX || !(data = calloc(size, 1))) {
		answer("FAIL %s ADDRESS SIZE, at most %u bytes", w->word[0], BYTES_MAX);
		return;
	}
	if (!strcmp(w->word[0], "read")) {
		space_read(m->memory, at, data, size);
		printf("OK 0x");
		for (uint64_t i = 0; i < size; i++)
			printf("%02x", data[i]);
		answer("%s", "");
	} else if (!strcmp(w->word[0], "memset")) {
		number(w, 3, &v);
		memset(data, (int)v, size);
		space_write(m->memory, at, data, size);
		answer("OK");
	} else if (w->count < 4 || strncmp(w->word[3], "0x", 2) || strlen(w->word[3]) != 2 + 2 * size) {
		answer("FAIL write ADDRESS SIZE 0xHEX with two digits a byte");
	} else {
		bool good = true;
		for (uint64_t i = 0; i < size; i++) {
			int high = digit(w->word[3][2 + 2 * i]), low = digit(w->word[3][3 + 2 * i]);
			good &= high >= 0 && low >= 0;
			data[i] = (uint8_t)(high << 4 | (low & 15));
		}
		if (good)
			space_write(m->memory, at, data, size);
		answer(good ? "OK" : "FAIL not hexadecimal");
	}
	free(data);
}

static void clocks(struct machine *m, const struct words *w)
{
	uint64_t ns = 0, now = clock_ns(m, CLOCK_VIRT);

	if (!strcmp(w->word[0], "clock_set")) {
		if (!number(w, 1, &ns) || ns < now)
			answer("FAIL clock_set NS, not before %" PRIu64, now);
		else {
			clock_step(m, ns - now);
			answer("OK %" PRIu64, clock_ns(m, CLOCK_VIRT));
		}
	} else if (w->count == 1) {
		answer("OK %" PRIu64, clock_step_next(m));
	} else if (!number(w, 1, &ns)) {
		answer("FAIL clock_step [NS]");
	} else {
		clock_step(m, ns);
		answer("OK %" PRIu64, clock_ns(m, CLOCK_VIRT));
	}
}

static void tell_line(void *opaque, int n, bool level)
{
	struct tester *t = opaque;

	printf("IRQ %s %d\n", level ? "raise" : "lower", n);
	irq_set(&t->saved[n], level);
}

static void put_back(struct tester *t)
{
	for (unsigned i = 0; i < t->count; i++)
		t->inputs[i] = t->saved[i];
	t->count = 0;
}

/* The inputs of an interrupt controller tell, and go on to it. */
static void intercept(struct tester *t, const struct words *w)
{
	struct device *d = w->count > 1 ? device_find(t->m, w->word[1]) : NULL;
	const char *type = d ? d->type->name : "";
	const struct irq *in = !strcmp(type, "isa-i8259") ? i8259_inputs(d) : !strcmp(type, "ioapic") ? ioapic_inputs(d) : NULL;
	unsigned count = !strcmp(type, "ioapic") ? 24 : 16;

	if (!in) {
		answer("FAIL irq_intercept_in PATH, the path or id of an interrupt controller (isa-i8259, ioapic)");
		return;
	}
	put_back(t);
	t->inputs = (struct irq *)in;
	t->count = count;
	for (unsigned i = 0; i < count; i++) {
		t->saved[i] = in[i];
		t->inputs[i] = (struct irq){tell_line, t, (int)i};
	}
	answer("OK");
}

static void files(struct machine *m, const struct words *w)
{
	bool save = !strcmp(w->word[0], "save");
	struct err e = ERR_INIT;
	int fd = w->count > 1 ? open(w->word[1], save ? O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0600) : -1;

	if (fd < 0)
		answer("FAIL cannot open the file (with -sandbox off only)");
	else if ((save ? machine_save(m, fd, &e) : machine_load(m, fd, &e)) < 0)
		answer("FAIL %s", e.msg);
	else
		answer("OK");
	if (fd >= 0)
		close(fd);
}

static void command(struct tester *t, char *line)
{
	static const char *const ports[] = {"inb", "inw", "inl", "outb", "outw", "outl"},
				 *const cells[] = {"readb", "readw", "readl", "readq", "writeb", "writew", "writel", "writeq"};
	struct words w = {0};
	char *rest = line, *word;

	while (w.count < 8 && (word = strsep(&rest, " \t\r")))
		if (*word)
			w.word[w.count++] = word;
	if (!w.count)
		return;
	for (unsigned i = 0; i < sizeof ports / sizeof *ports; i++)
		if (!strcmp(w.word[0], ports[i])) {
			port(t->m, &w);
			return;
		}
	for (unsigned i = 0; i < sizeof cells / sizeof *cells; i++)
		if (!strcmp(w.word[0], cells[i])) {
			memory(t->m, &w);
			return;
		}
	if (!strcmp(w.word[0], "read") || !strcmp(w.word[0], "write") || !strcmp(w.word[0], "memset")) {
		bytes(t->m, &w);
	} else if (!strcmp(w.word[0], "clock_step") || !strcmp(w.word[0], "clock_set")) {
		clocks(t->m, &w);
	} else if (!strcmp(w.word[0], "irq_intercept_in")) {
		intercept(t, &w);
	} else if (!strcmp(w.word[0], "reset")) {
		machine_reset(t->m);
		answer("OK");
	} else if (!strcmp(w.word[0], "save") || !strcmp(w.word[0], "load")) {
		files(t->m, &w);
	} else if (!strcmp(w.word[0], "quit")) {
		answer("OK");
		loop_stop(t->m->loop, 0);
	} else {
		answer("FAIL Unknown command '%.60s'", w.word[0]);
	}
}

/* ---- lines ---- */

static void on_input(void *opaque, unsigned events)
{
	struct tester *t = opaque;
	ssize_t n = read(0, t->line + t->size, LINE_MAX_ - 1 - t->size);
	char *from = t->line, *end;

	(void)events;
	if (n <= 0) {
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		loop_stop(t->m->loop, 0);
		return;
	}
	t->size += (size_t)n;
	t->line[t->size] = '\0';
	while ((end = memchr(from, '\n', t->size - (size_t)(from - t->line)))) {
		*end = '\0';
		machine_lock(t->m);
		command(t, from);
		machine_unlock(t->m);
		from = end + 1;
	}
	t->size -= (size_t)(from - t->line);
	memmove(t->line, from, t->size);
	if (t->size == LINE_MAX_ - 1) {
		answer("FAIL the line is too long");
		t->size = 0;
	}
}

int test_protocol_start(struct machine *m, struct err *e)
{
	struct tester *t = calloc(1, sizeof *t);

	if (!t || !(t->line = malloc(LINE_MAX_))) {
		free(t);
		return err_set(e, ENOMEM, "out of memory");
	}
	t->m = m;
	t->watch = loop_add_fd(m->loop, 0, LOOP_READ, on_input, t, e);
	m->parts->tester = t;
	if (!t->watch && e->code == EPERM)
		err_hint(e, "-test-protocol reads a pipe or a terminal, no file");
	return t->watch ? 0 : -e->code;
}

void test_protocol_stop(struct machine *m)
{
	struct tester *t = state(m);

	if (!t)
		return;
	put_back(t);
	loop_del_fd(t->watch);
	free(t->line);
	free(t);
	m->parts->tester = NULL;
}
