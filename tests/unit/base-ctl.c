/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket: negotiation, commands, errors, events, descriptors, several clients, and a client that is rude. */
#include "base/ctl.h"
#include "tap.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct loop *loop;
static struct ctl_server *server;
static unsigned locked, closed;
static struct ctl_call *late;

static void lock(void *opaque) { (void)opaque; locked++; }
static void unlock(void *opaque) { (void)opaque; locked--; }
static void control_closed(void *opaque) { (void)opaque; closed++; }

static json_t *run_add(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	(void)opaque, (void)call, (void)e;
	return json_integer(json_integer_value(json_object_get(args, "a")) + json_integer_value(json_object_get(args, "b")) + (locked ? 1000 : 0));
}

static json_t *run_fail(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	(void)opaque, (void)args;
	ctl_error_class(call, "DeviceNotFound");
	err_set(e, 19, "there is no such thing");
	err_hint(e, "look elsewhere");
	return NULL;
}

static json_t *run_nothing(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	(void)opaque, (void)call, (void)args, (void)e;
	return NULL;
}

static json_t *run_late(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	(void)opaque, (void)args, (void)e;
	late = call;
	return CTL_LATER;
}

static json_t *run_fd(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	int fd = ctl_take_fd(call, 0);

	(void)opaque, (void)args;
	if (fd < 0) {
		err_set(e, 9, "a descriptor is missing");
		return NULL;
	}
	if (write(fd, "hello", 5) != 5)
		err_set(e, 9, "it cannot be written to");
	ctl_send_fd(call, fd);
	close(fd);
	return NULL;
}

static const struct ctl_arg add_args[] = {{"a", 'i', false}, {"b", 'i', true}, {NULL, 0, false}};
static const struct ctl_command add = {.name = "add", .args = add_args, .run = run_add}, fail = {.name = "fail", .run = run_fail},
				nothing = {.name = "nothing", .run = run_nothing, .any_args = true}, later = {.name = "later", .run = run_late, .unlocked = true},
				with_fd = {.name = "with-fd", .run = run_fd};
static const struct ctl_command *const commands[] = {&add, &fail, &nothing, &later, &with_fd};

static char text[1 << 16];

/* What the server says to this, "; " between lines; timestamps and end of line removed. */
static const char *say(int fd, const char *what)
{
	ssize_t n;
	size_t at = 0;

	if (*what && write(fd, what, strlen(what)) < 0)
		return "cannot write";
	for (int i = 0; i < 20; i++)
		loop_once(loop, 1);
	n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
	text[n < 0 ? 0 : n] = '\0';
	for (char *p = text; *p; p++) {
		if (*p == '\r')
			continue;
		text[at++] = *p == '\n' ? ';' : *p;
	}
	text[at] = '\0';
	return text;
}

static int connect_to(const char *path)
{
	struct err e = ERR_INIT;
	int fd = sock_connect_unix(path, SOCK_STREAM, &e);

	if (fd < 0)
		exit(2);
	return fd;
}

static void *from_elsewhere(void *opaque)
{
	(void)opaque;
	ctl_event(server, "TICK", json_pack("{s:i}", "n", 5));
	return NULL;
}

int main(void)
{
	struct err e = ERR_INIT;
	struct ctl_config config = {.package = "test 1", .commands = commands, .count = 5, .lock = lock, .unlock = unlock, .control_closed = control_closed};
	char path[100];
	int a, b, pair[2], p[2], fd, got[2];
	unsigned count;
	struct stat st;
	pthread_t thread;

	snprintf(path, sizeof path, "/tmp/base-ctl.%d", (int)getpid());
	loop = loop_new(&e);
	server = ctl_new(loop, &config, &e);
	ok(ctl_listen(server, path, &e) == 0, "it listens");
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "for its user alone");
	a = connect_to(path);
	ok_str(say(a, ""), "{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":12,\"major\":2},\"package\":\"test 1\"},\"capabilities\":[]}};", "the greeting");
	ok_str(say(a, "{'execute':'add','arguments':{'a':1}}\n"),
	       "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"Expecting capabilities negotiation with 'qmp_capabilities'\"}};", "nothing before the negotiation");
	ok_str(say(a, "{\"execute\":\"qmp_capabilities\",\"id\":[1,{}]}"), "{\"return\":{},\"id\":[1,{}]};", "which is answered with its id");
	ok_str(say(a, "{'execute':'add','arguments':{'a':1,'b':2}}{'execute':'add','arguments':{'a':5}}"), "{\"return\":1003};{\"return\":1005};",
	       "commands in a stream, under the lock");
	ok_str(say(a, "{'execute':'add'}"), "{\"error\":{\"class\":\"GenericError\",\"desc\":\"Parameter 'a' is missing\"}};", "an argument is missing");
	ok_str(say(a, "{'execute':'add','arguments':{'a':'x'}}"),
	       "{\"error\":{\"class\":\"GenericError\",\"desc\":\"Invalid parameter type for 'a', expected: integer\"}};", "has the wrong type");
	ok_str(say(a, "{'execute':'add','arguments':{'a':1,'c':1}}"), "{\"error\":{\"class\":\"GenericError\",\"desc\":\"Parameter 'c' is unexpected\"}};", "is unknown");
	ok_str(say(a, "{'execute':'nothing','arguments':{'c':1}}"), "{\"return\":{}};", "where any are taken it is fine");
	ok_str(say(a, "{'execute':'fail','id':'x'}"), "{\"error\":{\"class\":\"DeviceNotFound\",\"desc\":\"there is no such thing\\nlook elsewhere\"},\"id\":\"x\"};", "an error with its class");
	ok_str(say(a, "{'execute':'jump'}"), "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"The command jump has not been found\"}};", "an unknown command");
	ok(strstr(say(a, "{'execute':'query-commands'}"), "{\"name\":\"with-fd\"}"), "the commands are listed");
	ok(strstr(say(a, "{'execute':}\n"), "\"error\""), "malformed JSON is an error");
	ok(strstr(say(a, "[1]\n"), "QMP input must be a JSON object"), "so is what is no object");
	ok(strstr(say(a, "{'run':1}\n"), "QMP input member 'run' is unexpected"), "and a strange member");
	ok_str(say(a, "{'execute':'nothing'}"), "{\"return\":{}};", "after which it goes on");

	/* Events and a second client. */
	b = connect_to(path);
	say(b, "");
	ok_eq(ctl_clients(server), 2, "two clients");
	pthread_create(&thread, NULL, from_elsewhere, NULL);
	pthread_join(thread, NULL);
	ok(strstr(say(a, ""), "{\"event\":\"TICK\",\"timestamp\":{\"seconds\":") && strstr(text, "\"data\":{\"n\":5}}"), "an event of another thread arrives");
	ok_str(say(b, ""), "", "but not before the negotiation");
	say(b, "{'execute':'qmp_capabilities'}");
	ctl_event(server, "ONE", NULL);
	ctl_event(server, "TWO", NULL);
	say(b, "");
	ok(strstr(text, "ONE") && strstr(text, "TWO") && strstr(text, "ONE") < strstr(text, "TWO"), "events keep their order");
	say(a, "");

	/* Late answers. */
	ok_str(say(b, "{'execute':'later','id':7}"), "", "a command may answer later");
	ctl_reply(late, json_string("done"), NULL);
	ok_str(say(b, ""), "{\"return\":\"done\",\"id\":7};", "with its id");
	say(b, "{'execute':'later'}");
	close(b);
	say(a, "");
	ok_eq(ctl_clients(server), 1, "a client goes");
	ctl_reply(late, NULL, NULL);
	ok(1, "an answer to nobody is dropped");

	/* Descriptors, both ways. */
	ok(pipe(p) == 0, "a pipe");
	const char *command = "{'execute':'with-fd'}";
	sock_send_fds(a, command, strlen(command), &p[1], 1);
	close(p[1]);
	for (int i = 0; i < 10; i++)
		loop_once(loop, 1);
	count = 2;
	ssize_t n = sock_recv_fds(a, text, sizeof text, got, &count);
	ok(n > 0 && count == 1, "the answer carries a descriptor");
	ok(read(p[0], text, 10) == 5 && !memcmp(text, "hello", 5), "and the one that was sent was used");
	if (count == 1)
		close(got[0]);
	ok(read(p[0], text, 10) == 0, "nothing of it is left open");
	close(p[0]);
	ok(strstr(say(a, command), "a descriptor is missing"), "without one it is an error");
	if (pipe(p))
		return 2;
	sock_send_fds(a, "{'execute':'nothing'}", 21, &p[1], 1);
	close(p[1]);
	say(a, "");
	ok(read(p[0], text, 10) == 0, "one that nobody wants is closed");
	close(p[0]);

	/* Who does not read is held up, then cut off; the others go on. */
	fd = connect_to(path);
	say(fd, "{'execute':'qmp_capabilities'}");
	unsigned sent = 0;
	for (unsigned i = 0; i < 200000 && ctl_clients(server) == 2; i++) {
		json_t *big = json_pack("{s:s}", "x", "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789");
		ctl_event(server, "FLOOD", big);
		sent++;
		if (i % 1000 == 999) {
			loop_once(loop, 0);
			while (recv(a, text, sizeof text, MSG_DONTWAIT) > 0)
				loop_once(loop, 0);
		}
	}
	for (unsigned i = 0; i < 3000 && ctl_clients(server) == 2; i++) {
		static char filler[40000];
		memset(filler, 'y', sizeof filler - 1);
		ctl_event(server, "FLOOD", json_pack("{s:s}", "x", filler));
		loop_once(loop, 0);
		while (recv(a, text, sizeof text, MSG_DONTWAIT) > 0)
			loop_once(loop, 0);
	}
	ok_eq(ctl_clients(server), 1, "a client that reads nothing is cut off (after %u events)", sent);
	say(a, "");
	ok_str(say(a, "{'execute':'nothing'}"), "{\"return\":{}};", "the other one is not");
	close(fd);

	/* The control connection. */
	if (sock_pair(SOCK_STREAM, pair, &e) < 0 || ctl_add_client(server, pair[0], true, &e) < 0)
		return 2;
	say(pair[1], "{'execute':'qmp_capabilities'}");
	ok(closed == 0, "the control connection is a client");
	close(pair[1]);
	say(a, "");
	ok_eq(closed, 1, "whose end is told");
	ctl_event(server, "LAST", NULL);
	ctl_free(server);
	n = recv(a, text, sizeof text - 1, 0);
	text[n < 0 ? 0 : n] = '\0';
	ok(strstr(text, "LAST"), "the last words are sent");
	ok(recv(a, text, 10, 0) == 0, "then it is over");
	ok(access(path, F_OK) != 0, "and the name is gone");
	close(a);
	loop_once(loop, 0);
	loop_free(loop);
	return tap_done();
}
