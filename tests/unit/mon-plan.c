/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plans mean what emu-mon(7) says; what it does not say is refused with the place and the reason. */
#include "../../cmd/emu-mon/monitor.h"
#include "../../cmd/emu-mon/plan.h"
#include "tap.h"
#include <sys/socket.h>
#include <unistd.h>

#define CPU "{\"id\":\"cpu\",\"program\":\"emu-cpu\",\"machine\":true,\"args\":[\"-S\",[\"fd=\",{\"fd\":\"serial0\"},\",run=\",{\"run\":\"a.ctl\"}," \
	    "\",\",{\"run\":\"\"},\",\",{\"name\":true}],{\"fd\":\"ctl\"}]}"
#define MON "{\"id\":\"mon\",\"monitor\":true}"
#define LINK "{\"id\":\"serial0\",\"ends\":[{\"part\":\"cpu\",\"attach\":\"x-chardev-attach\"},\"mon\"],\"keep\":true}"
#define WHOLE(extra) "{\"version\":1,\"parts\":[" CPU "," MON "],\"links\":[" LINK "]" extra "}"

static void bad(const char *text, const char *want)
{
	struct err e = ERR_INIT;
	struct plan *p = plan_parse(text, strlen(text), &e);

	if (!ok(!p && strstr(e.msg, want), "refused: %s", want))
		printf("# %s: %s\n", text, p ? "accepted" : e.msg);
	plan_free(p);
}

static int fd_of(void *opaque, const char *name)
{
	(void)opaque;
	return !strcmp(name, "serial0") ? 7 : !strcmp(name, "ctl") ? 8 : -1;
}

/* The example of the man page. */
static void man_page(void)
{
	FILE *f = fopen("man/emu-mon.7", "r");
	static char text[65536];
	size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
	char *from, *to;
	struct err e = ERR_INIT;
	struct plan *p;

	if (f)
		fclose(f);
	text[n] = '\0';
	from = strstr(text, ".nf\n{");
	to = from ? strstr(from, ".fi") : NULL;
	p = to ? plan_parse(from + 4, (size_t)(to - from) - 4, &e) : NULL;
	ok(p && p->parts == 3 && p->links == 1 && p->fronts == 1, "the man page's example is a plan %s", e.msg);
	plan_free(p);
}

int main(void)
{
	struct err e = ERR_INIT;
	struct plan *p = plan_parse(WHOLE(",\"name\":\"vm\",\"fronts\":[{\"link\":\"serial0\",\"device\":\"mon:stdio\"},"
					  "{\"monitor\":\"qmp-pretty\",\"device\":\"unix:/x,server\",\"id\":\"q\",\"option\":\"-qmp x\"}]"),
				    strlen(WHOLE(",\"name\":\"vm\",\"fronts\":[{\"link\":\"serial0\",\"device\":\"mon:stdio\"},"
						 "{\"monitor\":\"qmp-pretty\",\"device\":\"unix:/x,server\",\"id\":\"q\",\"option\":\"-qmp x\"}]")), &e);
	char path[] = "/tmp/mon-plan-XXXXXX", *word;
	int fd;

	ok(p != NULL, "a whole plan is read %s", e.msg);
	if (!p)
		return tap_done();
	ok(p->part[0].machine && !p->part[0].restart && p->part[0].ctl && p->part[0].ready, "a machine is not restarted, and has ctl and ready");
	ok(p->part[1].monitor && p->part[1].terminal && p->part[1].restart, "the monitor has the terminal and is restarted");
	ok(p->go && p->escape == 1 && !p->add_pid && !p->daemonize, "defaults of the plan");
	ok(p->link[0].type == SOCK_STREAM && p->link[0].keep && p->link[0].attach[0] && !p->link[0].attach[1], "a link with an attach command");
	ok(p->front[1].monitor == MONITOR_QMP_PRETTY && !p->front[1].link, "a front that is a monitor");
	word = plan_word_make(&p->part[0].args.word[1], "vm-3", "/run/x", fd_of, NULL, &e);
	ok_str(word, "fd=7,run=/run/x/a.ctl,/run/x,vm-3", "pieces are put together");
	free(word);
	word = plan_word_make(&p->part[0].args.word[2], "vm", "/", fd_of, NULL, &e);
	ok_str(word, "8", "an argument that is one piece");
	free(word);
	plan_free(p);
	man_page();

	bad("", "plan");
	bad("[]", "an object is expected");
	bad("{}", "'version' is missing");
	bad("{\"version\":2,\"parts\":[]}", "version 1");
	bad("{\"version\":1}", "'parts' is missing");
	bad("{\"version\":1,\"parts\":[]}", "empty");
	bad("{\"version\":1,\"parts\":{}}", "an array");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a\"}]}", "'program' is missing");
	bad("{\"version\":1,\"parts\":[{\"program\":\"a\"}]}", "parts: 0: the member 'id' is missing");
	bad("{\"version\":1,\"parts\":[{\"id\":\"../a\",\"program\":\"a\"}]}", "is no name");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a/b\",\"program\":\"a\"}]}", "is no name");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a\",\"program\":\"a\",\"argz\":[]}]}", "no member 'argz'");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a\",\"program\":\"a\"},{\"id\":\"a\",\"program\":\"a\"}]}", "two parts are named");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a\",\"program\":\"a\",\"args\":[{\"fd\":\"x\"}]}]}", "no descriptor 'x'");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a\",\"program\":\"a\",\"ctl\":false,\"args\":[{\"fd\":\"ctl\"}]}]}", "no descriptor 'ctl'");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a\",\"program\":\"a\",\"args\":[{\"what\":\"x\"}]}]}", "args: 0: a string");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a\",\"program\":\"a\",\"args\":[{\"run\":\"../x\"}]}]}", "is no name");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a\",\"program\":\"a\",\"after\":[\"a\"]}]}", "no part before it");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a\",\"program\":\"a\",\"env\":[\"x\"]}]}", "NAME=VALUE");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a\",\"program\":\"a\",\"setup\":[[]]}]}", "a command has a program");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a\",\"program\":\"a\\u0000b\"}]}", "NUL");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a\",\"program\":\"a\",\"machine\":true},{\"id\":\"b\",\"program\":\"a\",\"machine\":true}]}", "more than one machine");
	bad("{\"version\":1,\"parts\":[{\"id\":\"m\",\"monitor\":true,\"args\":[\"x\"]}]}", "are the supervisor's");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a\",\"program\":\"a\"}],\"links\":[{\"id\":\"l\",\"ends\":[\"a\",\"b\"]}]}", "no part 'b'");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a\",\"program\":\"a\"}],\"links\":[{\"id\":\"l\",\"ends\":[\"a\",\"a\"]}]}", "both ends");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a\",\"program\":\"a\"}],\"links\":[{\"id\":\"l\",\"ends\":[\"a\"]}]}", "two ends");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a\",\"program\":\"a\"}],\"links\":[{\"id\":\"l\",\"type\":\"tcp\",\"ends\":[\"a\",\"b\"]}]}", "stream, seqpacket, dgram");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a\",\"program\":\"a\"}],\"fds\":[{\"name\":\"t\",\"fd\":1}]}", "from 3");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a\",\"program\":\"a\"}],\"fds\":[{\"name\":\"t\",\"fd\":3},{\"name\":\"t\",\"fd\":4}]}", "two are named");
	bad("{\"version\":1,\"parts\":[{\"id\":\"a\",\"program\":\"a\"}],\"fronts\":[{\"monitor\":\"hmp\",\"device\":\"null\"}]}", "no part is the monitor");
	bad(WHOLE(",\"fronts\":[{\"monitor\":\"hmp\",\"link\":\"serial0\",\"device\":\"null\"}]"), "either a link, a monitor or a debugger");
	bad(WHOLE(",\"fronts\":[{\"link\":\"serial1\",\"device\":\"null\"}]"), "no link of the monitor");
	bad(WHOLE(",\"fronts\":[{\"link\":\"serial0\",\"device\":\"null\"},{\"link\":\"serial0\",\"device\":\"null\"}]"), "has a front already");
	bad(WHOLE(",\"escape\":300"), "from 0 to 255");
	bad(WHOLE(",\"name\":\".x\""), "is no name");
	bad(WHOLE(",\"daemonize\":1"), "daemonize: true or false");

	fd = mkstemp(path);
	ok(write(fd, WHOLE(""), strlen(WHOLE(""))) > 0 && (p = plan_read(path, &e)) && p->parts == 2, "a plan from a file");
	plan_free(p);
	unlink(path);
	close(fd);
	ok(!plan_read("/nonexistent/plan", &e) && strstr(e.msg, "/nonexistent/plan"), "a missing file is named");
	ok(!plan_read("fd:x", &e) && strstr(e.msg, "no descriptor"), "a descriptor that is none");
	return tap_done();
}
