/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory as C code touches it in user mode: plain host accesses that may raise SIGSEGV or SIGBUS, with a way back.
 *
 *	struct access_scope s;
 *	if (access_enter(&s)) {          // comes back here, nonzero, after a fault or access_raise()
 *		... s.sig, s.si, s.code; the scope has been left ...
 *	} else {
 *		access_copy(to, guest, n);   // anywhere below, in any function that holds neither locks nor heap
 *		access_leave(&s);
 *	}
 *
 * A fault is taken for the guest's only if its address lies in the range that is being accessed; so a bug of ours stays a
 * crash. The signal handler does not jump: access_fault() changes the context it will return to. Scopes nest, one
 * list a thread. Locals changed between enter and the fault must be volatile, as with setjmp().
 */
#ifndef JIT_ACCESS_H
#define JIT_ACCESS_H
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct access_scope {
	struct access_scope *outer;
	volatile uintptr_t start, end; /* host addresses under access; equal: none */
	int sig;                       /* after a fault: the signal; 0: access_raise() */
	int code;                      /* access_raise()'s argument */
	siginfo_t si;
	jmp_buf env;
};

extern __thread struct access_scope *access_current __attribute__((tls_model("initial-exec")));

/* For a debugger: accesses of this thread to one of these ranges of host addresses are noted. NULL: none are watched. */
struct access_watch {
	uintptr_t start, end;
	const struct access_watch *next;
};
extern __thread const struct access_watch *access_watched __attribute__((tls_model("initial-exec")));
extern __thread const struct access_watch *access_hit __attribute__((tls_model("initial-exec"))); /* the last; NULL: none */
void access_look(const void *p, size_t n);

static inline struct access_scope *access_push(struct access_scope *s)
{
	s->outer = access_current;
	s->start = s->end = 0;
	s->sig = s->code = 0;
	access_current = s;
	return s;
}

#define access_enter(s) _setjmp(access_push(s)->env)

static inline void access_leave(struct access_scope *s)
{
	access_current = s->outer;
}

/* Marks [p, p+n) as under access by the innermost scope; n 0: nothing is. */
static inline void access_mark(const void *p, size_t n)
{
	struct access_scope *s = access_current;
	s->start = (uintptr_t)p;
	s->end = (uintptr_t)p + n;
	if (__builtin_expect(access_watched != NULL, 0))
		access_look(p, n);
	__asm__ volatile("" ::: "memory");
}

static inline void access_done(void)
{
	__asm__ volatile("" ::: "memory");
	access_current->end = access_current->start;
}

/* A sanitizer must not look at guest addresses: it knows nothing of them, and null is one. */
#if defined __SANITIZE_ADDRESS__
#define ACCESS_UNCHECKED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define ACCESS_UNCHECKED 1
#endif
#endif
#ifdef ACCESS_UNCHECKED
__attribute__((unused, noinline, no_sanitize("address"), no_sanitize("undefined"))) static void access_copy(void *to, const void *from,
													      size_t n)
{
	switch (n) {
	case 2: *(volatile uint16_t *)to = *(const volatile uint16_t *)from; break;
	case 4: *(volatile uint32_t *)to = *(const volatile uint32_t *)from; break;
	case 8: *(volatile uint64_t *)to = *(const volatile uint64_t *)from; break;
	default:
		for (size_t i = 0; i < n; i++)
			((volatile uint8_t *)to)[i] = ((const volatile uint8_t *)from)[i];
	}
}
#else
static inline void access_copy(void *to, const void *from, size_t n)
{
	switch (n) {
	case 1: memcpy(to, from, 1); break;
	case 2: memcpy(to, from, 2); break;
	case 4: memcpy(to, from, 4); break;
	case 8: memcpy(to, from, 8); break;
	default: memcpy(to, from, n); break;
	}
}
#endif

/* Copies n bytes; one of the two is guest memory. Sizes 1, 2, 4, 8 are one access each. Needs a scope. */
static inline void access_read(void *to, const void *guest, size_t n)
{
	access_mark(guest, n);
	access_copy(to, guest, n);
	__asm__ volatile("" : : "r"(to) : "memory"); /* the access happens even if nobody uses what was read */
	access_done();
}

static inline void access_write(void *guest, const void *from, size_t n)
{
	access_mark(guest, n);
	access_copy(guest, from, n);
	access_done();
}

/* Faults unless all bytes can be written; changes none. */
void access_probe_write(void *guest, size_t n);

/* Ends the innermost scope: its access_enter() returns nonzero with .code. */
_Noreturn void access_raise(int code);

/*
 * In a handler of SIGSEGV or SIGBUS: was it an access of the innermost scope? Then its access_enter() returns when the
 * handler does. Async-signal-safe.
 */
bool access_fault(int sig, const siginfo_t *si, void *ucontext);
#endif
