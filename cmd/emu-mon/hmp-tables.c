/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lists of HMP's rows. */
#include "hmp-rows.h"

const struct hmp_row *const hmp_tables[] = {hmp_own_rows, hmp_machine_rows, hmp_cpu_rows, hmp_memory_rows, hmp_input_rows, NULL};
const struct hmp_row *const hmp_info_tables[] = {hmp_machine_info_rows, hmp_cpu_info_rows, hmp_input_info_rows, NULL};
