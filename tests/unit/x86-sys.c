/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system side of x86: flat kernels (tests/guest-sys/NAME.S) on a machine that is RAM, a debug port and an exit port, under T0 and T1.
 * A kernel is a multiboot image, so that the peer can run the same file (tests/guest-sys/README); it prints "ok NAME" or "FAIL NAME"
 * lines through port e9 and leaves through port f4.
 *
 *	[CPU=MODEL] x86-sys [t0|t1] [KERNEL]...   runs these alone and shows what they print
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "tap.h"
#include "isa/x86/system.h"
#include "jit/access.h"
#include "jit/mmu.h"

#define RAM_PAGES 16384u /* 64 MB */
#define LIMIT 20         /* seconds */

struct test {
	uint8_t *ram;
	struct cpu *cpu;
	char out[65536];
	size_t used;
	int status;         /* -1: runs */
	bool triple, ferr;
	int vector;         /* an interrupt that waits, -1: none */
	uint8_t port[8];    /* scratch registers at port 500 */
	uint8_t tpr;
	/* another thread that raises interrupt 0x26 when it is asked (port 515) */
	pthread_t raiser;
	_Atomic int asked, raised;
};

static void page(void *opaque, struct cpu *c, uint64_t physical, struct mmu_page *p)
{
	struct test *t = opaque;

	(void)c;
	memset(p, 0, sizeof *p);
	if (physical >> 12 >= RAM_PAGES)
		return;
	p->ram = physical >> 12;
	p->host = t->ram + (physical & ~4095ull);
	p->writable = p->dirty = true;
}

static uint64_t load(void *opaque, struct cpu *c, uint64_t physical, unsigned size, bool *failed)
{
	(void)opaque, (void)c, (void)physical, (void)size;
	*failed = true;
	return ~0ull;
}

static void store(void *opaque, struct cpu *c, uint64_t physical, uint64_t value, unsigned size, bool *failed)
{
	(void)opaque, (void)c, (void)physical, (void)size, (void)value;
	*failed = true;
}

static void dirtied(void *opaque, uint64_t ram)
{
	(void)opaque, (void)ram;
}

static void nothing(void *opaque, struct cpu *c)
{
	(void)opaque, (void)c;
}

static uint64_t in(void *opaque, uint16_t port, unsigned size)
{
	struct test *t = opaque;
	uint64_t v = ~0ull;

	if (port == 0xe9)
		return 0xe9;
	if (port == 0x515)
		return (uint64_t)atomic_load(&t->raised);
	if (port >= 0x500 && port + size <= 0x508)
		memcpy(&v, t->port + port - 0x500, size);
	return v;
}

/* e9: text. f4: leave. 500..507: scratch. 510: an interrupt of this vector. 511: NMI. 512: SMI. 513: machine check (odd: a corrected one). 514: A20. 515: another thread's turn. */
static void out(void *opaque, uint16_t port, uint64_t value, unsigned size)
{
	struct test *t = opaque;

	switch (port) {
	case 0xe9:
		if (t->used < sizeof t->out - 1)
			t->out[t->used++] = (char)value;
		break;
	case 0xf4:
		t->status = (int)value;
		t->cpu->isa->interrupt(t->cpu, NULL);
		break;
	case 0x510:
		t->vector = (int)value & 255;
		x86_line_interrupt(t->cpu);
		break;
	case 0x511: x86_line_nmi(t->cpu); break;
	case 0x512: x86_line_smi(t->cpu); break;
	case 0x513: x86_line_machine_check(t->cpu, 2, 1ull << 63 | (value & 1 ? 0 : 1ull << 61) | 1ull << 60 | 0x135, 5, 0x12345000, 0, false); break;
	case 0x514: x86_line_a20(t->cpu, value & 1); break;
	case 0x515:
		atomic_store(&t->raised, 0);
		atomic_store(&t->asked, 1);
		break;
	default:
		if (port >= 0x500 && port + size <= 0x508)
			memcpy(t->port + port - 0x500, &value, size);
	}
}

static bool pending(void *opaque)
{
	return ((struct test *)opaque)->vector >= 0;
}

static int acknowledge(void *opaque)
{
	struct test *t = opaque;
	int v = t->vector;

	t->vector = -1;
	if (t->ferr)
		x86_line_ferr_ignored(t->cpu);
	t->ferr = false;
	return v;
}

static uint8_t get_tpr(void *opaque)
{
	return ((struct test *)opaque)->tpr;
}

static void set_tpr(void *opaque, uint8_t v)
{
	((struct test *)opaque)->tpr = v;
}

static int msr_read(void *opaque, uint32_t msr, uint64_t *v)
{
	(void)opaque;
	*v = 0xfee00900;
	return msr == 0x1b ? 0 : -EINVAL;
}

static int msr_write(void *opaque, uint32_t msr, uint64_t v)
{
	(void)opaque, (void)v;
	return msr == 0x1b ? 0 : -EINVAL;
}

static uint64_t tsc(void *opaque)
{
	static uint64_t now;
	(void)opaque;
	return now += 100;
}

static void triple(void *opaque)
{
	struct test *t = opaque;

	t->triple = true;
	t->status = 0x100;
	t->cpu->isa->interrupt(t->cpu, NULL);
}

/* FERR# is interrupt 25, and its acknowledgement asserts IGNNE#. */
static void ferr(void *opaque, bool level)
{
	struct test *t = opaque;

	if (level) {
		t->vector = 0x25;
		t->ferr = true;
		x86_line_interrupt(t->cpu);
	}
}

/* Raises the interrupt a little later each time, so that it meets every place of what the processor does meanwhile. */
static void *raise_lines(void *opaque)
{
	struct test *t = opaque;

	/* For a while, however busy the host is. */
	time_t end = time(NULL) + 2;
	for (unsigned turn = 0, spins = 0; atomic_load(&t->asked) >= 0;) {
		int asked = 1;
		if (!atomic_compare_exchange_strong(&t->asked, &asked, 0)) {
			if (++spins % 10000 == 0)
				sched_yield();
			continue;
		}
		for (volatile unsigned delay = turn++ * 7 % 6000; delay; delay--)
			;
		t->vector = 0x26;
		x86_line_interrupt(t->cpu);
		atomic_store(&t->raised, turn < 20000 && time(NULL) < end ? 1 : 2);
	}
	return NULL;
}

static struct test *current;

static void on_fault(int sig, siginfo_t *si, void *ucontext)
{
	if (current && current->cpu && current->cpu->isa->host_fault(current->cpu, sig, si, ucontext))
		return;
	signal(sig, SIG_DFL);
}

/* Builds the kernel's image: a flat binary that begins with its multiboot header. */
static uint8_t *build(const char *name, size_t *size)
{
	static uint8_t image[1 << 20];
	char dir[] = "/tmp/x86-sys-XXXXXX", command[1024];

	if (!mkdtemp(dir))
		return NULL;
	snprintf(command, sizeof command,
		 "cd '%s' && gcc -c -o k.o -I \"$OLDPWD/tests/guest-sys\" \"$OLDPWD/tests/guest-sys/%s.S\" && ld -n --no-warn-rwx-segments -Ttext 0x100000 -e start -o k.elf k.o && "
		 "objcopy -O binary k.elf k.bin", dir, name);
	int status = system(command), fd;
	char path[64];
	snprintf(path, sizeof path, "%s/k.bin", dir);
	ssize_t n = -1;
	if (status == 0 && (fd = open(path, O_RDONLY)) >= 0) {
		n = read(fd, image, sizeof image);
		close(fd);
	}
	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	if (system(command) || n <= 0)
		return NULL;
	*size = (size_t)n;
	return image;
}

/* The state that multiboot 1 promises (specification, 3.2). */
static void multiboot(struct test *t, const uint8_t *image, size_t size)
{
	struct x86_cpu *c = x86_cpu(t->cpu);
	uint32_t entry;
	struct err e = ERR_INIT;

	memcpy(t->ram + 0x100000, image, size);
	memcpy(&entry, image + 28, 4);
	x86_system_reset(t->cpu);
	c->sys.cr0 = 0x11;
	for (unsigned i = 0; i < 6; i++)
		c->seg[i] = (struct x86_seg){.selector = i == X86_CS ? 8 : 16, .attr = i == X86_CS ? 0xc09b : 0xc093, .limit = UINT32_MAX};
	c->gpr[X86_RAX] = 0x2badb002;
	c->rip = entry;
	if (x86_state_loaded(t->cpu, &e))
		fprintf(stderr, "# %s\n", e.msg);
}

static void run_kernel(const char *name, const char *model, enum jit_accel accel, bool show, int expected)
{
	struct test t = {.status = -1, .vector = -1};
	struct err e = ERR_INIT;
	size_t size = 0;
	const uint8_t *image = build(name, &size);
	const char *tier = accel == JIT_INTERPRET ? "T0" : "T1";

	if (!ok(image, "%s is built", name))
		return;
	t.ram = mmap(NULL, (size_t)RAM_PAGES << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	const struct mmu_machine mm = {.page = page, .load = load, .store = store, .dirtied = dirtied, .exclusive_begin = nothing,
				       .exclusive_end = nothing, .ram_pages = RAM_PAGES, .opaque = &t};
	const struct x86_machine xm = {.in = in, .out = out, .acknowledge = acknowledge, .pending = pending, .get_tpr = get_tpr, .set_tpr = set_tpr,
				       .msr_read = msr_read, .msr_write = msr_write, .tsc = tsc, .ferr = ferr, .triple_fault = triple, .opaque = &t};
	const struct jit_config config = {.isa = &isa_x86_64_system, .accel = accel, .machine = &mm};
	struct jit *j = jit_new(&config, &e);
	if (!j || !(t.cpu = config.isa->cpu_new(j, model, &e))) {
		ok(0, "%s: a processor: %s", name, e.msg);
		return;
	}
	x86_system_attach(t.cpu, &xm);
	multiboot(&t, image, size);
	current = &t;
	bool threaded = !strcmp(name, "lines") && !pthread_create(&t.raiser, NULL, raise_lines, &t);
	alarm(LIMIT);
	while (t.status < 0) {
		enum trap_kind k = t.cpu->isa->run(t.cpu);
		if (k == TRAP_HALT && t.vector < 0 && t.status < 0 && !t.cpu->pending) {
			t.status = 0x200; /* nothing will wake it */
		} else if (k == TRAP_DEBUG) {
			t.status = 0x300;
		}
	}
	alarm(0);
	if (threaded) {
		atomic_store(&t.asked, -1);
		pthread_join(t.raiser, NULL);
	}
	unsigned good = 0, bad = 0;
	for (char *line = t.out, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		if (!end)
			break;
		*end = 0;
		if (!strncmp(line, "ok ", 3))
			good++;
		else
			bad += !strncmp(line, "FAIL", 4);
		if (show || !strncmp(line, "FAIL", 4))
			printf("# %s\n", line);
	}
	ok(t.status == expected && !bad && good, "%s, %s, %s: %u cases%s", name, model, tier, good, t.triple ? ", then a triple fault" : t.status == 0x200 ? ", then halted for good" : "");
	if (t.status != expected || bad)
		printf("# status %x, %u failed\n", (unsigned)t.status, bad);
	if (t.status != expected)
		x86_print_registers(t.cpu, stdout);
	current = NULL;
	config.isa->cpu_free(t.cpu);
	jit_free(j);
	munmap(t.ram, (size_t)RAM_PAGES << 12);
}

int main(int argc, char **argv)
{
	static const struct { const char *name, *model; } kernels[] = {
		{"smoke", "max"}, {"segments", "max"}, {"gates", "max"}, {"paging", "max"}, {"long", "max"}, {"debug", "max"}, {"vm86", "max"}, {"real", "max"},
		{"control", "max"}, {"triple", "max"}, {"smm", "max"}, {"smm", "pentium3"}, /* each has a map of its own for the saved state */
		{"lines", "max"}, {"strings", "max"},
	};
	const unsigned all = sizeof kernels / sizeof *kernels;
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
	bool t0 = true, t1 = true;
	int i = 1;

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
	for (; i < argc && argv[i][0] == 't' && argv[i][2] == 0; i++) {
		t0 = argv[i][1] == '0';
		t1 = argv[i][1] == '1';
	}
	for (unsigned k = 0; i < argc || (argc <= 1 && k < all); k++) {
		const char *name = i < argc ? argv[i++] : kernels[k].name, *model = argc > 1 ? getenv("CPU") : kernels[k].model;
		int expected = strcmp(name, "triple") ? 0 : 0x100;
		if (t0)
			run_kernel(name, model ? model : "max", JIT_INTERPRET, argc > 1, expected);
		if (t1)
			run_kernel(name, model ? model : "max", JIT_TRANSLATE, argc > 1, expected);
	}
	return tap_done();
}
