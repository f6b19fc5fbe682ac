/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a crashed guest program leaves on standard error: where, in which mapping, which instruction, the registers. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "internal.h"

const char *const signal_names[65] = {
	"", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1",
	"SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP",
	"SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR",
	"SIGSYS", "SIGRT32", "SIGRT33", "SIGRTMIN", "SIGRTMIN+1", "SIGRTMIN+2", "SIGRTMIN+3", "SIGRTMIN+4",
	"SIGRTMIN+5", "SIGRTMIN+6", "SIGRTMIN+7", "SIGRTMIN+8", "SIGRTMIN+9", "SIGRTMIN+10", "SIGRTMIN+11",
	"SIGRTMIN+12", "SIGRTMIN+13", "SIGRTMIN+14", "SIGRTMIN+15", "SIGRTMIN+16", "SIGRTMIN+17", "SIGRTMIN+18",
	"SIGRTMIN+19", "SIGRTMIN+20", "SIGRTMIN+21", "SIGRTMIN+22", "SIGRTMIN+23", "SIGRTMIN+24", "SIGRTMIN+25",
	"SIGRTMIN+26", "SIGRTMIN+27", "SIGRTMIN+28", "SIGRTMIN+29", "SIGRTMAX",
};

/* The file behind a guest address, from the host's list of mappings; "" when there is none. */
static void mapping_of(struct process *p, uint64_t addr, char *name, size_t size, uint64_t *offset)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[PATH_MAX + 128];
	uint64_t host = addr + p->guest_base;

	name[0] = 0;
	*offset = 0;
	while (f && fgets(line, sizeof(line), f)) {
		unsigned long long a, b, off;
		int at = 0;

		if (sscanf(line, "%llx-%llx %*s %llx %*s %*s %n", &a, &b, &off, &at) < 3 || host < a || host >= b)
			continue;
		line[strcspn(line, "\n")] = 0;
		snprintf(name, size, "%s", at ? line + at : "");
		*offset = off + (host - a);
		break;
	}
	if (f)
		fclose(f);
}

void report_crash(struct thread *t, int sig, const siginfo_t *si)
{
	struct process *p = t->process;
	const struct isa *isa = p->abi->isa;
	uint64_t pc = isa->get_pc(t->cpu), offset;
	char where[PATH_MAX], text[128] = "";
	uint8_t bytes[16];
	size_t n = sizeof(bytes);

	while (n && user_read(t, bytes, pc, n))
		n--;
	mapping_of(p, pc, where, sizeof(where), &offset);
	fprintf(stderr, "%s: %s: %s", err_program(), p->exe_path, signal_names[sig]);
	if (si->si_signo == SIGSEGV || si->si_signo == SIGBUS) {
		if (si->si_code == SI_KERNEL)
			fprintf(stderr, " (no address)");
		else
			fprintf(stderr, " at address %#llx (%s)", (unsigned long long)(uintptr_t)si->si_addr,
				si->si_code == SEGV_MAPERR ? "not mapped" : "access not allowed");
	}
	fprintf(stderr, ", thread %d\n", t->tid);
	fprintf(stderr, "  pc %#llx", (unsigned long long)pc);
	if (where[0])
		fprintf(stderr, " in %s at offset %#llx", where, (unsigned long long)offset);
	else
		fprintf(stderr, mm_is_mapped(p, pc) ? " in memory of no file" : ", which is not mapped");
	if (n && isa->disassemble && isa->disassemble(t->cpu, pc, bytes, n, text, sizeof(text)))
		fprintf(stderr, ": %s", text);
	fputc('\n', stderr);
	if (isa->dump)
		isa->dump(t->cpu, stderr, LOG_CPU);
	fflush(stderr);
}
