/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fcntl: what the third argument is depends on the command. */
#include <fcntl.h>
#include <sys/syscall.h>
#include "linux.h"
#include "structs.h"

#ifndef F_GETOWNER_UIDS
#define F_GETOWNER_UIDS 17
#endif
/* Command numbers of 32-bit programs for struct flock64; a 64-bit host has them not, its struct flock is that already. */
#define GETLK64  12
#define SETLK64  13
#define SETLKW64 14

static int64_t lock(struct thread *t, int fd, int command, enum struct_id id, uint64_t at)
{
	struct flock fl;
	if (struct_read(t, id, &fl, at) < 0)
		return -EFAULT;
	int64_t r = user_blocking(t, SYS_fcntl, fd, command, &fl);
	if (r < 0 || (command != F_GETLK && command != F_OFD_GETLK))
		return r;
	return struct_write(t, id, at, &fl);
}

int64_t file_fcntl(struct thread *t, const uint64_t *a)
{
	int fd = (int)a[0], command = (int)flags_to_host(t, NAMES_fcntl, a[1]);
	/* Open-file locks were born with 64-bit offsets. */
	enum struct_id whole = guest32(t) ? ST_flock64 : ST_flock;
	struct kernel_f_owner owner;
	struct kernel_u32pair ids;
	uint64_t hint;
	int64_t r;
	switch (command) {
	case F_GETLK: case F_SETLK: case F_SETLKW:
		return lock(t, fd, command, ST_flock, a[2]);
	case GETLK64: case SETLK64: case SETLKW64:
		if (!guest32(t))
			return -EINVAL;
		return lock(t, fd, command == GETLK64 ? F_GETLK : command == SETLK64 ? F_SETLK : F_SETLKW, ST_flock64, a[2]);
	case F_OFD_GETLK: case F_OFD_SETLK: case F_OFD_SETLKW:
		return lock(t, fd, command, whole, a[2]);
	case F_GETFL:
		r = HOST(fcntl, fd, command);
		return r < 0 ? r : (int64_t)flags_to_guest(t, NAMES_open, (uint64_t)r);
	case F_SETFL:
		return HOST(fcntl, fd, command, flags_to_host(t, NAMES_open, a[2]));
	case F_SETOWN_EX:
		return struct_read(t, ST_f_owner, &owner, a[2]) < 0 ? -EFAULT : HOST(fcntl, fd, command, &owner);
	case F_GETOWN_EX:
		r = HOST(fcntl, fd, command, &owner);
		return r < 0 ? r : struct_write(t, ST_f_owner, a[2], &owner);
	case F_GETOWNER_UIDS:
		r = HOST(fcntl, fd, command, &ids);
		return r < 0 ? r : struct_write(t, ST_u32pair, a[2], &ids);
	case F_GET_RW_HINT: case F_GET_FILE_RW_HINT:
		r = HOST(fcntl, fd, command, &hint);
		return r < 0 ? r : user_write_u64(t, a[2], hint);
	case F_SET_RW_HINT: case F_SET_FILE_RW_HINT:
		return user_read_u64(t, &hint, a[2]) < 0 ? -EFAULT : HOST(fcntl, fd, command, &hint);
	default:
		/* The rest take an integer or nothing. */
		return user_blocking(t, SYS_fcntl, fd, command, guest32(t) ? (long)(int32_t)a[2] : (long)a[2]);
	}
}
