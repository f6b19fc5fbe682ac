/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The other end of a card's cable, in the test: a stream socket on which frames are put and taken (lib/proto/net.h). */
#ifndef TESTS_DEV_NET_H
#define TESTS_DEV_NET_H
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../../cmd/emu-cpu/net.h"
#include "../../cmd/emu-cpu/pci.h"
#include "../../cmd/emu-cpu/plugs.h"
#include "../../cmd/emu-cpu/testing.h"
#include "base/sock.h"
#include "proto/net.h"
#include "tap.h"

static struct machine *m;
static struct pci_device *card;
static int wire;
static bool wire_header;
static uint8_t wire_frame[NET_FRAME_MAX];
static struct frame_header wire_got;

static void wire_put32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* A machine with the card `type`; header: frames carry a header both ways. */
static void plug_card(const char *type, const char *options, bool header)
{
	int pair[2];
	char text[128];
	struct err e = ERR_INIT;

	m = machine_new_test();
	if (sock_pair(SOCK_STREAM, pair, &e) < 0)
		exit(1);
	wire = pair[1];
	wire_header = header;
	snprintf(text, sizeof text, "id=n0,fd=%d,vnet_hdr=%s", pair[0], header ? "on" : "off");
	if (net_add(m, text, &e) < 0) {
		printf("Bail out! %s\n", e.msg);
		exit(1);
	}
	fd_set_nonblock(wire, true);
	snprintf(text, sizeof text, "netdev=n0,mac=52:54:00:12:34:56,romfile=%s%s", options ? "," : "", options ? options : "");
	card = pci_device(test_device(m, type, text));
	if (header) {
		uint8_t hello[8];
		wire_put32(hello, NET_HELLO);
		wire_put32(hello + 4, NET_HEADER);
		if (write(wire, hello, 8) != 8 || fd_read_all(wire, hello, 8) < 0)
			exit(1);
	}
}

static void unplug_card(void)
{
	close(wire);
	machine_free_test(m);
}

static void wire_send_with(const struct frame_header *h, const void *frame, size_t size)
{
	uint8_t head[4 + NET_HEADER_SIZE] = {0};
	size_t n = wire_header ? sizeof head : 4;

	wire_put32(head, (uint32_t)(size + n - 4));
	if (wire_header)
		frame_header_write(h, head + 4);
	if (fd_write_all(wire, head, n) < 0 || fd_write_all(wire, frame, size) < 0)
		exit(1);
	for (unsigned i = 0; i < 4; i++)
		test_turn(m);
}

__attribute__((unused)) static void wire_send(const void *frame, size_t size)
{
	static const struct frame_header plain;

	wire_send_with(&plain, frame, size);
}

/* The next frame's size, in wire_frame and wire_got; 0: there is none. */
static size_t wire_receive(void)
{
	uint8_t head[4], net[NET_HEADER_SIZE];
	uint32_t size;

	for (unsigned i = 0; i < 4; i++)
		test_turn(m);
	if (recv(wire, head, 4, MSG_PEEK | MSG_DONTWAIT) != 4)
		return 0;
	fd_read_all(wire, head, 4);
	size = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
	if (size > sizeof wire_frame)
		return 0;
	wire_got = (struct frame_header){0};
	if (wire_header) {
		fd_read_all(wire, net, sizeof net);
		frame_header_read(&wire_got, net);
		size -= NET_HEADER_SIZE;
	}
	fd_read_all(wire, wire_frame, size);
	return size;
}

/* An Ethernet frame to `to` with `n` bytes behind its type. */
__attribute__((unused)) static size_t ether(uint8_t *f, const char *to, size_t n)
{
	memcpy(f, to, 6);
	memcpy(f + 6, "\x52\x55\x0a\x00\x02\x02", 6);
	f[12] = 0x88;
	f[13] = 0xb5;
	for (size_t i = 0; i < n; i++)
		f[14 + i] = (uint8_t)(i * 13 + n);
	return 14 + n;
}

/* A TCP segment over IPv4 with `n` bytes, unfinished: lengths, sums of pseudo headers as the sender leaves them. */
__attribute__((unused)) static size_t tcp_frame(uint8_t *f, size_t n, bool pseudo_length)
{
	struct frame_layers l;
	uint16_t sum;

	memset(f, 0, 54);
	memcpy(f, "\x52\x55\x0a\x00\x02\x02\x52\x54\x00\x12\x34\x56\x08\x00\x45", 15);
	f[16] = (uint8_t)((40 + n) >> 8);
	f[17] = (uint8_t)(40 + n);
	f[22] = 64;
	f[23] = 6;
	memcpy(f + 26, "\x0a\x00\x02\x0f\x0a\x00\x02\x02\x03\xe8\x07\xd0\x00\x00\x10\x00", 16);
	f[46] = 0x50;
	f[47] = 0x18;
	sum = frame_fold(frame_sum(f + 14, 20, 0));
	f[24] = (uint8_t)(sum >> 8);
	f[25] = (uint8_t)sum;
	for (size_t i = 0; i < n; i++)
		f[54 + i] = (uint8_t)(i * 11 + i / 256);
	frame_parse(f, 54 + n, &l);
	sum = (uint16_t)~frame_fold(frame_pseudo_sum(f, &l, pseudo_length ? (uint32_t)(20 + n) : 0));
	f[50] = (uint8_t)(sum >> 8);
	f[51] = (uint8_t)sum;
	return 54 + n;
}

/* Is the checksum of the TCP segment right? */
__attribute__((unused)) static bool tcp_right(const uint8_t *f, size_t size)
{
	struct frame_layers l;

	return frame_parse(f, size, &l) && l.protocol == 6 && !frame_fold(frame_sum(f + l.network, 20, 0)) &&
	       !frame_fold(frame_sum(f + l.transport, l.end - l.transport, frame_pseudo_sum(f, &l, l.end - l.transport)));
}
#endif
