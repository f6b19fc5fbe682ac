/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two x86 ABIs share: floating-point images in signal frames and core dumps, exceptions. */
#ifndef ABI_X86_H
#define ABI_X86_H
#include "../internal.h"
#include "isa/x86/cpu.h"
#include "isa/x86/segment.h"

#define X86_FXSAVE_SIZE 512u
#define X86_XSAVE_SIZE 832u     /* legacy area, header, AVX */
#define X86_XSTATE_FRAME (X86_XSAVE_SIZE + 4) /* and FP_XSTATE_MAGIC2 */

/* The FXSAVE image (64-bit form) of the cpu's state. image: X86_FXSAVE_SIZE bytes. */
void x86_fxsave_image(struct x86_cpu *c, uint8_t *image);
/* The standard-format XSAVE image (X86_XSAVE_SIZE bytes). */
void x86_xsave_image(struct x86_cpu *c, uint8_t *image);
/* An image's parts back into the state: what xstate_bv does not name is set to its initial value. */
void x86_fxrstor_image(struct x86_cpu *c, const uint8_t *image);
/* The floating-point part of a signal frame at `at` (64-byte aligned guest address). 0 or -EFAULT. */
int x86_frame_save_fp(struct thread *t, uint64_t at);
int x86_frame_restore_fp(struct thread *t, uint64_t at);
/* Bytes that x86_frame_save_fp() stores. */
unsigned x86_frame_fp_size(struct x86_cpu *c);

/* Signal and siginfo of a trap, as arch/x86 of the kernel reports them. */
int x86_exception_signal(struct thread *t, const struct trap *trap, siginfo_t *si);
void x86_hwcaps(struct cpu *c, uint64_t *hwcap, uint64_t *hwcap2);
/* Trap number, error code and cr2 of the fault that led to si, for the signal frame. */
struct x86_fault {
	uint64_t trapno, err, cr2;
};
struct x86_fault x86_last_fault(struct thread *t, const siginfo_t *si);
#endif
