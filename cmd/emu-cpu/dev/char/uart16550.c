/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PC16550D universal asynchronous receiver/transmitter with FIFOs.
 *
 * Data sheet: National Semiconductor PC16550D (June 1995).
 *
 * What the guest sends goes to the back end at once, whatever the baud rate says: a console would otherwise take as long as a real one. The transmit
 * FIFO fills only while the back end takes nothing. The receiver takes what fits; the rate decides about the FIFO's time-out alone.
 *
 * Wiring: INTRPT to `out`, through OUT2 as on a PC. With somebody connected CTS, DSR and DCD are on; RI is off.
 *
 *   0  RBR (R), THR (W); DLL with LCR.DLAB      4  MCR: bits 5..7 are 0
 *   1  IER: bits 4..7 are 0; DLM with DLAB      5  LSR (RO)
 *   2  IIR (R), FCR (W)                         6  MSR (RO)
 *   3  LCR                                      7  SCR
 */
#include "uart16550.h"

#include <errno.h>
#include <string.h>

#include "../../machine.h"

enum { IER_RDA = 1, IER_THRE = 2, IER_RLS = 4, IER_MS = 8 };
enum { IIR_NONE = 1, IIR_MS = 0, IIR_THRE = 2, IIR_RDA = 4, IIR_RLS = 6, IIR_TIMEOUT = 12, IIR_FIFO = 0xc0 };
enum { FCR_ENABLE = 1, FCR_RESET_RX = 2, FCR_RESET_TX = 4 };
enum { LCR_WLS = 3, LCR_STB = 4, LCR_PEN = 8, LCR_EPS = 0x10, LCR_BREAK = 0x40, LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 0x10 };
enum { LSR_DR = 1, LSR_OE = 2, LSR_PE = 4, LSR_FE = 8, LSR_BI = 0x10, LSR_THRE = 0x20, LSR_TEMT = 0x40, LSR_ERR = 0x80 };
enum { MSR_DCTS = 1, MSR_DDSR = 2, MSR_TERI = 4, MSR_DDCD = 8, MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80 };

static unsigned uart_trigger(const struct uart16550 *u)
{
	static const uint8_t levels[4] = {1, 4, 8, 14};

	return u->fcr & FCR_ENABLE ? levels[u->fcr >> 6] : 1;
}

static unsigned uart_room(const struct uart16550 *u)
{
	return (u->fcr & FCR_ENABLE ? UART_FIFO : 1u);
}

/* Time of one character on the line. */
static uint64_t uart_character_ns(const struct uart16550 *u)
{
	unsigned bits = 1 + 5 + (u->lcr & LCR_WLS) + !!(u->lcr & LCR_PEN) + 1 + !!(u->lcr & LCR_STB);

	return muldiv((uint64_t)bits * 16 * (u->divisor ? u->divisor : 65536), NS_PER_S, u->clock);
}

static void tell_line(const struct uart16550 *u)
{
	const struct serial_line l = {
		.baud = u->clock / 16 / (u->divisor ? u->divisor : 65536),
		.data_bits = (uint8_t)(5 + (u->lcr & LCR_WLS)),
		.stop_bits = u->lcr & LCR_STB ? 2 : 1,
		.parity = u->lcr & LCR_PEN ? u->lcr & LCR_EPS ? 'E' : 'O' : 'N',
	};

	serial_set_line(u->chr, &l);
}

static uint8_t uart_lsr(const struct uart16550 *u)
{
	uint8_t v = u->lsr & LSR_OE;

	if (u->count) {
		v |= LSR_DR | (u->fifo_error[u->head] & (LSR_PE | LSR_FE | LSR_BI));
		if (u->fcr & FCR_ENABLE)
			for (unsigned i = 0; i < u->count; i++)
				if (u->fifo_error[(u->head + i) % UART_FIFO])
					v |= LSR_ERR;
	}
	if (u->tx_count == 0)
		v |= LSR_THRE | LSR_TEMT;
	return v;
}

static void uart_update_irq(struct uart16550 *u)
{
	bool fifo = u->fcr & FCR_ENABLE, level;

	if ((u->ier & IER_RLS) && (uart_lsr(u) & (LSR_OE | LSR_PE | LSR_FE | LSR_BI)))
		u->iir = IIR_RLS;
	else if ((u->ier & IER_RDA) && u->count >= uart_trigger(u))
		u->iir = IIR_RDA;
	else if ((u->ier & IER_RDA) && fifo && u->timeout_pending)
		u->iir = IIR_TIMEOUT;
	else if ((u->ier & IER_THRE) && u->thre_pending)
		u->iir = IIR_THRE;
	else if ((u->ier & IER_MS) && (u->msr & (MSR_DCTS | MSR_DDSR | MSR_TERI | MSR_DDCD)))
		u->iir = IIR_MS;
	else
		u->iir = IIR_NONE;
	level = u->iir != IIR_NONE && (u->mcr & MCR_OUT2);
	if (fifo)
		u->iir |= IIR_FIFO;
	if (level != u->irq_level) {
		u->irq_level = level;
		irq_set(u->out, level);
	}
}

/* Modem inputs: of the line, or in loop-back of our own outputs. */
static void uart_update_modem(struct uart16550 *u)
{
	uint8_t old = u->msr, now = 0;

	if (u->mcr & MCR_LOOP)
		now = (u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) | (u->mcr & MCR_OUT1 ? MSR_RI : 0) |
		      (u->mcr & MCR_OUT2 ? MSR_DCD : 0);
	else if (u->chr)
		now = MSR_CTS | MSR_DSR | MSR_DCD;
	u->msr = now | (old & 0x0f);
	if ((old ^ now) & MSR_CTS)
		u->msr |= MSR_DCTS;
	if ((old ^ now) & MSR_DSR)
		u->msr |= MSR_DDSR;
	if ((old & MSR_RI) && !(now & MSR_RI))
		u->msr |= MSR_TERI;
	if ((old ^ now) & MSR_DCD)
		u->msr |= MSR_DDCD;
}

static void uart_timeout_restart(struct uart16550 *u)
{
	u->timeout_pending = false;
	if (u->count && (u->fcr & FCR_ENABLE))
		timer_set(u->timeout, clock_ns(u->machine, CLOCK_VIRT) + 4 * uart_character_ns(u));
	else
		timer_stop(u->timeout);
}

static void uart_timed_out(void *opaque)
{
	struct uart16550 *u = opaque;

	u->timeout_pending = u->count > 0;
	uart_update_irq(u);
}

static void uart_put(struct uart16550 *u, uint8_t byte, uint8_t errors)
{
	unsigned i;

	byte &= 0xff >> (3 - (u->lcr & LCR_WLS)); /* a shorter word has no more bits */
	if (u->count >= uart_room(u)) {
		u->lsr |= LSR_OE;
		if (u->fcr & FCR_ENABLE)
			return; /* "the character in the shift register is overwritten", the FIFO is not */
		u->count = 0;
	}
	i = (u->head + u->count++) % UART_FIFO;
	u->fifo[i] = byte;
	u->fifo_error[i] = errors;
}

static size_t uart_can_receive(void *opaque)
{
	struct uart16550 *u = opaque;

	if (u->mcr & MCR_LOOP) /* the input is cut off */
		return 0;
	return uart_room(u) - (u->count > uart_room(u) ? uart_room(u) : u->count);
}

static void uart_receive(void *opaque, const uint8_t *data, size_t n)
{
	struct uart16550 *u = opaque;

	for (size_t i = 0; i < n; i++)
		uart_put(u, data[i], 0);
	uart_timeout_restart(u);
	uart_update_irq(u);
}

/* Hands what is in the transmit FIFO to the back end. */
static void uart_transmit(struct uart16550 *u)
{
	bool empty_before = u->tx_count == 0;

	while (u->tx_count) {
		unsigned n = u->tx_count, to_end = UART_FIFO - u->tx_head;
		size_t done;

		if (n > to_end)
			n = to_end;
		done = u->chr ? serial_write(u->chr, u->tx + u->tx_head, n) : n;
		if (done > n)
			done = n;
		u->tx_head = (u->tx_head + done) % UART_FIFO;
		u->tx_count -= done;
		if (done < n)
			break;
	}
	if (!empty_before && !u->tx_count)
		u->thre_pending = true;
}

static void uart_writable(void *opaque)
{
	struct uart16550 *u = opaque;

	uart_transmit(u);
	uart_update_irq(u);
}

static void uart_event(void *opaque, int event)
{
	struct uart16550 *u = opaque;

	if (event != SERIAL_BREAK || (u->mcr & MCR_LOOP))
		return;
	uart_put(u, 0, LSR_BI | LSR_FE); /* one zero character, without a stop bit */
	uart_timeout_restart(u);
	uart_update_irq(u);
}

void uart16550_reset(struct uart16550 *u)
{
	u->ier = u->fcr = u->lcr = u->mcr = u->scr = u->lsr = u->rbr = 0;
	u->divisor = u->clock / 16 / 9600; /* the data sheet leaves it open */
	u->head = u->count = u->tx_head = u->tx_count = 0;
	u->thre_pending = u->timeout_pending = false;
	timer_stop(u->timeout);
	uart_update_modem(u);
	u->msr &= 0xf0;
	uart_update_irq(u);
	if (u->chr)
		serial_accept(u->chr);
}

static uint8_t uart_read_rbr(struct uart16550 *u)
{
	if (u->count) {
		u->rbr = u->fifo[u->head];
		u->head = (u->head + 1) % UART_FIFO;
		u->count--;
		uart_timeout_restart(u);
		if (u->chr)
			serial_accept(u->chr);
	}
	return u->rbr;
}

uint8_t uart16550_read(struct uart16550 *u, unsigned reg)
{
	uint8_t v;

	switch (reg & 7) {
	case 0:
		if (u->lcr & LCR_DLAB)
			return (uint8_t)u->divisor;
		v = uart_read_rbr(u);
		break;
	case 1:
		return u->lcr & LCR_DLAB ? u->divisor >> 8 : u->ier;
	case 2:
		v = u->iir;
		if ((v & 0x0f) == IIR_THRE) /* reading the source resets it */
			u->thre_pending = false;
		break;
	case 3:
		return u->lcr;
	case 4:
		return u->mcr;
	case 5:
		v = uart_lsr(u);
		u->lsr &= ~LSR_OE;
		if (u->count)
			u->fifo_error[u->head] = 0;
		break;
	case 6:
		v = u->msr;
		u->msr &= 0xf0;
		break;
	default:
		return u->scr;
	}
	uart_update_irq(u);
	return v;
}

static void uart_write_thr(struct uart16550 *u, uint8_t value)
{
	u->thre_pending = false;
	value &= 0xff >> (3 - (u->lcr & LCR_WLS));
	if (u->mcr & MCR_LOOP) {
		uart_put(u, value, 0);
		uart_timeout_restart(u);
		u->thre_pending = true;
		return;
	}
	if (u->tx_count >= uart_room(u)) { /* written over while the register was full: the last one stands */
		u->tx[(u->tx_head + u->tx_count - 1) % UART_FIFO] = value;
		return;
	}
	u->tx[(u->tx_head + u->tx_count++) % UART_FIFO] = value;
	uart_transmit(u);
}

static void uart_write_fcr(struct uart16550 *u, uint8_t value)
{
	bool changed = (value ^ u->fcr) & FCR_ENABLE;

	/* The other bits are taken only together with bit 0; a change of bit 0 empties both FIFOs. */
	if (changed || ((value & FCR_ENABLE) && (value & FCR_RESET_RX))) {
		u->head = u->count = 0;
		u->timeout_pending = false;
		timer_stop(u->timeout);
	}
	if (changed || ((value & FCR_ENABLE) && (value & FCR_RESET_TX))) {
		if (u->tx_count)
			u->thre_pending = true;
		u->tx_head = u->tx_count = 0;
	}
	u->fcr = value & FCR_ENABLE ? value & 0xc9 : 0;
	if (u->chr)
		serial_accept(u->chr);
}

void uart16550_write(struct uart16550 *u, unsigned reg, uint8_t value)
{
	uint8_t rose;

	switch (reg & 7) {
	case 0:
		if (u->lcr & LCR_DLAB)
			u->divisor = (u->divisor & 0xff00) | value;
		else
			uart_write_thr(u, value);
		break;
	case 1:
		if (u->lcr & LCR_DLAB) {
			u->divisor = (uint16_t)((u->divisor & 0xff) | value << 8);
			break;
		}
		rose = value & ~u->ier;
		u->ier = value & 0x0f;
		if ((rose & IER_THRE) && !u->tx_count) /* enabling it with an empty register interrupts at once */
			u->thre_pending = true;
		break;
	case 2:
		uart_write_fcr(u, value);
		break;
	case 3:
		u->lcr = value; /* the break that bit 6 sends is seen by nobody: the stream has bytes only */
		if (!(value & LCR_DLAB))
			tell_line(u);
		break;
	case 4:
		rose = u->mcr;
		u->mcr = value & 0x1f;
		uart_update_modem(u);
		if ((rose & MCR_LOOP) && !(value & MCR_LOOP) && u->chr)
			serial_accept(u->chr);
		break;
	case 7:
		u->scr = value;
		return;
	default: /* LSR and MSR: "intended for read operations only" */
		guest_error(u->owner, "write of %02x to the read-only register %u", value, reg & 7);
		return;
	}
	uart_update_irq(u);
}

static const struct serial_ops uart_serial_ops = {
	.can_receive = uart_can_receive, .receive = uart_receive, .writable = uart_writable, .event = uart_event,
};

void uart16550_init(struct uart16550 *u, struct device *owner, struct serial *chr, uint32_t clock, const struct irq *out)
{
	memset(u, 0, sizeof *u);
	u->owner = owner;
	u->machine = owner->machine;
	u->chr = chr;
	u->clock = clock;
	u->out = out;
	u->iir = IIR_NONE;
	u->divisor = (uint16_t)(clock / 16 / 9600);
	u->timeout = timer_new(u->machine, CLOCK_VIRT, uart_timed_out, u);
	if (chr)
		serial_attach(chr, &uart_serial_ops, u);
}

void uart16550_free(struct uart16550 *u)
{
	if (u->chr)
		serial_attach(u->chr, NULL, NULL);
	timer_free(u->timeout);
}

int uart16550_loaded(struct uart16550 *u, struct err *e)
{
	if (u->head >= UART_FIFO || u->count > UART_FIFO || u->tx_head >= UART_FIFO || u->tx_count > UART_FIFO)
		return err_set(e, EINVAL, "16550A: FIFO positions %u+%u, %u+%u lie beyond its 16 bytes", u->head, u->count, u->tx_head,
			       u->tx_count);
	tell_line(u);
	return 0;
}

const struct field uart16550_fields[] = {
	F_UINT(struct uart16550, ier), F_UINT(struct uart16550, iir), F_UINT(struct uart16550, fcr), F_UINT(struct uart16550, lcr),
	F_UINT(struct uart16550, mcr), F_UINT(struct uart16550, msr), F_UINT(struct uart16550, scr), F_UINT(struct uart16550, lsr),
	F_UINT(struct uart16550, divisor), F_BYTES(struct uart16550, fifo), F_BYTES(struct uart16550, fifo_error),
	F_UINT(struct uart16550, head), F_UINT(struct uart16550, count), F_UINT(struct uart16550, rbr),
	F_BYTES(struct uart16550, tx), F_UINT(struct uart16550, tx_head), F_UINT(struct uart16550, tx_count),
	F_BOOL(struct uart16550, thre_pending), F_BOOL(struct uart16550, timeout_pending), F_BOOL(struct uart16550, irq_level),
	F_TIMER(struct uart16550, timeout), F_END,
};
