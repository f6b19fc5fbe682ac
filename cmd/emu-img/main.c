/* SPDX-License-Identifier: GPL-2.0-or-later */
/* emu-img: disk images, offline. This file finds the command and gives the help; each command has a file. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "img.h"

#define VERSION_TEXT "2.12.50 (emutools)"

static const struct command *const commands[] = {
	&cmd_amend, &cmd_bench, &cmd_bitmap, &cmd_check, &cmd_commit, &cmd_compare, &cmd_convert, &cmd_create, &cmd_dd, &cmd_info,
	&cmd_map, &cmd_measure, &cmd_rebase, &cmd_resize, &cmd_snapshot,
};
#define COMMANDS (sizeof commands / sizeof *commands)

static const char *const operands[] = {
	"FILE", "FILE", "FILE BITMAP", "FILE", "FILE", "FILE1 FILE2", "FILE [FILE2 [...]] OUTPUT", "FILE [SIZE]",
	"[bs=SIZE] [count=N] [skip=N] if=INPUT of=OUTPUT", "FILE", "FILE", "[--size N | FILE]", "FILE", "FILE [+|-]SIZE", "FILE",
};

static void print_format(const struct blk_format *f, void *opaque)
{
	(void)opaque;
	printf(" %s", f->name);
}

static void help(void)
{
	printf("%s version " VERSION_TEXT "\n"
	       "usage: %s [standard options] command [command options]\n"
	       "Disk image utility\n\n"
	       "    '-h', '--help'       display this help and exit\n"
	       "    '-V', '--version'    output version information and exit\n"
	       "    '-T', '--trace'      [[enable=]<pattern>][,events=<file>][,file=<file>]\n"
	       "                         specify tracing options\n\n"
	       "Command syntax:\n", err_program(), err_program());
	for (unsigned i = 0; i < COMMANDS; i++) {
		printf("  %s", commands[i]->name);
		for (unsigned k = 0; k < commands[i]->opt_count; k++) {
			const struct opt *o = &commands[i]->opts[k];
			char name[64];
			if (o->letter == 'h' || o->hidden)
				continue;
			if (o->letter)
				snprintf(name, sizeof name, "-%c", o->letter);
			else
				snprintf(name, sizeof name, "--%s", o->name);
			printf(" [%s%s%s]", name, o->arg ? (o->letter ? " " : "=") : "", o->arg ? o->arg : "");
		}
		printf(" %s\n", operands[i]);
	}
	printf("\nCommand parameters:\n");
	for (unsigned i = 0; i < COMMANDS; i++) {
		printf("\nParameters of %s:\n", commands[i]->name);
		for (unsigned k = 0; k < commands[i]->opt_count; k++) {
			const struct opt *o = &commands[i]->opts[k];
			char name[64] = "";
			if (o->letter)
				snprintf(name, sizeof name, "-%c", o->letter);
			snprintf(name + strlen(name), sizeof name - strlen(name), "%s%s%s", o->name && o->letter ? ", " : "",
				 o->name ? "--" : "", o->name ? o->name : "");
			printf("  %-22s %s\n", name, o->help);
		}
	}
	printf("\nA SIZE is in bytes, or has one of the suffixes k, M, G, T, P, E (powers of 1024).\n"
	       "A CACHE is none, writeback (default), writethrough, directsync or unsafe (default of convert's output).\n\n"
	       "Supported formats:");
	blk_format_each(print_format, NULL);
	printf("\n");
}

/* The OPTIONS part of the man page: a subsection a command (what --print-man is for is said in base/opt.c). */
static void man(void)
{
	printf(".SH COMMANDS\n");
	for (unsigned i = 0; i < COMMANDS; i++) {
		struct opt_table t = {.opts = commands[i]->opts, .count = commands[i]->opt_count};
		printf(".SS \"%s [OPTION]... %s\"\n", commands[i]->name, operands[i]);
		opt_man_rows(&t, stdout);
	}
}

static void completion(void)
{
	printf("_emu_img()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]}\n\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\tCOMPREPLY=($(compgen -W '");
	for (unsigned i = 0; i < COMMANDS; i++)
		printf(" %s", commands[i]->name);
	printf("' -- \"$cur\")); return\n\tfi\n\tcase ${COMP_WORDS[1]}:$cur in\n");
	for (unsigned i = 0; i < COMMANDS; i++) {
		printf("\t%s:-*) COMPREPLY=($(compgen -W '", commands[i]->name);
		for (unsigned k = 0; k < commands[i]->opt_count; k++) {
			const struct opt *o = &commands[i]->opts[k];
			if (o->name)
				printf(" --%s", o->name);
			if (o->letter)
				printf(" -%c", o->letter);
		}
		printf("' -- \"$cur\")) ;;\n");
	}
	printf("\t*) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n\tesac\n}\ncomplete -o filenames -F _emu_img emu-img qemu-img\n");
}

static int run(const struct command *c, int argc, char **argv)
{
	struct img m = {0};
	struct opt_table t = {.program = err_program(), .usage = "", .summary = "", .opts = c->opts, .count = c->opt_count};
	struct err e = ERR_INIT;
	int first, r = 1;

	char *words[3] = {NULL};

	if (c->defaults)
		c->defaults(&m.a);
	if (c == &cmd_resize && argc > 2 && argv[argc - 1][0] == '-' && argv[argc - 1][1] >= '0' && argv[argc - 1][1] <= '9')
		words[1] = argv[--argc]; /* "-1G" is a size here */
	if (opt_parse(&t, argc, argv, &m.a, &first, &e)) {
		err_print("%s", e.msg);
		fprintf(stderr, "Try '%s --help' for more information\n", err_program());
		goto out;
	}
	if (m.a.help) {
		help();
		r = 0;
		goto out;
	}
	m.word = argv + first;
	m.words = argc - first;
	if (words[1] && m.words == 1) {
		words[0] = m.word[0];
		m.word = words;
		m.words = 2;
	}
	m.objects = objects_new();
	m.graph = blk_graph_new(m.objects);
	if (!m.objects || !m.graph) {
		err_print("out of memory");
		goto out;
	}
	for (unsigned i = 0; i < m.a.objects.count; i++)
		if (blk_object_add_text(m.graph, m.a.objects.item[i], &e)) {
			r = img_fail(&e);
			goto out;
		}
	r = c->run(&m);
out:
	opt_list_free(&m.a.objects);
	opt_list_free(&m.a.options);
	opt_list_free(&m.a.trace);
	blk_graph_free(m.graph);
	objects_free(m.objects);
	if (fflush(stdout) && !r) {
		err_print("cannot write the output: %s", strerror(errno));
		r = 1;
	}
	return r;
}

int main(int argc, char **argv)
{
	struct err e = ERR_INIT;
	int i = 1;

	err_set_program(argv[0]);
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2)
		return img_usage("Not enough arguments");
	if (argc == 2 && (!strcmp(argv[1], "--print-man") || !strcmp(argv[1], "--print-completion"))) {
		(argv[1][8] == 'm' ? man : completion)();
		return 0;
	}
	for (; i < argc && argv[i][0] == '-'; i++) {
		const char *value = NULL;
		if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help")) {
			help();
			return 0;
		}
		if (!strcmp(argv[i], "-V") || !strcmp(argv[i], "--version")) {
			printf("%s version " VERSION_TEXT "\n", err_program());
			return 0;
		}
		if (!strcmp(argv[i], "-T") || !strcmp(argv[i], "--trace")) {
			if (++i == argc)
				return img_usage("option '%s' requires an argument", argv[i - 1]);
			value = argv[i];
		} else if (!strncmp(argv[i], "--trace=", 8)) {
			value = argv[i] + 8;
		} else if (!strncmp(argv[i], "-T", 2)) {
			value = argv[i] + 2;
		} else {
			return img_usage("unrecognized option '%s'", argv[i]);
		}
		int r = trace_set(value, &e);
		if (r == -ECANCELED)
			return 0;
		if (r)
			return img_fail(&e);
	}
	if (i >= argc)
		return img_usage("Not enough arguments");
	for (unsigned k = 0; k < COMMANDS; k++)
		if (!strcmp(argv[i], commands[k]->name))
			return run(commands[k], argc - i, argv + i);
	return img_usage("Command not found: %s", argv[i]);
}
