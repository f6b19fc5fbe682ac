/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lists of QMP's rows. */
#include "qmp.h"

const struct qmp_row *const qmp_tables[] = {qmp_control_rows, qmp_machine_rows, qmp_device_rows, qmp_option_rows, qmp_block_rows, qmp_nbd_rows, qmp_net_rows,
						  qmp_char_rows, qmp_missing_rows, NULL};
