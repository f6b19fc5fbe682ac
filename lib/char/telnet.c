/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "char/telnet.h"

enum { IAC = 255, DONT = 254, DO = 253, WONT = 252, WILL = 251, SB = 250, IP = 244, BRK = 243, SE = 240 };
enum { OPT_BINARY = 0, OPT_ECHO = 1, OPT_SGA = 3 };

const uint8_t telnet_greeting[12] = {IAC, WILL, OPT_ECHO, IAC, WILL, OPT_SGA, IAC, WILL, OPT_BINARY, IAC, DO, OPT_BINARY};

size_t telnet_filter(struct telnet *t, uint8_t *data, size_t n, void (*on_break)(void *opaque), void *opaque)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t b = data[i];
		switch (t->state) {
		case TELNET_DATA:
			if (b == IAC)
				t->state = TELNET_IAC;
			else
				data[left++] = b;
			break;
		case TELNET_IAC:
			t->state = TELNET_DATA;
			if (b == IAC)
				data[left++] = b;
			else if (b == BRK || b == IP)
				on_break(opaque);
			else if (b == SB)
				t->state = TELNET_SUB;
			else if (b >= WILL)
				t->state = TELNET_OPTION;
			break;
		case TELNET_OPTION:
			/* We offer what we do in the greeting and do nothing else, which needs no answer (RFC 854: no answer to an answer). */
			t->state = TELNET_DATA;
			break;
		case TELNET_SUB:
			if (b == IAC)
				t->state = TELNET_SUB_IAC;
			break;
		case TELNET_SUB_IAC:
			t->state = b == SE ? TELNET_DATA : TELNET_SUB;
			break;
		}
	}
	return left;
}
