/* SPDX-License-Identifier: GPL-2.0-or-later */
/* emu-user: runs one Linux program of another (or the same) processor. Options, start-up. */
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "internal.h"

#define VERSION "1.0"
#ifndef AT_FLAGS_PRESERVE_ARGV0
#define AT_FLAGS_PRESERVE_ARGV0 1
#endif

extern char **environ;

static const char *const accels[] = {"translate", "interp", NULL};

static int do_help(const struct opt *o, const char *value, void *settings, struct err *e);
static int do_version(const struct opt *o, const char *value, void *settings, struct err *e);
static int do_env_list(const struct opt *o, const char *value, void *settings, struct err *e);

#define AT(field) offsetof(struct user_options, field)

static const struct opt options[] = {
	{.name = "h", .type = OPT_CALL, .handler = do_help, .help = "print this help"},
	{.name = "help", .type = OPT_CALL, .handler = do_help, .help = "print this help", .hidden = true},
	{.name = "version", .type = OPT_CALL, .handler = do_version, .help = "print the version and what was built in",
	 .env = "QEMU_VERSION"},
	{.name = "g", .type = OPT_STRING, .arg = "PORT", .offset = AT(gdb), .env = "QEMU_GDB",
	 .help = "wait for a debugger on TCP port PORT, or on a UNIX socket if PORT is a path",
	 .man = "Stops before the first instruction until gdb has connected (target remote localhost:PORT)."},
	{.name = "L", .type = OPT_STRING, .arg = "PATH", .offset = AT(prefix), .env = "QEMU_LD_PREFIX",
	 .help = "look for the ELF interpreter and libraries below PATH first",
	 .man = "An absolute path that the program opens is looked for below PATH first. Without the option it is "
		"/usr/local/qemu-ARCH where that directory is there. LD_LIBRARY_PATH must not name "
		"directories of the host when PATH holds libraries of another machine."},
	{.name = "s", .type = OPT_SIZE, .arg = "SIZE", .offset = AT(stack_size), .env = "QEMU_STACK_SIZE",
	 .help = "size of the program's stack in bytes, with k, M or G", .def = "the limit of ulimit -s"},
	{.name = "cpu", .type = OPT_STRING, .arg = "MODEL", .offset = AT(cpu_model), .env = "QEMU_CPU",
	 .help = "processor model with +feature and -feature; 'help' lists them", .def = "max"},
	{.name = "E", .type = OPT_LIST, .arg = "VAR=VALUE", .offset = AT(set_env),
	 .help = "set an environment variable of the program"},
	{.name = "U", .type = OPT_LIST, .arg = "VAR", .offset = AT(unset_env),
	 .help = "remove an environment variable of the program"},
	{.name = "0", .type = OPT_STRING, .arg = "NAME", .offset = AT(argv0), .env = "QEMU_ARGV0",
	 .help = "what the program sees as argv[0]"},
	{.name = "r", .type = OPT_STRING, .arg = "RELEASE", .offset = AT(release), .env = "QEMU_UNAME",
	 .help = "the kernel release that uname reports"},
	{.name = "B", .type = OPT_SIZE, .arg = "ADDRESS", .offset = AT(guest_base), .env = "QEMU_GUEST_BASE",
	 .help = "offset of the program's address space in this process's", .def = "0"},
	{.name = "R", .type = OPT_SIZE, .arg = "SIZE", .offset = AT(reserved_va), .env = "QEMU_RESERVED_VA",
	 .help = "limit the program's address space to SIZE bytes, with k, M or G"},
	{.name = "d", .type = OPT_STRING, .arg = "ITEM,...", .offset = AT(log_items), .env = "QEMU_LOG",
	 .help = "log these items; 'help' lists them"},
	{.name = "D", .type = OPT_STRING, .arg = "FILE", .offset = AT(log_path), .env = "QEMU_LOG_FILENAME",
	 .help = "write the log to FILE (%d: the process id)", .def = "standard error"},
	{.name = "p", .type = OPT_SIZE, .arg = "PAGESIZE", .offset = AT(page_size), .env = "QEMU_PAGESIZE",
	 .help = "let the program see pages of PAGESIZE bytes, a power of two from 4096 to 1 MiB"},
	{.name = "singlestep", .type = OPT_FLAG, .offset = AT(one_insn), .env = "QEMU_SINGLESTEP",
	 .help = "translate one instruction at a time"},
	{.name = "strace", .type = OPT_FLAG, .offset = AT(strace), .env = "QEMU_STRACE",
	 .help = "print the program's system calls"},
	{.name = "seed", .type = OPT_STRING, .arg = "NUMBER", .offset = AT(seed), .env = "QEMU_RAND_SEED",
	 .help = "seed of the random bytes that the program finds at its start"},
	{.name = "trace", .type = OPT_STRING, .arg = "[enable=]PATTERN", .offset = AT(trace), .env = "QEMU_TRACE",
	 .help = "switch trace points on; 'help' lists them"},
	{.name = "accel", .type = OPT_CHOICE, .arg = "HOW", .offset = AT(accel), .choices = accels,
	 .help = "translate to the host's code, or interpret", .def = "translate"},
	{.name = "execfd", .type = OPT_INT, .arg = "FD", .offset = AT(exec_fd), .min = 0, .max = INT_MAX, .hidden = true,
	 .help = "internal: the descriptor of the program"},
	{.name = "selffd", .type = OPT_INT, .arg = "FD", .offset = AT(self_fd), .min = 0, .max = INT_MAX, .hidden = true,
	 .help = "internal: the descriptor of this emulator's own file"},
	{.name = "sigmask", .type = OPT_STRING, .arg = "HEX", .offset = AT(initial_mask), .hidden = true,
	 .help = "internal: the program's signal mask"},
	{.name = "spacelimits", .type = OPT_STRING, .arg = "LIMITS", .offset = AT(space_limits), .hidden = true,
	 .help = "internal: the program's limits of address space"},
	{.name = "set-env", .type = OPT_CALL, .arg = "VAR=VALUE,...", .handler = do_env_list, .env = "QEMU_SET_ENV",
	 .hidden = true, .help = "like -E, a list"},
	{.name = "unset-env", .type = OPT_CALL, .arg = "VAR,...", .handler = do_env_list, .env = "QEMU_UNSET_ENV",
	 .hidden = true, .help = "like -U, a list"},
};

static const struct opt_table table = {
	.program = "emu-user",
	.usage = "[OPTION]... PROGRAM [ARGUMENT]...",
	.summary = "Runs a Linux program of another processor, or of this one, with its system calls passed to this host.",
	.epilog = "Every option that has an environment variable can be given by it; the option wins.\n"
		  "The processor is found out from PROGRAM's ELF header, whatever name this emulator is called by.\n"
		  "PROGRAM may be a script that begins with #!. Programs that it runs are emulated as well.\n"
		  "Exit status: the program's; 127 if it was not found, 126 if it cannot be run, 1 for a wrong option.\n",
	.opts = options,
	.count = sizeof(options) / sizeof(options[0]),
	.flags = OPT_CLASSIC | OPT_STOP_AT_WORD,
};

static int do_help(const struct opt *o, const char *value, void *settings, struct err *e)
{
	(void)o, (void)value, (void)settings, (void)e;
	opt_help(&table, stdout);
	exit(0);
}

static int do_version(const struct opt *o, const char *value, void *settings, struct err *e)
{
	(void)o, (void)value, (void)settings, (void)e;
	printf("emu-user version %s\nguests: x86_64 i386 aarch64 aarch64_be ppc ppc64 ppc64le ppc64abi32\n", VERSION);
	exit(0);
}

/* QEMU_SET_ENV and QEMU_UNSET_ENV: lists with commas. */
static int do_env_list(const struct opt *o, const char *value, void *settings, struct err *e)
{
	struct user_options *u = settings;
	struct opt_list *l = !strcmp(o->name, "set-env") ? &u->set_env : &u->unset_env;
	char *copy = strdup(value), *word, *rest = copy;

	while (copy && (word = strsep(&rest, ","))) {
		const char **item = realloc(l->item, (l->count + 1) * sizeof(*item));

		if (!item)
			return err_set(e, ENOMEM, "out of memory");
		l->item = item;
		l->item[l->count++] = word;
	}
	return copy ? 0 : err_set(e, ENOMEM, "out of memory");
}

/* -E and -U on the environment that the program gets. */
static int change_environment(const struct user_options *o, struct err *e)
{
	unsigned i;

	for (i = 0; i < o->set_env.count; i++) {
		const char *s = o->set_env.item[i], *eq = strchr(s, '=');

		if (!eq || eq == s)
			return err_set(e, EINVAL, "-E: '%s' is not accepted; it is VARIABLE=VALUE", s);
		if (putenv((char *)s))
			return err_errno(e, ENOMEM, "-E %s", s);
	}
	for (i = 0; i < o->unset_env.count; i++)
		if (!*o->unset_env.item[i] || strchr(o->unset_env.item[i], '=') || unsetenv(o->unset_env.item[i]))
			return err_set(e, EINVAL, "-U: '%s' is not accepted; it is the name of a variable",
				       o->unset_env.item[i]);
	return 0;
}

static int check_options(struct user_options *o, struct err *e)
{
	char *end;

	if (o->page_size && ((o->page_size & (o->page_size - 1)) || o->page_size < PAGE || o->page_size > 1u << 20))
		return err_set(e, EINVAL, "-p: '%llu' is not accepted; it is a power of two from 4096 to 1048576",
			       (unsigned long long)o->page_size);
	if (o->seed && (strtoull(o->seed, &end, 0), *end || !*o->seed))
		return err_set(e, EINVAL, "-seed: '%s' is not accepted; it is a number", o->seed);
	if (o->guest_base)
		return err_set(e, EINVAL, "-B: x86 programs share the host's addresses: 0 is the only base they run with");
	if (o->initial_mask && (strtoull(o->initial_mask, &end, 16), *end))
		return err_set(e, EINVAL, "-sigmask: '%s' is no mask", o->initial_mask);
	if (o->reserved_va && o->reserved_va < 16u << 20)
		return err_set(e, EINVAL, "-R: '%llu' is not accepted; a program needs 16 MiB or more",
			       (unsigned long long)o->reserved_va);
	return 0;
}

/* The vdso: the host's own for a guest of the same kind, else one that we make. */
static int map_vdso(struct process *p, struct err *e)
{
	const struct abi *abi = p->abi;
	const void *image;
	size_t size = 0;
	int64_t r;

	if (!abi->vdso)
		return 0;
	image = abi->vdso(p, &size);
	if (!image)
		return 0;
	if (abi->vdso_is_host) {
		p->vdso = (uint64_t)(uintptr_t)image;
		mm_adopt(p, p->vdso, PAGE_UP(size), PROT_READ | PROT_EXEC, VMA_FIXTURE);
		return 0;
	}
	r = mm_map(p, 0, PAGE_UP(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (r < 0)
		return err_errno(e, (int)-r, "no room for the vdso");
	memcpy((void *)(uintptr_t)((uint64_t)r + p->guest_base), image, size);
	mm_protect(p, (uint64_t)r, PAGE_UP(size), PROT_READ | PROT_EXEC);
	p->vdso = (uint64_t)r;
	abi->vdso_mapped(p, p->vdso);
	return 0;
}

/* Loads the program and its interpreter; *entry and *interp_base are set. */
static int load(struct process *p, struct image *im, uint64_t *entry, uint64_t *interp_base, struct err *e)
{
	char out[PATH_MAX];
	struct image interp = {.fd = -1};
	int r = elf_load(p, im, false, e);

	if (r)
		return r;
	p->start_code = im->start_code;
	p->end_code = im->end_code;
	p->start_data = im->start_data;
	p->end_data = im->end_data;
	p->brk_start = p->brk = im->high;
	p->read_implies_exec = p->abi->word == 4 && im->executable_stack;
	*entry = im->entry;
	*interp_base = 0;
	if (!im->interp)
		return 0;
	interp.path = strdup(user_prefix_path(p, im->interp, out, sizeof(out)));
	interp.fd = interp.path ? open(interp.path, O_RDONLY | O_CLOEXEC) : -1;
	if (interp.fd < 0)
		return err_errno(e, errno, "%s", im->interp);
	r = elf_load(p, &interp, true, e);
	if (!r) {
		*entry = interp.entry;
		*interp_base = interp.base;
	}
	elf_image_free(&interp);
	return r;
}

/* What the kernel gives when binfmt_misc ran us: flags P and O. */
static void from_binfmt(struct user_options *o, int argc, char **argv, int *first)
{
	errno = 0;
	unsigned long fd = getauxval(AT_EXECFD);

	if (fd || !errno)
		o->exec_fd = (int64_t)fd;
	if ((getauxval(AT_FLAGS) & AT_FLAGS_PRESERVE_ARGV0) && argc > 2) {
		/* emulator, full path, argv[0], rest */
		o->argv0 = argv[2];
		argv[2] = argv[1];
		*first = 2;
	} else {
		*first = 1;
	}
}

static bool started_by_binfmt(void)
{
	errno = 0;
	return (getauxval(AT_FLAGS) & AT_FLAGS_PRESERVE_ARGV0) || (!getauxval(AT_EXECFD) && errno == 0) ||
	       getauxval(AT_EXECFD);
}

static void default_prefix(struct user_options *o, const char *arch)
{
	static char path[64];

	if (o->prefix)
		return;
	snprintf(path, sizeof(path), "/usr/local/qemu-%s", arch);
	if (!access(path, F_OK))
		o->prefix = path;
}

static void show_models(const char *argv0)
{
	const char *name = strrchr(argv0, '/');
	const struct abi *abi;

	name = name ? name + 1 : argv0;
	abi = strncmp(name, "qemu-", 5) ? NULL : abi_by_name(name + 5);
	(abi ? abi : &abi_x86_64)->isa->cpu_models(stdout);
	exit(0);
}

_Noreturn static void fail(const struct err *e)
{
	err_report(e);
	switch (e->code) {
	case ENOENT:
	case ENOTDIR:
	case ELOOP:
	case ENAMETOOLONG:
		exit(127);
	default:
		exit(126);
	}
}

/* jit_host.kick: the engine empties its code cache and wants the thread out of it. */
static void kick(void *opaque, struct cpu *c)
{
	(void)opaque;
	thread_kick(c->owner);
}

static struct process *new_process(const struct user_options *o, const struct image *im, struct err *e)
{
	struct process *p = calloc(1, sizeof(*p));
	struct jit_config config = {.isa = im->abi->isa, .accel = (enum jit_accel)o->accel, .one_insn = o->one_insn};

	if (!p) {
		err_errno(e, ENOMEM, "cannot start");
		return NULL;
	}
	p->abi = im->abi;
	p->options = *o;
	p->page_size = o->page_size ? o->page_size : im->abi->page_size;
	p->exe_path = strdup(im->path);
	pthread_mutex_init(&p->thread_lock, NULL);
	the_process = p;
	config.cache_hint = im->abi->cache_hint;
	config.host.code_pages = mm_code_pages;
	config.host.fetch_extent = mm_fetch_extent;
	config.host.changes_unseen = mm_changes_unseen;
	config.host.kick = kick;
	config.host.opaque = p;
	if (mm_init(p, e))
		return NULL;
	p->jit = jit_new(&config, e);
	return p->jit ? p : NULL;
}

int main(int argc, char **argv)
{
	struct user_options o = {.exec_fd = -1, .self_fd = -1};
	struct err e = ERR_INIT;
	uint64_t entry, interp_base, sp, mask = 0;
	bool by_kernel = false;
	struct image im;
	struct process *p;
	struct thread *t;
	struct cpu *cpu;
	char **args, *name;
	int first;

	err_set_program(argc ? argv[0] : "emu-user");
	abi_prefer(argc ? argv[0] : "emu-user");
	if (argc > 1 && started_by_binfmt()) {
		from_binfmt(&o, argc, argv, &first);
		by_kernel = true;
	} else if (opt_parse(&table, argc, argv, &o, &first, &e) || check_options(&o, &e)) {
		err_report(&e);
		return 1;
	}
	if (o.cpu_model && (!strcmp(o.cpu_model, "help") || !strcmp(o.cpu_model, "?")))
		show_models(argv[0]);
	if ((o.log_items && log_set(o.log_items, &e)) || (o.log_path && log_file(o.log_path, &e)) ||
	    (o.trace && trace_set(o.trace, &e))) {
		if (e.code == ECANCELED)
			return 0; /* help was printed */
		err_report(&e);
		return 1;
	}
	if (first >= argc) {
		err_print("no program was given");
		fprintf(stderr, "Usage: %s %s\nTry '%s -h' for the options.\n", err_program(), table.usage, err_program());
		return 1;
	}
	if (change_environment(&o, &e)) {
		err_report(&e);
		return 1;
	}
	args = program_copy_vector(argv + first);
	if (!args)
		return 126;
	if (o.argv0) {
		free(args[0]);
		args[0] = strdup(o.argv0);
	}
	if (program_resolve(AT_FDCWD, argv[first], (int)o.exec_fd, &args, &im, &e))
		fail(&e);
	if (o.exec_fd >= 0)
		close((int)o.exec_fd);
	default_prefix(&o, im.abi->name);
	p = new_process(&o, &im, &e);
	if (!p || program_check_interp(p, &im, &e))
		fail(&e);
	p->by_kernel = by_kernel;
	/* Of a script the kernel gives us the interpreter only, but remembers what was run. */
	p->execfn = by_kernel && getauxval(AT_EXECFN) ? (const char *)getauxval(AT_EXECFN) : argv[first];
	cpu = im.abi->isa->cpu_new(p->jit, o.cpu_model, &e);
	if (!cpu) {
		err_report(&e);
		return 1;
	}
	t = thread_new(p, cpu);
	if (!t || exec_save_options(p, argv[0]))
		return 126;
	t->host_is_main = true;
	if (o.initial_mask)
		mask = strtoull(o.initial_mask, NULL, 16);
	else
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &mask, 8);
	if (thread_host_setup(t) || signal_init(p, &e) || map_vdso(p, &e) || load(p, &im, &entry, &interp_base, &e) ||
	    stack_build(p, t, &im, interp_base, args, environ, &sp, &e))
		fail(&e);
	p->entry = im.entry;
	p->entry_base = interp_base ? interp_base : im.base;
	p->elf_v2 = (im.flags & 3) == 2;
	proc_describe(p);
	elf_image_free(&im);
	name = strrchr(argv[first], '/');
	prctl(PR_SET_NAME, name ? name + 1 : argv[first]);
	p->abi->init(cpu, entry, sp);
	if (log_mask & LOG_STRACE)
		p->options.strace = true;
	if (log_mask & LOG_PAGE) {
		log_lock();
		proc_maps_text(p, log_stream(), false);
		log_unlock();
	}
	if (o.gdb && gdb_start(p, o.gdb, &e))
		fail(&e);
	signal_set_mask(t, mask);
	program_free_vector(args);
	thread_loop(t);
}
