/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System calls as data.
 *
 * calls.def has one row for every Linux call of any architecture: its name, the host call behind it, its handler, how its
 * result prints, and the kinds of its arguments. An architecture adds only numbers (abi/NAME-calls.c), the few field
 * lists of structures that it orders in its own way, and the flag values in which it differs.
 *
 * sys_dispatch() turns registers into logical arguments by their kinds (a 64-bit file offset is one argument, whatever
 * registers it travels in), then calls the handler. Most rows have the handler `pass`: it converts each argument by its
 * kind (a structure through its field list, a path or a buffer to a host address), makes the host call, and converts back.
 * Where guest and host have the same structure the host's kernel gets the guest's own memory. The same kinds print the -strace line.
 */
#ifndef LINUX_LINUX_H
#define LINUX_LINUX_H
#include "../user.h"
#include "layout.h"

enum arg_kind {
	ARG_NONE,
	/* scalars; a 32-bit guest's are widened by these */
	ARG_INT, ARG_UINT, ARG_OCTAL, ARG_HEX, /* 32 bits: signed, unsigned; printed in octal, in hexadecimal */
	ARG_LONG, ARG_ULONG, ARG_XLONG,        /* the guest's word: signed, unsigned, printed in hexadecimal */
	ARG_FD, ARG_DIRFD, ARG_PID, ARG_SIGNAL,
	ARG_ID16,   /* a 16-bit user or group number, 0xffff is -1 */
	ARG_OFF64,  /* 64 bits in one register or in two, aligned to an even one where the ABI says so */
	ARG_OFFLH,  /* low and high word in two registers everywhere (preadv); a 64-bit ABI ignores the second */
	ARG_FLAGS,  /* 32 bits, param: enum names_id */
	ARG_ENUM,   /* 32 bits, param: enum names_id */
	/* memory */
	ARG_ADDR,   /* a guest address that the handler deals with */
	ARG_PTR,    /* memory that the host's kernel reads as it is */
	ARG_STR, ARG_PATH, ARG_STRV, /* STRV: a vector of strings, for the handler */
	ARG_SOCKADDR,                /* param: index of its length; for the handler */
	ARG_IBUF, ARG_OBUF,   /* param: index of the argument with the length; the kernel reads / stores it as it is */
	ARG_IN, ARG_OUT, ARG_INOUT, /* param: enum struct_id */
};

enum result_kind { RESULT_INT, RESULT_HEX, RESULT_NONE /* does not return */ };

struct call_arg {
	uint8_t kind, param;
};

struct call {
	const char *name;
	sys_handler *handler; /* NULL: known, refused with ENOSYS and one line in the log */
	int16_t host;         /* the host's number, -1: the handler knows */
	uint8_t result;
	struct call_arg arg[6];
};

enum call_id {
	CALL_UNKNOWN,
#define CALL(id, ...) CALL_##id,
#define CALLN(id, ...) CALL_##id,
#include "calls.def"
#undef CALL
#undef CALLN
	CALL_COUNT
};
extern const struct call linux_calls[CALL_COUNT];

/* ---- one architecture ------------------------------------------------------------------------------------- */

struct value_map {
	uint32_t host, guest; /* one flag or one value; a list ends with host 0 and guest 0 */
};

struct sys_table {
	const uint16_t *ids;  /* enum call_id by number - first */
	uint32_t first, count;
	struct layout_abi layout;
	uint32_t largefile;   /* O_LARGEFILE in the guest's open flags */
	bool ioctl_dir3;      /* ioctl numbers have 13 bits of size and 3 of direction: none 1, read 2, write 4 (Alpha, MIPS, PowerPC, SPARC) */
	bool pair_aligned;    /* a 64-bit argument starts at an even register (ARM, MIPS O32, PowerPC 32) */
	/* Values in which the architecture differs from the host, by names_id; NULL or unnamed: none. */
	const struct linux_flag_maps {
		uint8_t id; /* enum names_id; the list ends with NAMES_NONE */
		const struct value_map *map;
	} *flags;
	const struct value_map *errnos;
};

/* ---- names: flags and values, for -strace and for conversion -------------------------------------------------- */

enum names_id {
	NAMES_NONE,
#define NAMES(id) NAMES_##id,
#include "names.def"
#undef NAMES
	NAMES_COUNT
};
struct name {
	uint64_t value;
	uint64_t mask; /* bits that are compared; equal to value for a plain flag */
	const char *name;
};
extern const struct name *const linux_names[NAMES_COUNT]; /* each list ends with a NULL name */
/* A flag word as "A|B|0x80"; an enumeration as its name or its number. Returns the length as snprintf does. */
int names_print_flags(char *to, size_t size, enum names_id id, uint64_t value);
/* The ioctl request's name from the table of requests, or its number. */
int ioctl_print_name(char *to, size_t size, uint64_t request);
int names_print_value(char *to, size_t size, enum names_id id, uint64_t value);

/* ---- the process's part ------------------------------------------------------------------------------------ */

struct linux_state {
	const struct sys_table *table;
	struct layouts *layouts;
	pthread_mutex_t lock;
	uint64_t logged[(CALL_COUNT + 63) / 64]; /* refused calls that have had their log line */
	uint64_t logged_numbers[16];             /* unknown numbers, modulo 1024 */
	struct linux_space_limit {               /* RLIMIT_DATA, RLIMIT_AS as the program set them; under lock */
		bool set;
		uint64_t soft, hard;
	} space[2];
#define LINUX_WIDE_OFFSETS 4096
	bool any_wide_offset;                    /* directory.c: one was handed out */
	uint64_t wide_offsets[LINUX_WIDE_OFFSETS]; /* by their upper half; atomic */
};

/* RLIMIT_DATA and RLIMIT_AS of a program that another one ran: from linux_space_limits()'s text (user.h). NULL: none. */
void linux_space_limits_set(struct linux_state *s, const char *text);

/* Made at the first call; lives as long as the process. */
struct linux_state *linux_state_new(const struct sys_table *table, uint64_t guest_base);
struct linux_state *linux_state_make(struct thread *t);
static inline struct linux_state *linux_state(struct thread *t)
{
	struct linux_state *s = __atomic_load_n(&t->process->linux_state, __ATOMIC_ACQUIRE);
	return s ? s : linux_state_make(t);
}
static inline const struct layouts *linux_layouts(struct thread *t)
{
	return linux_state(t)->layouts;
}

/* ---- for handlers ----------------------------------------------------------------------------------------- */

/* A host call, its result or -errno. Sleeps uninterruptibly short; what may sleep goes through user_blocking(). */
long linux_host(long nr, long a, long b, long c, long d, long e, long f);
#define HOST(nr, ...) HOST_(SYS_##nr, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define HOST_(nr, a, b, c, d, e, f, ...)                                                                        \
	linux_host(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* Another call in the place of this one (socketcall, ipc): id is an enum call_id, words are as registers would be. */
int64_t sys_perform(struct thread *t, unsigned id, const uint64_t *words);

/* The generic handlers: they convert by the row's kinds and make the row's host call. */
sys_handler call_pass;      /* returns at once */
sys_handler call_wait;      /* may sleep; a signal restarts it if its action says so */
sys_handler call_same;      /* passed only for a guest whose structures are the host's */
sys_handler call_pass_at;   /* AT_FDCWD goes before the arguments: access → faccessat, mkdir → mkdirat … */
sys_handler call_new_root;  /* chroot and its kin: as they are, but this emulator must be found again behind them */
int64_t call_pass_as(struct thread *t, const struct call *c, const uint64_t *a, bool at, bool sleeps);

/*
 * The result of a call that waits with a mask of its own. A signal that comes is delivered under that mask and ends the call
 * whatever its action says (pselect(2)): it must not be restarted.
 */
static inline int64_t never_restarted(int64_t result)
{
	return result == -ERESTARTSYS ? -EINTR : result;
}

/* One structure from or to guest memory. 0, -EFAULT, or -EOVERFLOW (from a FK_CHECK field; then nothing was stored). */
int struct_read(struct thread *t, enum struct_id id, void *host, uint64_t from);
int struct_write(struct thread *t, enum struct_id id, uint64_t to, const void *host);
/* Guest size of a structure. */
size_t struct_size(struct thread *t, enum struct_id id);

/* Bits or a value between guest and host by the architecture's map; the same value where there is none. */
uint64_t flags_to_host(struct thread *t, enum names_id id, uint64_t guest);
uint64_t flags_to_guest(struct thread *t, enum names_id id, uint64_t host);

static inline bool guest32(struct thread *t)
{
	return t->process->abi->word == 4;
}
static inline bool same_order(struct thread *t)
{
	return linux_layouts(t)->abi.big_endian == (__BYTE_ORDER == __BIG_ENDIAN);
}

/* strace.c */
struct strace_line {
	size_t length;
	char text[4096];
};
void strace_enter(struct strace_line *l, struct thread *t, const struct call *c, const uint64_t *a);
void strace_leave(struct strace_line *l, const struct call *c, int64_t result);
void strace_unknown(uint32_t number, const uint64_t *raw);

/* Handlers, by file. */
#define CALL(id, host, handler, ...) CALL_HANDLER(handler)
#define CALLN(id, name, host, handler, ...) CALL_HANDLER(handler)
#define CALL_HANDLER(h) extern sys_handler h;
#define REFUSED linux_refused
#include "calls.def"
#undef CALL
#undef CALLN
#undef CALL_HANDLER
#undef REFUSED

#endif
