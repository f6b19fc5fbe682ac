/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keyboard controller, keyboard and mouse (PS/2 Technical Reference; scan codes of all three sets). */
#include <linux/input-event-codes.h>
#include "../../cmd/emu-cpu/dev/input/ps2.h"
#include "../../cmd/emu-cpu/testing.h"
#include "../../cmd/emu-cpu/x86-parts.h"
#include "tap.h"

/* What lies before it in struct i8042. */
struct view {
	struct device dev;
	struct ps2_keyboard keyboard;
	struct ps2_mouse mouse;
};
static struct machine *m;
static struct view *d;

/* In place of the processors' A20 gate. */
static bool a20 = true;
void machine_a20(struct machine *k, bool on) { (void)k; a20 = on; }
bool machine_a20_get(struct machine *k) { (void)k; return a20; }

static void begin(void)
{
	m = machine_new_test();
	d = (struct view *)test_device(m, "i8042", NULL);
}

static void command(uint8_t v) { test_outb(m, 0x64, v); }
static void data(uint8_t v) { test_outb(m, 0x60, v); }
static uint8_t st(void) { return test_inb(m, 0x64); }

/* All that is waiting, as text in hexadecimal; bytes of the mouse have an m before them. */
static const char *take(void)
{
	static char buf[600];
	size_t n = 0;

	buf[0] = 0;
	for (int i = 0; i < 100; i++) {
		if (!(st() & 1))
			clock_step(m, 100000);
		if (!(st() & 1))
			break;
		n += (size_t)snprintf(buf + n, sizeof buf - n, "%s%s", n ? " " : "", st() & 0x20 ? "m" : "");
		n += (size_t)snprintf(buf + n, sizeof buf - n, "%02x", test_inb(m, 0x60));
	}
	return buf;
}

static const char *kbd(uint8_t v) { data(v); return take(); }
static const char *aux(uint8_t v) { command(0xd4); data(v); return take(); }
static void key(unsigned code, bool down) { input_key(m, code, down); }
static const char *tap(unsigned code) { key(code, true); key(code, false); return take(); }
static void config(uint8_t v) { command(0x60); data(v); }

static void controller(void)
{
	begin();
	ok_eq(st(), 0x10, "status after reset");
	command(0xaa);
	ok(st() == 0x1d && test_inb(m, 0x60) == 0x55 && st() == 0x1c, "the self-test gives 55 and sets the system flag");
	command(0xab); ok_str(take(), "00", "keyboard lines are good");
	command(0xa9); ok_str(take(), "00", "mouse lines too");
	command(0x20); ok_str(take(), "67", "the command byte");
	config(0x45);
	ok_eq(st() & 8, 0, "status tells data from commands");
	command(0x20);
	ok_eq(st() & 8, 8, "both ways");
	ok_str(take(), "45", "written and read");
	command(0x65); data(0x77); command(0x25);
	ok_str(take(), "77", "internal RAM");
	command(0xd0); ok_str(take(), "c3", "output port: A20 on, no reset");
	command(0xd1); data(0xdd);
	ok(!machine_a20_get(m), "A20 off");
	command(0xdf);
	ok(machine_a20_get(m) && (test_inb(m, 0x92) & 2), "and on");
	test_outb(m, 0x92, 0);
	ok(!machine_a20_get(m) && test_inb(m, 0x92) == 0, "port 92 too");
	command(0xd0); ok_str(take(), "c1", "each shows the other's");
	test_outb(m, 0x92, 2);
	config(0x47);
	command(0xd2); data(0x5a);
	ok(test_line(m, 1) && !strcmp(take(), "5a") && !test_line(m, 1), "a byte as if from the keyboard, IRQ 1");
	command(0xd3); data(0xa5);
	ok(test_line(m, 12) && !strcmp(take(), "ma5") && !test_line(m, 12), "as if from the mouse, IRQ 12");
	command(0xa4); ok_str(take(), "f1", "no password");
	command(0xc0); ok_str(take(), "a0", "input port");
	command(0xe0); ok_str(take(), "00", "test inputs");
	config(0x44);
	tap(KEY_A);
	ok(!test_line(m, 1), "no interrupt without its enable");
	config(0x45);
	command(0xad);
	key(KEY_B, true); key(KEY_B, false);
	ok_str(take(), "", "a disabled keyboard is silent");
	command(0xae);
	ok_str(take(), "30 b0", "and speaks when it is enabled");
	key(KEY_C, true);
	command(0x20);
	ok(test_inb(m, 0x60) == 0x45 && (st() & 1) && test_inb(m, 0x60) == 0x2e, "an answer goes before a key, which is not lost");
	key(KEY_C, false);
	key(KEY_D, true);
	clock_step(m, 100000);
	ok(test_inb(m, 0x60) == 0xae && !(st() & 1), "old software may read a byte twice");
	clock_step(m, 100000);
	ok_eq(test_inb(m, 0x60), 0x20, "before the next one comes");
	machine_free_test(m);
}

static void resets(void)
{
	begin();
	command(0xfe);
	ok(true, "the reset pulse is a request");
	test_turn(m);
	test_outb(m, 0x92, 3);
	ok_eq(test_inb(m, 0x92), 3, "so is port 92 bit 0");
	test_turn(m);
	machine_free_test(m);
}

static void keyboard(void)
{
	begin();
	config(0x45);
	ok_str(kbd(0xff), "fa aa", "reset: acknowledge and self-test");
	ok_str(kbd(0xf2), "fa ab 41", "identity, translated");
	config(5);
	ok_str(kbd(0xf2), "fa ab 83", "and as it is");
	ok_str(kbd(0xee), "ee", "echo");
	ok_str(kbd(0xfe), "ee", "resend");
	ok_str(kbd(0x01), "fe", "an unknown command is to be sent again");
	ok_str(kbd(0xed), "fa", "LEDs");
	ok_str(kbd(0x05), "fa", "with their parameter");
	ok_eq(input_leds_now(m), 5, "arrive");
	ok_str(kbd(0xf0), "fa", "scan code set");
	ok_str(kbd(0x00), "fa 02", "asked");
	ok_str(tap(KEY_A), "1c f0 1c", "set 2: a");
	ok_str(tap(KEY_F7), "83 f0 83", "F7");
	ok_str(tap(KEY_UP), "e0 75 e0 f0 75", "a grey key");
	ok_str(tap(KEY_KPENTER), "e0 5a e0 f0 5a", "keypad Enter");
	ok_str(tap(KEY_PAUSE), "e1 14 77 e1 f0 14 f0 77", "Pause");
	ok_str(tap(KEY_SYSRQ), "e0 12 e0 7c e0 f0 7c e0 f0 12", "PrintScreen");
	key(KEY_LEFTALT, true);
	take();
	ok_str(tap(KEY_SYSRQ), "84 f0 84", "SysRq");
	key(KEY_LEFTALT, false);
	key(KEY_LEFTCTRL, true);
	take();
	ok_str(tap(KEY_PAUSE), "e0 7e e0 f0 7e", "Break");
	key(KEY_LEFTCTRL, false);
	take();
	config(0x45);
	ok_str(tap(KEY_A), "1e 9e", "translated: set 1");
	ok_str(tap(KEY_F12), "58 d8", "F12");
	ok_str(tap(KEY_DELETE), "e0 53 e0 d3", "Delete");
	ok_str(tap(KEY_PAUSE), "e1 1d 45 e1 9d c5", "Pause");
	ok_str(tap(KEY_SYSRQ), "e0 2a e0 37 e0 b7 e0 aa", "PrintScreen");
	ok_str(tap(KEY_LEFTMETA), "e0 5b e0 db", "the left Windows key");
	unsigned wrong = 0;
	for (unsigned k = 1; k <= 83; k++) {
		char want[20];

		if (k == KEY_KPASTERISK + 100)
			continue;
		snprintf(want, sizeof want, "%02x %02x", k, k | 0x80);
		wrong += strcmp(tap(k), want) != 0;
	}
	ok_eq(wrong, 0, "keys 1 to 83 translate to themselves");
	config(5);
	kbd(0xf0); kbd(1);
	ok_str(tap(KEY_A), "1e 9e", "set 1 from the keyboard itself");
	ok_str(tap(KEY_RIGHTALT), "e0 38 e0 b8", "with its prefixes");
	kbd(0xf0); kbd(3);
	ok_str(tap(KEY_A), "1c", "set 3: no break for most");
	ok_str(tap(KEY_LEFTSHIFT), "12 f0 12", "but for shifts");
	ok_str(kbd(0xfa), "fa", "all keys make, break and repeat");
	ok_str(tap(KEY_F1), "07 f0 07", "now all do");
	kbd(0xfd); kbd(0x07);
	ok_str(kbd(0xf4), "fa", "one key's type; a command ends the list");
	ok_str(tap(KEY_F1), "07", "that one does not");
	kbd(0xf0);
	ok_str(kbd(4), "fe", "there is no set 4");
	machine_free_test(m);
}

static void typematic(void)
{
	begin();
	config(5);
	key(KEY_A, true);
	ok_str(take(), "1c", "a key held");
	clock_step(m, 480000000);
	ok_str(take(), "", "waits 500 ms");
	clock_step(m, 30000000);
	ok_str(take(), "1c", "then repeats");
	unsigned n = 0;
	for (int i = 0; i < 100; i++) {
		clock_step(m, 10000000);
		n += strcmp(take(), "") != 0;
	}
	ok(n >= 10 && n <= 12, "10.9 times a second (%u)", n);
	key(KEY_A, true);
	ok_str(take(), "", "repeats of the host's keyboard are dropped");
	key(KEY_A, false);
	ok_str(take(), "f0 1c", "the key is let go");
	clock_step(m, NS_PER_S);
	ok_str(take(), "", "and is quiet");
	kbd(0xf3); kbd(0);
	key(KEY_B, true); take();
	clock_step(m, 260000000);
	ok_str(take(), "32", "the shortest delay is 250 ms");
	kbd(0xf5);
	clock_step(m, NS_PER_S);
	ok_str(take(), "", "a disabled keyboard does not repeat");
	key(KEY_C, true);
	ok_str(take(), "", "nor send");
	kbd(0xf4);
	for (unsigned i = 0; i < 300; i++) {
		key(KEY_D, true);
		key(KEY_D, false);
	}
	n = 0;
	uint8_t last = 0;
	for (int i = 0; i < 1000; i++) {
		if (!(st() & 1))
			clock_step(m, 100000);
		if (st() & 1) {
			last = test_inb(m, 0x60);
			n++;
		}
	}
	ok(n > 200 && n <= 257 && last == 0, "too many keys: the last code tells of the loss (%u)", n);
	machine_free_test(m);
}

static void mouse(void)
{
	begin();
	config(0x47);
	ok_str(aux(0xff), "mfa maa m00", "mouse reset");
	ok_str(aux(0xf2), "mfa m00", "a plain mouse");
	ok_str(aux(0xe9), "mfa m00 m02 m64", "status: 4 counts a millimetre, 100 a second");
	input_motion(m, 5, 3); input_sync(m);
	ok_str(take(), "", "silent until it is enabled");
	ok_str(aux(0xf4), "mfa", "enabled");
	input_motion(m, 5, 3); input_sync(m);
	ok_str(take(), "m28 m05 mfd", "right 5, down 3");
	input_button(m, BTN_LEFT, true); input_sync(m);
	ok_str(take(), "m09 m00 m00", "a button");
	input_motion(m, -300, 600); input_sync(m);
	ok_str(take(), "m39 m01 m01 m39 md3 m01 m29 m00 ma6", "far moves in several reports");
	input_motion(m, 1, 0); input_sync(m);
	input_motion(m, 1, 0); input_sync(m);
	input_motion(m, 1, 0); input_sync(m);
	ok_str(take(), "m09 m01 m00 m09 m02 m00", "motion that is not read is added up");
	input_button(m, BTN_LEFT, false); input_sync(m);
	input_button(m, BTN_RIGHT, true); input_sync(m);
	input_button(m, BTN_RIGHT, false); input_sync(m);
	ok_str(take(), "m08 m00 m00 m0a m00 m00 m08 m00 m00", "buttons are not");
	ok_str(aux(0xe7), "mfa", "scaling 2:1");
	input_motion(m, 5, 0); input_sync(m);
	ok_str(take(), "m08 m09 m00", "5 becomes 9");
	aux(0xe6);
	aux(0xf3); aux(200); aux(0xf3); aux(100); aux(0xf3); aux(80);
	ok_str(aux(0xf2), "mfa m03", "the knock 200, 100, 80: a wheel");
	input_wheel(m, 1); input_sync(m);
	ok_str(take(), "m08 m00 m00 mff", "turned away");
	aux(0xf3); aux(200); aux(0xf3); aux(200); aux(0xf3); aux(80);
	ok_str(aux(0xf2), "mfa m04", "200, 200, 80: five buttons");
	input_button(m, BTN_SIDE, true); input_wheel(m, -2); input_sync(m);
	ok_str(take(), "m08 m00 m00 m12", "the fourth, and the wheel in four bits");
	input_button(m, BTN_SIDE, false); input_sync(m); take();
	ok_str(aux(0xf0), "mfa", "remote mode");
	input_motion(m, 2, 0); input_sync(m);
	ok_str(take(), "", "reports when it is asked");
	ok_str(aux(0xeb), "mfa m08 m02 m00 m00", "as now");
	ok_str(aux(0xee), "mfa", "wrap mode");
	ok_str(aux(0x55), "m55", "echoes");
	ok_str(aux(0xec), "mfa", "until it ends");
	ok_str(aux(0xea), "mfa", "stream mode");
	ok_str(aux(0xe8), "mfa", "resolution");
	ok_str(aux(4), "mfe", "4 is none");
	ok_str(aux(0x12), "mfe", "an unknown command");
	command(0xa7);
	input_motion(m, 2, 0); input_sync(m);
	ok_str(take(), "", "the controller can hold it");
	command(0xa8);
	ok_str(take(), "m08 m02 m00 m00", "and let it go");
	input_motion(m, 7, 7); input_sync(m);
	key(KEY_A, true);
	ok_str(test_round_trip(&d->dev, test_device(m, "i8042", NULL)), "", "the state goes round");
	machine_free_test(m);
}

int main(void)
{
	controller();
	resets();
	keyboard();
	typematic();
	mouse();
	return tap_done();
}
