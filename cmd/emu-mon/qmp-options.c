/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP: query-command-line-options, the option groups of the classic command line that the wrapper (share/emu-system) takes, with the
 * parameters that the manual names. A letter behind each is its type: s string, b boolean, n number, z size. Groups without any
 * take what their type does.
 */
#include <errno.h>
#include <string.h>
#include "hmp-rows.h"
#include "qmp.h"

static const struct {
	const char *option, *parameters;
} groups[] = {
	{"accel", "accel:s,thread:s"},
	{"acpi", "sig:s,rev:n,oem_id:s,oem_table_id:s,oem_rev:n,asl_compiler_id:s,asl_compiler_rev:n,file:s,data:s"},
	{"add-fd", "fd:n,set:n,opaque:s"},
	{"boot-opts", "order:s,once:s,menu:b,splash:s,splash-time:s,reboot-timeout:s,strict:b"},
	{"chardev", "backend:s,path:s,host:s,port:s,localaddr:s,localport:s,to:n,ipv4:b,ipv6:b,wait:b,server:b,delay:b,"
	 "reconnect:n,telnet:b,tls-creds:s,width:n,height:n,cols:n,rows:n,mux:b,signal:b,name:s,debug:n,size:z,"
	 "chardev:s,append:b,logfile:s,logappend:b"},
	{"device", ""},
	{"drive", "bus:n,unit:n,if:s,index:n,media:s,snapshot:b,cache.writeback:b,cache.direct:b,cache.no-flush:b,format:s,"
	 "rerror:s,werror:s,serial:s,readonly:b,copy-on-read:b,detect-zeroes:s,discard:s,cache:s,aio:s,file:s,"
	 "driver:s,id:s,throttling.iops-total:n,throttling.iops-read:n,throttling.iops-write:n,"
	 "throttling.bps-total:n,throttling.bps-read:n,throttling.bps-write:n,throttling.iops-total-max:n,"
	 "throttling.iops-read-max:n,throttling.iops-write-max:n,throttling.bps-total-max:n,"
	 "throttling.bps-read-max:n,throttling.bps-write-max:n,throttling.iops-total-max-length:n,"
	 "throttling.iops-read-max-length:n,throttling.iops-write-max-length:n,throttling.bps-total-max-length:n,"
	 "throttling.bps-read-max-length:n,throttling.bps-write-max-length:n,throttling.iops-size:n,"
	 "throttling.group:s"},
	{"fw_cfg", "name:s,file:s,string:s"},
	{"global", "driver:s,property:s,value:s"},
	{"icount", "shift:s,align:b,sleep:b,rr:s,rrfile:s,rrsnapshot:s"},
	{"machine", "type:s,accel:s,kernel-irqchip:s,vmport:s,kvm-shadow-mem:z,dump-guest-core:b,mem-merge:b,smm:s,"
	 "max-ram-below-4g:z,memory-backend:s,graphics:b,usb:b,firmware:s,kernel:s,initrd:s,append:s,dtb:s"},
	{"memory", "size:z,slots:n,maxmem:z"},
	{"mon", "mode:s,chardev:s,pretty:b"},
	{"msg", "timestamp:b"},
	{"name", "guest:s,process:s,debug-threads:b"},
	{"net", ""},
	{"netdev", ""},
	{"nic", ""},
	{"numa", ""},
	{"object", ""},
	{"option-rom", "romfile:s,bootindex:n"},
	{"realtime", "mlock:b"},
	{"rtc", "base:s,clock:s,driftfix:s"},
	{"sandbox", "enable:b,obsolete:s,elevateprivileges:s,spawn:s,resourcecontrol:s"},
	{"smbios", ""},
	{"smp-opts", "cpus:n,sockets:n,cores:n,threads:n,maxcpus:n"},
	{"trace", "enable:s,events:s,file:s"},
};

static const char *type_name(char letter)
{
	switch (letter) {
	case 'b': return "boolean";
	case 'n': return "number";
	case 'z': return "size";
	default: return "string";
	}
}

static json_t *parameters(const char *p)
{
	json_t *list = json_array();

	while (*p) {
		size_t n = strcspn(p, ":");
		json_array_append_new(list, json_pack("{s:s%, s:s}", "name", p, n, "type", type_name(p[n + 1])));
		p += strcspn(p, ",");
		p += *p == ',';
	}
	return list;
}

static json_t *query_options(struct task *t, const json_t *args, struct err *e)
{
	const char *only = json_string_value(json_object_get(args, "option"));
	json_t *list = json_array();

	(void)t;
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if (!only || !strcmp(only, groups[i].option))
			json_array_append_new(list, json_pack("{s:s, s:o}", "option", groups[i].option, "parameters", parameters(groups[i].parameters)));
	if (only && !json_array_size(list)) {
		err_set(e, ENOENT, "invalid option name: %.200s", only);
		json_decref(list);
		return NULL;
	}
	return list;
}

const struct qmp_row qmp_option_rows[] = {
	{.name = "query-command-line-options", .args = "*option:str", .ret = "[CommandLineOptionInfo]", .run = query_options},
	{0}};
