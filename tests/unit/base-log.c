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
