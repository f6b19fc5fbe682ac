/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -chardev lists, old device strings and QMP's objects mean the same back ends; what is wrong is refused by name. */
#include "../../lib/char/char.h"
#include "tap.h"

static void list(const char *text, const char *want)
{
	struct char_spec s;
	struct err e = ERR_INIT;
	char *got = char_spec_parse(text, &s, &e) == 0 ? char_spec_print(&s) : NULL;

	ok_str(got ? got : e.msg, want, "-chardev %s", text);
	free(got);
	char_spec_free(&s);
}

static void old(const char *text, const char *want)
{
	struct char_spec s;
	struct err e = ERR_INIT;
	char *got = NULL;

	if (char_spec_parse_old(text, &s, &e) < 0)
		ok_str(e.msg, want, "-serial %s", text);
	else if (s.nothing)
		ok_str("none", want, "-serial %s", text);
	else if (s.reference)
		ok_str(s.reference, want, "-serial %s", text);
	else
		ok_str(got = char_spec_print(&s), want, "-serial %s", text);
	free(got);
	char_spec_free(&s);
}

static void qmp(const char *text, const char *want)
{
	struct char_spec s;
	struct err e = ERR_INIT;
	json_t *v = json_loads(text, 0, NULL);
	char *got = v && char_spec_from_qmp("q", v, &s, &e) == 0 ? char_spec_print(&s) : NULL;

	ok_str(got ? got : e.msg, want, "chardev-add %s", text);
	free(got);
	json_decref(v);
	char_spec_free(&s);
}

int main(void)
{
	list("null,id=a", "null,id=a");
	list("backend=null,id=a,mux=on", "null,id=a,mux=on");
	list("{\"backend\":\"null\",\"id\":\"a\",\"mux\":true}", "null,id=a,mux=on");
	list("socket,id=a,path=/x,,y,server,nowait", "socket,id=a,path=/x,,y,server=on,wait=off");
	list("socket,id=a,host=h,port=1,nodelay", "socket,id=a,host=h,port=1,delay=off");
	list("socket,id=a,host=h,port=1,nodelay=on", "socket,id=a,host=h,port=1,delay=off");
	list("socket,id=a,port=1,to=9,ipv4,server,telnet,wait=off", "socket,id=a,port=1,to=9,ipv4=on,server=on,telnet=on,wait=off");
	list("socket,id=a,host=h,port=1,tls-creds=t,reconnect=3", "socket,id=a,host=h,port=1,tls-creds=t,reconnect=3");
	list("memory,id=a,size=4k", "ringbuf,id=a,size=4k");
	list("tty,id=a,path=/dev/ttyS0", "serial,id=a,path=/dev/ttyS0");
	list("parport,id=a,path=/dev/parport0,logfile=/l,logappend=on", "parallel,id=a,path=/dev/parport0,logfile=/l,logappend=on");
	list("foo,id=a", "'foo' is not a valid char driver name");
	list("null", "chardev: no id specified");
	list("id=a", "chardev: no backend given");
	list("backend=null,id=1a", "Parameter 'id' expects an identifier");
	list("null,id=a,mux=maybe", "Parameter 'mux' expects 'on' or 'off'");
	list("null,id=a,path=x", "Invalid parameter 'path'");
	list("null,id=a,logappend=on", "chardev: null: logappend without logfile");
	list("file,id=a", "chardev: file: no path given");
	list("ringbuf,id=a,size=1000", "size of ringbuf chardev must be power of two");
	list("ringbuf,id=a,mux=on", "chardev: ringbuf: it cannot be multiplexed");
	list("socket,id=a", "chardev: socket: no port given, nor a path");
	list("socket,id=a,port=1", "chardev: socket: no host given");
	list("socket,id=a,path=/x,port=1", "chardev: socket: 'port' does not go with a path");
	list("socket,id=a,port=1,server,reconnect=1", "'reconnect' option is incompatible with socket in server listen mode");
	list("socket,id=a,path=/x,nowait", "'wait' option is incompatible with socket in client connect mode");
	list("udp,id=a", "chardev: udp: remote port not specified");
	list("stdio,id=a,signal=maybe", "Parameter 'signal' expects 'on' or 'off'");
	list("vc,id=a,cols=80", "chardev: vc: consoles are not drawn inside a window; pty gives a terminal of its own, mon:stdio shares the one it is started from");
	list("braille,id=a", "chardev: braille: BrlAPI is not built in; pty with brltty(1) does the same");

	old("none", "none");
	old("null", "null");
	old("pty", "pty");
	old("stdio", "stdio");
	old("chardev:foo", "foo");
	old("mon:chardev:foo", "foo");
	old("mon:stdio", "stdio,signal=off,mux=on");
	old("mon:pty", "pty,mux=on");
	old("file:/tmp/a,b", "file,path=/tmp/a,,b");
	old("pipe:/tmp/p", "pipe,path=/tmp/p");
	old("/dev/ttyUSB0", "serial,path=/dev/ttyUSB0");
	old("/dev/parport0", "parallel,path=/dev/parport0");
	old("tcp:host:123", "socket,host=host,port=123");
	old("tcp::4444,server,nowait", "socket,port=4444,server=on,wait=off");
	old("tcp:[::1]:4444,server,nodelay", "socket,host=::1,port=4444,server=on,delay=off");
	old("tcp:h:1,reconnect=5", "socket,host=h,port=1,reconnect=5");
	old("telnet:localhost:23,server,nowait", "socket,host=localhost,port=23,telnet=on,server=on,wait=off");
	old("unix:/tmp/s,server,nowait", "socket,path=/tmp/s,server=on,wait=off");
	old("unix:/tmp/a,,b,server", "socket,path=/tmp/a,,b,server=on");
	old("unix:/tmp/s,reconnect=2", "socket,path=/tmp/s,reconnect=2");
	old("udp:remote:45@:55", "udp,host=remote,port=45,localport=55");
	old("udp::45@1.2.3.4:55", "udp,port=45,localaddr=1.2.3.4,localport=55");
	old("udp:4555", "udp,port=4555");
	old("bogus", "'bogus' is not a valid char driver");
	old("mon:none", "'none' is not a valid char driver");
	old("tcp:foo", "'tcp:foo': [HOST]:PORT expected");
	old("tcp:h:1,bogus=2", "Invalid parameter 'bogus'");
	old("udp:", "'udp:' is not understood");
	old("unix:", "chardev: socket: no port given, nor a path");
	old("file:", "chardev: file: no path given");
	old("chardev:", "chardev:ID expected");
	old("vc:80Cx24C", "chardev: vc: consoles are not drawn inside a window; pty gives a terminal of its own, mon:stdio shares the one it is started from");
	old("vc:80", "'vc:80': vc:WIDTHxHEIGHT in pixels or vc:COLUMNSCxROWSC expected");

	qmp("{\"type\":\"null\",\"data\":{}}", "null,id=q");
	qmp("{\"type\":\"file\",\"data\":{\"out\":\"/x\",\"append\":true}}", "file,id=q,path=/x,append=on");
	qmp("{\"type\":\"socket\",\"data\":{\"addr\":{\"type\":\"inet\",\"data\":{\"host\":\"h\",\"port\":\"1\"}},\"wait\":false}}",
	    "socket,id=q,host=h,port=1,wait=off,server=on");
	qmp("{\"type\":\"socket\",\"data\":{\"addr\":{\"type\":\"unix\",\"data\":{\"path\":\"/x\"}},\"server\":false}}", "socket,id=q,path=/x,server=off");
	qmp("{\"type\":\"udp\",\"data\":{\"remote\":{\"type\":\"inet\",\"data\":{\"host\":\"h\",\"port\":\"1\"}},"
	    "\"local\":{\"type\":\"inet\",\"data\":{\"host\":\"l\",\"port\":\"2\"}}}}", "udp,id=q,host=h,port=1,localaddr=l,localport=2");
	qmp("{\"type\":\"pty\"}", "pty,id=q");
	qmp("{\"type\":\"serial\",\"data\":{\"device\":\"/dev/ttyS0\"}}", "serial,id=q,path=/dev/ttyS0");
	qmp("{\"type\":\"ringbuf\",\"data\":{\"size\":4096}}", "ringbuf,id=q,size=4096");
	qmp("{\"type\":\"foo\"}", "Invalid parameter 'foo'");
	qmp("{\"data\":{}}", "Parameter 'backend.type' is missing");
	qmp("{\"type\":\"socket\",\"data\":{\"addr\":3}}", "addr: {\"type\":\"inet\"|\"unix\"|\"fd\",\"data\":{...}} is expected");
	qmp("{\"type\":\"file\",\"data\":{\"out\":{}}}", "'path' is no string, number or boolean");
	qmp("{\"type\":\"file\",\"data\":[]}", "Invalid parameter type for 'backend.data', expected: object");
	return tap_done();
}
