/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System V semaphores, message queues and shared memory; the notification of POSIX queues. Attaching is mmap.c's. */
#include <limits.h>
#include <mqueue.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include "linux.h"
#include "poll.h"
#include "structs.h"

/* Asks for the records of today; on a 64-bit kernel there are no others. */
#define IPC_64 0x100

#define SEMOP_MAX 32000 /* /proc/sys/kernel/sem can be raised to this */

/* One control call whose argument is a record: stored, read, or neither. */
static int64_t control(struct thread *t, long nr, int id, int number, int command, enum struct_id record, bool in, bool out,
		       uint64_t at)
{
	_Alignas(8) uint8_t host[LAYOUT_MAX];
	memset(host, 0, sizeof(host));
	if (in && struct_read(t, record, host, at) < 0)
		return -EFAULT;
	long r = nr == SYS_semctl ? HOST(semctl, id, number, command, host) : linux_host(nr, id, command, (long)host, 0, 0, 0);
	if (r >= 0 && out) {
		int e = struct_write(t, record, at, host);
		if (e < 0)
			return e;
	}
	return r;
}

/* ---- semaphores ------------------------------------------------------------------------------------------------ */

static int64_t semop_do(struct thread *t, int id, uint64_t at, uint32_t count, const struct timespec *ts)
{
	if (count > SEMOP_MAX)
		return -E2BIG;
	if (linux_layouts(t)->by_id[ST_sembuf].same)
		return user_blocking(t, SYS_semtimedop, id, user_host(t, at), count, ts);
	struct sembuf *ops = malloc((count ? count : 1) * sizeof(*ops));
	int64_t r = ops ? 0 : -ENOMEM;
	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = struct_read(t, ST_sembuf, &ops[i], at + i * sizeof(*ops));
	if (r == 0)
		r = user_blocking(t, SYS_semtimedop, id, ops, count, ts);
	free(ops);
	return r;
}

int64_t ipc_semop(struct thread *t, const uint64_t *a)
{
	return semop_do(t, (int)a[0], a[1], (uint32_t)a[2], NULL);
}

static int64_t semtimedop_as(struct thread *t, const uint64_t *a, enum struct_id form)
{
	struct timespec ts;
	int r = a[3] ? timeout_read(t, &ts, a[3], form) : 0;
	return r < 0 ? r : semop_do(t, (int)a[0], a[1], (uint32_t)a[2], a[3] ? &ts : NULL);
}

int64_t ipc_semtimedop(struct thread *t, const uint64_t *a)
{
	return semtimedop_as(t, a, ST_timespec);
}

int64_t ipc_semtimedop_time64(struct thread *t, const uint64_t *a)
{
	return semtimedop_as(t, a, ST_timespec64);
}

/* All values of a set: a vector of 16-bit words. */
static int64_t all_values(struct thread *t, int id, int command, uint64_t at)
{
	struct semid_ds ds;
	long r = HOST(semctl, id, 0, IPC_STAT, &ds);
	if (r < 0)
		return r;
	uint16_t *values = calloc(ds.sem_nsems ? ds.sem_nsems : 1, sizeof(*values));
	if (!values)
		return -ENOMEM;
	size_t size = ds.sem_nsems * sizeof(*values);
	bool turn = !same_order(t);
	if (command == SETALL)
		r = user_read(t, values, at, size);
	for (size_t i = 0; turn && command == SETALL && i < ds.sem_nsems; i++)
		values[i] = __builtin_bswap16(values[i]);
	if (r == 0)
		r = HOST(semctl, id, 0, command, values);
	for (size_t i = 0; turn && command == GETALL && i < ds.sem_nsems; i++)
		values[i] = __builtin_bswap16(values[i]);
	if (r >= 0 && command == GETALL && user_write(t, at, values, size) < 0)
		r = -EFAULT;
	free(values);
	return r;
}

int64_t ipc_semctl(struct thread *t, const uint64_t *a)
{
	int id = (int)a[0], number = (int)a[1], command = (int)a[2] & ~IPC_64;
	switch (command) {
	case GETALL: case SETALL:
		return all_values(t, id, command, a[3]);
	case IPC_STAT: case SEM_STAT: case SEM_STAT_ANY:
		return control(t, SYS_semctl, id, number, command, ST_semid_ds, false, true, a[3]);
	case IPC_SET:
		return control(t, SYS_semctl, id, number, command, ST_semid_ds, true, false, a[3]);
	case IPC_INFO: case SEM_INFO:
		return control(t, SYS_semctl, id, number, command, ST_seminfo, false, true, a[3]);
	default:
		/* SETVAL's integer is the first of the union: the upper half of a big-endian 64-bit word. */
		return HOST(semctl, id, number, command,
			    !guest32(t) && linux_layouts(t)->abi.big_endian ? a[3] >> 32 : a[3]);
	}
}

/* ---- message queues ------------------------------------------------------------------------------------------------ */

int64_t ipc_msgsnd(struct thread *t, const uint64_t *a)
{
	struct {
		long type;
		char text[];
	} *m;
	unsigned word = t->process->abi->word;
	uint64_t type, size = a[2];
	if (linux_layouts(t)->by_id[ST_iovec].same)
		return user_blocking(t, SYS_msgsnd, a[0], user_host(t, a[1]), a[2], a[3]);
	if (size > INT_MAX)
		return -EINVAL;
	if (user_read_word(t, &type, a[1]) < 0)
		return -EFAULT;
	m = malloc(sizeof(*m) + size);
	if (!m)
		return -ENOMEM;
	m->type = word == 4 ? (int32_t)type : (long)type;
	int64_t r = user_read(t, m->text, a[1] + word, size);
	if (r == 0)
		r = user_blocking(t, SYS_msgsnd, a[0], m, size, a[3]);
	free(m);
	return r;
}

static int64_t receive(struct thread *t, int id, uint64_t to, uint64_t size, int64_t type, int flags)
{
	struct {
		long type;
		char text[];
	} *m;
	unsigned word = t->process->abi->word;
	if (linux_layouts(t)->by_id[ST_iovec].same) {
		user_will_write(t, to, size + word);
		return user_blocking(t, SYS_msgrcv, id, user_host(t, to), size, type, flags);
	}
	if (size > INT_MAX)
		return -EINVAL;
	m = malloc(sizeof(*m) + size);
	if (!m)
		return -ENOMEM;
	int64_t r = user_blocking(t, SYS_msgrcv, id, m, size, type, flags);
	if (r >= 0 && (user_write_word(t, to, (uint64_t)m->type) < 0 || user_write(t, to + word, m->text, (size_t)r) < 0))
		r = -EFAULT;
	free(m);
	return r;
}

int64_t ipc_msgrcv(struct thread *t, const uint64_t *a)
{
	return receive(t, (int)a[0], a[1], a[2], (int64_t)a[3], (int)a[4]);
}

int64_t ipc_msgctl(struct thread *t, const uint64_t *a)
{
	int id = (int)a[0], command = (int)a[1] & ~IPC_64;
	switch (command) {
	case IPC_STAT: case MSG_STAT: case MSG_STAT_ANY:
		return control(t, SYS_msgctl, id, 0, command, ST_msqid_ds, false, true, a[2]);
	case IPC_SET:
		return control(t, SYS_msgctl, id, 0, command, ST_msqid_ds, true, false, a[2]);
	case IPC_INFO: case MSG_INFO:
		return control(t, SYS_msgctl, id, 0, command, ST_msginfo, false, true, a[2]);
	default:
		return HOST(msgctl, id, command, NULL);
	}
}

int64_t ipc_mq_notify(struct thread *t, const uint64_t *a)
{
	struct sigevent ev;
	if (!a[1])
		return HOST(mq_notify, a[0], NULL);
	if (sigevent_read(t, &ev, a[1]) < 0)
		return -EFAULT;
	/* For a thread the kernel reads a cookie of 32 bytes at the value, and "signo" is a netlink socket (glibc's helper). */
	if (ev.sigev_notify == SIGEV_THREAD)
		ev.sigev_value.sival_ptr = user_host(t, (uintptr_t)ev.sigev_value.sival_ptr);
	return HOST(mq_notify, a[0], &ev);
}

/* ---- shared memory --------------------------------------------------------------------------------------------------- */

int64_t ipc_shmctl(struct thread *t, const uint64_t *a)
{
	int id = (int)a[0], command = (int)a[1] & ~IPC_64;
	struct shminfo info = {0};
	long r;
	switch (command) {
	case IPC_STAT: case SHM_STAT: case SHM_STAT_ANY:
		return control(t, SYS_shmctl, id, 0, command, ST_shmid_ds, false, true, a[2]);
	case IPC_SET:
		return control(t, SYS_shmctl, id, 0, command, ST_shmid_ds, true, false, a[2]);
	case IPC_INFO:
		r = HOST(shmctl, id, command, &info);
		/* A 32-bit kernel has no larger segments. */
		if (guest32(t) && info.shmmax > INT32_MAX)
			info.shmmax = INT32_MAX;
		return r < 0 ? r : struct_write(t, ST_shminfo, a[2], &info) < 0 ? -EFAULT : r;
	case SHM_INFO:
		return control(t, SYS_shmctl, id, 0, command, ST_shm_info, false, true, a[2]);
	default:
		return HOST(shmctl, id, command, NULL);
	}
}

/* ---- the one call that 32-bit architectures of old have for all (ipc(2)) ------------------------------------------------- */

int64_t ipc_ipc(struct thread *t, const uint64_t *a)
{
	uint32_t call = (uint32_t)a[0] & 0xffff, version = (uint32_t)a[0] >> 16;
	uint64_t first = (uint32_t)a[1], second = a[2], third = a[3], at = a[4], fifth = a[5], word, type;
	int64_t r;
#define AS(id, ...) sys_perform(t, CALL_##id, (const uint64_t[6]){__VA_ARGS__})
	switch (call) {
	case 1:
		return AS(semop, first, at, second);
	case 2:
		return AS(semget, first, second, third);
	case 3:
		if (!at)
			return -EINVAL;
		return user_read_word(t, &word, at) < 0 ? -EFAULT : AS(semctl, first, second, third, word);
	case 4:
		return AS(semtimedop, first, at, second, fifth);
	case 11:
		return AS(msgsnd, first, at, second, third);
	case 12:
		if (version)
			return AS(msgrcv, first, at, second, fifth, third);
		/* The first form puts the buffer's address and the type into memory. */
		if (!at)
			return -EINVAL;
		if (user_read_word(t, &word, at) < 0 || user_read_word(t, &type, at + t->process->abi->word) < 0)
			return -EFAULT;
		return AS(msgrcv, first, word, second, type, third);
	case 13:
		return AS(msgget, first, second);
	case 14:
		return AS(msgctl, first, second, at);
	case 21:
		if (version == 1)
			return -EINVAL;
		r = AS(shmat, first, at, second);
		if (r < 0 && r > -4096)
			return r;
		return user_write_word(t, third, (uint64_t)r);
	case 22:
		return AS(shmdt, at);
	case 23:
		return AS(shmget, first, second, third);
	case 24:
		return AS(shmctl, first, second, at);
	}
#undef AS
	return -ENOSYS;
}
