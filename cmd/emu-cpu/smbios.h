/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SMBIOS tables (DSP0134 2.8) for the firmware: defaults of the board, and what -smbios gives. */
#ifndef EMU_CPU_SMBIOS_H
#define EMU_CPU_SMBIOS_H
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct machine;
struct smbios;

struct smbios_board {
	const char *product, *version; /* of the system: "Standard PC …", the machine's name */
	const uint8_t *uuid;           /* 16 bytes in the order of the text, NULL: none */
	unsigned sockets, cores, threads; /* a socket's */
	uint32_t processor_id, features;  /* CPUID 1: eax, edx */
	uint64_t ram_below, ram_above;    /* below 4 GiB, and from there */
};

/* Each option is the text behind one -smbios: "type=1,serial=…", "file=PATH". A wrong one is refused with what is accepted. */
struct smbios *smbios_new(const char *const *options, unsigned count, struct err *e);
void smbios_free(struct smbios *s);
/* The two blobs, which stay s's: structures, and the 31-byte entry point without addresses. */
int smbios_build(struct smbios *s, const struct smbios_board *b, const uint8_t **tables, size_t *size, uint8_t anchor[31], struct err *e);
/* Builds, and gives them to fw_cfg (etc/smbios/smbios-tables, etc/smbios/smbios-anchor). */
int smbios_publish(struct smbios *s, struct machine *m, const struct smbios_board *b, struct err *e);
#endif
