/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parallel flash: what both command sets share (pflash.c): the array, its drive, the query table. */
#ifndef EMU_CPU_PFLASH_H
#define EMU_CPU_PFLASH_H
#include "../../drive.h"

#define PFLASH_CFI 0x60
#define PFLASH_BUFFER 256

struct pflash_io;
struct pflash {
	struct device dev;
	struct region *region;
	uint8_t *array;
	uint64_t size;
	uint8_t cfi[PFLASH_CFI];   /* made at realize */
	/* state of the command interface: of the command set */
	uint8_t step, command, status;
	bool bypass;               /* AMD: unlock bypass */
	uint32_t left;             /* bus accesses that a buffered write still takes */
	uint64_t block;            /* that it or an erase goes to */
	uint64_t buffer_base;
	uint8_t buffer[PFLASH_BUFFER];
	bool buffer_bad;           /* it was written outside */
	bool array_mode;           /* reads come from the array */
	/* the way to the drive */
	uint64_t dirty_from, dirty_to;
	struct pflash_io *io;
	struct timer *timer;
	bool readonly;
	/* properties */
	struct drive *drive;
	uint32_t blocks, block_size;
	uint8_t width, device_width;
	uint16_t id[4];
	uint32_t unlock[2];
	char *name;
};

/* Region, drive, array. ops: three, for a bus of 1, 2 and 4 bytes. */
int pflash_realize(struct pflash *s, const struct region_ops ops[3], struct err *e);
void pflash_unrealize(struct device *d);
void pflash_reset(struct device *d);
int pflash_loaded(void *state, struct err *e);
/* Programming: bits can only be cleared; false: the drive is read-only. */
bool pflash_program(struct pflash *s, uint64_t offset, uint64_t value, unsigned size);
bool pflash_erase(struct pflash *s, uint64_t offset, uint64_t size);
void pflash_read_array(struct pflash *s, bool on);
uint64_t pflash_get(const struct pflash *s, uint64_t offset, unsigned size);
uint64_t pflash_replicate(const struct pflash *s, uint64_t value, unsigned size); /* as every chip of the bank answers */
uint64_t pflash_query(const struct pflash *s, uint64_t offset, unsigned size);
extern const struct field pflash_fields[];
#define PFLASH_PROPS \
	{.name = "drive", P_(struct pflash, drive, PROP_DRIVE), .help = "contents"}, \
	{.name = "num-blocks", P_(struct pflash, blocks, PROP_U32), .help = "0: what the drive holds"}, \
	{.name = "width", P_(struct pflash, width, PROP_U8), .def = 1, .help = "of the bus, in bytes"}, \
	{.name = "device-width", P_(struct pflash, device_width, PROP_U8), .help = "of one chip; 0: that of the bus"}, \
	{.name = "name", P_(struct pflash, name, PROP_STRING), .help = "of the memory region"}
#endif
