/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Option tables. One table a program yields the parser, --help, the man page's OPTIONS and shell completion.
 *
 * Two grammars share it: the GNU one (-x, --long, --long=value, bundles) of our own programs and of the classic
 * tools, and the classic emulator's (one dash, long name, value in the next word: `-cpu max`), chosen per table.
 */
#ifndef BASE_OPT_H
#define BASE_OPT_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "base/err.h"

enum opt_type {
	OPT_FLAG,   /* no argument; stores true in a bool */
	OPT_STRING, /* const char * (points into argv or the environment) */
	OPT_INT,    /* int64_t, decimal, 0x or 0 octal, range-checked against min..max */
	OPT_SIZE,   /* uint64_t bytes, with the suffixes of size.h */
	OPT_CHOICE, /* int: the index in the NULL-terminated list `choices` */
	OPT_LIST,   /* struct opt_list: every occurrence, in order */
	OPT_CALL,   /* handler(opt, value, opaque, err) decides; value NULL if the option takes none */
};

struct opt_list {
	const char **item;
	unsigned count;
};

struct opt {
	char letter;           /* 'x' for -x; 0: none */
	const char *name;      /* "image-opts" for --image-opts (GNU) or "cpu" for -cpu (classic); NULL: none */
	enum opt_type type;
	const char *arg;       /* metavariable in the help, "FILE"; NULL: takes no argument */
	const char *help;      /* one line */
	const char *man;       /* a paragraph for the man page (troff-free plain text); NULL: the help line */
	size_t offset;         /* offsetof(struct settings, field) */
	int64_t min, max;      /* OPT_INT; both 0: unchecked */
	const char *const *choices;
	const char *env;       /* environment variable with the same meaning (the command line wins); NULL: none */
	const char *def;       /* default, for the help only */
	const char *replaced_by; /* old spelling: accepted, with a note that gives this new one; NULL: current */
	int (*handler)(const struct opt *o, const char *value, void *settings, struct err *e);
	bool optional_arg;     /* --name[=value] */
	bool hidden;           /* not in --help */
};

enum { OPT_CLASSIC = 1,     /* one-dash long names, value in the next word */
       OPT_STOP_AT_WORD = 2 /* the first word that is no option ends the parsing (emu-user) */ };

struct opt_table {
	const char *program; /* "emu-user" */
	const char *usage;   /* "[OPTION]... PROGRAM [ARGUMENT]..." */
	const char *summary; /* one line: what the program is for */
	const char *epilog;  /* after the options in --help; NULL: nothing */
	const struct opt *opts;
	unsigned count;
	unsigned flags;
};

/*
 * Parses argv (and the environment first) into *settings. On return *first is the index of the first word that
 * is no option (argv is permuted for the GNU grammar unless OPT_STOP_AT_WORD). An unknown option, a missing or
 * malformed value gives one line that names the option, what was wrong and what is accepted.
 * Returns 0 or -errno.
 */
int opt_parse(const struct opt_table *t, int argc, char **argv, void *settings, int *first, struct err *e);

void opt_help(const struct opt_table *t, FILE *f);       /* --help */
void opt_man(const struct opt_table *t, FILE *f);        /* the OPTIONS section, troff -man */
void opt_man_rows(const struct opt_table *t, FILE *f);   /* its rows alone, for a program with a table a command */
void opt_completion(const struct opt_table *t, FILE *f); /* a bash completion function */
void opt_list_free(struct opt_list *l);
#endif
