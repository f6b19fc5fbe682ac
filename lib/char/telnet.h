/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server's side of telnet (RFC 854, 855, 856, 857, 858): binary, echo by us, no go-ahead; BREAK and IP come out as a break. */
#ifndef CHAR_TELNET_H
#define CHAR_TELNET_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct telnet {
	enum { TELNET_DATA, TELNET_IAC, TELNET_OPTION, TELNET_SUB, TELNET_SUB_IAC } state;
	bool owed; /* the second of two IAC bytes could not be written yet */
};

#define TELNET_IAC_BYTE 0xff
extern const uint8_t telnet_greeting[12];

/* Takes the commands out of what arrived, in place; returns the bytes left. Calls on_break for each break. */
size_t telnet_filter(struct telnet *t, uint8_t *data, size_t n, void (*on_break)(void *opaque), void *opaque);
#endif
