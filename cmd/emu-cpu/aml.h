/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI Machine Language, written (ACPI 5.0, chapter 20). A growing buffer; constructs with a package length are opened and closed, so that
 * calls nest as the text of ASL does:
 *
 *	aml_scope(a, "\\_SB");
 *		aml_device(a, "PCI0");
 *			aml_name_eisaid(a, "_HID", "PNP0A03");
 *		aml_end(a);
 *	aml_end(a);
 *
 * A failed allocation is remembered and makes aml_take() fail; nothing else needs checking.
 */
#ifndef EMU_CPU_AML_H
#define EMU_CPU_AML_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AML_DEPTH 24

struct aml {
	uint8_t *data;
	size_t size, room;
	size_t open[AML_DEPTH]; /* where lengths must be filled in */
	unsigned depth;
	bool failed;
};

void aml_free(struct aml *a);

/* Constructs with a package length; each ends with aml_end(). */
void aml_scope(struct aml *a, const char *path);
void aml_device(struct aml *a, const char *name);
void aml_method(struct aml *a, const char *name, unsigned args, bool serialized);
void aml_if(struct aml *a);   /* the predicate follows, then the body */
void aml_else(struct aml *a); /* after aml_end() of the if */
void aml_while(struct aml *a);
void aml_package(struct aml *a, unsigned count); /* elements follow */
void aml_buffer(struct aml *a, unsigned size);   /* bytes follow with aml_bytes() */
void aml_processor(struct aml *a, const char *name, uint8_t id, uint32_t block, uint8_t length);
void aml_end(struct aml *a);

/* Objects. */
void aml_name(struct aml *a, const char *name);  /* Name(name, — the object follows */
void aml_name_int(struct aml *a, const char *name, uint64_t v);
void aml_name_string(struct aml *a, const char *name, const char *text);
void aml_name_eisaid(struct aml *a, const char *name, const char *id);
void aml_region(struct aml *a, const char *name, uint8_t space, uint64_t at, uint64_t length); /* 0 memory, 1 I/O, 2 PCI configuration */
/* Field list: names of four characters ("" reserved) with bits. access: 0 any, 1 byte, 2 word, 3 dword, 4 qword; preserving. */
struct aml_field { const char *name; unsigned bits; };
void aml_fields(struct aml *a, const char *region, unsigned access, const struct aml_field *f, unsigned count);
void aml_mutex(struct aml *a, const char *name, unsigned level);

/* Terms. Operators take their operands as what follows. */
void aml_int(struct aml *a, uint64_t v);
void aml_string(struct aml *a, const char *text);
void aml_ref(struct aml *a, const char *path); /* a name: its object, or the call of a method whose arguments follow */
void aml_arg(struct aml *a, unsigned n);
void aml_local(struct aml *a, unsigned n);
void aml_op(struct aml *a, unsigned opcode); /* AML_STORE …: one byte, or 0x5bxx for two */
void aml_bytes(struct aml *a, const void *p, size_t n);
enum { AML_ZERO = 0x00, AML_STORE = 0x70, AML_ADD = 0x72, AML_SUBTRACT = 0x74, AML_INCREMENT = 0x75, AML_SHIFT_LEFT = 0x79,
       AML_SHIFT_RIGHT = 0x7a, AML_AND = 0x7b, AML_OR = 0x7d, AML_NOTIFY = 0x86, AML_LAND = 0x90, AML_LOR = 0x91, AML_LNOT = 0x92,
       AML_LEQUAL = 0x93, AML_LGREATER = 0x94, AML_LLESS = 0x95, AML_RETURN = 0xa4, AML_ACQUIRE = 0x5b23, AML_RELEASE = 0x5b27,
       AML_CREATE_DWORD_FIELD = 0x8a, AML_CREATE_QWORD_FIELD = 0x8f, AML_DEREF = 0x83, AML_INDEX = 0x88 };

/* Resource templates (6.4): open, descriptors, close; a buffer object. */
void aml_resources(struct aml *a);
void aml_res_io(struct aml *a, uint16_t min, uint16_t max, uint8_t align, uint8_t length);
void aml_res_irq(struct aml *a, uint16_t mask);                  /* edge, high, exclusive: no flags */
void aml_res_interrupt(struct aml *a, uint32_t gsi, bool shared_level, bool high); /* extended */
void aml_res_dma(struct aml *a, uint8_t channels, uint8_t flags);
void aml_res_memory32(struct aml *a, uint32_t base, uint32_t length, bool writable);
void aml_res_bus(struct aml *a, uint16_t min, uint16_t max);      /* producer */
void aml_res_window_io(struct aml *a, uint16_t min, uint16_t max);
void aml_res_window32(struct aml *a, uint32_t min, uint32_t max, bool cacheable);
void aml_res_window64(struct aml *a, uint64_t min, uint64_t max, bool cacheable);
void aml_resources_end(struct aml *a);

/* 0, or -ENOMEM when something did not fit. */
int aml_take(struct aml *a, uint8_t **data, size_t *size);
#endif
