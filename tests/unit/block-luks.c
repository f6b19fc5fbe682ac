/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Key slots of LUKS volumes: adding, erasing, refusing; every cipher; and cryptsetup opens ours, we open its. */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>
#include "block/block.h"
#include "crypto/luks.h"
#include "crypto/object.h"
#include "tap.h"

static struct blk_graph *graph;
static struct objects *objects;
static char dir[] = "/tmp/block-luksXXXXXX", path[100];

static int shell(const char *fmt, ...)
{
	char cmd[2000];
	va_list ap;
	int r;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof cmd, fmt, ap);
	va_end(ap);
	r = system(cmd);
	return WIFEXITED(r) ? WEXITSTATUS(r) : -1;
}

static struct blk *open_with(const char *secret, unsigned flags, struct err *e)
{
	json_t *o = secret ? json_pack("{s:s}", "key-secret", secret) : NULL;
	struct blk *b = NULL;

	if (blk_open(graph, path, "luks", o, flags, &b, e) < 0)
		b = NULL;
	json_decref(o);
	return b;
}

static int create(const char *options, struct err *e)
{
	const struct blk_format *f = blk_format_find("luks");
	struct blk_opts *o = blk_opts_new(f->create_options);
	char *copy = strdup(options), *save = NULL;
	int r = 0;

	blk_opts_set(o, "key-secret", "one", e);
	blk_opts_set(o, "iter-time", "5", e);
	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		*strchr(w, '=') = '\0';
		blk_opts_set(o, w, w + strlen(w) + 1, e);
	}
	unlink(path);
	r = blk_create_image(graph, f, path, 100000, o, NULL, 0, e);
	free(copy);
	blk_opts_free(o);
	return r;
}

/* An amend in the words of -o; the sentence it fails with in e. */
static int amend(const char *secret, const char *options, struct err *e)
{
	struct blk *b = open_with(secret, BLK_RDWR, e);
	struct blk_opts *o;
	char *copy = strdup(options), *save = NULL;
	int r;

	if (!b)
		return -1;
	o = blk_opts_new(b->fmt->amend_options);
	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		*strchr(w, '=') = '\0';
		if (blk_opts_set(o, w, w + strlen(w) + 1, e) < 0)
			printf("# %s\n", e->msg);
	}
	r = b->fmt->amend(b, o, false, NULL, NULL, e);
	blk_opts_free(o);
	free(copy);
	blk_unref(b);
	return r;
}

static int opens(const char *secret)
{
	struct err e = ERR_INIT;
	struct blk *b = open_with(secret, 0, &e);

	blk_unref(b);
	return b != NULL;
}

static void slots(void)
{
	struct err e = ERR_INIT;

	ok(create("", &e) == 0, "a volume with passphrase one");
	ok(opens("one") && !opens("two"), "one opens it, two does not");
	ok(!open_with("two", 0, &e) && strstr(e.msg, "Invalid password"), "which is said");
	ok(!open_with(NULL, 0, &e) && strstr(e.msg, "key-secret"), "and that a secret is needed");
	ok(amend("one", "state=active,new-secret=two,iter-time=5", &e) == 0, "two is added");
	ok(opens("one") && opens("two"), "both open it");
	ok(amend("two", "state=active,new-secret=three,keyslot=5,iter-time=5", &e) == 0, "three goes to slot 5");
	ok(amend("two", "state=active,new-secret=four,keyslot=5", &e) < 0 && strstr(e.msg, "active keyslot 5"), "once: %s", e.msg);
	ok(amend("two", "state=inactive,old-secret=one", &e) == 0, "one is erased");
	ok(!opens("one") && opens("two") && opens("three"), "the others stay");
	ok(amend("two", "state=inactive,old-secret=one", &e) < 0 && strstr(e.msg, "No keyslots match"), "twice is too often");
	ok(amend("two", "state=inactive,keyslot=0", &e) < 0 && strstr(e.msg, "already erased"), "slot 0 is free: %s", e.msg);
	ok(amend("two", "state=inactive,keyslot=5", &e) == 0 && !opens("three"), "slot 5 is erased by number");
	ok(amend("two", "state=inactive,keyslot=1", &e) < 0 && strstr(e.msg, "only active keyslot"), "the last one stays");
	ok(amend("two", "state=inactive,old-secret=two", &e) < 0 && strstr(e.msg, "All the active keyslots"), "this way too");
	ok(amend("two", "state=inactive", &e) < 0 && strstr(e.msg, "explicit keyslot index"), "what to erase must be said");
	ok(amend("two", "state=inactive,keyslot=8", &e) < 0 && strstr(e.msg, "between 0 and 7"), "there are eight");
	for (int i = 0; i < 7; i++)
		amend("two", "state=active,new-secret=three,iter-time=1", &e);
	ok(amend("two", "state=active,new-secret=three", &e) < 0 && strstr(e.msg, "all keyslots are in use"), "a ninth key: %s",
	   e.msg);
}

static void ciphers(void)
{
	static const char *const names[] = {"aes-128", "aes-192", "aes-256", "3des", "cast5-128", "serpent-128", "serpent-192",
					    "serpent-256", "twofish-128", "twofish-192", "twofish-256"};
	static const char *const tails[] = {"cipher-mode=xts", "cipher-mode=cbc,ivgen-alg=essiv,hash-alg=sha1", "cipher-mode=cbc,ivgen-alg=plain",
					    "cipher-mode=ecb", "cipher-mode=ctr"};
	uint8_t in[1024], out[1024];
	char text[200];
	int crypt = access("/sbin/cryptsetup", X_OK) == 0;

	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)(i * 11);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		for (size_t k = 0; k < sizeof tails / sizeof *tails; k++) {
			struct err e = ERR_INIT;
			struct blk *b;
			int small = !strcmp(names[i], "3des") || !strcmp(names[i], "cast5-128");
			/* XTS needs blocks of 16 bytes; sha256 makes no key for ESSIV with short keys. */
			snprintf(text, sizeof text, "cipher-alg=%s,%s", names[i], tails[k]);
			if (small && (k == 0 || k == 1)) {
				ok(create(text, &e) < 0 && strstr(e.msg, k ? "essiv" : "16 bytes"), "%s is refused: %s", text, e.msg);
				continue;
			}
			if (!ok(create(text, &e) == 0, "%s", text)) {
				printf("# %s\n", e.msg);
				continue;
			}
			b = open_with("one", BLK_RDWR, &e);
			blk_pwrite(b, 4096, sizeof in, in);
			blk_unref(b);
			b = open_with("one", 0, &e);
			ok(b && blk_pread(b, 4096, sizeof out, out) == 0 && !memcmp(in, out, sizeof in), "comes back after reopening");
			blk_unref(b);
			if (crypt && k < 2)
				ok(shell("printf secret-one | /sbin/cryptsetup open --type luks1 --test-passphrase -d - %s 2>/dev/null", path) != 2,
				   "cryptsetup does not say that the passphrase is wrong");
		}
}

static void cryptsetup(void)
{
	struct err e = ERR_INIT;
	struct blk *b;
	static const char *const specs[] = {"aes-xts-plain64 -s 512 -h sha256", "aes-cbc-essiv:sha256 -s 256 -h sha1",
					    "serpent-xts-plain64 -s 256 -h sha512"};

	if (access("/sbin/cryptsetup", X_OK)) {
		ok(1, "cryptsetup # SKIP not installed");
		return;
	}
	ok(create("", &e) == 0 && shell("printf secret-one | /sbin/cryptsetup open --type luks1 --test-passphrase -d - %s", path) == 0,
	   "cryptsetup opens our volume");
	ok(shell("printf secret-two | /sbin/cryptsetup open --type luks1 --test-passphrase -d - %s 2>/dev/null", path) == 2,
	   "but not with another passphrase");
	ok(amend("one", "state=active,new-secret=two,iter-time=5", &e) == 0 &&
		   shell("printf secret-two | /sbin/cryptsetup open --type luks1 --test-passphrase -d - %s", path) == 0,
	   "after which it is added");
	ok(shell("/sbin/cryptsetup luksDump %s | grep -q 'Key Slot 1: ENABLED'", path) == 0, "and shown by luksDump");
	for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
		shell("rm -f %s; truncate -s 6M %s", path, path);
		if (shell("printf secret-one | /sbin/cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 -c %s %s -", specs[i],
			  path)) {
			ok(1, "cryptsetup makes %s # SKIP it cannot here", specs[i]);
			continue;
		}
		b = open_with("one", 0, &e);
		ok(b != NULL, "we open a volume of cryptsetup with %s", specs[i]);
		if (!b)
			printf("# %s\n", e.msg);
		blk_unref(b);
		ok(!open_with("two", 0, &e), "not with another passphrase");
	}
}

int main(void)
{
	struct err e = ERR_INIT;

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof path, "%s/v.luks", dir);
	objects = objects_new();
	objects_add_text(objects, "secret,id=one,data=secret-one", &e);
	objects_add_text(objects, "secret,id=two,data=secret-two", &e);
	objects_add_text(objects, "secret,id=three,data=secret-three", &e);
	objects_add_text(objects, "secret,id=four,data=secret-four", &e);
	graph = blk_graph_new(objects);
	slots();
	ciphers();
	cryptsetup();
	blk_graph_free(graph);
	objects_free(objects);
	shell("rm -rf %s", dir);
	return tap_done();
}
