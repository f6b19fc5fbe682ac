// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Kernels that the user names. The kernel is not put into memory: it is handed to the firmware through fw_cfg, where an option ROM of the
 * distribution (linuxboot_dma.bin) fetches it; so a reset starts it anew from the same bytes.
 *
 * Linux: Documentation/x86/boot.rst of the kernel, "The Real-Mode Kernel Header". Offsets are in the first sectors of the image.
 */
#include "x86-boot.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../boot-order.h"
#include "../machine.h"
#include "../x86-parts.h"
#include "x86-boot-internal.h"

/* The header */
enum { SETUP_SECTORS = 0x1f1, VID_MODE = 0x1fa, BOOT_FLAG = 0x1fe, MAGIC = 0x202, VERSION = 0x206, LOADER = 0x210, LOAD_FLAGS = 0x211,
       RAMDISK_IMAGE = 0x218, RAMDISK_SIZE = 0x21c, HEAP_END = 0x224, COMMAND_LINE = 0x228, INITRD_MAX = 0x22c, XLOADFLAGS = 0x236,
       COMMAND_LINE_MAX = 0x238, SETUP_DATA = 0x250, HEADER_LEAST = 0x260 };
enum { LOADED_HIGH = 1, CAN_USE_HEAP = 0x80 };
/* Where old kernels find their command line: a magic number and an offset from the real-mode part. */
enum { OLD_CL_MAGIC_AT = 0x20, OLD_CL_OFFSET_AT = 0x22, OLD_CL_MAGIC = 0xa33f };
#define KERNEL_MAX (1ull << 30)

uint64_t boot_get(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

void boot_put(uint8_t *p, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

uint8_t *boot_read_file(const char *what, const char *path, size_t *size, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st)) {
		err_errno(e, errno, "%s %s: cannot open it", what, path);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	if (!S_ISREG(st.st_mode) || !st.st_size || (uint64_t)st.st_size > KERNEL_MAX) {
		close(fd);
		err_set(e, EINVAL, "%s %s: a file of 1 byte to 1 GiB is expected", what, path);
		return NULL;
	}
	size_t n = (size_t)st.st_size, got = 0;
	uint8_t *p = malloc(n);
	while (p && got < n) {
		ssize_t k = read(fd, p + got, n - got);
		if (k <= 0) {
			err_errno(e, k ? errno : EIO, "%s %s: reading it failed at byte %zu", what, path, got);
			close(fd);
			free(p);
			return NULL;
		}
		got += (size_t)k;
	}
	close(fd);
	if (!p)
		err_set(e, ENOMEM, "%s %s: out of memory for %zu bytes", what, path, n);
	*size = n;
	return p;
}

int boot_add_rom(struct machine *m, const char *file, struct err *e)
{
	size_t size;
	uint8_t *rom = firmware_load(m, file, &size, e);
	if (!rom)
		return -e->code;
	char name[64];
	snprintf(name, sizeof name, "genroms/%s", file);
	int r = fw_cfg_add_file(m, name, rom, size, e);
	free(rom);
	if (r)
		return r;
	snprintf(name, sizeof name, "/rom@genroms/%s", file);
	return boot_order_add(m, 0, name, e);
}

struct linux_layout {
	uint32_t setup, command_line, kernel, initrd_max;
};

/* Where the parts go, by the age of the protocol. */
static struct linux_layout layout_of(const uint8_t *k, unsigned protocol, size_t command_line_size)
{
	struct linux_layout l;
	if (protocol < 0x200 || !(k[LOAD_FLAGS] & LOADED_HIGH)) {
		/* zImage: all of it below 640 KiB */
		l.setup = 0x90000;
		l.command_line = 0x9a000 - (uint32_t)(command_line_size & ~15u);
		l.kernel = 0x10000;
	} else if (protocol < 0x202) {
		l.setup = 0x90000;
		l.command_line = 0x9a000 - (uint32_t)(command_line_size & ~15u);
		l.kernel = 0x100000;
	} else {
		l.setup = 0x10000;
		l.command_line = 0x20000;
		l.kernel = 0x100000;
	}
	l.initrd_max = protocol >= 0x203 ? (uint32_t)boot_get(k + INITRD_MAX, 4) : 0x37ffffff;
	/* Kernels that say so take an initial RAM disk anywhere below 4 GiB. */
	if (protocol >= 0x20c && (uint32_t)boot_get(k + XLOADFLAGS, 2) & 2)
		l.initrd_max = UINT32_MAX;
	return l;
}

/* "vga=" of the command line is for the loader (boot.rst, "Special Command Line Options"). */
static int video_mode(uint8_t *setup, const char *command_line, struct err *e)
{
	const char *v = NULL;
	for (const char *p = command_line; (p = strstr(p, "vga=")); p += 4)
		if (p == command_line || p[-1] == ' ')
			v = p + 4;
	if (!v)
		return 0;
	unsigned long mode;
	char *end;
	if (!strncmp(v, "normal", 6)) {
		mode = 0xffff, end = (char *)v + 6;
	} else if (!strncmp(v, "ext", 3)) {
		mode = 0xfffe, end = (char *)v + 3;
	} else if (!strncmp(v, "ask", 3)) {
		mode = 0xfffd, end = (char *)v + 3;
	} else {
		errno = 0;
		mode = strtoul(v, &end, 0);
	}
	if (end == v || (*end && *end != ' ') || mode > 0xffff)
		return err_set(e, EINVAL, "-append vga=%.20s: normal, ext, ask, or a mode number to 0xffff", v);
	boot_put(setup + VID_MODE, mode, 2);
	return 0;
}

static int load_initrd(struct machine *m, uint8_t *setup, const struct linux_layout *l, uint64_t ram, struct err *e)
{
	size_t size;
	uint8_t *p = boot_read_file("-initrd", m->config.initrd, &size, e);
	if (!p)
		return -e->code;
	uint64_t top = l->initrd_max;
	/* The firmware's tables are at the top of memory. */
	if (top > ram - (1u << 20))
		top = ram - (1u << 20);
	if (size >= top - l->kernel) {
		free(p);
		return err_set(e, EFBIG, "-initrd %s: %zu bytes do not fit below 0x%llx; -m gives the machine more memory", m->config.initrd, size,
			       (unsigned long long)top);
	}
	uint32_t at = (uint32_t)((top - size) & ~0xfffull);
	fw_cfg_add_u32(m, KEY_INITRD_ADDR, at);
	fw_cfg_add_u32(m, KEY_INITRD_SIZE, (uint32_t)size);
	fw_cfg_add_bytes(m, KEY_INITRD_DATA, p, size);
	boot_put(setup + RAMDISK_IMAGE, at, 4);
	boot_put(setup + RAMDISK_SIZE, size, 4);
	free(p);
	return 0;
}

static int load_linux(struct machine *m, uint8_t *k, size_t size, uint64_t ram, struct err *e)
{
	const char *path = m->config.kernel, *command_line = m->config.append ? m->config.append : "";
	unsigned protocol = memcmp(k + MAGIC, "HdrS", 4) ? 0 : (uint32_t)boot_get(k + VERSION, 2);
	size_t command_line_size = (strlen(command_line) + 16) & ~(size_t)15;
	unsigned sectors = k[SETUP_SECTORS] ? k[SETUP_SECTORS] : 4;
	size_t setup_size = (sectors + 1) * 512u;
	if (setup_size >= size)
		return err_set(e, EINVAL, "-kernel %s: its header says %u setup sectors, but the file has %zu bytes", path, sectors, size);
	uint32_t longest = protocol >= 0x206 ? (uint32_t)boot_get(k + COMMAND_LINE_MAX, 4) : 255;
	if (strlen(command_line) > longest)
		return err_set(e, EINVAL, "-append: this kernel takes at most %u characters, these are %zu", longest, strlen(command_line));
	struct linux_layout l = layout_of(k, protocol, command_line_size);
	if (protocol >= 0x202) {
		boot_put(k + COMMAND_LINE, l.command_line, 4);
	} else {
		boot_put(k + OLD_CL_MAGIC_AT, OLD_CL_MAGIC, 2);
		boot_put(k + OLD_CL_OFFSET_AT, l.command_line - l.setup, 2);
	}
	int r = video_mode(k, command_line, e);
	if (r)
		return r;
	if (protocol >= 0x200)
		k[LOADER] = 0xb0; /* the number that loaders of this kind have */
	if (protocol >= 0x201) {
		k[LOAD_FLAGS] |= CAN_USE_HEAP;
		boot_put(k + HEAP_END, l.command_line - l.setup - 0x200, 2);
	}
	if (m->config.initrd) {
		if (protocol < 0x200)
			return err_set(e, EINVAL, "-kernel %s: this kernel is too old for -initrd (boot protocol before 2.00)", path);
		r = load_initrd(m, k, &l, ram, e);
		if (r)
			return r;
	}
	fw_cfg_add_u32(m, KEY_CMDLINE_ADDR, l.command_line);
	fw_cfg_add_u32(m, KEY_CMDLINE_SIZE, (uint32_t)strlen(command_line) + 1);
	fw_cfg_add_bytes(m, KEY_CMDLINE_DATA, command_line, strlen(command_line) + 1);
	fw_cfg_add_u32(m, KEY_SETUP_ADDR, l.setup);
	fw_cfg_add_u32(m, KEY_SETUP_SIZE, (uint32_t)setup_size);
	fw_cfg_add_bytes(m, KEY_SETUP_DATA, k, setup_size);
	fw_cfg_add_u32(m, KEY_KERNEL_ADDR, l.kernel);
	fw_cfg_add_u32(m, KEY_KERNEL_SIZE, (uint32_t)(size - setup_size));
	fw_cfg_add_bytes(m, KEY_KERNEL_DATA, k + setup_size, size - setup_size);
	return boot_add_rom(m, "linuxboot_dma.bin", e);
}

int x86_boot_kernel(struct machine *m, uint64_t ram_below_4g, struct err *e)
{
	const char *path = m->config.kernel;
	if (!path) {
		if (m->config.initrd || m->config.append)
			return err_set(e, EINVAL, "-%s needs -kernel", m->config.initrd ? "initrd" : "append");
		return 0;
	}
	size_t size;
	uint8_t *k = boot_read_file("-kernel", path, &size, e);
	if (!k)
		return -e->code;
	int r;
	bool boot_sector = size >= HEADER_LEAST && boot_get(k + BOOT_FLAG, 2) == 0xaa55;
	if (boot_sector && !memcmp(k + MAGIC, "HdrS", 4))
		r = load_linux(m, k, size, ram_below_4g, e);
	else if (multiboot_header(k, size) >= 0)
		r = multiboot_load(m, k, size, ram_below_4g, e);
	else if (boot_is_elf(k, size))
		r = pvh_load(m, k, size, ram_below_4g, e);
	else if (boot_sector)
		r = load_linux(m, k, size, ram_below_4g, e); /* before the header had a version */
	else
		r = err_set(e, ENOEXEC, "-kernel %s: this is no kernel that can be started here: a Linux bzImage, a multiboot kernel, or an ELF file with a PVH note",
			    path);
	free(k);
	return r;
}
