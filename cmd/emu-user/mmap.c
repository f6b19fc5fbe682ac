/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's address space on top of the host's.
 *
 * Theory of operation. The tree (vma.h) says what the guest has mapped with which protection. The host's protection is
 * derived from it: executable memory is merely readable to the host, and a writable page that code was translated from
 * (VMA_TRANSLATED) is not writable until the first store to it, which drops the translations (mm_store_fault). Every
 * new host mapping is made with MAP_FIXED_NOREPLACE in room that the tree says is free, so the emulator's own mappings
 * cannot be hit.
 *
 * Locks: mm_lock for the tree and the host calls that belong to it. The engine calls mm_code_pages with its translation
 * lock held, so jit_invalidate() is only called after mm_lock was released. Guest memory is never touched
 * under mm_lock, because a store fault takes it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "internal.h"
#include "linux/linux.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define HUGE_PAGE (2ull << 20)
/* Flags that reach the host as they are. */
#define PASS_FLAGS                                                                                                     \
	(MAP_TYPE | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE |        \
	 MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | (63u << 26) | 0x80000 /* MAP_SYNC */)

static void lock(struct process *p)
{
	pthread_mutex_lock(&p->mm_lock);
}

static void unlock(struct process *p)
{
	pthread_mutex_unlock(&p->mm_lock);
}

static void *host(struct process *p, uint64_t addr)
{
	return (void *)(uintptr_t)(addr + p->guest_base);
}

static int host_prot(uint32_t prot, uint32_t vma_flags)
{
	int h = (int)(prot & (PROT_READ | PROT_WRITE));

	if (prot & PROT_EXEC)
		h |= PROT_READ;
	if (vma_flags & VMA_TRANSLATED)
		h &= ~PROT_WRITE;
	return h;
}

int mm_init(struct process *p, struct err *e)
{
	pthread_mutexattr_t a;

	(void)e;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_NORMAL);
	pthread_mutex_init(&p->mm_lock, &a);
	p->mmap_min = 65536;
	p->mmap_base = p->abi->mmap_top;
	p->task_size = p->abi->task_size;
	if (p->options.reserved_va && p->options.reserved_va < p->task_size) {
		p->task_size = PAGE_DOWN(p->options.reserved_va);
		if (p->mmap_base > p->task_size)
			p->mmap_base = p->task_size;
	}
	return 0;
}

/*
 * Host mappings in [start, end) that are not the guest's: entered as blocked, so that the search goes round them. Where no /proc
 * tells of them, the place [at, at + len) where one was met is.
 */
static void block_host_mappings(struct process *p, uint64_t start, uint64_t end, uint64_t at, uint64_t len)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];

	if (!f) {
		vma_insert(p, at, at + len, 0, VMA_BLOCKED);
		return;
	}
	while (fgets(line, sizeof(line), f)) {
		unsigned long long a, b;

		if (sscanf(line, "%llx-%llx", &a, &b) != 2)
			continue;
		a -= p->guest_base;
		b -= p->guest_base;
		if (a < start)
			a = start;
		if (b > end)
			b = end;
		while (a < b) {
			struct vma *v = vma_next(p, a);
			uint64_t stop = v && v->start < b ? v->start : b;

			if (stop > a && vma_insert(p, a, stop, 0, VMA_BLOCKED))
				break;
			a = v && v->start < b ? v->end : b;
		}
	}
	fclose(f);
}

/* Maps at a place that the tree says is free. Host address space may differ: -EEXIST. */
static int64_t map_new(struct process *p, uint64_t addr, uint64_t len, int prot, int flags, int fd, uint64_t off)
{
	void *want = host(p, addr);
	void *got = mmap(want, len, prot, (flags & (int)PASS_FLAGS) | MAP_FIXED_NOREPLACE, fd, (off_t)off);

	if (got == MAP_FAILED)
		return -errno;
	if (got != want) { /* a kernel before 4.17 takes the address as a hint */
		munmap(got, len);
		return -EEXIST;
	}
	return (int64_t)addr;
}

/* Fills the holes of [start, end) with inaccessible memory, so that MAP_FIXED over all of it hits nothing of ours. */
static int claim_holes(struct process *p, uint64_t start, uint64_t end)
{
	uint64_t at = start;

	while (at < end) {
		struct vma *v = vma_next(p, at);
		uint64_t stop = v && v->start < end ? v->start : end;

		if (v && v->start < end && (v->flags & (VMA_FIXTURE | VMA_BLOCKED)))
			return -ENOMEM;
		if (stop > at) {
			int64_t r = map_new(p, at, stop - at, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
					    -1, 0);
			if (r < 0)
				return r == -EEXIST ? -ENOMEM : (int)r;
			if (vma_insert(p, at, stop, PROT_NONE, 0))
				return -ENOMEM;
		}
		at = v && v->start < end ? v->end : end;
	}
	return 0;
}

/* Free room for len bytes that the host has free too, claimed by nothing yet. -ENOMEM. */
static int64_t find_room(struct process *p, uint64_t len, uint64_t align, uint64_t min, uint64_t max)
{
	uint64_t a = vma_find_gap(p, len, align, min, max, true);

	if (!a && max == p->mmap_base) /* above the usual area, as the kernel's bottom-up fallback does */
		a = vma_find_gap(p, len, align, min, p->task_size, false);
	return a ? (int64_t)a : -ENOMEM;
}

static int64_t map_anywhere(struct process *p, uint64_t hint, uint64_t len, int prot, int flags, int fd, uint64_t off)
{
	uint64_t min = p->mmap_min, max = p->mmap_base, align = p->page_size; /* -p: only what we choose has the larger alignment */
	int64_t a, r;
	int tries;

	hint = PAGE_DOWN(hint);
	if (hint >= p->mmap_min && len <= p->task_size && hint <= p->task_size - len &&
	    vma_is_free(p, hint, hint + len)) {
		r = map_new(p, hint, len, prot, flags, fd, off);
		if (r != -EEXIST)
			return r;
	}
	if (flags & MAP_32BIT) {
		min = 0x40000000;
		max = 0x80000000;
	}
	if ((flags & MAP_HUGETLB) || (p->abi->word == 8 && (flags & MAP_ANONYMOUS) && !(len & (HUGE_PAGE - 1))))
		align = HUGE_PAGE;
	for (tries = 0; tries < 8; tries++) {
		a = find_room(p, len, align, min, max);
		if (a < 0)
			return a;
		r = map_new(p, (uint64_t)a, len, prot, flags, fd, off);
		if (r != -EEXIST)
			return r;
		block_host_mappings(p, p->mmap_min, p->task_size, (uint64_t)a, len);
	}
	return -ENOMEM;
}

int64_t mm_map(struct process *p, uint64_t addr, uint64_t len, int prot, int flags, int fd, uint64_t offset)
{
	bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE), had_code = false;
	uint32_t vf = 0;
	int64_t r;
	int hp;

	if (!len || (offset & (PAGE - 1)))
		return -EINVAL;
	len = PAGE_UP(len);
	if (!len || len > p->task_size)
		return -ENOMEM;
	if (fixed && (addr & (PAGE - 1)))
		return -EINVAL;
	if (fixed && addr > p->task_size - len)
		return -ENOMEM;
	if (fixed && addr < p->mmap_min)
		return -EPERM;
	if ((prot & PROT_READ) && p->read_implies_exec)
		prot |= PROT_EXEC;
	if ((flags & MAP_TYPE) == MAP_SHARED || (flags & MAP_TYPE) == MAP_SHARED_VALIDATE)
		vf |= VMA_SHARED;
	if (!(flags & MAP_ANONYMOUS))
		vf |= VMA_FILE;
	if (p->lock_future)
		flags |= MAP_LOCKED;
	hp = host_prot((uint32_t)prot, 0);

	lock(p);
	if (flags & MAP_FIXED_NOREPLACE) {
		r = vma_is_free(p, addr, addr + len) ? map_new(p, addr, len, hp, flags, fd, offset) : -EEXIST;
	} else if (fixed) {
		if (vma_is_free(p, addr, addr + len)) {
			r = map_new(p, addr, len, hp, flags, fd, offset);
			if (r == -EEXIST)
				r = -ENOMEM;
		} else {
			r = claim_holes(p, addr, addr + len);
			if (!r) {
				void *h = mmap(host(p, addr), len, hp, (flags & (int)PASS_FLAGS) | MAP_FIXED, fd,
					       (off_t)offset);
				r = h == MAP_FAILED ? -errno : (int64_t)addr;
			}
			if (r >= 0 && vma_remove(p, addr, addr + len, &had_code))
				r = -ENOMEM;
		}
	} else {
		r = map_anywhere(p, addr, len, hp, flags, fd, offset);
	}
	if (r >= 0 && vma_insert(p, (uint64_t)r, (uint64_t)r + len, (uint32_t)prot & 7, vf)) {
		munmap(host(p, (uint64_t)r), len);
		r = -ENOMEM;
	}
	unlock(p);
	if (had_code)
		jit_invalidate(p->jit, addr, len);
	return r;
}

/* Gives [start, end) back to the host; mappings that are not the guest's stay. Under mm_lock. */
static int unmap_range(struct process *p, uint64_t start, uint64_t end, bool *had_code)
{
	struct vma *v;
	uint64_t at = start;

	while (at < end && (v = vma_next(p, at)) && v->start < end) {
		uint64_t a = v->start > at ? v->start : at, b = v->end < end ? v->end : end;
		bool keep = v->flags & (VMA_FIXTURE | VMA_BLOCKED);

		at = b;
		if (keep)
			continue;
		if (munmap(host(p, a), b - a))
			return -errno;
		if (vma_remove(p, a, b, had_code))
			return -ENOMEM;
	}
	return 0;
}

int mm_unmap(struct process *p, uint64_t addr, uint64_t len)
{
	bool had_code = false;
	int r;

	if ((addr & (PAGE - 1)) || !len || len > p->task_size || addr > p->task_size - len)
		return -EINVAL;
	len = PAGE_UP(len);
	lock(p);
	r = unmap_range(p, addr, addr + len, &had_code);
	unlock(p);
	if (had_code)
		jit_invalidate(p->jit, addr, len);
	return r;
}

int mm_protect(struct process *p, uint64_t addr, uint64_t len, int prot)
{
	uint64_t at = addr, end;
	bool drop = false;
	int r = 0;

	if ((addr & (PAGE - 1)) || len > p->task_size || addr > p->task_size - len)
		return addr & (PAGE - 1) ? -EINVAL : -ENOMEM;
	prot &= 7;
	if ((prot & PROT_READ) && p->read_implies_exec)
		prot |= PROT_EXEC;
	end = addr + (PAGE_UP(len));
	lock(p);
	while (at < end && !r) {
		struct vma *v = vma_find(p, at);
		uint64_t stop;

		if (!v || (v->flags & (VMA_BLOCKED | VMA_FIXTURE))) {
			r = -ENOMEM;
			break;
		}
		stop = v->end < end ? v->end : end;
		if (mprotect(host(p, at), stop - at, host_prot((uint32_t)prot, v->flags))) {
			r = -errno;
			break;
		}
		/*
		 * Code that may no longer run is dropped; but memory that a compiler makes writable for a moment
		 * keeps its translations, guarded: only pages that it stores to lose them. (Translations of a shared
		 * mapping are not marked: their changes are unseen.)
		 */
		if (v->flags & VMA_TRANSLATED ? !(prot & (PROT_EXEC | PROT_WRITE)) : v->prot & PROT_EXEC && !(prot & PROT_EXEC))
			drop = true;
		r = vma_change(p, at, stop, (uint32_t)prot, drop ? VMA_TRANSLATED : 0, 0);
		at = stop;
	}
	unlock(p);
	if (drop)
		jit_invalidate(p->jit, addr, end - addr);
	return r;
}

int mm_adopt(struct process *p, uint64_t start, uint64_t len, int prot, uint32_t flags)
{
	int r;

	lock(p);
	r = vma_is_free(p, start, start + len) ? vma_insert(p, start, start + len, (uint32_t)prot, flags) : -EEXIST;
	unlock(p);
	return r;
}

/* ---- translated code ------------------------------------------------------------------------------------- */

void mm_code_pages(void *opaque, uint64_t start, uint64_t len)
{
	struct process *p = opaque;
	uint64_t at = PAGE_DOWN(start), end = PAGE_UP(start + len);

	lock(p);
	while (at < end) {
		struct vma *v = vma_next(p, at);
		uint64_t a, b;

		if (!v || v->start >= end)
			break;
		a = v->start > at ? v->start : at;
		b = v->end < end ? v->end : end;
		at = v->end;
		if (v->flags & VMA_TRANSLATED)
			continue;
		/* Text of a file is marked as a whole, everything else page by page. */
		if ((v->flags & VMA_FILE) && !(v->prot & PROT_WRITE)) {
			v->flags |= VMA_TRANSLATED;
			continue;
		}
		if (!vma_change(p, a, b, ~0u, 0, VMA_TRANSLATED)) {
			v = vma_find(p, a);
			if (v && (v->prot & PROT_WRITE))
				mprotect(host(p, a), b - a, host_prot(v->prot, VMA_TRANSLATED));
		}
	}
	unlock(p);
}

void mm_restore_prot(struct process *p, const struct vma *v, uint64_t start, uint64_t end)
{
	mprotect(host(p, start), end - start, host_prot(v->prot, v->flags));
}

/* Shared memory may be written through another mapping of it (compilers with a writable and an executable view do). */
bool mm_changes_unseen(void *opaque, uint64_t page)
{
	struct process *p = opaque;
	struct vma *v;

	lock(p);
	v = vma_find(p, page);
	unlock(p);
	return v && (v->flags & VMA_SHARED);
}

bool mm_is_mapped(struct process *p, uint64_t addr)
{
	struct vma *v;

	lock(p);
	v = vma_find(p, addr);
	unlock(p);
	return v && !(v->flags & VMA_BLOCKED);
}

size_t mm_fetch_extent(void *opaque, uint64_t addr, size_t want)
{
	struct process *p = opaque;
	uint64_t at = addr;
	struct vma *v;

	lock(p);
	while (at - addr < want && (v = vma_find(p, at)) && (v->prot & PROT_EXEC))
		at = v->end;
	unlock(p);
	return at - addr < want ? (size_t)(at - addr) : want;
}

/* Makes guarded pages of [start, end) writable. Under mm_lock. True when there were any. */
static bool unguard(struct process *p, uint64_t start, uint64_t end)
{
	uint64_t at = start;
	struct vma *v;
	bool any = false;

	while (at < end && (v = vma_next(p, at)) && v->start < end) {
		uint64_t a = v->start > at ? v->start : at, b = v->end < end ? v->end : end;

		at = b;
		if ((v->flags & VMA_TRANSLATED) && (v->prot & PROT_WRITE)) {
			any = true;
			mprotect(host(p, a), b - a, host_prot(v->prot, 0));
			if (vma_change(p, a, b, ~0u, VMA_TRANSLATED, 0))
				break;
		}
	}
	return any;
}

bool mm_store_fault(struct thread *t, uint64_t addr, void *ucontext)
{
	struct process *p = t->process;
	ucontext_t *uc = ucontext;
	uint64_t page = PAGE_DOWN(addr), pc = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
	struct vma *v;
	bool guarded = false, retry = false;

	lock(p);
	v = vma_find(p, addr);
	if (v && (v->prot & PROT_WRITE)) {
		guarded = unguard(p, page, page + PAGE);
		/* Another thread was faster: the page is writable by now. Once; a second fault at the same place is real. */
		if (!guarded && (t->last_fault[0] != pc || t->last_fault[1] != addr)) {
			t->last_fault[0] = pc;
			t->last_fault[1] = addr;
			retry = true;
		}
	}
	unlock(p);
	if (guarded) {
		t->last_fault[0] = 0;
		jit_host_store_fault(p->jit, t->cpu, addr, ucontext);
	}
	return guarded || retry;
}

void user_will_write_slow(struct thread *t, uint64_t addr, size_t n)
{
	struct process *p = t->process;
	uint64_t a = PAGE_DOWN(addr), b;
	bool any;

	if (!n || addr >= p->task_size)
		return;
	b = n > p->task_size - addr ? p->task_size : PAGE_UP(addr + n);
	lock(p);
	any = unguard(p, a, b);
	unlock(p);
	if (any)
		jit_invalidate(p->jit, a, b - a);
}

/* Drops translations of a range whose contents change without a store. */
static void forget_code(struct process *p, uint64_t addr, uint64_t len)
{
	uint64_t at = addr;
	struct vma *v;
	bool any = false;

	lock(p);
	unguard(p, addr, addr + len);
	while (at < addr + len && (v = vma_next(p, at)) && v->start < addr + len) {
		at = v->end;
		any |= v->flags & VMA_TRANSLATED || v->prot & PROT_EXEC;
	}
	unlock(p);
	if (any)
		jit_invalidate(p->jit, addr, len);
}

void mm_fork_prepare(struct process *p)
{
	lock(p);
}

void mm_fork_done(struct process *p, bool child)
{
	if (child)
		pthread_mutex_init(&p->mm_lock, NULL);
	else
		unlock(p);
}

/* ---- the calls --------------------------------------------------------------------------------------------- */

int64_t sys_mmap(struct thread *t, const uint64_t *a)
{
	return mm_map(t->process, a[0], a[1], (int)a[2], (int)flags_to_host(t, NAMES_map, a[3]), (int)a[4], a[5]);
}

int64_t sys_mmap2(struct thread *t, const uint64_t *a)
{
	return mm_map(t->process, a[0], a[1], (int)a[2], (int)flags_to_host(t, NAMES_map, a[3]), (int)a[4], a[5] << 12);
}

/* i386's first mmap: one pointer to six words. */
int64_t sys_old_mmap(struct thread *t, const uint64_t *a)
{
	uint64_t v[6];
	unsigned i;

	for (i = 0; i < 6; i++)
		if (user_read_word(t, &v[i], a[0] + i * t->process->abi->word))
			return -EFAULT;
	return sys_mmap(t, v);
}

int64_t sys_munmap(struct thread *t, const uint64_t *a)
{
	return mm_unmap(t->process, a[0], a[1]);
}

int64_t sys_mprotect(struct thread *t, const uint64_t *a)
{
	return mm_protect(t->process, a[0], a[1], (int)a[2]);
}

/* Memory protection keys are not shown to the guest: only key -1 (none) exists. */
int64_t sys_pkey_mprotect(struct thread *t, const uint64_t *a)
{
	if ((int)a[3] != -1)
		return -EINVAL;
	return sys_mprotect(t, a);
}

int64_t sys_brk(struct thread *t, const uint64_t *a)
{
	struct process *p = t->process;
	uint64_t want = a[0], old_end, new_end;
	bool had_code = false;

	lock(p);
	old_end = PAGE_UP(p->brk);
	new_end = PAGE_UP(want);
	if (want < p->brk_start || want >= p->task_size) {
		/* only asks */
	} else if (new_end > old_end) {
		if (vma_is_free(p, old_end, new_end + PAGE) &&
		    map_new(p, old_end, new_end - old_end, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0) >= 0) {
			int prot = PROT_READ | PROT_WRITE | (p->read_implies_exec ? PROT_EXEC : 0);

			if (!vma_insert(p, old_end, new_end, (uint32_t)prot, VMA_HEAP))
				p->brk = want;
			else
				munmap(host(p, old_end), new_end - old_end);
		}
	} else {
		if (new_end == old_end || !unmap_range(p, new_end, old_end, &had_code))
			p->brk = want;
	}
	want = p->brk;
	unlock(p);
	if (had_code)
		jit_invalidate(p->jit, new_end, old_end - new_end);
	return (int64_t)want;
}

/* Reserves room for a moved mapping: a fixed place (cleared of guest mappings) or one of our choice. Under mm_lock. */
static int64_t mremap_target(struct process *p, uint64_t fixed, uint64_t len, bool *had_code)
{
	int64_t r;

	if (fixed) {
		r = unmap_range(p, fixed, fixed + len, had_code);
		if (!r)
			r = map_new(p, fixed, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		return r == -EEXIST ? -ENOMEM : r;
	}
	return map_anywhere(p, 0, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

int64_t sys_mremap(struct thread *t, const uint64_t *a)
{
	struct process *p = t->process;
	uint64_t old = a[0], old_len, new_len, flags = a[3], fixed = 0;
	bool had_code = false;
	struct vma *v, keep;
	int64_t r;
	void *h;

	if ((flags & ~7ull) || (old & (PAGE - 1)) || !a[2] || a[1] > p->task_size || a[2] > p->task_size)
		return -EINVAL;
	if ((flags & (MREMAP_FIXED | 4)) && !(flags & MREMAP_MAYMOVE))
		return -EINVAL;
	old_len = PAGE_UP(a[1]);
	new_len = PAGE_UP(a[2]);
	if (flags & MREMAP_FIXED) {
		fixed = a[4];
		if ((fixed & (PAGE - 1)) || fixed > p->task_size - new_len || fixed < p->mmap_min ||
		    (fixed < old + old_len && old < fixed + new_len))
			return -EINVAL;
	}
	if ((flags & 4) && old_len != new_len)
		return -EINVAL;
	forget_code(p, old, old_len ? old_len : PAGE);

	lock(p);
	v = vma_find(p, old);
	if (!v || (v->flags & (VMA_FIXTURE | VMA_BLOCKED)) || !vma_covers(p, old, old + old_len)) {
		r = -EFAULT;
		goto out;
	}
	keep = *v;
	r = (int64_t)old;
	if (!(flags & (MREMAP_FIXED | 4)) && old_len) {
		if (new_len <= old_len) {
			int e = new_len < old_len ? unmap_range(p, old + new_len, old + old_len, &had_code) : 0;
			r = e ? e : r;
			goto out;
		}
		if (old + new_len <= p->task_size && vma_is_free(p, old + old_len, old + new_len)) {
			h = mremap(host(p, old), old_len, new_len, 0);
			if (h != MAP_FAILED) {
				r = vma_insert(p, old + old_len, old + new_len, keep.prot, keep.flags) ? -ENOMEM : r;
				goto out;
			}
			if (errno != ENOMEM || !(flags & MREMAP_MAYMOVE)) {
				r = -errno;
				goto out;
			}
		}
		if (!(flags & MREMAP_MAYMOVE)) {
			r = -ENOMEM;
			goto out;
		}
	}
	r = mremap_target(p, fixed, new_len, &had_code);
	if (r < 0)
		goto out;
	h = mremap(host(p, old), old_len, new_len, MREMAP_MAYMOVE | MREMAP_FIXED | (int)(flags & 4), host(p, (uint64_t)r));
	if (h == MAP_FAILED) {
		int64_t e = -errno;
		munmap(host(p, (uint64_t)r), new_len);
		r = e;
		goto out;
	}
	if (!(flags & 4) && old_len)
		vma_remove(p, old, old + old_len, &had_code);
	if (vma_insert(p, (uint64_t)r, (uint64_t)r + new_len, keep.prot, keep.flags & ~(uint32_t)VMA_TRANSLATED))
		r = -ENOMEM;
out:
	unlock(p);
	if (had_code) {
		jit_invalidate(p->jit, old, old_len);
		if (fixed)
			jit_invalidate(p->jit, fixed, new_len);
	}
	return r;
}

/* Calls one host function on each guest mapping of a range; holes give -ENOMEM after the rest was done. */
static int64_t on_range(struct thread *t, uint64_t addr, uint64_t len, long nr, uint64_t arg)
{
	struct process *p = t->process;
	uint64_t at = addr, end;
	int64_t r = 0;

	if ((addr & (PAGE - 1)) || len > p->task_size || addr > p->task_size - len)
		return addr & (PAGE - 1) ? -EINVAL : -ENOMEM;
	end = addr + PAGE_UP(len);
	lock(p);
	while (at < end) {
		struct vma *v = vma_next(p, at);
		uint64_t stop;

		if (!v || v->start >= end || v->start > at || (v->flags & VMA_BLOCKED))
			r = -ENOMEM;
		if (!v || v->start >= end)
			break;
		if (v->start > at)
			at = v->start;
		stop = v->end < end ? v->end : end;
		if (!(v->flags & (VMA_BLOCKED | VMA_FIXTURE)) && syscall(nr, host(p, at), stop - at, arg) < 0) {
			r = -errno;
			break;
		}
		at = stop;
	}
	unlock(p);
	return r;
}

int64_t sys_madvise(struct thread *t, const uint64_t *a)
{
	if (a[0] & (t->process->page_size - 1))
		return -EINVAL;
	if (!a[1]) /* only the advice is checked */
		return syscall(SYS_madvise, NULL, 0, (int)a[2]) < 0 ? -errno : 0;
	if ((int)a[2] == MADV_DONTNEED || (int)a[2] == MADV_REMOVE || (int)a[2] == MADV_FREE)
		if (a[0] < t->process->task_size && a[1] <= t->process->task_size - a[0])
			forget_code(t->process, a[0], PAGE_UP(a[1]));
	return on_range(t, a[0], a[1], SYS_madvise, a[2]);
}

int64_t sys_msync(struct thread *t, const uint64_t *a)
{
	return on_range(t, a[0], a[1], SYS_msync, a[2]);
}

int64_t sys_mlock(struct thread *t, const uint64_t *a)
{
	uint64_t start = PAGE_DOWN(a[0]);
	return on_range(t, start, a[1] + (a[0] - start), SYS_mlock, 0);
}

int64_t sys_mlock2(struct thread *t, const uint64_t *a)
{
	uint64_t start = PAGE_DOWN(a[0]);
	return on_range(t, start, a[1] + (a[0] - start), SYS_mlock2, a[2]);
}

int64_t sys_munlock(struct thread *t, const uint64_t *a)
{
	uint64_t start = PAGE_DOWN(a[0]);
	return on_range(t, start, a[1] + (a[0] - start), SYS_munlock, 0);
}

struct lock_walk {
	struct process *p;
	long nr;
	int result;
};

static int lock_one(struct vma *v, void *opaque)
{
	struct lock_walk *w = opaque;

	if (!(v->flags & (VMA_FIXTURE | VMA_BLOCKED)) && v->prot &&
	    syscall(w->nr, host(w->p, v->start), v->end - v->start, 0) < 0)
		w->result = -errno;
	return w->result;
}

/* The guest's memory only: the emulator's code cache shall not be made resident. */
int64_t sys_mlockall(struct thread *t, const uint64_t *a)
{
	struct lock_walk w = {.p = t->process, .nr = SYS_mlock};

	if (!a[0] || (a[0] & ~7ull) || a[0] == 4)
		return -EINVAL;
	if (a[0] & MCL_FUTURE)
		t->process->lock_future = true;
	if (a[0] & MCL_CURRENT) {
		lock(t->process);
		vma_walk(t->process, lock_one, &w);
		unlock(t->process);
	}
	return w.result;
}

int64_t sys_munlockall(struct thread *t, const uint64_t *a)
{
	(void)a;
	t->process->lock_future = false;
	return syscall(SYS_munlockall) < 0 ? -errno : 0;
}

int64_t sys_mincore(struct thread *t, const uint64_t *a)
{
	struct process *p = t->process;
	bool covered;

	if (a[0] & (PAGE - 1))
		return -EINVAL;
	if (a[1] > p->task_size || a[0] > p->task_size - a[1])
		return -ENOMEM;
	lock(p);
	covered = vma_covers(p, a[0], PAGE_UP(a[0] + a[1]));
	unlock(p);
	if (!covered)
		return -ENOMEM;
	user_will_write(t, a[2], PAGE_UP(a[1]) / PAGE);
	return syscall(SYS_mincore, host(p, a[0]), a[1], user_host(t, a[2])) < 0 ? -errno : 0;
}

int64_t sys_remap_file_pages(struct thread *t, const uint64_t *a)
{
	bool covered;

	lock(t->process);
	covered = vma_covers(t->process, PAGE_DOWN(a[0]), PAGE_UP(a[0] + a[1]));
	unlock(t->process);
	if (!covered)
		return -EINVAL;
	forget_code(t->process, PAGE_DOWN(a[0]), PAGE_UP(a[1]));
	return syscall(SYS_remap_file_pages, user_host(t, a[0]), a[1], a[2], a[3], a[4]) < 0 ? -errno : 0;
}
