/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The option table of emu-cpu, and what the structured options mean. */
#include "settings.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "base/keyval.h"
#include "base/log.h"
#include "base/size.h"
#include "isa/x86/cpu.h"

#define VERSION "1.0"

static int do_help(const struct opt *o, const char *value, void *settings, struct err *e);
static int do_version(const struct opt *o, const char *value, void *settings, struct err *e);
static int do_device(const struct opt *o, const char *value, void *settings, struct err *e);
static int do_machine(const struct opt *o, const char *value, void *settings, struct err *e);
static int do_gdb(const struct opt *o, const char *value, void *settings, struct err *e);

#define AT(f) offsetof(struct settings, f)
#define CONFIG(f) offsetof(struct settings, config.f)
#define STRING(name_, arg_, field, ...) {.name = name_, .type = OPT_STRING, .arg = arg_, .offset = field, __VA_ARGS__}
#define LIST(name_, arg_, field, ...) {.name = name_, .type = OPT_LIST, .arg = arg_, .offset = field, __VA_ARGS__}
#define FLAG(name_, field, ...) {.name = name_, .type = OPT_FLAG, .offset = field, __VA_ARGS__}

static const char *const watchdog_actions[] = {"reset", "shutdown", "poweroff", "inject-nmi", "pause", "debug", "none", NULL};

static const struct opt options[] = {
	{.name = "h", .type = OPT_CALL, .handler = do_help, .help = "print this help"},
	{.name = "help", .type = OPT_CALL, .handler = do_help, .help = "print this help", .hidden = true},
	{.name = "version", .type = OPT_CALL, .handler = do_version, .help = "print the version"},
	/* the machine */
	{.name = "machine", .type = OPT_CALL, .arg = "[type=]NAME[,PROP=VALUE]...", .handler = do_machine,
	 .help = "the board; 'help' lists them, NAME,help its properties",
	 .man = "Properties of every board: accel=NAMES (see -accel), memory-backend=ID (the object that is main memory), graphics=on|off, usb=on|off, "
		"dump-guest-core=on|off, mem-merge=on|off, kernel=FILE, initrd=FILE, append=TEXT, dtb=FILE, firmware=FILE. Others are the board's own."},
	{.name = "M", .type = OPT_CALL, .arg = "NAME", .handler = do_machine, .help = "the same as -machine"},
	STRING("isa", "NAME", AT(isa), .help = "the processors' instruction set: x86_64 or i386", .def = "x86_64, or what the program's name says"),
	STRING("cpu", "MODEL", CONFIG(cpu), .help = "processor model with +feature and -feature; 'help' lists them", .def = "the board's"),
	LIST("accel", "NAME[,PROP=VALUE]...", AT(accel), .help = "how instructions are run: tcg (translated) or interp (interpreted)",
	     .man = "tcg names this program's translator, as scripts know it; interp runs every instruction in the interpreter. kvm is refused: it is not "
		    "built in. A list such as kvm:tcg, or the option given again, names what to fall back to. thread=multi|single is accepted: every "
		    "processor has a thread of its own unless -icount is given."),
	FLAG("enable-kvm", AT(enable_kvm), .help = "the same as -accel kvm"),
	LIST("smp", "[cpus=]N[,PROP=N]...", AT(smp), .help = "number of processors; maxcpus, sockets, cores, threads", .def = "1"),
	LIST("m", "[size=]SIZE[,slots=N,maxmem=SIZE]", AT(memory), .help = "main memory, in MiB or with a suffix", .def = "128M"),
	LIST("numa", "node[,PROP=VALUE]...", CONFIG(numa), .help = "NUMA nodes: node,nodeid=,cpus=,mem=,memdev=; dist,src=,dst=,val=; cpu,..."),
	LIST("name", "NAME[,process=NAME][,debug-threads=on]", AT(name), .help = "name of the machine, for people and for its run directory"),
	STRING("uuid", "UUID", CONFIG(uuid), .help = "the machine's UUID"),
	LIST("object", "TYPE,id=ID[,PROP=VALUE]...", AT(object), .help = "make an object: memory-backend-ram, rng-random, secret ...; 'help' lists types",
	     .man = "memory-backend-ram, memory-backend-file, memory-backend-memfd (size, share, mem-path, prealloc, hugetlb ...), rng-random, rng-builtin, iothread, "
		    "secret, tls-creds-anon, tls-creds-psk, tls-creds-x509."),
	{.name = "device", .type = OPT_CALL, .arg = "TYPE[,PROP=VALUE]...", .handler = do_device,
	 .help = "add a device; 'help' lists types, TYPE,help its properties"},
	LIST("global", "TYPE.PROP=VALUE", AT(global), .help = "default of a property of all devices of a type"),
	LIST("set", "GROUP.ID.ARG=VALUE", AT(set), .help = "set an argument of the -device or -disk that has this id"),
	/* boot */
	STRING("kernel", "FILE", CONFIG(kernel), .help = "boot this kernel: a bzImage, a multiboot kernel, or an ELF file with a PVH note"),
	STRING("initrd", "FILE", CONFIG(initrd), .help = "initial RAM disk; for multiboot kernels the modules: FILE ARGUMENTS,FILE ARGUMENTS"),
	STRING("append", "TEXT", CONFIG(append), .help = "the kernel's command line"),
	STRING("dtb", "FILE", CONFIG(dtb), .help = "device tree for the kernel"),
	STRING("bios", "FILE", CONFIG(bios), .help = "firmware", .def = "the board's"),
	LIST("L", "DIR", AT(firmware_dirs), .help = "look for firmware in DIR first"),
	LIST("boot", "[order=]DRIVES[,PROP=VALUE]...", AT(boot), .help = "order=, once=, menu=, splash=, splash-time=, reboot-timeout=, strict="),
	LIST("fw_cfg", "[name=]NAME,file=FILE|string=TEXT", CONFIG(fw_cfg), .help = "a file for the firmware"),
	LIST("option-rom", "FILE[,bootindex=N]", CONFIG(option_rom), .help = "load an option ROM"),
	LIST("acpitable", "sig=...,data=FILE", CONFIG(acpitable), .help = "add an ACPI table"),
	LIST("smbios", "type=N,PROP=VALUE...|file=FILE", CONFIG(smbios), .help = "fields of SMBIOS tables, or a file of them"),
	FLAG("no-acpi", AT(no_acpi), .help = "no ACPI"),
	FLAG("no-hpet", AT(no_hpet), .help = "no HPET"),
	FLAG("no-fd-bootchk", AT(no_fd_bootchk), .help = "boot from floppies without a boot signature too"),
	FLAG("win2k-hack", CONFIG(win2k_hack), .help = "slow disks down for the installer of Windows 2000"),
	STRING("vga", "TYPE", CONFIG(vga), .help = "graphics card: std or none", .def = "the board's"),
	FLAG("nographic", AT(no_graphic), .help = "no graphics card; firmware and loaders speak on the serial port"),
	FLAG("usb", CONFIG(usb), .help = "with the board's USB controller"),
	FLAG("nodefaults", CONFIG(no_defaults), .help = "without the devices that a board has by default"),
	/* running */
	LIST("rtc", "[base=utc|localtime|DATE][,clock=host|rt|vm][,driftfix=slew|none]", AT(rtc), .help = "the real-time clock"),
	STRING("icount", "[shift=]N|auto[,align=on|off][,sleep=on|off]", CONFIG(icount),
	       .help = "virtual time counts instructions, each of 2^N ns; auto: as long as keeps pace with the host",
	       .man = "N is 0 to 10. Timers of the machine fire after exact numbers of instructions, so that a machine with one processor that nothing talks to runs the same "
		      "each time (with -rtc clock=vm). sleep=on: a halted processor waits for its next timer in the host's time; off: it jumps there. align=on: the processor sleeps "
		      "when it is ahead of the host's time, and a warning says when it is late. rr= (record and replay) is refused."),
	FLAG("S", CONFIG(start_stopped), .help = "do not start the processors"),
	FLAG("no-reboot", CONFIG(no_reboot), .help = "end instead of rebooting"),
	FLAG("no-shutdown", CONFIG(no_shutdown), .help = "stop instead of ending at power-off"),
	FLAG("singlestep", CONFIG(single_step), .help = "translate one instruction at a time"),
	STRING("watchdog", "TYPE", AT(watchdog), .help = "add a watchdog: i6300esb or ib700"),
	{.name = "watchdog-action", .type = OPT_CHOICE, .arg = "ACTION", .offset = CONFIG(watchdog_action), .choices = watchdog_actions,
	 .help = "what a watchdog does when it fires", .def = "reset"},
	/* plugs */
	LIST("disk", "id=ID,nbd=unix:PATH[,if=TYPE][,PROP=VALUE]...", AT(disk), .help = "a disk that an NBD or vhost-user-blk server offers",
	     .man = "if=ide|virtio|scsi|floppy|pflash|none says where the board puts it, bus=N and unit=N (or index=N) which place. nbd=unix:PATH is the "
		    "server's socket, nbd=fd:N a connection that was made already, nbd=none an empty drive; vhost=unix:PATH is a vhost-user-blk server's instead, which sees a shared buffer and nothing of the guest; empty=on one whose server has no medium yet; export=NAME. Also: media=disk|cdrom, readonly=on|off, werror=report|ignore|stop|enospc, "
		    "rerror=report|ignore|stop, serial=TEXT, cyls=, heads=, secs=, trans=none|lba|auto, connections=N, reconnect=SECONDS, with-device=on: the disk goes when the guest "
		    "lets go of its device."),
	LIST("serial", "fd=N|unix=PATH|stdio|file,path=PATH|null|none", AT(serial), .help = "a serial port's byte stream; id=ID names it"),
	LIST("parallel", "fd=N|unix=PATH|...", AT(parallel), .help = "a parallel port's byte stream"),
	LIST("virtioconsole", "fd=N|unix=PATH|...", AT(virtcon), .help = "a virtio console's byte stream"),
	LIST("debugcon", "fd=N|unix=PATH|...", AT(debugcon), .help = "the debug console's byte stream (port 0xe9)"),
	LIST("chardev", "id=ID,fd=N|unix=PATH|...", AT(chardev), .help = "a byte stream for -device ...,chardev=ID"),
	LIST("net-fd", "id=ID,fd=N|unix=PATH[,packet=on][,vnet_hdr=on]", AT(net), .help = "a network for -device ...,netdev=ID",
	     .man = "A stream socket carries each frame after its length in 4 bytes, big-endian; a datagram or packet socket (packet=on) one frame a message. "
		    "vnet_hdr=on offers the other end frames with unfinished checksums and large segments; emu-net takes them (emu-net(7))."),
	STRING("display-socket", "PATH", AT(display_socket), .help = "offer the screens to viewers on this socket; see emu-display(7)",
	       .def = "cpu.display in the run directory"),
	STRING("run", "DIR", AT(run_dir), .help = "the machine's run directory", .def = "$XDG_RUNTIME_DIR/emu/NAME with -name, else none"),
	STRING("ctl", "PATH", AT(ctl), .help = "the control socket", .def = "cpu.ctl in the run directory"),
	{.name = "ctl-fd", .type = OPT_INT, .arg = "N", .offset = AT(ctl_fd), .min = 0, .max = INT_MAX,
	 .help = "a control connection that exists; its end is the order to stop"},
	{.name = "ready-fd", .type = OPT_INT, .arg = "N", .offset = AT(ready_fd), .min = 0, .max = INT_MAX, .help = "write READY there when everything is set up"},
	LIST("gdb", "tcp:[HOST]:PORT|unix:PATH|fd=N|stdio|none", AT(gdb), .help = "let gdb in there",
	     .man = "One debugger at a time, by gdb's remote protocol; one that comes stops the machine. fd=N is a listening socket, or a stream at whose other "
		    "end gdb is already; stdio lets gdb start the machine: target remote | emu-cpu -gdb stdio -S ..."),
	{.name = "s", .type = OPT_CALL, .handler = do_gdb, .help = "the same as -gdb tcp::1234"},
	STRING("incoming", "fd:N|FILE", AT(incoming), .help = "begin with the state from there"),
	STRING("pidfile", "FILE", AT(pid_file), .help = "write the process id there"),
	/* the process */
	STRING("d", "ITEM,...", AT(log_items), .help = "log these items; 'help' lists them"),
	STRING("D", "FILE", AT(log_path), .help = "write the log to FILE", .def = "standard error"),
	STRING("dfilter", "RANGE,...", AT(log_filter), .help = "log only translations of code at these guest addresses: FIRST..LAST, START+SIZE, START-SIZE"),
	STRING("trace", "[enable=]PATTERN", AT(trace), .help = "switch trace points on; 'help' lists them"),
	STRING("sandbox", "on|off|log", AT(sandbox), .help = "the system-call filter that is on once the machine runs", .def = "on"),
	FLAG("exit-with-parent", AT(exit_with_parent), .help = "end when the parent process does"),
	FLAG("test-protocol", AT(test_protocol), .help = "no processors run: the devices are driven by lines on standard input",
	     .man = "One command a line, one answer a line that begins with OK or FAIL: inb inw inl outb outw outl PORT [VALUE]; readb readw readl readq writeb "
		    "writew writel writeq ADDRESS [VALUE]; read ADDRESS SIZE; write ADDRESS SIZE 0xHEX; memset ADDRESS SIZE VALUE; clock_step [NS]; clock_set NS; "
		    "irq_intercept_in PATH; reset; save FILE; load FILE; quit. Changed lines are told as IRQ raise N and IRQ lower N."),
};

const struct opt_table settings_table = {
	.program = "emu-cpu",
	.usage = "[OPTION]...",
	.summary = "Runs a machine: processors, memory, buses, devices. Disks, networks, screens and consoles are other programs, at the end of sockets.",
	.epilog = "Exit status: 0 after power-off or quit, 1 for wrong options or what could not be set up, or what the guest asked for (isa-debug-exit).\n",
	.opts = options,
	.count = sizeof options / sizeof *options,
	.flags = OPT_CLASSIC,
};

/* ---- options that print ---- */

static int do_help(const struct opt *o, const char *value, void *settings, struct err *e)
{
	(void)o, (void)value, (void)settings, (void)e;
	opt_help(&settings_table, stdout);
	exit(0);
}

static int do_version(const struct opt *o, const char *value, void *settings, struct err *e)
{
	(void)o, (void)value, (void)settings, (void)e;
	printf("emu-cpu version %s\nguests: x86_64 i386\n", VERSION);
	exit(0);
}

static int add(struct opt_list *l, const char *value, struct err *e)
{
	const char **item = realloc(l->item, (l->count + 1) * sizeof *item);

	if (!item)
		return err_set(e, ENOMEM, "out of memory");
	l->item = item;
	l->item[l->count++] = value;
	return 0;
}

static int do_gdb(const struct opt *o, const char *value, void *settings, struct err *e)
{
	(void)o, (void)value;
	return add(&((struct settings *)settings)->gdb, "tcp::1234", e);
}

static bool is_help(const char *s)
{
	return !strcmp(s, "help") || !strcmp(s, "?");
}

static int do_device(const struct opt *o, const char *value, void *settings, struct err *e)
{
	struct settings *s = settings;
	const char *comma = strrchr(value, ',');

	(void)o;
	if (is_help(value)) {
		device_help(NULL, stdout);
		exit(0);
	}
	if (comma && is_help(comma + 1) && value[0] != '{') {
		char *type = strndup(value, strcspn(value, ","));
		if (!type || !device_type_find(type))
			return err_set(e, ENOENT, "'%s' is not a valid device model name", type);
		device_help(type, stdout);
		exit(0);
	}
	return add(&s->config.device, value, e);
}

static int do_machine(const struct opt *o, const char *value, void *settings, struct err *e)
{
	struct settings *s = settings;
	const char *name = !strncmp(value, "type=", 5) ? value + 5 : value, *comma = strrchr(value, ',');
	const struct board *b;

	(void)o;
	if (is_help(name)) {
		printf("Supported machines are:\n");
		for (unsigned n = 0; (b = board_at(n)); n++) {
			if (b->alias)
				printf("%-20s %s (alias of %s)\n", b->alias, b->desc, b->name);
			printf("%-20s %s\n", b->name, b->desc);
			for (const char *const *v = b->versions; v && *v; v++)
				printf("%-20s %s (the same as %s)\n", *v, b->desc, b->name);
		}
		exit(0);
	}
	if (comma && is_help(comma + 1)) {
		char *type = strndup(name, strcspn(name, ","));
		b = type ? board_find(type) : NULL;
		if (!b)
			return err_set(e, EINVAL, "unsupported machine type: '%s'", type);
		printf("%s options:\n", b->name);
		for (const struct prop *p = b->props; p && p->name; p++)
			printf("  %s=<%s>%s%s\n", p->name, prop_type_name(p), p->help ? " - " : "", p->help ? p->help : "");
		exit(0);
	}
	return add(&s->machine, value, e);
}

/* ---- what the texts mean ---- */

static char *own(struct settings *s, char *text)
{
	if (text && s->owned_count < sizeof s->owned / sizeof *s->owned)
		s->owned[s->owned_count++] = text;
	return text;
}

/* Later ones add to earlier ones. implied: the key that a first word without one means. */
static const char *join(struct settings *s, const struct opt_list *l, const char *implied)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = l->count ? open_memstream(&text, &size) : NULL;

	if (!l->count)
		return NULL;
	for (unsigned i = 0; f && i < l->count; i++) {
		bool bare = l->item[i][strcspn(l->item[i], "=,")] != '=';
		fprintf(f, "%s%s%s%s", i ? "," : "", i && bare ? implied : "", i && bare ? "=" : "", l->item[i]);
	}
	if (!f || fclose(f))
		die(1, "out of memory");
	return own(s, text);
}

static int number(const char *key, const char *value, int64_t min, int64_t max, unsigned *to, struct err *e)
{
	int64_t v;

	if (number_parse(key, value, min, max, &v, e) < 0)
		return -e->code;
	*to = (unsigned)v;
	return 0;
}

static int parse_smp(struct settings *s, struct err *e)
{
	struct machine_config *c = &s->config;
	const char *text = join(s, &s->smp, "cpus");
	unsigned cpus = 0, sockets = 0, cores = 0, threads = 0, max = 0;
	struct keyval kv = {0};
	int r = text ? keyval_parse(text, "cpus", &kv, e) : 0;

	for (unsigned i = 0; r == 0 && i < kv.count; i++) {
		const char *k = kv.key[i];
		unsigned *to = !strcmp(k, "cpus") ? &cpus : !strcmp(k, "sockets") ? &sockets : !strcmp(k, "cores") ? &cores :
			       !strcmp(k, "threads") ? &threads : !strcmp(k, "maxcpus") ? &max : NULL;
		r = to ? number(k, kv.value[i], 1, 4096, to, e) : err_set(e, EINVAL, "Invalid parameter '%s'", k);
	}
	keyval_free(&kv);
	if (r < 0)
		return err_prefix(e, "-smp");
	/* What is not said is worked out: sockets take up what is left, then cores, then threads. */
	unsigned most = max ? max : cpus;
	if (!most)
		most = (sockets ? sockets : 1) * (cores ? cores : 1) * (threads ? threads : 1);
	if (!sockets) {
		cores = cores ? cores : 1;
		threads = threads ? threads : 1;
		sockets = most / (cores * threads);
	} else if (!cores) {
		threads = threads ? threads : 1;
		cores = most / (sockets * threads);
	} else if (!threads) {
		threads = most / (sockets * cores);
	}
	sockets = sockets ? sockets : 1;
	cores = cores ? cores : 1;
	threads = threads ? threads : 1;
	c->max_cpus = most;
	c->cpus = cpus ? cpus : most;
	c->sockets = sockets;
	c->cores = cores;
	c->threads = threads;
	if (c->cpus > c->max_cpus)
		return err_set(e, EINVAL, "-smp: maxcpus must be equal to or greater than smp");
	if (sockets * cores * threads < c->cpus)
		return err_set(e, EINVAL, "-smp: cpu topology: sockets (%u) * cores (%u) * threads (%u) < smp_cpus (%u)", sockets, cores, threads, c->cpus);
	return 0;
}

static int parse_memory(struct settings *s, struct err *e)
{
	struct machine_config *c = &s->config;
	const char *text = join(s, &s->memory, "size"), *v;
	struct keyval kv = {0};
	int r = text ? keyval_parse(text, "size", &kv, e) : 0;

	if (r == 0 && (v = keyval_get(&kv, "size")))
		r = size_parse(v, 'M', &c->ram_size, e);
	c->max_ram = c->ram_size;
	if (r == 0 && (v = keyval_get(&kv, "maxmem")))
		r = size_parse(v, 'B', &c->max_ram, e);
	if (r == 0 && (v = keyval_get(&kv, "slots")))
		r = number("slots", v, 0, 256, &c->ram_slots, e);
	for (unsigned i = 0; r == 0 && i < kv.count; i++)
		if (strcmp(kv.key[i], "size") && strcmp(kv.key[i], "maxmem") && strcmp(kv.key[i], "slots"))
			r = err_set(e, EINVAL, "Invalid parameter '%s'", kv.key[i]);
	if (r == 0 && c->max_ram < c->ram_size)
		r = err_set(e, EINVAL, "invalid value of maxmem: maximum memory size is smaller than the memory");
	if (r == 0 && c->ram_slots && c->max_ram == c->ram_size)
		r = err_set(e, EINVAL, "invalid value of maxmem: memory slots need more maximum memory than there is memory");
	if (r == 0 && !c->ram_size)
		r = err_set(e, EINVAL, "the machine needs memory");
	c->ram_size = (c->ram_size + 8191) & ~(uint64_t)8191;
	if (c->max_ram < c->ram_size)
		c->max_ram = c->ram_size;
	keyval_free(&kv);
	return r < 0 ? err_prefix(e, "-m") : 0;
}

/* One accelerator: true: it is ours. */
static bool accel_ours(struct settings *s, const char *name)
{
	if (!strcmp(name, "interp"))
		s->config.interpret = true;
	return !strcmp(name, "interp") || !strcmp(name, "tcg");
}

/* NAME:NAME,…: 1 one of them runs, 0 none. why: of the last that does not. */
static int try_accel(struct settings *s, const char *names, struct err *why)
{
	static const char *const others[] = {"kvm", "xen", "hax", "hvf", "whpx", "nvmm", "qtest"};
	char name[64];

	while (*names) {
		size_t n = strcspn(names, ":");
		bool known = false;
		snprintf(name, sizeof name, "%.*s", (int)n, names);
		if (accel_ours(s, name))
			return 1;
		for (unsigned i = 0; i < sizeof others / sizeof *others; i++)
			known |= !strcmp(others[i], name);
		if (!known)
			err_set(why, EINVAL, "invalid accelerator %s", name);
		else if (!strcmp(name, "qtest"))
			err_set(why, ENOTSUP, "-accel qtest: -test-protocol drives devices without processors");
		else
			err_set(why, ENOTSUP, "-accel %s: %s is not supported: guests' instructions are translated (-accel tcg)", name, name);
		err_hint(why, "accepted are tcg and interp; a list such as kvm:tcg falls through to tcg");
		names += n + (names[n] == ':');
	}
	return 0;
}

static int parse_accel(struct settings *s, const char *of_machine, struct err *e)
{
	struct err why = ERR_INIT;
	bool asked = s->enable_kvm || of_machine;

	if (s->enable_kvm)
		try_accel(s, "kvm", &why);
	if (of_machine && try_accel(s, of_machine, &why))
		return 0;
	for (unsigned i = 0; i < s->accel.count; i++) {
		struct keyval kv;
		const char *name;
		int r = 0;
		asked = true;
		if (keyval_parse(s->accel.item[i], "accel", &kv, e) < 0)
			return -e->code;
		name = keyval_get(&kv, "accel");
		if (name && is_help(name)) {
			printf("Possible accelerators: tcg, interp\n");
			exit(0);
		}
		for (unsigned k = 0; r == 0 && k < kv.count; k++)
			if (strcmp(kv.key[k], "accel") && strcmp(kv.key[k], "thread") && strcmp(kv.key[k], "tb-size") && strcmp(kv.key[k], "split-wx"))
				r = err_set(e, EINVAL, "-accel %s: Invalid parameter '%s'", name, kv.key[k]);
		if (r == 0)
			r = try_accel(s, name ? name : "", &why);
		keyval_free(&kv);
		if (r)
			return r < 0 ? r : 0;
	}
	if (!asked)
		return 0;
	*e = why;
	return -e->code;
}

static int set_switch(const char *key, const char *value, bool *to, struct err *e)
{
	*to = !strcmp(value, "on") || !strcmp(value, "yes") || !strcmp(value, "true");
	if (!*to && strcmp(value, "off") && strcmp(value, "no") && strcmp(value, "false"))
		return err_set(e, EINVAL, "-machine: %s is on or off, not '%s'", key, value);
	return 0;
}

static int parse_machine(struct settings *s, struct err *e)
{
	struct machine_config *c = &s->config;
	const char *text = join(s, &s->machine, "type"), *accel = NULL;
	struct keyval kv = {0};
	char *rest = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&rest, &size);
	int r = text ? keyval_parse(text, "type", &kv, e) : 0;

	for (unsigned i = 0; r == 0 && i < kv.count; i++) {
		const char *k = kv.key[i], *v = kv.value[i];
		static const struct {
			const char *key;
			size_t offset;
		} strings[] = {{"type", CONFIG(board)}, {"kernel", CONFIG(kernel)}, {"initrd", CONFIG(initrd)}, {"append", CONFIG(append)},
			       {"dtb", CONFIG(dtb)}, {"firmware", CONFIG(bios)}, {"memory-backend", CONFIG(memory_backend)}},
		  switches[] = {{"graphics", CONFIG(graphics)}, {"usb", CONFIG(usb)}, {"mem-merge", CONFIG(merge)},
				{"dump-guest-core", CONFIG(dump_guest_core)}, {"acpi", CONFIG(acpi)}, {"hpet", CONFIG(hpet)}};
		bool done = false;
		for (unsigned n = 0; n < sizeof strings / sizeof *strings && !done; n++)
			if (!strcmp(strings[n].key, k)) {
				*(const char **)((char *)s + strings[n].offset) = own(s, strdup(v));
				done = true;
			}
		for (unsigned n = 0; n < sizeof switches / sizeof *switches && !done; n++)
			if (!strcmp(switches[n].key, k)) {
				r = set_switch(k, v, (bool *)((char *)s + switches[n].offset), e);
				done = true;
			}
		if (!strcmp(k, "accel"))
			accel = v;
		/* Accepted for what it meant: a chip of KVM's, and the core dump's description. */
		else if (!done && strcmp(k, "kernel-irqchip") && strcmp(k, "kernel_irqchip") && strcmp(k, "suppress-vmdesc")) {
			char *quoted = keyval_quote(v);
			fprintf(f, "%s%s=%s", ftell(f) > 0 ? "," : "", k, quoted ? quoted : "");
			free(quoted);
		}
	}
	if (r == 0)
		r = parse_accel(s, accel, e);
	fclose(f);
	if (rest && *rest)
		c->board_options = own(s, rest);
	else
		free(rest);
	keyval_free(&kv);
	return r;
}

static int parse_name(struct settings *s, struct err *e)
{
	struct keyval kv;
	const char *text = join(s, &s->name, "guest"), *v;

	if (!text)
		return 0;
	if (keyval_parse(text, "guest", &kv, e) < 0)
		return -e->code;
	v = keyval_get(&kv, "guest");
	s->config.name = v ? own(s, strdup(v)) : NULL;
	keyval_free(&kv);
	return 0;
}

void settings_init(struct settings *s, const char *argv0)
{
	const char *base = strrchr(argv0, '/');

	*s = (struct settings){.config = {.graphics = true, .acpi = true, .hpet = true, .fd_bootchk = true, .merge = true, .dump_guest_core = true,
					  .ram_size = 128 << 20},
			       .ctl_fd = -1, .ready_fd = -1};
	base = base ? base + 1 : argv0;
	s->config.isa = !strncmp(base, "qemu-system-", 12) ? base + 12 : "x86_64";
}

int settings_finish(struct settings *s, struct err *e)
{
	struct machine_config *c = &s->config;
	int r;

	if (s->isa)
		c->isa = s->isa;
	if (strcmp(c->isa, "x86_64") && strcmp(c->isa, "i386"))
		return err_set(e, EINVAL, "-isa: '%s' is not accepted; it is one of: x86_64, i386", c->isa);
	if (c->cpu && is_help(c->cpu)) {
		isa_x86_64.cpu_models(stdout);
		exit(0);
	}
	c->acpi = !s->no_acpi;
	c->hpet = !s->no_hpet;
	c->fd_bootchk = !s->no_fd_bootchk;
	c->graphics = !s->no_graphic;
	c->boot = join(s, &s->boot, "order");
	c->rtc = join(s, &s->rtc, "base");
	c->firmware_dirs = s->firmware_dirs.count ? s->firmware_dirs.item : NULL;
	if (add(&s->firmware_dirs, NULL, e) < 0)
		return -e->code;
	if (s->firmware_dirs.count > 1)
		c->firmware_dirs = s->firmware_dirs.item;
	if (s->watchdog && add(&c->device, s->watchdog, e) < 0)
		return -e->code;
	r = parse_machine(s, e);
	if (r == 0)
		r = parse_smp(s, e);
	if (r == 0)
		r = parse_memory(s, e);
	if (r == 0)
		r = parse_name(s, e);
	if (r == 0 && !c->board)
		c->board = board_find("pc") ? "pc" : "none";
	return r;
}

void settings_free(struct settings *s)
{
	struct opt_list *lists[] = {&s->machine, &s->smp, &s->memory, &s->boot, &s->rtc, &s->accel, &s->firmware_dirs, &s->name, &s->object, &s->global,
				    &s->set, &s->disk, &s->serial, &s->parallel, &s->virtcon, &s->debugcon, &s->chardev, &s->net, &s->gdb,
				    &s->config.fw_cfg, &s->config.option_rom, &s->config.acpitable, &s->config.smbios, &s->config.numa,
				    &s->config.device, &s->config.drive_options};

	for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++)
		opt_list_free(lists[i]);
	while (s->owned_count)
		free(s->owned[--s->owned_count]);
}
