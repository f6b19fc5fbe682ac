/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lists of HMP's rows. */
#include "hmp-rows.h"

const struct hmp_row *const hmp_tables[] = {hmp_own_rows, hmp_machine_rows, hmp_cpu_rows, hmp_memory_rows, hmp_input_rows, hmp_device_rows,
					    hmp_block_rows, hmp_job_rows, hmp_net_rows, hmp_char_rows, hmp_snapshot_rows, hmp_missing_rows, NULL};
const struct hmp_row *const hmp_info_tables[] = {hmp_machine_info_rows, hmp_cpu_info_rows, hmp_input_info_rows, hmp_device_info_rows,
						 hmp_block_info_rows, hmp_job_info_rows, hmp_net_info_rows, hmp_char_info_rows,
						 hmp_snapshot_info_rows, hmp_missing_info_rows, NULL};
