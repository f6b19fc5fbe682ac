/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PS/2 keyboard and mouse, as the keyboard controller sees them: bytes to them, bytes from them. Under the machine lock. */
#ifndef EMU_CPU_PS2_H
#define EMU_CPU_PS2_H
#include "../../device.h"
#include "../../display.h"

/* Bytes on their way to the controller. Answers go before what keys and motion have queued. */
#define PS2_QUEUE 256 /* the real ones hold 16, but programs type faster than people */
#define PS2_ANSWERS 16
struct ps2_queue {
	uint8_t data[PS2_QUEUE], answer[PS2_ANSWERS];
	uint16_t head, count;
	uint8_t answer_head, answer_count;
	uint8_t last;                    /* for the resend command */
	void (*changed)(void *opaque);   /* there is something to take */
	void *opaque;
};
void ps2_answer(struct ps2_queue *q, uint8_t byte);
bool ps2_put(struct ps2_queue *q, const uint8_t *bytes, unsigned n); /* all or nothing; false: no room */
static inline bool ps2_waiting(const struct ps2_queue *q) { return q->count || q->answer_count; }
uint8_t ps2_take(struct ps2_queue *q); /* the next byte; the last one again when there is none */
void ps2_clear(struct ps2_queue *q);
bool ps2_queue_valid(const struct ps2_queue *q);
extern const struct field ps2_queue_fields[];

struct ps2_keyboard {
	struct ps2_queue queue;
	struct machine *machine;
	struct input *input;
	uint8_t set;           /* scan code set 1..3 */
	uint8_t command;       /* whose parameter is awaited; 0: none */
	uint8_t leds, rate;    /* as the commands gave them */
	bool enabled;
	uint8_t down[96];      /* keys that are down, a bit each Linux code */
	uint8_t type[256];     /* set 3: what a key sends, by its code */
	uint16_t repeat;       /* Linux code of the key that repeats; 0: none */
	struct timer *timer;
};
void ps2_keyboard_init(struct ps2_keyboard *k, struct machine *m, void (*changed)(void *opaque), void *opaque);
void ps2_keyboard_free(struct ps2_keyboard *k);
void ps2_keyboard_reset(struct ps2_keyboard *k); /* power-on: with its self-test result */
void ps2_keyboard_write(struct ps2_keyboard *k, uint8_t value);
int ps2_keyboard_loaded(struct ps2_keyboard *k, struct err *e);
uint8_t ps2_translate(uint8_t set2);             /* the controller's table, set 2 to set 1 */
extern const struct field ps2_keyboard_fields[];

struct ps2_mouse {
	struct ps2_queue queue;
	struct machine *machine;
	struct input *input;
	uint8_t id;            /* 0, 3 (wheel), 4 (five buttons) */
	uint8_t command;
	uint8_t resolution, rate, knock[2]; /* knock: the two rates before the last */
	bool enabled, remote, wrap, scale21;
	uint8_t buttons, sent_buttons;      /* bit 0 left, 1 right, 2 middle, 3 side, 4 extra */
	int32_t dx, dy, dz;    /* not yet reported */
};
void ps2_mouse_init(struct ps2_mouse *p, struct machine *m, void (*changed)(void *opaque), void *opaque);
void ps2_mouse_free(struct ps2_mouse *p);
void ps2_mouse_reset(struct ps2_mouse *p);
void ps2_mouse_write(struct ps2_mouse *p, uint8_t value);
void ps2_mouse_drained(struct ps2_mouse *p);     /* the controller took a byte */
void ps2_mouse_wake(struct ps2_mouse *p);        /* a report of nothing, if none is waiting */
int ps2_mouse_loaded(struct ps2_mouse *p, struct err *e);
extern const struct field ps2_mouse_fields[];
#endif
