/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An error carries its sentence outward, and a prefix never loses the code. */
#include "base/err.h"
#include "tap.h"
#include <errno.h>

int main(void)
{
	struct err e = ERR_INIT;

	ok_eq(err_set(&e, ENOSPC, "image is full"), -ENOSPC, "err_set returns the negative code");
	ok_eq(err_prefix(&e, "%s", "a.img"), -ENOSPC, "err_prefix keeps the code");
	ok_str(e.msg, "a.img: image is full", "err_prefix puts the name in front");
	ok_eq(err_set(NULL, EIO, "nobody listens"), -EIO, "a NULL err is allowed");
	err_errno(&e, ENOENT, "cannot open %s", "b.img");
	ok_str(e.msg, "cannot open b.img: No such file or directory", "err_errno adds the system's text");
	ok_str(e.hint, "", "a new error drops the old hint");
	return tap_done();
}
