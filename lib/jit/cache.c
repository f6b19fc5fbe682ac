/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The code cache: its memory, its lock, its processors, flushing, fork. See engine.h for the theory.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "jit/engine.h"
#include "jit/tlb.h"

#define DEFAULT_CACHE ((size_t)128 << 20)
#define SMALLEST_CACHE ((size_t)2 << 20)
#define LARGEST_CACHE ((size_t)1 << 30) /* a rel32 reaches everywhere */

static void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, int n)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

/* 0 free, 1 held, 2 held and waited for. errno is the interrupted code's. */
void jit_lock(struct jit *j)
{
	uint32_t was = 0;
	if (atomic_compare_exchange_strong_explicit(&j->lock, &was, 1, memory_order_acquire, memory_order_relaxed))
		return;
	int saved = errno;
	for (int spin = 0; spin < 200 && was; spin++) {
		__builtin_ia32_pause();
		was = 0;
		if (atomic_compare_exchange_strong_explicit(&j->lock, &was, 1, memory_order_acquire,
							    memory_order_relaxed)) {
			errno = saved;
			return;
		}
	}
	while (atomic_exchange_explicit(&j->lock, 2, memory_order_acquire))
		futex_wait(&j->lock, 2);
	errno = saved;
}

bool jit_trylock(struct jit *j)
{
	uint32_t was = 0;
	return atomic_compare_exchange_strong_explicit(&j->lock, &was, 1, memory_order_acquire, memory_order_relaxed);
}

void jit_unlock(struct jit *j)
{
	if (atomic_exchange_explicit(&j->lock, 0, memory_order_release) == 2) {
		int saved = errno;
		futex_wake(&j->lock, 1);
		errno = saved;
	}
}

struct jit *jit_new(const struct jit_config *config, struct err *e)
{
	struct jit *j = calloc(1, sizeof *j);
	if (!j) {
		err_set(e, ENOMEM, "no memory for the translator");
		return NULL;
	}
	j->config = *config;
	j->fork_pipe[0] = j->fork_pipe[1] = -1;
	j->size = config->cache_size ? config->cache_size : DEFAULT_CACHE;
	if (j->size < SMALLEST_CACHE)
		j->size = SMALLEST_CACHE;
	if (j->size > LARGEST_CACHE)
		j->size = LARGEST_CACHE;
	j->size = (j->size + 4095) & ~(size_t)4095;
	return j;
}

static void *reserve(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

static int cache_fd(size_t size)
{
	int fd = memfd_create("emu-code", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

/*
 * Maps both views of a new memfd at the given places (NULL: anywhere, rx near the hint). The descriptor does not stay
 * open: a guest would find it among its own.
 */
static int map_views(struct jit *j, void *rx_at, void *rw_at, struct err *e)
{
	int fd = cache_fd(j->size);
	if (fd < 0)
		return err_errno(e, -fd, "cannot make the code cache");
	void *hint = rx_at ? rx_at : (void *)(uintptr_t)(j->config.cache_hint & ~4095ull);
	int error = 0;
	uint8_t *rw = MAP_FAILED;
	uint8_t *rx = mmap(hint, j->size, PROT_READ | PROT_EXEC, MAP_SHARED | (rx_at ? MAP_FIXED : 0), fd, 0);
	if (rx == MAP_FAILED)
		error = err_errno(e, errno, "cannot map the code cache for execution");
	else
		rw = mmap(rw_at, j->size, PROT_READ | PROT_WRITE, MAP_SHARED | (rw_at ? MAP_FIXED : 0), fd, 0);
	if (!error && rw == MAP_FAILED) {
		error = err_errno(e, errno, "cannot map the code cache for writing");
		munmap(rx, j->size);
	}
	close(fd);
	if (!error) {
		j->rx = rx;
		j->rw = rw;
	}
	return error;
}

int jit_cache_map(struct jit *j, struct err *e)
{
	if (j->rw)
		return 0;
	int error = map_views(j, NULL, NULL, e);
	if (error)
		return error;
	j->page_bits = 8;
	j->region = reserve(sizeof *j->region * JIT_MAX_REGIONS);
	j->exit = reserve(sizeof *j->exit * JIT_MAX_EXITS);
	j->delta = reserve(JIT_DELTA_BYTES);
	j->hash_bits = JIT_HASH_FIRST;
	j->hash = reserve(sizeof *j->hash << JIT_HASH_BITS);
	j->page = reserve(sizeof *j->page << j->page_bits);
	if (!j->region || !j->exit || !j->delta || !j->hash || !j->page)
		return err_set(e, ENOMEM, "no address space for the translator's tables");
	if (j->config.machine) {
		j->code_map = reserve(j->config.machine->ram_pages / 8 + 8);
		j->context = reserve(sizeof *j->context * JIT_MAX_CONTEXTS);
		j->mapping = reserve(sizeof *j->mapping * JIT_MAX_MAPPINGS);
		j->mapping_hash = reserve(sizeof *j->mapping_hash << JIT_MAPPING_BITS);
		if (!j->code_map || !j->context || !j->mapping || !j->mapping_hash)
			return err_set(e, ENOMEM, "no address space for the translator's tables");
		j->contexts = j->mappings_used = 1;
	}
	j->regions = j->exits = j->delta_used = 1;
	j->floor = j->hot = JIT_TABLE_BYTES;
	j->cold = (uint32_t)j->size;
	return 0;
}

int jit_table_map(struct jit *j, void *at)
{
	/* An old size of 0 doubles a shared mapping (mremap(2)). */
	if (mremap(j->rw, 0, JIT_TABLE_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, at) == MAP_FAILED)
		return -errno;
	return 0;
}

void jit_cpu_add(struct jit *j, struct jit_cpu *c, struct cpu *cpu)
{
	c->cpu = cpu;
	c->next = j->cpu_list;
	c->prev = &j->cpu_list;
	if (c->next)
		c->next->prev = &c->next;
	j->cpu_list = c;
	c->table_mask = (1ull << j->table_bits) - 1;
	j->cpus++;
}

void jit_cpu_remove(struct jit *j, struct jit_cpu *c)
{
	if (!c->prev)
		return;
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->prev = NULL;
	j->cpus--;
}

static void fill_table(struct jit *j)
{
	uint64_t *t = (uint64_t *)j->rw;
	for (uint32_t i = 0; i < 1u << j->table_bits; i++)
		__atomic_store_n(&t[i], j->miss, __ATOMIC_RELAXED);
}

void jit_table_init(struct jit *j, uint64_t miss, bool grows, unsigned shift)
{
	j->miss = miss;
	j->table_shift = shift;
	j->table_bits = grows ? 9 : JIT_TABLE_BITS - shift;
	j->table_grows = grows;
	fill_table(j);
}

static void table_put(struct jit *j, uint64_t pc, uint32_t entry)
{
	uint64_t *t = (uint64_t *)j->rw;
	__atomic_store_n(&t[jit_table_index(j, pc)], (uint64_t)(uintptr_t)(j->rx + entry), __ATOMIC_RELEASE);
}

static void table_count(struct jit *j)
{
	j->table_misses++;
	if (j->table_misses <= 3u << (j->table_bits - 2) || j->table_bits >= JIT_TABLE_BITS || !j->table_grows)
		return;
	uint64_t *t = (uint64_t *)j->rw;
	uint32_t old = 1u << j->table_bits;
	j->table_bits = j->table_bits + 3 < JIT_TABLE_BITS ? j->table_bits + 3 : JIT_TABLE_BITS;
	for (uint32_t i = old; i < 1u << j->table_bits; i++)
		__atomic_store_n(&t[i], j->miss, __ATOMIC_RELAXED);
	/* What is there now has a new place, mostly. */
	for (uint32_t r = 1; r < j->regions; r++)
		if (j->region[r].verify && !(j->region[r].flags & JIT_REGION_DEAD))
			table_put(j, j->region[r].pc, j->region[r].verify);
	j->table_misses = 0;
	for (struct jit_cpu *c = j->cpu_list; c; c = c->next)
		__atomic_store_n(&c->table_mask, (1ull << j->table_bits) - 1, __ATOMIC_RELEASE);
}

/* Called for a miss: `entry` is the offset of a verifying entry. The table is common to all processors. */
void jit_table_set(struct jit *j, uint64_t pc, uint32_t entry)
{
	table_count(j);
	table_put(j, pc, entry);
}

void jit_table_offer(struct jit *j, uint64_t pc, uint32_t entry)
{
	const uint64_t *t = (const uint64_t *)j->rw;
	if (t[jit_table_index(j, pc)] != j->miss)
		return;
	table_count(j);
	table_put(j, pc, entry);
}

/*
 * In system mode who waits here is in guest code, where others wait for a processor: exclusive_begin() until it cannot touch memory, a flush of all
 * TLBs until it has done its own. Both may have been asked for by somebody for whom, in turn, the one who has set `stop` waits: a
 * processor in a device's function, with an offset into the cache, that waits for the machine lock or for the end of what is exclusive.
 * So for the time of such a wait the processor is not in guest code.
 */
static void wait_begin(const struct jit *j, struct jit_cpu *self)
{
	if (j->config.machine && self)
		tlb_wait_begin(self->cpu->mmu);
}

static void wait_end(const struct jit *j, struct jit_cpu *self)
{
	if (j->config.machine && self)
		tlb_wait_end(self->cpu->mmu);
}

/* Until nobody has set `stop`. Not inside, lock not held. */
static void wait_for_stop(struct jit *j, struct jit_cpu *self)
{
	wait_begin(j, self);
	futex_wait(&j->stop, 1);
	wait_end(j, self);
}

void jit_enter_wait(struct jit *j, struct jit_cpu *self)
{
	while (atomic_load(&j->stop)) {
		atomic_store(&self->inside, 0);
		wait_for_stop(j, self);
		atomic_store(&self->inside, 1);
	}
}

/*
 * In system mode a processor may be in a device's function, with a return address into the cache, and wait there for somebody who
 * needs the lock (DMA). So the lock is given up now and then; `stop` keeps all others from using the cache meanwhile.
 */
static void give_way(struct jit *j, struct jit_cpu *self, struct cpu *c)
{
	__atomic_store_n(&c->pending, 1, __ATOMIC_SEQ_CST);
	jit_unlock(j);
	wait_begin(j, self);
	struct timespec nap = {0, 20000};
	syscall(SYS_nanosleep, &nap, NULL);
	wait_end(j, self);
	jit_lock(j);
}

/* Waits until no other processor is in, or holds an offset into, the cache. User mode: the lock is held all the time. */
static void stop_others(struct jit *j, struct jit_cpu *self)
{
	while (j->config.machine && atomic_load(&j->stop)) {
		/* Another one stops all, this one included. */
		if (self)
			atomic_store(&self->inside, 0);
		jit_unlock(j);
		wait_for_stop(j, self);
		jit_lock(j);
		if (self)
			atomic_store(&self->inside, 1);
	}
	atomic_store(&j->stop, 1);
	for (struct jit_cpu *c = j->cpu_list; c; c = c->next) {
		unsigned turns = 0;
		while (c != self && atomic_load(&c->inside)) {
			if (j->config.machine) {
				give_way(j, self, c->cpu);
				continue;
			}
			if (turns++ % 64 == 0 && j->config.host.kick)
				j->config.host.kick(j->config.host.opaque, c->cpu);
			struct timespec nap = {0, 20000};
			syscall(SYS_nanosleep, &nap, NULL);
		}
	}
}

uint8_t *jit_side(struct jit *j, uint32_t bytes)
{
	if (bytes > j->side_end - j->side) {
		if (bytes > JIT_SIDE || jit_room(j) < JIT_SIDE + 8192)
			return NULL;
		j->cold = (j->cold - JIT_SIDE) & ~63u;
		j->side = j->cold;
		j->side_end = j->side + JIT_SIDE;
	}
	return j->rw + j->side;
}

void jit_flush(struct jit *j, struct jit_cpu *self)
{
	bool others = j->cpus > (self ? 1u : 0u);
	if (others)
		stop_others(j, self);
	uint32_t regions = j->regions;
	atomic_store(&j->regions, 1);
	for (uint32_t i = 0; i < 1u << j->hash_bits; i++)
		j->hash[i] = 0;
	for (uint32_t i = 0; i < 1u << j->page_bits; i++) {
		j->page[i].regions = 0;
		if (j->code_map && j->page[i].page)
			jit_ram_forget(j, &j->page[i]);
	}
	if (j->code_map) {
		jit_forget_numbers(j);
	}
	/* The next pages of the arrays are fresh zeros again and their memory is free. */
	if (regions > 4096) {
		madvise(j->region, sizeof *j->region * regions, MADV_DONTNEED);
		madvise(j->exit, sizeof *j->exit * j->exits, MADV_DONTNEED);
		madvise(j->delta, j->delta_used, MADV_DONTNEED);
	}
	j->exits = j->delta_used = 1;
	j->links = 0;
	j->hot = j->floor;
	j->cold = (uint32_t)j->size;
	j->side = j->side_end = 0;
	fill_table(j);
	j->stats.flushes++;
	atomic_fetch_add(&j->generation, 1);
	if (others) {
		atomic_store(&j->stop, 0);
		futex_wake(&j->stop, 1 << 30);
	}
}

void jit_lock_inside(struct jit *j, struct jit_cpu *self)
{
	if (jit_trylock(j)) {
		if (!atomic_load(&j->stop))
			return;
		jit_unlock(j);
	}
	for (;;) {
		atomic_store(&self->inside, 0);
		jit_lock(j);
		atomic_store(&self->inside, 1);
		if (!atomic_load(&j->stop))
			return;
		/* Only in system mode: who stops all has given up the lock for a moment. */
		atomic_store(&self->inside, 0);
		jit_unlock(j);
		wait_for_stop(j, self);
	}
}

static void resume_others(struct jit *j)
{
	atomic_store(&j->stop, 0);
	futex_wake(&j->stop, 1 << 30);
}

void jit_entry_repair(struct jit *j, struct jit_cpu *self, uint32_t region)
{
	if (j->rw[j->region[region].code] != 0xcc)
		return;
	stop_others(j, self);
	jit_entry_kill(j, region, true);
	resume_others(j);
}

#define HUGE_PAGE ((uintptr_t)2 << 20)

static void huge(const void *from, const void *to)
{
	uintptr_t a = ((uintptr_t)from + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1), b = (uintptr_t)to & ~(HUGE_PAGE - 1);
	if (b > a)
		madvise((void *)a, b - a, MADV_HUGEPAGE); /* or not */
}

/*
 * A large program: from now on memory comes in large pages, which saves most page faults and misses of the TLBs. What is in use
 * stays as it is.
 */
static void large_pages(struct jit *j)
{
	j->large = true;
	huge(j->rw + j->hot, j->rw + j->cold);
	huge(j->rx + j->hot, j->rx + j->cold);
	huge(j->region + j->regions, j->region + JIT_MAX_REGIONS);
	huge(j->exit + j->exits, j->exit + JIT_MAX_EXITS);
	huge(j->delta + j->delta_used, j->delta + JIT_DELTA_BYTES);
}

bool jit_reserve(struct jit *j, struct jit_cpu *self)
{
	if (__builtin_expect(j->hot > JIT_LARGE && !j->large, 0))
		large_pages(j);
	if (jit_room(j) >= JIT_RESERVE && j->regions < JIT_MAX_REGIONS - 64 && j->exits < JIT_MAX_EXITS - 4096 &&
	    j->delta_used < JIT_DELTA_BYTES - 65536)
		return false;
	jit_flush(j, self);
	return true;
}

void jit_set_one_insn(struct jit *j, bool on)
{
	jit_lock(j);
	j->config.one_insn = on;
	jit_flush(j, NULL);
	jit_unlock(j);
}

void jit_stats(struct jit *j, struct jit_stats *s)
{
	jit_lock(j);
	*s = j->stats;
	jit_unlock(j);
}

void jit_free(struct jit *j)
{
	if (!j)
		return;
	if (j->rw) {
		munmap(j->rw, j->size);
		munmap(j->rx, j->size);
		munmap(j->region, sizeof *j->region * JIT_MAX_REGIONS);
		munmap(j->exit, sizeof *j->exit * JIT_MAX_EXITS);
		munmap(j->delta, JIT_DELTA_BYTES);
		munmap(j->hash, sizeof *j->hash << JIT_HASH_BITS);
		munmap(j->page, sizeof *j->page << j->page_bits);
	}
	if (j->code_map) {
		munmap(j->code_map, j->config.machine->ram_pages / 8 + 8);
		munmap(j->context, sizeof *j->context * JIT_MAX_CONTEXTS);
		munmap(j->mapping, sizeof *j->mapping * JIT_MAX_MAPPINGS);
		munmap(j->mapping_hash, sizeof *j->mapping_hash << JIT_MAPPING_BITS);
	}
	free(j->debug_points);
	free(j->owned);
	free(j);
}

/*
 * A shared mapping stays shared over fork(), so the child copies what is in use into a memfd of its own. Until it has done so
 * the parent must not change the cache: it waits for the end of a pipe, which also comes when the child dies.
 */
void jit_fork_prepare(struct jit *j)
{
	jit_lock(j);
	if (j->rw && pipe2(j->fork_pipe, O_CLOEXEC) < 0)
		j->fork_pipe[0] = j->fork_pipe[1] = -1;
}

void jit_fork_parent(struct jit *j)
{
	if (j->fork_pipe[0] >= 0) {
		char c;
		close(j->fork_pipe[1]);
		while (read(j->fork_pipe[0], &c, 1) < 0 && errno == EINTR)
			;
		close(j->fork_pipe[0]);
		j->fork_pipe[0] = j->fork_pipe[1] = -1;
	}
	jit_unlock(j);
}

static bool copy_cache(struct jit *j, struct jit_cpu *self)
{
	struct jit old = *j;
	size_t low = (j->hot + 4095) & ~(size_t)4095, high = j->cold & ~(size_t)4095;
	uint8_t *keep = mremap(j->rw, 0, j->size, MREMAP_MAYMOVE);
	if (keep == MAP_FAILED)
		return false;
	if (map_views(j, old.rx, old.rw, NULL))
		return false;
	size_t used = (size_t)8 << j->table_bits;
	memcpy(j->rw, keep, used);
	memcpy(j->rw + JIT_TABLE_BYTES, keep + JIT_TABLE_BYTES, low - JIT_TABLE_BYTES);
	if (high < j->size)
		memcpy(j->rw + high, keep + high, j->size - high);
	munmap(keep, j->size);
	return !self || !self->table || !jit_table_map(j, self->table); /* run.c's code reads the cache's own */
}

void jit_fork_child(struct jit *j, struct cpu *current)
{
	struct jit_cpu *self = current ? current->engine : NULL;
	if (j->rw) {
		/* The other threads are not here. */
		j->cpu_list = NULL;
		j->cpus = 0;
		if (self)
			jit_cpu_add(j, self, self->cpu);
		if (!copy_cache(j, self)) {
			static const char text[] = "emu-user: no memory for the code cache of a forked child\n";
			if (write(2, text, sizeof text - 1) < 0)
				_exit(127);
			_exit(127);
		}
	}
	if (j->fork_pipe[0] >= 0) {
		close(j->fork_pipe[0]);
		close(j->fork_pipe[1]);
		j->fork_pipe[0] = j->fork_pipe[1] = -1;
	}
	atomic_store(&j->stop, 0);
	atomic_store(&j->lock, 0);
}
