/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading directories. File systems that order a directory by hash (ext4) have 64-bit offsets for 64-bit programs, which a 32-bit
 * program's C library refuses (EOVERFLOW); the kernel gives those programs the upper half of the hash. So do we: offsets of
 * more than 31 bits are handed out as their upper half, and a seek finds the whole again.
 */
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "linux.h"
#include "file.h"

/* ---- offsets that 32-bit programs can hold ------------------------------------------------------------------------ */

static uint64_t offset_to_guest(struct thread *t, uint64_t offset)
{
	struct linux_state *s = linux_state(t);
	if (!guest32(t) || offset <= INT32_MAX)
		return offset;
	uint32_t upper = (uint32_t)(offset >> 32);
	__atomic_store_n(&s->wide_offsets[upper % LINUX_WIDE_OFFSETS], offset, __ATOMIC_RELAXED);
	__atomic_store_n(&s->any_wide_offset, true, __ATOMIC_RELEASE);
	return upper;
}

int64_t directory_offset(struct thread *t, int fd, int64_t offset)
{
	struct linux_state *s = linux_state(t);
	struct stat st;
	if (!guest32(t) || !__atomic_load_n(&s->any_wide_offset, __ATOMIC_ACQUIRE) || offset <= 0 || offset > INT32_MAX ||
	    HOST(fstat, fd, &st) < 0 || !S_ISDIR(st.st_mode))
		return offset;
	uint64_t wide = __atomic_load_n(&s->wide_offsets[(uint32_t)offset % LINUX_WIDE_OFFSETS], __ATOMIC_RELAXED);
	if (wide >> 32 == (uint64_t)offset)
		return (int64_t)wide;
	/* Forgotten. The directory's present position tells which kind its offsets are; the lower half only tells apart
	 * names of equal hash. */
	return HOST(lseek, fd, 0, SEEK_CUR) > INT32_MAX ? offset << 32 : offset;
}

/* ---- entries ----------------------------------------------------------------------------------------------------------- */

struct host_dirent {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

/* The three forms of a directory entry. */
enum dirent_form { DIRENT_WORD /* getdents */, DIRENT_64, DIRENT_OLD /* readdir: one entry */ };

/*
 * Reads with the host's getdents64 and writes entries of the guest's form. What did not fit is read again next time, from
 * the offset of the last that did.
 */
static int64_t directory(struct thread *t, int fd, uint64_t to, uint32_t size, enum dirent_form form)
{
	const struct layouts *l = linux_layouts(t);
	unsigned word = t->process->abi->word;
	/* A guest's entry may be smaller than the host's: ask for more, and go back. */
	size_t room = size < 16000 ? 2 * size + 280 : 32280;
	_Alignas(8) uint8_t buffer[room], out[512];
	int64_t last = -1, done = 0;
	/* readdir() tells where its one entry is, the others where the next one is. */
	int64_t first = form == DIRENT_OLD ? HOST(lseek, fd, 0, SEEK_CUR) : 0;
	int64_t got = HOST(getdents64, fd, buffer, room);
	if (got <= 0)
		return got;
	for (int64_t at = 0; at < got;) {
		const struct host_dirent *d = (const void *)(buffer + at);
		size_t name = strlen(d->name), head = form == DIRENT_64 ? 19 : 2 * word + 2, total;
		/* DIRENT_WORD keeps the type in the last byte. */
		total = head + name + 1 + (form == DIRENT_WORD);
		total = (total + (form == DIRENT_64 ? 7 : word - 1)) & ~(size_t)(form == DIRENT_64 ? 7 : word - 1);
		if (form != DIRENT_OLD && (uint64_t)done + total > size)
			break;
		if (form != DIRENT_64 && word == 4 && d->ino > UINT32_MAX)
			return done ? done : -EOVERFLOW;
		memset(out, 0, total);
		if (form == DIRENT_64) {
			layout_put(l, out, 8, d->ino);
			layout_put(l, out + 8, 8, offset_to_guest(t, (uint64_t)d->off));
			layout_put(l, out + 16, 2, total);
			out[18] = d->type;
		} else {
			layout_put(l, out, word, d->ino);
			layout_put(l, out + word, word, offset_to_guest(t, (uint64_t)(form == DIRENT_OLD ? first : d->off)));
			layout_put(l, out + 2 * word, 2, form == DIRENT_OLD ? name : total);
			if (form == DIRENT_WORD)
				out[total - 1] = d->type;
		}
		memcpy(out + head, d->name, name + 1);
		if (user_write(t, to + (uint64_t)done, out, total) < 0)
			return done ? done : -EFAULT;
		last = d->off;
		done += (int64_t)total;
		at += d->reclen;
		if (form == DIRENT_OLD || at >= got) {
			if (at < got)
				HOST(lseek, fd, last, SEEK_SET);
			return form == DIRENT_OLD ? 1 : done;
		}
	}
	if (last < 0)
		return -EINVAL; /* not one entry fits */
	HOST(lseek, fd, last, SEEK_SET);
	return done;
}

int64_t file_getdents(struct thread *t, const uint64_t *a)
{
	return directory(t, (int)a[0], a[1], (uint32_t)a[2], DIRENT_WORD);
}

int64_t file_getdents64(struct thread *t, const uint64_t *a)
{
	if (!same_order(t) || guest32(t))
		return directory(t, (int)a[0], a[1], (uint32_t)a[2], DIRENT_64);
	user_will_write(t, a[1], a[2]);
	return HOST(getdents64, a[0], user_host(t, a[1]), a[2]);
}

int64_t file_readdir(struct thread *t, const uint64_t *a)
{
	return directory(t, (int)a[0], a[1], 1, DIRENT_OLD);
}
