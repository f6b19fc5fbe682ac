/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP: commands whose part is not there yet. They are known, check their arguments, and say what they would need. */
#include "hmp-rows.h"

#define MIGRATION .needs = "migration, which is not built in", \
	.from = "emu-cpu's x-save and x-load move the whole state through a descriptor."
#define SPICE .needs = "a SPICE server, which is not built in"
#define DUMP .needs = "dumps of guest memory, which are not built in", \
	.from = "pmemsave writes a range of it."
#define S390 .needs = "a machine of the s390 family, which is not built in"
#define VNC .needs = "a VNC server (emu-vnc), which is not built in"
#define AUDIO .needs = "audio, which is not built in"
#define TRACEFILE .needs = "a choice of the trace file at run time, which is not built in", \
	.from = "-trace file=FILE of emu-cpu, or the log: logfile FILE."
#define PCIE .needs = "PCI Express, which no machine has yet"
#define PASSWD .needs = "passwords that come after an image was opened, which images do not have any more", \
	.from = "An encrypted image gets its key as a secret object when it is opened (--object secret)."
#define QEMUIO .needs = "an interpreter of qemu-io's commands, which is not built in", \
	.from = "emu-nbd's exports take nbdsh, nbdcopy and qemu-io from outside."
#define PROFILE .needs = "a profile, which the translator does not keep", \
	.from = "info jit shows what it does keep; perf(1) shows the rest."
#define CPUSTATS .needs = "figures that no processor model keeps", \
	.from = "info cpus, info jit."
#define USB .needs = "USB, which is not built in"
#define ROCKER .needs = "a rocker switch, which is not built in"

/* What is simply not there is said so, as the classic does of a machine without it. */
#define NOTHING(ident, words, bad) \
	static void ident(struct task *t, const struct hmp_args *a) \
	{ \
		(void)a; \
		fputs(words, t->out); \
		t->failed = bad; \
	}
NOTHING(no_vnc, "None\n", false)
NOTHING(no_usb, "Error: USB support not enabled\n", true)
NOTHING(no_capture, "", false)
NOTHING(no_tpm, "", false)
NOTHING(no_dump, "Status: none\n", false)
NOTHING(no_sev, "SEV is not enabled\n", false)
NOTHING(no_vm_generation_id, "Error: VM Generation ID device not found\n", true)

const struct hmp_row hmp_missing_rows[] = {
	{.name = "migrate", .args = "detach:-d,blk:-b,inc:-i,uri:s", .params = "[-d] [-b] [-i] uri",
	 .help = "move to another host (-d: in the background; -b: disks too; -i: what was changed of them)", MIGRATION},
	{.name = "migrate_cancel",
	 .help = "end a migration before its time", MIGRATION},
	{.name = "migrate_continue", .args = "state:s", .params = "state",
	 .help = "let a migration that rests go on", MIGRATION},
	{.name = "migrate_incoming", .args = "uri:s", .params = "uri",
	 .help = "wait for a migration, after -incoming defer", MIGRATION},
	{.name = "migrate_recover", .args = "uri:s", .params = "uri",
	 .help = "wait for a postcopy migration that rests", MIGRATION},
	{.name = "migrate_pause",
	 .help = "let a postcopy migration rest", MIGRATION},
	{.name = "migrate_set_cache_size", .args = "value:o", .params = "value",
	 .help = "set the size of XBZRLE's cache", MIGRATION},
	{.name = "migrate_set_speed", .args = "value:o", .params = "value",
	 .help = "limit how fast a migration is", MIGRATION},
	{.name = "migrate_set_downtime", .args = "value:T", .params = "value",
	 .help = "set for how long the guest may stand still", MIGRATION},
	{.name = "migrate_set_capability", .args = "capability:s,state:b", .params = "capability state",
	 .help = "switch something that a migration can do", MIGRATION},
	{.name = "migrate_set_parameter", .args = "parameter:s,value:s", .params = "parameter value",
	 .help = "set a parameter of migrations", MIGRATION},
	{.name = "migrate_start_postcopy",
	 .help = "go on with a migration after the guest has moved", MIGRATION},
	{.name = "x_colo_lost_heartbeat",
	 .help = "say that the other half of a pair is lost", MIGRATION},
	{.name = "client_migrate_info", .args = "protocol:s,hostname:s,port:i?,tls-port:i?,cert-subject:s?", .params = "protocol hostname port tls-port cert-subject",
	 .help = "say where the screen's viewers are to go after a migration", SPICE},
	{.name = "dump-guest-memory", .args = "paging:-p,detach:-d,zlib:-z,lzo:-l,snappy:-s,filename:F,begin:l?,length:l?", .params = "[-p] [-d] [-z|-l|-s] filename [begin length]",
	 .help = "write the guest's memory into an ELF or kdump file", DUMP},
	{.name = "dump-skeys", .args = "filename:F", .params = "filename",
	 .help = "write storage keys into a file", S390},
	{.name = "migration_mode", .args = "mode:i", .params = "mode",
	 .help = "choose how storage attributes migrate", S390},
	{.name = "set_password", .args = "protocol:s,password:s,connected:s?", .params = "protocol password action-if-connected",
	 .help = "set the password of screens", VNC},
	{.name = "expire_password", .args = "protocol:s,time:s", .params = "protocol time",
	 .help = "say how long a screen's password is good", VNC},
	{.name = "acl_show", .args = "aclname:s", .params = "aclname",
	 .help = "show a list of who may connect", VNC},
	{.name = "acl_policy", .args = "aclname:s,policy:s", .params = "aclname allow|deny",
	 .help = "set such a list's last word", VNC},
	{.name = "acl_add", .args = "aclname:s,match:s,policy:s,index:i?", .params = "aclname match allow|deny [index]",
	 .help = "add a rule to such a list", VNC},
	{.name = "acl_remove", .args = "aclname:s,match:s", .params = "aclname match",
	 .help = "remove a rule", VNC},
	{.name = "acl_reset", .args = "aclname:s", .params = "aclname",
	 .help = "remove all rules", VNC},
	{.name = "wavcapture", .args = "path:F,freq:i?,bits:i?,nchannels:i?", .params = "path [frequency [bits [channels]]]",
	 .help = "record sound into a file", AUDIO},
	{.name = "stopcapture", .args = "n:i", .params = "capture index",
	 .help = "end a recording", AUDIO},
	{.name = "trace-file", .args = "op:s?,arg:F?", .params = "on|off|flush|set [arg]",
	 .help = "choose where trace points write", TRACEFILE},
	{.name = "pcie_aer_inject_error", .args = "advisory_non_fatal:-a,correctable:-c,id:s,error_status:s,header0:i?,header1:i?,header2:i?,header3:i?,prefix0:i?,prefix1:i?,prefix2:i?,prefix3:i?", .params = "[-a] [-c] id <error_status> [<tlp header> [<tlp header prefix>]]",
	 .help = "report a PCI Express error on a device's behalf", PCIE},
	{.name = "block_passwd", .args = "device:B,password:s", .params = "device password",
	 .help = "give an encrypted disk its password", PASSWD},
	{.name = "qemu-io", .args = "device:B,command:s", .params = "[device] \"[command]\"",
	 .help = "run a command of qemu-io on a disk", QEMUIO},
	{0}};

const struct hmp_row hmp_missing_info_rows[] = {
	{.name = "migrate",
	 .help = "show how far a migration is", MIGRATION},
	{.name = "migrate_capabilities",
	 .help = "show what migrations can do", MIGRATION},
	{.name = "migrate_parameters",
	 .help = "show the parameters of migrations", MIGRATION},
	{.name = "migrate_cache_size",
	 .help = "show the size of XBZRLE's cache", MIGRATION},
	{.name = "dump", .help = "show how far a dump is", .run = no_dump},
	{.name = "vnc", .help = "show the VNC server", .run = no_vnc},
	{.name = "spice",
	 .help = "show the SPICE server", SPICE},
	{.name = "usb", .help = "show the guest's USB devices", .run = no_usb},
	{.name = "usbhost",
	 .help = "show the host's USB devices", USB},
	{.name = "capture", .help = "show the recordings", .run = no_capture},
	{.name = "profile",
	 .help = "show where the time went", PROFILE},
	{.name = "cpustats",
	 .help = "show figures of the processors", CPUSTATS},
	{.name = "tpm", .help = "show the TPM", .run = no_tpm},
	{.name = "rocker", .args = "name:s", .params = "name",
	 .help = "show a switch", ROCKER},
	{.name = "rocker-ports", .args = "name:s", .params = "name",
	 .help = "show a switch's ports", ROCKER},
	{.name = "rocker-of-dpa-flows", .args = "name:s,tbl_id:i?", .params = "name [tbl_id]",
	 .help = "show a switch's flows", ROCKER},
	{.name = "rocker-of-dpa-groups", .args = "name:s,type:i?", .params = "name [type]",
	 .help = "show a switch's groups", ROCKER},
	{.name = "skeys", .args = "addr:l", .params = "address",
	 .help = "show a storage key", S390},
	{.name = "cmma", .args = "addr:l,count:l?", .params = "address [count]",
	 .help = "show storage attributes", S390},
	{.name = "vm-generation-id", .help = "show the generation id", .run = no_vm_generation_id},
	{.name = "sev", .help = "show what encrypts memory", .run = no_sev},
	{0}};
