/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 16550A without a bus: cards and boards put its eight registers where they like. Under the machine lock. */
#ifndef EMU_CPU_UART16550_H
#define EMU_CPU_UART16550_H
#include "../../device.h"
#include "../../serial.h"

#define UART_FIFO 16

struct uart16550 {
	struct machine *machine;
	struct device *owner;
	struct serial *chr;    /* NULL: nobody is connected */
	const struct irq *out;
	uint32_t clock;        /* Hz of the baud rate generator's input, 16 times the highest rate */
	uint8_t ier, iir, fcr, lcr, mcr, msr, scr, lsr;
	uint16_t divisor;
	uint8_t fifo[UART_FIFO], fifo_error[UART_FIFO]; /* received: bytes, and their LSR bits */
	uint8_t head, count;
	uint8_t rbr;           /* what RBR gives when nothing new is there */
	uint8_t tx[UART_FIFO]; /* waits for the back end */
	uint8_t tx_head, tx_count;
	bool thre_pending;     /* the transmitter interrupt */
	bool timeout_pending;  /* characters have waited for four character times */
	bool irq_level;
	struct timer *timeout;
};

/* chr may be NULL. Attaches itself to the stream. */
void uart16550_init(struct uart16550 *u, struct device *owner, struct serial *chr, uint32_t clock, const struct irq *out);
void uart16550_free(struct uart16550 *u);
void uart16550_reset(struct uart16550 *u);
uint8_t uart16550_read(struct uart16550 *u, unsigned reg);  /* reg: 0..7 */
void uart16550_write(struct uart16550 *u, unsigned reg, uint8_t value);
int uart16550_loaded(struct uart16550 *u, struct err *e);
extern const struct field uart16550_fields[];
#endif
