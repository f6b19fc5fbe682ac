/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System V shared memory: attaching is a mapping whose length only the segment knows. */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>
#include "internal.h"

struct shm_segment {
	struct shm_segment *next;
	uint64_t addr, len;
};

void shm_forget_all(struct process *p)
{
	while (p->shm) {
		struct shm_segment *s = p->shm;
		p->shm = s->next;
		free(s);
	}
}

int64_t sys_shmat(struct thread *t, const uint64_t *a)
{
	struct process *p = t->process;
	uint64_t addr = a[1], flags = a[2], len;
	struct shm_segment *s;
	struct shmid_ds ds;
	bool remap = flags & SHM_REMAP;
	int64_t place;
	uint32_t prot;
	void *got;

	if (shmctl((int)a[0], IPC_STAT, &ds) < 0)
		return -errno;
	len = PAGE_UP(ds.shm_segsz);
	if (addr & (PAGE - 1)) {
		if (!(flags & SHM_RND))
			return -EINVAL;
		addr = PAGE_DOWN(addr);
	}
	if (!addr && remap)
		return -EINVAL;
	/* Hold the room with a mapping of our own, then put the segment in its place. */
	place = mm_map(p, addr, len, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
			       (!addr ? 0 : remap ? MAP_FIXED : 0x100000 /* MAP_FIXED_NOREPLACE */), -1, 0);
	if (place < 0)
		return place == -EEXIST ? -EINVAL : place;
	s = malloc(sizeof(*s));
	if (!s) {
		mm_unmap(p, (uint64_t)place, len);
		return -ENOMEM;
	}
	prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0);
	pthread_mutex_lock(&p->mm_lock);
	got = shmat((int)a[0], (void *)(uintptr_t)((uint64_t)place + p->guest_base),
		    (int)((flags & SHM_RDONLY) | SHM_REMAP));
	if (got == (void *)-1) {
		int e = errno;
		pthread_mutex_unlock(&p->mm_lock);
		mm_unmap(p, (uint64_t)place, len);
		free(s);
		return -e;
	}
	vma_remove(p, (uint64_t)place, (uint64_t)place + len, NULL);
	vma_insert(p, (uint64_t)place, (uint64_t)place + len, prot, VMA_SHARED | VMA_SHM);
	*s = (struct shm_segment){.next = p->shm, .addr = (uint64_t)place, .len = len};
	p->shm = s;
	pthread_mutex_unlock(&p->mm_lock);
	return place;
}

int64_t sys_shmdt(struct thread *t, const uint64_t *a)
{
	struct process *p = t->process;
	struct shm_segment **at, *s;
	bool had_code = false;

	pthread_mutex_lock(&p->mm_lock);
	for (at = &p->shm; *at && (*at)->addr != a[0]; at = &(*at)->next)
		;
	s = *at;
	if (!s || shmdt((void *)(uintptr_t)(a[0] + p->guest_base)) < 0) {
		pthread_mutex_unlock(&p->mm_lock);
		return -EINVAL;
	}
	vma_remove(p, s->addr, s->addr + s->len, &had_code);
	*at = s->next;
	pthread_mutex_unlock(&p->mm_lock);
	if (had_code)
		jit_invalidate(p->jit, s->addr, s->len);
	free(s);
	return 0;
}
