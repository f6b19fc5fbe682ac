/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP: commands whose part is not there yet. To programs they do not exist, so that these fall back to others; the reason goes along. */
#include "qmp.h"

#define MIGRATION "migration, which is not built in"
#define XEN "Xen, which is not built in"
#define DUMP "dumps of guest memory, which are not built in"
#define S390 "a machine of the s390 family, which is not built in"
#define MODELS "comparisons of processor models, which are not built in"
#define GIC "a machine of the ARM family"
#define SEV "memory encryption, which translated machines do not have"
#define OOB "commands out of band, which are not built in"
#define ROCKER "a rocker switch, which is not built in"
#define VNC "a VNC server (emu-vnc), which is not built in"
#define SPICE "a SPICE server, which is not built in"
#define LATE "processors and memory that come while the machine runs, which are not built in"
#define CREATE "blockdev-create, which is not built in: emu-img create makes images"
#define GRAPH "changes of quorum children and of I/O threads, which are not built in"
#define BITMAP "a digest of dirty bitmaps, which is not built in"
#define THRESHOLD "write thresholds and histograms of disks, which are not built in"
#define PASSWD "passwords that come after an image was opened: an encrypted image gets its key as a secret object when it is opened"

const struct qmp_row qmp_missing_rows[] = {
	{.name = "x-blockdev-create", .needs = CREATE},
	{.name = "x-blockdev-change", .needs = GRAPH},
	{.name = "x-blockdev-set-iothread", .needs = GRAPH},
	{.name = "cpu-add", .needs = LATE},
	{.name = "query-acpi-ospm-status", .needs = LATE},
	{.name = "query-vm-generation-id", .needs = "a VM Generation ID device, which is not built in"},
	{.name = "rtc-reset-reinjection", .needs = "a backlog of clock interrupts, which the clock does not keep"},
	{.name = "query-rx-filter", .needs = "a host's interface that filters for a card (macvtap), which no network is"},
	{.name = "add_client", .needs = VNC},
	{.name = "query-migrate", .needs = MIGRATION},
	{.name = "migrate-set-capabilities", .needs = MIGRATION},
	{.name = "query-migrate-capabilities", .needs = MIGRATION},
	{.name = "migrate-set-parameters", .needs = MIGRATION},
	{.name = "query-migrate-parameters", .needs = MIGRATION},
	{.name = "migrate-start-postcopy", .needs = MIGRATION},
	{.name = "x-colo-lost-heartbeat", .needs = MIGRATION},
	{.name = "migrate_cancel", .needs = MIGRATION},
	{.name = "migrate-continue", .needs = MIGRATION},
	{.name = "migrate_set_downtime", .needs = MIGRATION},
	{.name = "migrate_set_speed", .needs = MIGRATION},
	{.name = "migrate-set-cache-size", .needs = MIGRATION},
	{.name = "query-migrate-cache-size", .needs = MIGRATION},
	{.name = "migrate", .needs = MIGRATION},
	{.name = "migrate-incoming", .needs = MIGRATION},
	{.name = "client_migrate_info", .needs = SPICE},
	{.name = "query-spice", .needs = SPICE},
	{.name = "xen-save-devices-state", .needs = XEN},
	{.name = "xen-set-replication", .needs = XEN},
	{.name = "query-xen-replication-status", .needs = XEN},
	{.name = "xen-colo-do-checkpoint", .needs = XEN},
	{.name = "xen-set-global-dirty-log", .needs = XEN},
	{.name = "xen-load-devices-state", .needs = XEN},
	{.name = "dump-guest-memory", .needs = DUMP},
	{.name = "query-dump-guest-memory-capability", .needs = DUMP},
	{.name = "dump-skeys", .needs = S390},
	{.name = "query-cpu-model-expansion", .needs = MODELS},
	{.name = "query-cpu-model-comparison", .needs = MODELS},
	{.name = "query-cpu-model-baseline", .needs = MODELS},
	{.name = "query-gic-capabilities", .needs = GIC},
	{.name = "query-sev", .needs = SEV},
	{.name = "query-sev-launch-measure", .needs = SEV},
	{.name = "query-sev-capabilities", .needs = SEV},
	{.name = "x-oob-test", .needs = OOB},
	{.name = "query-rocker", .needs = ROCKER},
	{.name = "query-rocker-ports", .needs = ROCKER},
	{.name = "query-rocker-of-dpa-flows", .needs = ROCKER},
	{.name = "query-rocker-of-dpa-groups", .needs = ROCKER},
	{.name = "set_password", .needs = VNC},
	{.name = "expire_password", .needs = VNC},
	{.name = "change-vnc-password", .needs = VNC},
	{.name = "x-debug-block-dirty-bitmap-sha256", .needs = BITMAP},
	{.name = "block-set-write-threshold", .needs = THRESHOLD},
	{.name = "x-block-latency-histogram-set", .needs = THRESHOLD},
	{.name = "block_passwd", .needs = PASSWD},
	{0}};
