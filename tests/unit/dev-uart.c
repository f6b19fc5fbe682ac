/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 16550A and the other ports that carry bytes: parallel port, debug console (PC16550D data sheet; IEEE 1284). */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../../cmd/emu-cpu/plugs.h"
#include "../../cmd/emu-cpu/testing.h"
#include "tap.h"

static struct machine *m;
static int far; /* the other end of the stream */

static void stream(const char *id)
{
	struct err e = ERR_INIT;
	char text[64];
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) < 0)
		exit(1);
	far = fd[1];
	snprintf(text, sizeof text, "fd=%d,id=%s", fd[0], id);
	if (serial_add(m, "chardev", text, &e) < 0) {
		printf("Bail out! %s\n", e.msg);
		exit(1);
	}
}

static const char *sent(void)
{
	static char buf[200];
	ssize_t n;

	test_turn(m);
	n = read(far, buf, sizeof buf - 1);
	buf[n < 0 ? 0 : n] = 0;
	return buf;
}

static void receive(const char *s, size_t n)
{
	if (write(far, s, n) != (ssize_t)n)
		exit(1);
	test_turn(m);
}

enum { RBR = 0x3f8, IER, IIR, LCR, MCR, LSR, MSR, SCR };
#define IN(r) test_inb(m, r)
#define OUT(r, v) test_outb(m, r, v)

static struct device *begin(void)
{
	m = machine_new_test();
	stream("com");
	return test_device(m, "isa-serial", "chardev=com");
}

static void registers(void)
{
	begin();
	ok(IN(IER) == 0 && IN(IIR) == 1 && IN(LCR) == 0 && IN(MCR) == 0 && IN(LSR) == 0x60, "the registers after reset");
	ok_eq(IN(MSR), 0xb0, "CTS, DSR and DCD are on, RI is off; no delta");
	OUT(LCR, 0x80);
	OUT(RBR, 0x34);
	OUT(IER, 0x12);
	ok(IN(RBR) == 0x34 && IN(IER) == 0x12, "the divisor latch");
	OUT(LCR, 3);
	OUT(IER, 0xff);
	ok(IN(LCR) == 3 && IN(IER) == 0x0f, "four enables; the rest stays 0");
	OUT(MCR, 0xff);
	ok_eq(IN(MCR), 0x1f, "five modem controls");
	OUT(SCR, 0xa5);
	ok_eq(IN(SCR), 0xa5, "the scratch register");
	OUT(LSR, 0); OUT(MSR, 0);
	ok_eq(IN(LSR) & 0x60, 0x60, "LSR is read-only");
	OUT(IIR, 1);
	ok_eq(IN(IIR) & 0xc0, 0xc0, "FIFOs on: IIR says so");
	OUT(IIR, 0);
	ok_eq(IN(IIR) & 0xc0, 0, "and off");
	machine_free_test(m);
	close(far);
}

static void transmitter(void)
{
	begin();
	OUT(LCR, 3);
	OUT(RBR, 'A'); OUT(RBR, 'B');
	ok_str(sent(), "AB", "bytes go out at once");
	ok(!test_line(m, 4), "no interrupt");
	OUT(MCR, 8);
	OUT(IER, 2);
	ok(test_line(m, 4) && IN(IIR) == 2, "enabling THRE with an empty register interrupts");
	ok(!test_line(m, 4) && IN(IIR) == 1, "reading IIR takes it back");
	OUT(RBR, 'C');
	ok(test_line(m, 4), "each byte that left interrupts");
	OUT(MCR, 0);
	ok(!test_line(m, 4), "OUT2 gates the line");
	OUT(MCR, 8);
	ok(test_line(m, 4), "both ways");
	sent();
	OUT(LCR, 0);
	OUT(RBR, 0xff);
	ok_str(sent(), "\x1f", "five-bit words lose the rest");
	OUT(LCR, 3);
	OUT(IIR, 7);
	int n = 0, size = 4096;
	setsockopt(far, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	while ((IN(LSR) & 0x20) && n < 1000000) {
		OUT(RBR, (uint8_t)('a' + n % 26));
		n++;
	}
	ok(n < 1000000 && !(IN(LSR) & 0x60), "a back end that takes nothing keeps the FIFO full (%d)", n);
	for (int i = 0; i < 100; i++)
		OUT(RBR, 'x');
	char buf[65536];
	while (read(far, buf, sizeof buf) > 0)
		test_turn(m);
	test_turn(m);
	ok((IN(LSR) & 0x60) == 0x60, "then it empties");
	machine_free_test(m);
	close(far);
}

static void receiver(void)
{
	begin();
	OUT(LCR, 3); OUT(MCR, 8); OUT(IER, 1);
	receive("xy", 2);
	ok(test_line(m, 4) && IN(IIR) == 4 && (IN(LSR) & 1), "a received byte interrupts");
	ok_eq(IN(RBR), 'x', "and is read");
	test_turn(m);
	ok_eq(IN(RBR), 'y', "without FIFO the next one waits outside until there is room");
	ok(!test_line(m, 4) && !(IN(LSR) & 1), "then nothing");
	ok_eq(IN(RBR), 'y', "RBR keeps the last");
	OUT(LCR, 0x83); OUT(RBR, 12); OUT(IER, 0); OUT(LCR, 3);
	OUT(IIR, 0x81);
	receive("1234567", 7);
	ok(!test_line(m, 4), "7 bytes below a trigger level of 8: quiet");
	clock_step(m, 4166000);
	ok(!test_line(m, 4), "for four character times");
	clock_step(m, 2000);
	ok(test_line(m, 4) && IN(IIR) == 0xcc, "then the time-out (9600 8N1: 4.17 ms)");
	ok(IN(RBR) == '1' && IN(IIR) == 0xc1, "which a read takes back");
	receive("89", 2);
	ok(test_line(m, 4) && IN(IIR) == 0xc4, "8 bytes: data available");
	OUT(IIR, 0xc1);
	ok_eq(IN(IIR), 0xc1, "a level of 14 is not reached");
	receive("0123456789abcdef", 16);
	ok(IN(IIR) == 0xc4, "16 bytes fill it");
	ok_eq(IN(LSR) & 2, 0, "the stream waits: no overrun");
	int n = 0;
	while (IN(LSR) & 1) {
		IN(RBR);
		n++;
		test_turn(m);
	}
	ok_eq(n, 24, "all come in the end");
	receive("abc", 3);
	OUT(IIR, 3);
	ok(!(IN(LSR) & 1), "FCR bit 1 empties the receiver");
	machine_free_test(m);
	close(far);
}

static void loopback(void)
{
	struct device *d = begin(), *other;

	IN(MSR);
	OUT(LCR, 3);
	OUT(MCR, 0x1a);
	ok_eq(IN(MSR), 0x90 | 0x02, "loop-back: RTS is CTS, OUT2 is DCD; DSR fell");
	OUT(MCR, 0x15);
	ok_eq(IN(MSR), 0x60 | 0x0b, "DTR is DSR, OUT1 is RI; deltas");
	OUT(MCR, 0x11);
	ok_eq(IN(MSR), 0x20 | 0x04, "the trailing edge of RI");
	OUT(IIR, 1);
	OUT(RBR, 'z');
	ok(IN(RBR) == 'z', "what is sent is received");
	ok_str(sent(), "", "and goes nowhere else");
	for (int i = 0; i < 17; i++)
		OUT(RBR, (uint8_t)i);
	OUT(IER, 4);
	ok_eq(IN(IIR), 0xc6, "17 bytes overrun the FIFO: line status");
	ok_eq(IN(LSR) & 2, 2, "LSR tells");
	ok_eq(IN(LSR) & 2, 0, "once");
	ok(IN(RBR) == 0 && IN(RBR) == 1, "the FIFO kept the first 16");
	OUT(IIR, 0);
	OUT(RBR, 1); OUT(RBR, 2);
	ok((IN(LSR) & 3) == 3 && IN(RBR) == 2, "without FIFO the new byte overwrites the old");
	OUT(IER, 8);
	OUT(MCR, 0x1b);
	ok(test_line(m, 4) && IN(IIR) == 0, "a modem input's change interrupts");
	IN(MSR);
	ok(!test_line(m, 4), "until MSR is read");
	OUT(IIR, 1); OUT(RBR, 5); OUT(RBR, 6);
	other = test_device(m, "isa-serial", NULL);
	ok_str(test_round_trip(d, other), "", "its state goes round");
	machine_free_test(m);
	close(far);
}

static void ports(void)
{
	struct err e = ERR_INIT;
	struct device *d;

	m = machine_new_test();
	for (int i = 0; i < 4; i++)
		test_device(m, "isa-serial", NULL);
	for (int i = 0; i < 4; i++) {
		static const uint16_t base[] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};

		test_outb(m, (uint16_t)(base[i] + 7), (uint8_t)(i + 1));
	}
	ok(test_inb(m, 0x3ff) == 1 && test_inb(m, 0x2ff) == 2 && test_inb(m, 0x3ef) == 3 && test_inb(m, 0x2ef) == 4, "COM1 to COM4");
	d = device_new(m, "isa-serial", NULL, &e);
	ok(device_realize(d, &e) < 0 && strstr(e.msg, "at most 4"), "a fifth is refused: %s", e.msg);
	device_free(d);
	machine_free_test(m);
}

static void parallel(void)
{
	struct device *d;

	m = machine_new_test();
	stream("lpt");
	d = test_device(m, "isa-parallel", "chardev=lpt");
	ok(test_inb(m, 0x379) == 0xd8 && test_inb(m, 0x37a) == 0xcc, "a parallel port at rest");
	for (const char *p = "Hi"; *p; p++) {
		test_outb(m, 0x378, (uint8_t)*p);
		test_outb(m, 0x37a, 0x1d);
		test_outb(m, 0x37a, 0x1c);
	}
	ok_str(sent(), "Hi", "a strobe prints the byte");
	ok(test_line(m, 7) && test_edges(m, 7) == 2, "each acknowledged with an interrupt");
	test_outb(m, 0x37a, 0x0c);
	ok(!test_line(m, 7), "which can be turned off");
	test_outb(m, 0x37b, 'E');
	test_outl(m, 0x37c, 0x21505045 >> 8);
	ok_str(sent(), "EPP!", "EPP writes");
	ok_eq(test_inb(m, 0x37c), 0xff, "an EPP read with nothing there");
	ok(test_inb(m, 0x379) & 1, "times out");
	test_outb(m, 0x379, 1);
	receive("ok", 2);
	ok(test_inb(m, 0x37c) == 'o' && test_inb(m, 0x37b) == 'k' && !(test_inb(m, 0x379) & 1), "EPP reads the stream");
	test_outb(m, 0x37a, 0x2c);
	ok_eq(test_inb(m, 0x378), 0xff, "reversed, the data lines float");
	test_outb(m, 0x37c, 1);
	ok(test_inb(m, 0x379) & 1, "and a write times out");
	ok_str(test_round_trip(d, test_device(m, "isa-parallel", NULL)), "", "its state goes round");
	close(far);
	stream("dbg");
	test_device(m, "isa-debugcon", "chardev=dbg");
	ok_eq(test_inb(m, 0xe9), 0xe9, "the debug console tells that it is there");
	test_outb(m, 0xe9, 'd'); test_outb(m, 0xe9, 'c');
	ok_str(sent(), "dc", "and prints");
	test_device(m, "isa-debugcon", "iobase=0x402,readback=0x77");
	ok_eq(test_inb(m, 0x402), 0x77, "elsewhere too");
	machine_free_test(m);
	close(far);
}

int main(void)
{
	registers();
	transmitter();
	receiver();
	loopback();
	ports();
	parallel();
	return tap_done();
}
