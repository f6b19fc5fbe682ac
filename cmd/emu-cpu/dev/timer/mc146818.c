/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MC146818 real-time clock with the 114 bytes of battery-backed memory of a PC.
 *
 * Data sheet: Motorola MC146818 (ADI-856-R1, 1984). The century byte 0x32 (0x37 on a PS/2) is the PC's, not the chip's.
 * Not modelled: the SQW output and daylight saving (DSE is kept, no hour is skipped).
 *
 * Theory of operation. The time is a base in seconds plus what a host clock says has passed; registers 0..9 are made from it when they are read
 * and turn into a new base when they are written. With SET, or the divider in reset, they are plain bytes and time stands still.
 * A second begins when its update cycle ends; UIP is set for the 244 + 1984 µs before. Flags are found when register C is read, from what
 * has passed since the last time; timers run only for enabled interrupts.
 *
 * Properties, which -rtc sets: base (utc, localtime, a date), clock (host, rt, vm), lost_tick_policy (discard, slew: periodic interrupts that found PF still
 * set are raised again after register C was read).
 * Wiring: IRQ to ISA IRQ 8, or where mc146818_connect() says.
 *
 *   70  index (bits 0..6; bit 7 masks NMI), write-only      71  data
 *   00 seconds  01 alarm  02 minutes  03 alarm  04 hours  05 alarm  06 day of week (1 = Sunday)  07 day  08 month  09 year
 *   0a UIP (RO), divider, rate    0b SET PIE AIE UIE SQWE DM 24/12 DSE    0c IRQF PF AF UF (RO, cleared by a read)    0d VRT (RO)
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../isa-bus.h"
#include "../../machine.h"
#include "../../pc-chips.h"
#include "base/keyval.h"

enum { SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, DAY, MONTH, YEAR, REG_A, REG_B, REG_C, REG_D,
       CENTURY = 0x32, CENTURY_PS2 = 0x37 };
enum { A_UIP = 0x80, A_DV = 0x70, A_DV_RUN = 0x20, A_RS = 0x0f };
enum { B_SET = 0x80, B_PIE = 0x40, B_AIE = 0x20, B_UIE = 0x10, B_SQWE = 8, B_DM = 4, B_24 = 2, B_DSE = 1 };
enum { C_IRQF = 0x80, C_PF = 0x40, C_AF = 0x20, C_UF = 0x10 };
enum { D_VRT = 0x80 };
#define UPDATE_NS (244000u + 1984000u)
#define TIME_MAX (1ll << 40)  /* seconds: what the registers can say, and more */
#define TIME_SPAN (1ll << 32) /* that a machine may run */
#define LOST_MAX 10000 /* lost ticks that slew remembers */

struct mc146818 {
	struct device dev;
	uint8_t cmos[128];
	uint8_t index;
	int64_t base;        /* seconds since 1970, UTC reading of the registers, at base_ns */
	uint64_t base_ns;    /* of the clock; while time stands still: nanoseconds into the second */
	bool running;
	int64_t seen;        /* second up to which UF and AF have been looked at */
	uint64_t seen_tick;  /* periodic tick up to which PF has been */
	uint32_t lost;       /* ticks to be raised again */
	bool irq_level;
	struct timer *second_timer, *tick_timer;
	const struct irq *out;
	struct region *ports;
	char *base_option;
	int clock_option, lost_tick_policy;
	int64_t start;       /* what the guest's clock would be had it never been set */
};

static const char *const clock_choices[] = {"host", "rt", "vm", NULL};
static const char *const policy_choices[] = {"discard", "slew", NULL};

static enum clock_kind rtc_clock(const struct mc146818 *s)
{
	static const enum clock_kind kinds[] = {CLOCK_HOST, CLOCK_REAL, CLOCK_VIRT};

	return kinds[s->clock_option];
}

/* ---- calendar -------------------------------------------------------------------------------------------- */
static uint8_t rtc_encode(const struct mc146818 *s, unsigned v)
{
	return (uint8_t)(s->cmos[REG_B] & B_DM ? v : v / 10 * 16 + v % 10);
}

/* -1: no valid digit pair. */
static int rtc_decode(const struct mc146818 *s, uint8_t v)
{
	if (s->cmos[REG_B] & B_DM)
		return v;
	return (v & 15) > 9 || v > 0x99 ? -1 : (v >> 4) * 10 + (v & 15);
}

static uint8_t rtc_encode_hour(const struct mc146818 *s, unsigned h)
{
	if (s->cmos[REG_B] & B_24)
		return rtc_encode(s, h);
	return rtc_encode(s, h % 12 ? h % 12 : 12) | (h >= 12 ? 0x80 : 0);
}

static int rtc_decode_hour(const struct mc146818 *s, uint8_t v)
{
	int h;

	if (s->cmos[REG_B] & B_24)
		return rtc_decode(s, v);
	h = rtc_decode(s, v & 0x7f);
	if (h < 1 || h > 12)
		return -1;
	return h % 12 + (v & 0x80 ? 12 : 0);
}

/* Fills the ten time registers and the century from t. */
static void rtc_fill(struct mc146818 *s, int64_t t)
{
	time_t tt = t;
	struct tm tm;

	gmtime_r(&tt, &tm);
	s->cmos[SECONDS] = rtc_encode(s, tm.tm_sec);
	s->cmos[MINUTES] = rtc_encode(s, tm.tm_min);
	s->cmos[HOURS] = rtc_encode_hour(s, tm.tm_hour);
	s->cmos[WEEKDAY] = rtc_encode(s, tm.tm_wday + 1);
	s->cmos[DAY] = rtc_encode(s, tm.tm_mday);
	s->cmos[MONTH] = rtc_encode(s, tm.tm_mon + 1);
	s->cmos[YEAR] = rtc_encode(s, (tm.tm_year + 1900) % 100);
	s->cmos[CENTURY] = s->cmos[CENTURY_PS2] = rtc_encode(s, (tm.tm_year + 1900) / 100 % 100);
}

/* The second that the time registers stand for; impossible values count on as timegm() does. */
static int64_t rtc_parse(const struct mc146818 *s)
{
	struct tm tm = {
		.tm_sec = rtc_decode(s, s->cmos[SECONDS]), .tm_min = rtc_decode(s, s->cmos[MINUTES]),
		.tm_hour = rtc_decode_hour(s, s->cmos[HOURS]), .tm_mday = rtc_decode(s, s->cmos[DAY]),
		.tm_mon = rtc_decode(s, s->cmos[MONTH]) - 1,
		.tm_year = rtc_decode(s, s->cmos[CENTURY]) * 100 + rtc_decode(s, s->cmos[YEAR]) - 1900,
	};

	return timegm(&tm);
}

/* The time now; *ns: into the second. */
static int64_t rtc_now(const struct mc146818 *s, uint64_t *ns)
{
	uint64_t now = clock_ns(s->dev.machine, rtc_clock(s)), d;

	if (!s->running) {
		*ns = s->base_ns;
		return s->base;
	}
	d = now > s->base_ns ? now - s->base_ns : 0; /* the host's clock may be set back */
	*ns = d % NS_PER_S;
	return s->base + (int64_t)(d / NS_PER_S);
}

static bool rtc_may_run(const struct mc146818 *s)
{
	return !(s->cmos[REG_B] & B_SET) && (s->cmos[REG_A] & A_DV) == A_DV_RUN;
}

/* ---- periodic ticks: of 32,768 Hz of the virtual clock ------------------------------------------------------ */
/* Length of a periodic interval in clocks of 32,768 Hz; 0: off. */
static uint32_t rtc_interval(const struct mc146818 *s)
{
	unsigned rs = s->cmos[REG_A] & A_RS;

	if (!rs || (s->cmos[REG_A] & A_DV) > A_DV_RUN)
		return 0;
	return 1u << ((rs <= 2 ? rs + 7 : rs) - 1); /* the two lowest rates repeat 8 and 9 */
}

static uint64_t rtc_tick(const struct mc146818 *s, uint32_t interval)
{
	return muldiv(clock_ns(s->dev.machine, CLOCK_VIRT), 32768, NS_PER_S) / interval;
}

/* ---- alarm --------------------------------------------------------------------------------------------------- */
static bool alarm_field(int alarm, unsigned v)
{
	return alarm == 255 || alarm == (int)v;
}

/* The first second after `from` that matches the alarm bytes, at most a day on; -1: none does. */
static int64_t rtc_next_alarm(const struct mc146818 *s, int64_t from)
{
	const uint8_t *r = s->cmos;
	/* the two top bits set: don't care */
	int as = r[SECONDS_ALARM] >= 0xc0 ? 255 : rtc_decode(s, r[SECONDS_ALARM]);
	int am = r[MINUTES_ALARM] >= 0xc0 ? 255 : rtc_decode(s, r[MINUTES_ALARM]);
	int ah = r[HOURS_ALARM] >= 0xc0 ? 255 : rtc_decode_hour(s, r[HOURS_ALARM]);
	int64_t t = from + 1, end = from + 86400;

	while (t <= end) {
		unsigned day = (unsigned)((t % 86400 + 86400) % 86400), h = day / 3600, m = day / 60 % 60, sec = day % 60;

		if (!alarm_field(ah, h))
			t += 3600 - day % 3600;
		else if (!alarm_field(am, m))
			t += 60 - sec;
		else if (!alarm_field(as, sec))
			t++;
		else
			return t;
	}
	return -1;
}

/* ---- flags, line, timers ------------------------------------------------------------------------------------- */
static void rtc_update_irq(struct mc146818 *s)
{
	bool level = s->cmos[REG_B] & s->cmos[REG_C] & (C_PF | C_AF | C_UF);

	s->cmos[REG_C] = (s->cmos[REG_C] & ~C_IRQF) | (level ? C_IRQF : 0);
	if (level != s->irq_level) {
		s->irq_level = level;
		irq_set(s->out, level);
	}
}

/* Sets the flags of what has happened by now. */
static void rtc_look(struct mc146818 *s)
{
	uint64_t ns;
	int64_t now = rtc_now(s, &ns), alarm;
	uint32_t interval = rtc_interval(s);

	if (now > s->seen) {
		s->cmos[REG_C] |= C_UF;
		alarm = rtc_next_alarm(s, s->seen);
		if (alarm >= 0 && alarm <= now)
			s->cmos[REG_C] |= C_AF;
	}
	s->seen = now;
	if (interval) {
		uint64_t tick = rtc_tick(s, interval);

		if (tick > s->seen_tick) {
			uint64_t n = tick - s->seen_tick - !(s->cmos[REG_C] & C_PF);

			if (s->lost_tick_policy == 1 && (s->cmos[REG_B] & B_PIE))
				s->lost = n > LOST_MAX - s->lost ? LOST_MAX : s->lost + (uint32_t)n;
			s->cmos[REG_C] |= C_PF;
		}
		s->seen_tick = tick;
	}
	rtc_update_irq(s);
}

static void rtc_set_timers(struct mc146818 *s)
{
	uint32_t interval = rtc_interval(s);
	uint8_t b = s->cmos[REG_B];
	int64_t at = -1;

	/* UF or AF that is set already changes nothing until register C is read, which comes here. */
	if (s->running && (b & B_AIE) && !(s->cmos[REG_C] & C_AF))
		at = rtc_next_alarm(s, s->seen);
	if (s->running && (b & B_UIE) && !(s->cmos[REG_C] & C_UF))
		at = s->seen + 1;
	if (at < 0 || at < s->base)
		timer_stop(s->second_timer);
	else
		timer_set(s->second_timer, s->base_ns + (uint64_t)(at - s->base) * NS_PER_S);
	if (interval && (b & B_PIE) && (!(s->cmos[REG_C] & C_PF) || s->lost_tick_policy == 1))
		timer_set(s->tick_timer, muldiv((s->seen_tick + 1) * interval, NS_PER_S, 32768) + 1);
	else
		timer_stop(s->tick_timer);
}

static void rtc_timer(void *opaque)
{
	struct mc146818 *s = opaque;

	rtc_look(s);
	if ((s->cmos[REG_C] & s->cmos[REG_B] & C_AF) && s->dev.machine->state == RUN_SUSPENDED)
		machine_request(s->dev.machine, REQUEST_WAKEUP, "rtc");
	rtc_set_timers(s);
}

/* The time registers hold what is to be the time. */
static void rtc_start(struct mc146818 *s, uint64_t ns)
{
	s->base = s->seen = rtc_parse(s);
	s->base_ns = ns;
	s->running = rtc_may_run(s);
	if (s->running) {
		uint64_t now = clock_ns(s->dev.machine, rtc_clock(s));

		s->base_ns = now > ns ? now - ns : 0;
	}
}

static void rtc_tell(struct mc146818 *s, int64_t before)
{
	uint64_t ns;
	int64_t now = rtc_now(s, &ns);

	if (now == before)
		return;
	s->start += now - before;
	machine_event(s->dev.machine, "RTC_CHANGE", json_pack("{s:I}", "offset", (json_int_t)s->start));
}

static void rtc_set_base(struct mc146818 *s)
{
	struct tm tm = {0};
	int64_t t = (int64_t)(clock_ns(s->dev.machine, CLOCK_HOST) / NS_PER_S);
	time_t tt = t;
	const char *b = s->base_option ? s->base_option : "utc";

	if (!strcmp(b, "localtime")) {
		localtime_r(&tt, &tm);
		t = timegm(&tm);
	} else if (strcmp(b, "utc")) {
		const char *rest = strptime(b, strlen(b) > 10 ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d", &tm);

		if (rest)
			t = timegm(&tm);
	}
	s->base = s->seen = t;
	s->start = 0;
	s->base_ns = clock_ns(s->dev.machine, rtc_clock(s));
	if (rtc_clock(s) == CLOCK_HOST) /* in step with the host's seconds */
		s->base_ns -= s->base_ns % NS_PER_S;
	s->running = true;
}

/* RESET: interrupt enables, SQWE and all flags are cleared; time, RAM, the divider and the rate are not (the battery keeps them). */
static void rtc_reset(struct device *d)
{
	struct mc146818 *s = (struct mc146818 *)d;

	s->cmos[REG_B] &= ~(B_PIE | B_AIE | B_UIE | B_SQWE);
	s->cmos[REG_C] = 0;
	s->lost = 0;
	s->index = 0;
	rtc_look(s);
	s->cmos[REG_C] = 0;
	rtc_update_irq(s);
	rtc_set_timers(s);
}

static uint64_t rtc_read(void *opaque, uint64_t offset, unsigned size)
{
	struct mc146818 *s = opaque;
	uint64_t ns;
	int64_t now;
	uint8_t v;

	(void)size;
	if (!offset)
		return 0xff; /* the index is write-only */
	switch (s->index) {
	case SECONDS: case MINUTES: case HOURS: case WEEKDAY: case DAY: case MONTH: case YEAR: case CENTURY: case CENTURY_PS2:
		if (s->running)
			rtc_fill(s, rtc_now(s, &ns));
		return s->cmos[s->index];
	case REG_A:
		now = rtc_now(s, &ns);
		(void)now;
		return s->cmos[REG_A] | (s->running && ns >= NS_PER_S - UPDATE_NS ? A_UIP : 0);
	case REG_C:
		rtc_look(s);
		v = s->cmos[REG_C];
		s->cmos[REG_C] = 0;
		rtc_update_irq(s);
		if (s->lost && (s->cmos[REG_B] & B_PIE)) {
			s->lost--;
			s->cmos[REG_C] = C_PF;
			rtc_update_irq(s);
		}
		rtc_set_timers(s);
		return v;
	case REG_D:
		return D_VRT;
	default:
		return s->cmos[s->index];
	}
}

static void rtc_write_time(struct mc146818 *s, uint8_t value)
{
	uint64_t ns;
	int64_t before = rtc_now(s, &ns);

	if (!s->running) {
		s->cmos[s->index] = value;
		if (s->index == CENTURY || s->index == CENTURY_PS2)
			s->cmos[CENTURY] = s->cmos[CENTURY_PS2] = value;
		return;
	}
	rtc_fill(s, before);
	s->cmos[s->index] = value;
	if (s->index == CENTURY_PS2)
		s->cmos[CENTURY] = value;
	/* The weekday follows from the date; a guest that sets another one reads the calendar's. */
	rtc_start(s, ns);
	rtc_tell(s, before);
}

/* Registers A and B decide whether time runs. */
static void rtc_write_control(struct mc146818 *s, unsigned reg, uint8_t value)
{
	uint64_t ns;
	int64_t before = rtc_now(s, &ns);
	bool was = s->running;
	uint8_t old_a = s->cmos[REG_A];

	rtc_look(s);
	if (was)
		rtc_fill(s, before);
	if (reg == REG_A) {
		s->cmos[REG_A] = value & ~A_UIP;
		s->lost = 0;
	} else {
		uint8_t formats = (s->cmos[REG_B] ^ value) & (B_DM | B_24);

		if (value & B_SET)
			value &= ~B_UIE;
		s->cmos[REG_B] = value;
		if (was && formats)
			rtc_fill(s, before);
	}
	if (was && !rtc_may_run(s)) {
		s->base = before;
		s->base_ns = ns;
		s->running = false;
	} else if (!was && rtc_may_run(s)) {
		/* "the first update cycle begins one-half second" after the divider is let go; SET alone leaves the divider running */
		if ((old_a & A_DV) >= 0x60)
			ns = NS_PER_S / 2;
		rtc_start(s, ns);
		rtc_tell(s, before);
	}
	if (rtc_interval(s))
		s->seen_tick = rtc_tick(s, rtc_interval(s));
	rtc_update_irq(s);
	rtc_set_timers(s);
}

static void rtc_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct mc146818 *s = opaque;

	(void)size;
	if (!offset) {
		s->index = value & 0x7f;
		return;
	}
	switch (s->index) {
	case SECONDS: case MINUTES: case HOURS: case WEEKDAY: case DAY: case MONTH: case YEAR: case CENTURY: case CENTURY_PS2:
		rtc_look(s);
		rtc_write_time(s, (uint8_t)value);
		rtc_set_timers(s);
		break;
	case SECONDS_ALARM: case MINUTES_ALARM: case HOURS_ALARM:
		rtc_look(s);
		s->cmos[s->index] = (uint8_t)value;
		rtc_set_timers(s);
		break;
	case REG_A: case REG_B:
		rtc_write_control(s, s->index, (uint8_t)value);
		break;
	case REG_C: case REG_D:
		break; /* read-only */
	default:
		s->cmos[s->index] = (uint8_t)value;
	}
}

void mc146818_connect(struct device *d, const struct irq *out)
{
	struct mc146818 *s = (struct mc146818 *)d;

	s->out = out;
	irq_set(out, s->irq_level);
}

void mc146818_cmos_set(struct device *d, unsigned index, uint8_t value)
{
	struct mc146818 *s = (struct mc146818 *)d;

	if (index > REG_D && index < sizeof s->cmos)
		s->cmos[index] = value;
}

uint8_t mc146818_cmos_get(struct device *d, unsigned index)
{
	struct mc146818 *s = (struct mc146818 *)d;

	return index < sizeof s->cmos ? s->cmos[index] : 0xff;
}

static const struct region_ops rtc_ops = {rtc_read, rtc_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1};

/* -rtc base=…,clock=…,driftfix=… */
static int rtc_options(struct mc146818 *s, struct err *e)
{
	static const char *const names[][2] = {{"base", "base"}, {"clock", "clock"}, {"driftfix", "lost_tick_policy"}};
	struct keyval kv;
	int r;

	if (!s->dev.machine->config.rtc)
		return 0;
	r = keyval_parse(s->dev.machine->config.rtc, "base", &kv, e);
	if (r < 0)
		return err_prefix(e, "-rtc");
	for (unsigned i = 0; i < kv.count && r >= 0; i++) {
		const char *v = kv.value[i], *name = NULL;

		for (unsigned n = 0; n < 3; n++)
			if (!strcmp(kv.key[i], names[n][0]))
				name = names[n][1];
		if (!name)
			r = err_set(e, EINVAL, "-rtc: unknown key %s: base, clock, driftfix", kv.key[i]);
		else
			r = device_set(&s->dev, name, !strcmp(kv.key[i], "driftfix") && !strcmp(v, "none") ? "discard" : v, e);
	}
	keyval_free(&kv);
	return r;
}

static int rtc_realize(struct device *d, struct err *e)
{
	struct mc146818 *s = (struct mc146818 *)d;
	struct tm tm;
	const char *b, *rest;

	if (rtc_options(s, e) < 0)
		return -e->code;
	b = s->base_option;
	if (b && strcmp(b, "utc") && strcmp(b, "localtime")) {
		rest = strptime(b, strlen(b) > 10 ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d", &tm);
		if (!rest || *rest)
			return err_set(e, EINVAL, "-rtc base=%s: not one of utc, localtime, YYYY-MM-DDTHH:MM:SS, YYYY-MM-DD", b);
	}
	s->out = isa_irq(d, 8);
	s->cmos[REG_A] = A_DV_RUN | 6;
	s->cmos[REG_B] = B_24;
	s->cmos[REG_D] = D_VRT;
	s->second_timer = timer_new(d->machine, rtc_clock(s), rtc_timer, s);
	s->tick_timer = timer_new(d->machine, CLOCK_VIRT, rtc_timer, s);
	rtc_set_base(s);
	rtc_fill(s, s->base);
	s->seen_tick = rtc_tick(s, rtc_interval(s));
	s->ports = isa_ports(d, "rtc", 0x70, 2, &rtc_ops, s);
	return 0;
}

static void rtc_unrealize(struct device *d)
{
	struct mc146818 *s = (struct mc146818 *)d;

	timer_free(s->second_timer);
	timer_free(s->tick_timer);
	isa_ports_free(s->ports);
}

static int rtc_loaded(void *state, struct err *e)
{
	struct mc146818 *s = state;

	if (s->index >= sizeof s->cmos || s->lost > LOST_MAX || (!s->running && s->base_ns >= NS_PER_S))
		return err_set(e, EINVAL, "mc146818rtc: index %u, %u lost ticks: impossible", s->index, s->lost);
	if (s->base < -TIME_MAX || s->base > TIME_MAX || s->seen < s->base - 1 || s->seen - s->base > TIME_SPAN ||
	    s->base_ns >> 62 || s->seen_tick >> 48)
		return err_set(e, EINVAL, "mc146818rtc: a time of %lld seconds, seen up to %lld: impossible", (long long)s->base,
			       (long long)s->seen);
	return 0;
}

static const struct prop rtc_props[] = {
	{.name = "base", P_(struct mc146818, base_option, PROP_STRING), .help = "utc, localtime or a date"},
	{.name = "clock", P_(struct mc146818, clock_option, PROP_CHOICE), .choices = clock_choices, .help = "clock that drives it"},
	{.name = "lost_tick_policy", P_(struct mc146818, lost_tick_policy, PROP_CHOICE), .choices = policy_choices,
	 .help = "what becomes of periodic interrupts that came too late"},
	{.name = NULL},
};
static const struct field rtc_fields[] = {
	F_BYTES(struct mc146818, cmos), F_UINT(struct mc146818, index), F_UINT(struct mc146818, base), F_UINT(struct mc146818, base_ns),
	F_BOOL(struct mc146818, running), F_UINT(struct mc146818, seen), F_UINT(struct mc146818, seen_tick),
	F_UINT(struct mc146818, lost), F_BOOL(struct mc146818, irq_level), F_UINT(struct mc146818, start),
	F_TIMER(struct mc146818, second_timer), F_TIMER(struct mc146818, tick_timer), F_END,
};
static const struct state_table rtc_state = {"mc146818rtc", 1, 1, rtc_fields, .loaded = rtc_loaded};

static const struct device_type rtc_type = {
	.name = "mc146818rtc", .bus = "ISA", .desc = "MC146818 real-time clock", .category = "Misc",
	.size = sizeof(struct mc146818), .props = rtc_props, .state = &rtc_state,
	.realize = rtc_realize, .unrealize = rtc_unrealize, .reset = rtc_reset,
};
DEVICE(rtc_type);
