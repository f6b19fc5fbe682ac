/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every character back end carries bytes both ways, tells when somebody comes and goes, and never blocks on a slow peer. */
#include "../../lib/char/char.h"
#include "../../lib/char/relay.h"
#include "tap.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include "base/sock.h"

static struct loop *loop;
static struct chardevs *cs;
static char dir[] = "/tmp/char-backends-XXXXXX";
static char said[1024];
static bool quit;

/* A front end that remembers. */
struct front {
	struct char_user *u;
	size_t room, got;
	unsigned opened, closed, breaks, ins, outs, writable;
	char data[200000];
};

static size_t can_receive(void *o) { struct front *f = o; return f->room; }
static void receive(void *o, const uint8_t *d, size_t n)
{
	struct front *f = o;
	if (f->got + n <= sizeof f->data)
		memcpy(f->data + f->got, d, n);
	f->got += n;
	f->room -= n;
}
static void writable(void *o) { struct front *f = o; f->writable++; }
static void event(void *o, enum char_event what)
{
	struct front *f = o;
	unsigned *count[] = {&f->opened, &f->closed, &f->breaks, &f->ins, &f->outs};
	++*count[what];
}
static const struct char_ops ops = {can_receive, receive, writable, event};

static void tell(void *o, const char *line) { (void)o; snprintf(said, sizeof said, "%s", line); }
static void on_quit(void *o) { (void)o; quit = true; }

static void turns(unsigned ms)
{
	uint64_t end = loop_now() + ms * 1000000ull;
	while (loop_now() < end)
		loop_once(loop, 2);
}
/* Turns until the condition holds, at most ten seconds. */
#define until(condition)                                                                                                                       \
	do {                                                                                                                                   \
		uint64_t end_ = loop_now() + 10000000000ull;                                                                                   \
		while (!(condition) && loop_now() < end_)                                                                                      \
			loop_once(loop, 20);                                                                                                   \
	} while (0)

static struct chardev *add(const char *text)
{
	struct char_spec s;
	struct err e = ERR_INIT;
	struct chardev *c = char_spec_parse(text, &s, &e) == 0 ? chardevs_add(cs, &s, &e) : NULL;

	if (!c)
		printf("# %s: %s\n", text, e.msg);
	char_spec_free(&s);
	return c;
}

static struct front *attach(struct chardev *c)
{
	struct front *f = calloc(1, sizeof *f);
	struct err e = ERR_INIT;

	f->room = sizeof f->data;
	f->u = c ? char_attach(c, &ops, f, &e) : NULL;
	if (c && !f->u)
		printf("# %s\n", e.msg);
	return f;
}

static void drop(struct front *f, const char *id)
{
	struct err e = ERR_INIT;
	char_detach(f->u);
	ok(chardevs_remove(cs, id, &e) == 0, "%s is removed %s", id, e.msg);
	free(f);
}

static char *in_dir(const char *name)
{
	static char buf[8][200];
	static unsigned n;
	char *p = buf[n++ % 8];
	snprintf(p, sizeof buf[0], "%s/%s", dir, name);
	return p;
}

static const char *text(const char *fmt, const char *arg)
{
	static char buf[4][400];
	static unsigned n;
	char *p = buf[n++ % 4];
	snprintf(p, sizeof buf[0], fmt, arg);
	return p;
}

static size_t slurp(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(buf, 1, size - 1, f) : 0;
	if (f)
		fclose(f);
	buf[n] = '\0';
	return n;
}

static bool says(struct front *f, const char *want)
{
	return f->got == strlen(want) && !memcmp(f->data, want, f->got);
}

static int unix_client(const char *path)
{
	struct err e = ERR_INIT;
	int fd = sock_connect_unix(path, SOCK_STREAM, &e);
	if (fd < 0)
		printf("# %s\n", e.msg);
	return fd;
}

static void plain(void)
{
	struct chardev *c = add("null,id=n");
	struct front *f = attach(c);
	struct err e = ERR_INIT;
	char buf[100];
	int64_t n;

	ok(f->opened == 1 && char_write(f->u, "x", 1) == 1, "null swallows");
	ok(!char_attach(c, &ops, f, &e) && strstr(e.msg, "already in use"), "a second front end is refused");
	ok(chardevs_remove(cs, "n", &e) == -EBUSY && !strcmp(e.msg, "Chardev 'n' is busy"), "a busy one is not removed");
	drop(f, "n");
	ok(chardevs_remove(cs, "n", &e) == -ENODEV && !strcmp(e.msg, "Chardev 'n' not found"), "nor one that is not there");

	c = add("ringbuf,id=r,size=8");
	f = attach(c);
	char_write(f->u, "0123456789", 10);
	n = chardev_ring_read(c, buf, 3, &e);
	ok(n == 3 && !memcmp(buf, "234", 3), "a ring buffer keeps the last bytes");
	ok(chardev_ring_write(c, "ab", 2, &e) == 0 && chardev_ring_read(c, buf, sizeof buf, &e) == 7 && !memcmp(buf, "56789ab", 7), "and takes more");
	drop(f, "r");

	f = attach(add(text("file,id=f,path=%s,logfile=/dev/null", in_dir("out"))));
	char_write(f->u, "hello", 5);
	drop(f, "f");
	f = attach(add(text("file,id=f,path=%s,append=on", in_dir("out"))));
	char_write(f->u, " world", 6);
	drop(f, "f");
	slurp(in_dir("out"), buf, sizeof buf);
	ok_str(buf, "hello world", "a file is written, and added to");
	f = attach(add(text("null,id=l,logfile=%s", in_dir("log"))));
	char_write(f->u, "one", 3);
	drop(f, "l");
	f = attach(add(text("null,id=l,logfile=%s,logappend=on", in_dir("log"))));
	char_write(f->u, "two", 3);
	drop(f, "l");
	slurp(in_dir("log"), buf, sizeof buf);
	ok_str(buf, "onetwo", "a log file, and a second time");
}

static void pipes(void)
{
	struct front *f;
	char buf[16];
	int in, out;

	mkfifo(in_dir("p.in"), 0600);
	mkfifo(in_dir("p.out"), 0600);
	f = attach(add(text("pipe,id=p,path=%s", in_dir("p"))));
	in = open(in_dir("p.in"), O_WRONLY | O_NONBLOCK);
	out = open(in_dir("p.out"), O_RDONLY | O_NONBLOCK);
	ok(write(in, "abc", 3) == 3, "a writer of the pipe");
	until(f->got == 3);
	ok(says(f, "abc"), "a pipe brings input");
	ok(char_write(f->u, "xyz", 3) == 3 && read(out, buf, 16) == 3, "and takes output");
	close(in);
	turns(10);
	in = open(in_dir("p.in"), O_WRONLY | O_NONBLOCK);
	ok(write(in, "d", 1) == 1, "a second writer");
	until(f->got == 4);
	ok(says(f, "abcd"), "is heard too");
	size_t sent = 0, n;
	static const char block[4096];
	while ((n = char_write(f->u, block, sizeof block)) == sizeof block && sent < 10 << 20)
		sent += n;
	ok(n < sizeof block, "a reader that does not read makes a short write, after %zu bytes", sent);
	while (read(out, (char[4096]){0}, 4096) > 0)
		;
	until(f->writable);
	ok(f->writable == 1, "and room is told");
	close(in);
	close(out);
	drop(f, "p");
}

static void unix_sockets(void)
{
	struct chardev *c = add(text("socket,id=u,path=%s,server,nowait", in_dir("u")));
	struct front *f = attach(c);
	char buf[100];
	int a, b, pair[2];

	ok(f->opened == 0 && char_write(f->u, "lost", 4) == 4, "with nobody there bytes vanish");
	a = unix_client(in_dir("u"));
	until(f->opened);
	ok(f->opened == 1, "a client comes");
	b = unix_client(in_dir("u"));
	ok(write(a, "from a", 6) == 6 && write(b, "from b", 6) == 6, "two write");
	until(f->got == 6);
	turns(20);
	ok(says(f, "from a"), "the first is heard");
	ok(char_write(f->u, "to a", 4) == 4 && read(a, buf, sizeof buf) == 4, "and answered");
	close(a);
	until(f->got == 12);
	ok(f->closed == 1 && f->opened == 2 && !memcmp(f->data + 6, "from b", 6), "then the second one has its turn");
	ok(sock_pair(SOCK_STREAM, pair, &(struct err)ERR_INIT) == 0 && sock_send_fds(b, "fd", 2, pair, 1) == 0, "a descriptor is sent");
	until(f->got == 14);
	a = char_take_fd(f->u);
	ok(a >= 0 && char_take_fd(f->u) == -1, "and taken");
	close(a);
	close(pair[0]);
	close(pair[1]);
	f->room = 0;
	static char big[300000];
	ssize_t sent = send(b, big, sizeof big, MSG_DONTWAIT);
	turns(30);
	ok(sent > 0 && f->got == 14, "without room nothing is read");
	f->room = 100000;
	f->got = 0;
	char_accept(f->u);
	until(f->got == (size_t)sent || f->room == 0);
	ok(f->got == 100000, "and as much as there is room for afterwards (%zu)", f->got);
	close(b);
	turns(20);
	f->room = 1 << 20;
	f->got = 0;
	char_accept(f->u);
	until(f->closed == 2);
	ok(f->got + 100000 == (size_t)sent, "what a client left behind is read before its end");
	drop(f, "u");
	ok(access(in_dir("u"), F_OK) != 0, "the socket's name is gone");

	c = add(text("socket,id=w,path=%s,server", in_dir("w")));
	ok(chardevs_waiting(cs) && !strcmp(chardevs_waiting(cs), "w"), "a server waits for its first client");
	a = unix_client(in_dir("w"));
	until(!chardevs_waiting(cs));
	ok(!chardevs_waiting(cs), "until it comes");
	close(a);
	turns(5);
	chardevs_remove(cs, "w", &(struct err)ERR_INIT);
}

static void reconnecting(void)
{
	struct front *f = attach(add(text("socket,id=c,path=%s,reconnect=1", in_dir("c"))));
	struct err e = ERR_INIT;
	int l, a;

	until(said[0]);
	ok(strstr(said, "Unable to connect character device c: Failed to connect to"), "a client says once that nobody is there: %s", said);
	l = sock_listen_unix(in_dir("c"), SOCK_STREAM, 0600, &e);
	until(f->opened);
	a = sock_accept(l, &e);
	ok(f->opened == 1 && a >= 0, "and connects later");
	close(a);
	until(f->closed);
	until(f->opened == 2);
	ok(f->opened == 2, "and again");
	close(l);
	drop(f, "c");
	unlink(in_dir("c"));

	f = attach(add("socket,id=t,host=127.0.0.1,port=1,reconnect=1"));
	said[0] = 0;
	until(said[0]);
	ok(strstr(said, "127.0.0.1:1"), "the same over TCP: %s", said);
	drop(f, "t");
}

/* The id that is looked for, and the name found. */
static char found[2][300];
static void find(void *o, const struct char_info *i)
{
	(void)o;
	if (!strcmp(i->id, found[0]))
		snprintf(found[1], sizeof found[1], "%s", i->filename);
}

static unsigned port_of(const char *id)
{
	unsigned port = 0;

	snprintf(found[0], sizeof found[0], "%s", id);
	found[1][0] = '\0';
	chardevs_each(cs, find, NULL);
	sscanf(strrchr(found[1], ':') ? strrchr(found[1], ':') : "", ":%u", &port);
	return port;
}

static int tcp_client(unsigned port)
{
	char p[8];
	struct err e = ERR_INIT;
	snprintf(p, sizeof p, "%u", port);
	int fd = sock_connect_tcp("127.0.0.1", p, true, false, &e);
	if (fd < 0)
		printf("# %s\n", e.msg);
	return fd;
}

static void telnet(void)
{
	static const unsigned char sent[] = {'a', 255, 255, 'b', 255, 243, 255, 251, 3, 255, 250, 24, 0, 'x', 255, 240, 'c'};
	struct front *f = attach(add("socket,id=t,host=127.0.0.1,port=0,server,nowait,telnet"));
	unsigned char buf[100];
	int a = tcp_client(port_of("t"));

	until(f->opened);
	ok(read(a, buf, sizeof buf) == 12 && !memcmp(buf, "\377\373\001\377\373\003\377\373\000\377\375\000", 12), "telnet is negotiated");
	for (unsigned i = 0; i < sizeof sent; i++) {
		ok(write(a, sent + i, 1) == 1, "byte %u", i);
		turns(2);
	}
	until(f->got == 4);
	ok(f->got == 4 && !memcmp(f->data, "a\377bc", 4), "commands and options are taken out, at any cut");
	ok_eq(f->breaks, 1, "a break is one");
	ok(char_write(f->u, "\377x", 2) == 2 && recv(a, buf, 3, MSG_WAITALL) == 3 && !memcmp(buf, "\377\377x", 3), "255 is sent twice");
	close(a);
	until(f->closed);
	drop(f, "t");
}

static void udp(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof sin;
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char spec[100], buf[100];
	struct front *f;

	ok(bind(s, (struct sockaddr *)&sin, len) == 0 && getsockname(s, (struct sockaddr *)&sin, &len) == 0, "a peer");
	snprintf(spec, sizeof spec, "udp,id=d,host=127.0.0.1,port=%u,localaddr=127.0.0.1", ntohs(sin.sin_port));
	f = attach(add(spec));
	ok(char_write(f->u, "one", 3) == 3 && recvfrom(s, buf, sizeof buf, 0, (struct sockaddr *)&sin, &len) == 3, "a datagram goes");
	f->room = 2;
	ok(sendto(s, "12345", 5, 0, (struct sockaddr *)&sin, len) == 5, "one comes");
	until(f->got == 2);
	turns(10);
	ok(says(f, "12"), "as much as there is room");
	f->room = 10;
	char_accept(f->u);
	until(f->got == 5);
	ok(says(f, "12345"), "and the rest later");
	close(s);
	char_write(f->u, "x", 1);
	turns(10);
	ok(char_write(f->u, "y", 1) == 1, "a peer that has gone is no end");
	drop(f, "d");
}

static void terminals(void)
{
	struct chardev *c = add("pty,id=y");
	struct front *f = attach(c);
	char buf[100];
	int s, m, slave;
	struct termios tio, before;

	ok(strstr(said, "char device redirected to /dev/pts/") && strstr(said, "(label y)"), "%s", said);
	s = open(chardev_pty(c), O_RDWR | O_NOCTTY);
	until(f->opened);
	ok(f->opened == 1 && write(s, "in\r", 3) == 3, "somebody opens the pty");
	until(f->got == 3);
	ok(says(f, "in\r"), "it is raw");
	ok(char_write(f->u, "out\n", 4) == 4 && read(s, buf, sizeof buf) == 4, "both ways");
	close(s);
	until(f->closed);
	ok(f->closed == 1, "and closes it");
	s = open(chardev_pty(c), O_RDWR | O_NOCTTY);
	until(f->opened == 2);
	ok(f->opened == 2, "and opens it again");
	close(s);
	drop(f, "y");

	ok(openpty(&m, &slave, NULL, NULL, NULL) == 0, "a serial port (a terminal stands for it)");
	tcgetattr(slave, &before);
	f = attach(add(text("serial,id=s,path=%s", ttyname(slave))));
	ok(write(m, "abc", 3) == 3, "it sends");
	until(f->got == 3);
	ok(says(f, "abc") && char_write(f->u, "xyz", 3) == 3 && read(m, buf, sizeof buf) == 3, "both ways");
	char_set_line(f->u, &(struct char_line){9600, 7, 2, 'E'});
	tcgetattr(slave, &tio);
	/* The kernel's pseudo-terminals have 8 bits and no parity whatever is asked of them. */
	ok(cfgetospeed(&tio) == B9600 && tio.c_cflag & CSTOPB, "the line's settings");
	drop(f, "s");
	tcgetattr(slave, &tio);
	ok(tio.c_lflag == before.c_lflag && tio.c_iflag == before.c_iflag, "which are put back");

	/* stdio on the same terminal */
	int in = dup(0), out = dup(1);
	fflush(stdout);
	dup2(slave, 0);
	dup2(slave, 1);
	f = attach(add("stdio,id=i,signal=off"));
	tcgetattr(slave, &tio);
	bool raw = !(tio.c_lflag & (ICANON | ECHO | ISIG)) && tio.c_oflag & OPOST;
	bool wrote = write(m, "\003k", 2) == 2;
	until(f->got == 2);
	bool got = says(f, "\003k") && char_write(f->u, "o", 1) == 1 && read(m, buf, sizeof buf) == 1;
	struct char_spec spec;
	struct err e = ERR_INIT;
	bool refused = char_spec_parse("stdio,id=j", &spec, &e) == 0 && !chardevs_add(cs, &spec, &e);
	char_spec_free(&spec);
	char_detach(f->u);
	chardevs_remove(cs, "i", &e);
	tcgetattr(slave, &tio);
	bool blocks = !(fcntl(0, F_GETFL) & O_NONBLOCK);
	dup2(in, 0);
	dup2(out, 1);
	ok(raw && wrote && got, "stdio is raw, and carries bytes and Ctrl-C");
	ok(refused && strstr(e.msg, "multiple") , "there is one stdio: %s", e.msg);
	ok(tio.c_lflag == before.c_lflag && blocks, "the terminal is as it was");
	free(f);
	close(in);
	close(out);
	close(m);
	close(slave);
}

static void mux(void)
{
	struct chardev *c = add(text("socket,id=m,path=%s,server,nowait,mux=on", in_dir("m")));
	struct front *b = attach(c), *a = attach(c);
	char buf[1000];
	ssize_t n;
	int s = unix_client(in_dir("m"));

	until(a->opened && b->opened);
	ok(a->ins == 0 && b->ins == 1 && char_has_focus(b->u), "the first to come has the keyboard");
	ok(write(s, "x\001\001y\001cz\001b\001q", 11) == 11, "keys");
	until(a->got && b->got == 3);
	turns(10);
	ok(says(b, "x\001y"), "the escape key twice is one");
	ok(says(a, "z") && a->ins == 1 && b->outs == 1, "c changes over");
	ok(a->breaks == 1 && b->breaks == 0, "b sends a break");
	ok(write(s, "\001h", 2) == 2, "help");
	turns(20);
	n = read(s, buf, sizeof buf - 1);
	buf[n > 0 ? n : 0] = '\0';
	ok_str(buf, "\n\rC-a h    print this help\n\rC-a x    exit emulator\n\rC-a s    save disk data back to file (if -snapshot)\n\r"
		    "C-a t    toggle console timestamps\n\rC-a b    send break (magic sysrq)\n\rC-a c    switch between console and monitor\n\r"
		    "C-a C-a  sends C-a\n\r", "h prints help");
	ok(write(s, "\001t", 2) == 2, "t");
	turns(10);
	char_write(a->u, "line\nmore", 9);
	n = read(s, buf, sizeof buf - 1);
	buf[n > 0 ? n : 0] = '\0';
	unsigned x[4];
	ok(sscanf(buf, "[%u:%u:%u.%u] line\n[%u:", x, x + 1, x + 2, x + 3, x) == 5, "t stamps each line");
	ok(write(s, "\001t", 2) == 2, "and not any more");
	turns(10);
	char_write(b->u, "both write", 10);
	ok(read(s, buf, sizeof buf) == 10, "both front ends may write");
	a->room = 0;
	a->got = b->got = 0;
	ok(write(s, "slow\001cfast", 10) == 10, "one front end has no room");
	turns(20);
	ok(a->got == 0 && b->got == 0, "then its bytes wait");
	a->room = 100;
	char_accept(a->u);
	turns(20);
	ok(says(a, "slow") && says(b, "fast"), "and none is lost");
	chardevs_set_escape(cs, 2);
	b->got = 0;
	ok(write(s, "\001x\002x", 4) == 4, "another escape key");
	until(quit);
	ok(quit && says(b, "\001x"), "x leaves, after the new key only");
	chardevs_set_escape(cs, 1);
	struct front *more[3] = {attach(c), attach(c), NULL};
	struct err e = ERR_INIT;
	ok(more[1]->u && !char_attach(c, &ops, a, &e) && strstr(e.msg, "4 front ends"), "there is room for four");
	for (unsigned i = 0; i < 2; i++) {
		char_detach(more[i]->u);
		free(more[i]);
	}
	char_detach(a->u);
	free(a);
	close(s);
	drop(b, "m");
}

static void changing(void)
{
	struct chardev *c = add("null,id=x");
	struct front *f = attach(c);
	struct char_spec s;
	struct err e = ERR_INIT;
	char buf[20];

	ok(char_spec_parse(text("file,id=x,path=%s", in_dir("changed")), &s, &e) == 0 && chardevs_change(cs, "x", &s, &e) == 0, "a back end is changed %s", e.msg);
	char_spec_free(&s);
	char_write(f->u, "there", 5);
	slurp(in_dir("changed"), buf, sizeof buf);
	ok_str(buf, "there", "its front end writes to the new one");
	ok(char_spec_parse("file,id=x,path=/nonexistent/x", &s, &e) == 0 && chardevs_change(cs, "x", &s, &e) < 0, "a change that fails: %s", e.msg);
	char_spec_free(&s);
	char_write(f->u, "!", 1);
	slurp(in_dir("changed"), buf, sizeof buf);
	ok_str(buf, "there!", "leaves the old one");
	ok(chardevs_send_break(cs, "x", &e) == 0 && f->breaks == 1, "chardev-send-break");
	drop(f, "x");
}

struct relaying {
	unsigned breaks, ends;
};
static void relay_break(void *o, const char *id) { struct relaying *r = o; r->breaks += !strcmp(id, "s0"); }
static void relay_end(void *o, const char *id) { struct relaying *r = o; r->ends += !strcmp(id, "s0"); }

static void relays(void)
{
	struct chardev *c = add(text("socket,id=r,path=%s,server,nowait", in_dir("r")));
	struct relaying seen = {0};
	struct err e = ERR_INIT;
	static char big[400000], back[400000];
	int pair[2], s;
	size_t sent = 0, got = 0;
	struct relay *r;

	for (unsigned i = 0; i < sizeof big; i++)
		big[i] = (char)(i * 7 + i / 251);
	ok(sock_pair(SOCK_STREAM, pair, &e) == 0, "a link");
	r = relay_new(loop, c, pair[0], &(struct relay_config){"s0", relay_break, relay_end, &seen}, &e);
	s = unix_client(in_dir("r"));
	turns(20);
	fd_set_nonblock(pair[1], true);
	fd_set_nonblock(s, true);
	for (int way = 0; way < 2; way++) {
		int from = way ? s : pair[1], to = way ? pair[1] : s;
		sent = got = 0;
		for (unsigned i = 0; i < 100000 && got < sizeof back; i++) {
			ssize_t n = sent < sizeof big ? write(from, big + sent, sizeof big - sent) : 0;
			sent += n > 0 ? (size_t)n : 0;
			loop_once(loop, 0);
			/* A reader that is slow at first. */
			n = i > 50 ? read(to, back + got, sizeof back - got) : 0;
			got += n > 0 ? (size_t)n : 0;
		}
		ok(got == sizeof back && !memcmp(big, back, got), "400,000 bytes %s a slow reader, none lost", way ? "from" : "to");
	}
	chardevs_send_break(cs, "r", &e);
	ok_eq(seen.breaks, 1, "a break goes its own way");
	ok(write(pair[1], "last", 4) == 4 && close(pair[1]) == 0, "the machine's end closes");
	until(seen.ends);
	ok(seen.ends == 1 && read(s, back, 10) == 4, "after its last bytes");
	relay_free(r);
	close(s);
	turns(5);
	ok(chardevs_remove(cs, "r", &e) == 0, "removed");
}

int main(void)
{
	struct err e = ERR_INIT;
	static const struct chardevs_hooks hooks = {.tell = tell, .quit = on_quit};

	signal(SIGPIPE, SIG_IGN);
	alarm(100);
	if (!mkdtemp(dir))
		return 1;
	loop = loop_new(&e);
	cs = chardevs_new(loop, NULL, &hooks, &e);
	plain();
	pipes();
	unix_sockets();
	reconnecting();
	telnet();
	udp();
	terminals();
	mux();
	changing();
	relays();
	chardevs_free(cs);
	loop_free(loop);
	if (system(text("rm -r %s", dir)) != 0)
		return 1;
	return tap_done();
}
