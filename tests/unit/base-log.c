/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log items and trace points are switched by name; unknown names are refused. */
#include "base/log.h"
#include "tap.h"
#include <errno.h>
#include <unistd.h>

static void fire(int n)
{
	TRACE(test_fire, "n %d", n);
	TRACE(test_other, "n %d", n);
}

int main(void)
{
	struct err e = ERR_INIT;
	char path[] = "/tmp/base-log-XXXXXX", spec[64], buf[512];
	int fd = mkstemp(path);
	ssize_t n;

	ok(log_set("in_asm,exec", &e) == 0 && log_mask == (LOG_IN_ASM | LOG_EXEC), "two items");
	ok(log_set("nonsense", &e) < 0 && strstr(e.msg, "nonsense") && e.hint[0], "an unknown item is named");
	ok(log_wants(0) && log_wants(UINT64_MAX), "without a filter every address is logged");
	ok(!log_filter("0x8000..0x8fff,0xffffffc000080000+0x200,0xffffffc000060000-0x1000", &e), "the manual's three ranges");
	ok(!log_wants(0x7fff) && log_wants(0x8000) && log_wants(0x8fff) && !log_wants(0x9000), "from and to");
	ok(!log_wants(0xffffffc00007ffff) && log_wants(0xffffffc000080000) && log_wants(0xffffffc0000801ff) && !log_wants(0xffffffc000080200), "start and size");
	ok(!log_wants(0xffffffc00005efff) && log_wants(0xffffffc00005f000) && log_wants(0xffffffc00005ffff) && !log_wants(0xffffffc000060000),
	   "the block in front of a start");
	ok(!log_filter("0xfffffffffffff000+0x1000", &e) && log_wants(UINT64_MAX), "to the last address");
	static const char *const bad[] = {"", ",", "0x1000", "x", "0x1000+", "0x1000..", "0x2000..0x1000", "0x1000+0", "0x10-0x20", "2+0xffffffffffffffff", "1+-1", "-5+1", "1 + 2",
					  "0x1000..0x1fff,zz", "99999999999999999999+1"};
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(log_filter(bad[i], &e) == -EINVAL && e.hint[0] && log_wants(5), "'%s' is refused", bad[i]);
	ok(log_file("/tmp/x%s", &e) < 0, "-D takes only %%d");
	snprintf(spec, sizeof spec, "enable=test_f*,file=%s", path);
	ok(trace_set(spec, &e) == 0, "a pattern and a file");
	fire(42);
	n = read(fd, buf, sizeof buf - 1);
	buf[n > 0 ? n : 0] = '\0';
	ok(strstr(buf, ":test_fire n 42\n") && !strstr(buf, "test_other"), "only the point that is on writes");
	ok(trace_set("no_such_point", &e) < 0, "an unknown point is refused");
	unlink(path);
	return tap_done();
}
