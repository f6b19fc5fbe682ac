/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The types of QMP's commands and events, as the reference manual has them. */
#include "qapi.h"

const struct qapi_type qapi_types[] = {
	{"VersionTriple", QAPI_STRUCT, "major:int,minor:int,micro:int", NULL, NULL},
	{"VersionInfo", QAPI_STRUCT, "qemu:VersionTriple,package:str", NULL, NULL},
	{"CommandInfo", QAPI_STRUCT, "name:str", NULL, NULL},
	{"EventInfo", QAPI_STRUCT, "name:str", NULL, NULL},
	{"SchemaMetaType", QAPI_ENUM, "builtin,enum,array,object,alternate,command,event", NULL, NULL},
	{"SchemaInfo", QAPI_UNION, "name:str,meta-type:SchemaMetaType", "meta-type",
	 "builtin:SchemaInfoBuiltin,enum:SchemaInfoEnum,array:SchemaInfoArray,object:SchemaInfoObject,"
	 "alternate:SchemaInfoAlternate,command:SchemaInfoCommand,event:SchemaInfoEvent"},
	{"JSONType", QAPI_ENUM, "string,number,int,boolean,null,object,array,value", NULL, NULL},
	{"SchemaInfoBuiltin", QAPI_STRUCT, "json-type:JSONType", NULL, NULL},
	{"SchemaInfoEnum", QAPI_STRUCT, "values:[str]", NULL, NULL},
	{"SchemaInfoArray", QAPI_STRUCT, "element-type:str", NULL, NULL},
	{"SchemaInfoObject", QAPI_STRUCT, "members:[SchemaInfoObjectMember],*tag:str,*variants:[SchemaInfoObjectVariant]", NULL, NULL},
	{"SchemaInfoObjectMember", QAPI_STRUCT, "name:str,type:str,*default:any", NULL, NULL},
	{"SchemaInfoObjectVariant", QAPI_STRUCT, "case:str,type:str", NULL, NULL},
	{"SchemaInfoAlternate", QAPI_STRUCT, "members:[SchemaInfoAlternateMember]", NULL, NULL},
	{"SchemaInfoAlternateMember", QAPI_STRUCT, "type:str", NULL, NULL},
	{"SchemaInfoCommand", QAPI_STRUCT, "arg-type:str,ret-type:str,allow-oob:bool", NULL, NULL},
	{"SchemaInfoEvent", QAPI_STRUCT, "arg-type:str", NULL, NULL},
	{"RunState", QAPI_ENUM, "debug,inmigrate,internal-error,io-error,paused,postmigrate,prelaunch,finish-migrate,restore-vm,running,"
	 "save-vm,shutdown,suspended,watchdog,guest-panicked,colo,preconfig", NULL, NULL},
	{"StatusInfo", QAPI_STRUCT, "running:bool,singlestep:bool,status:RunState", NULL, NULL},
	{"WatchdogAction", QAPI_ENUM, "reset,shutdown,poweroff,pause,debug,none,inject-nmi", NULL, NULL},
	{"CpuInfoArch", QAPI_ENUM, "x86,sparc,ppc,mips,tricore,s390,riscv,other", NULL, NULL},
	{"CpuInstanceProperties", QAPI_STRUCT, "*node-id:int,*socket-id:int,*core-id:int,*thread-id:int", NULL, NULL},
	{"CpuInfo", QAPI_UNION, "CPU:int,current:bool,halted:bool,qom_path:str,thread_id:int,*props:CpuInstanceProperties,arch:CpuInfoArch", "arch",
	 "x86:CpuInfoX86"},
	{"CpuInfoX86", QAPI_STRUCT, "pc:int", NULL, NULL},
	{"CpuInfoFast", QAPI_STRUCT, "cpu-index:int,qom-path:str,thread-id:int,*props:CpuInstanceProperties,arch:CpuInfoArch,target:str", NULL, NULL},
	{"NameInfo", QAPI_STRUCT, "*name:str", NULL, NULL},
	{"UuidInfo", QAPI_STRUCT, "UUID:str", NULL, NULL},
	{"KvmInfo", QAPI_STRUCT, "enabled:bool,present:bool", NULL, NULL},
	{"TargetInfo", QAPI_STRUCT, "arch:str", NULL, NULL},
	{"MachineInfo", QAPI_STRUCT, "name:str,*alias:str,*is-default:bool,cpu-max:int,hotpluggable-cpus:bool", NULL, NULL},
	{"CpuDefinitionInfo", QAPI_STRUCT, "name:str,*migration-safe:bool,static:bool,*unavailable-features:[str],typename:str", NULL, NULL},
	{"HotpluggableCPU", QAPI_STRUCT, "type:str,vcpus-count:int,props:CpuInstanceProperties,*qom-path:str", NULL, NULL},
	{"MemoryInfo", QAPI_STRUCT, "base-memory:size,*plugged-memory:size", NULL, NULL},
	{"MemoryDeviceInfo", QAPI_UNION, "type:MemoryDeviceInfoKind", "type",
	 "dimm:PCDIMMDeviceInfoWrapper,nvdimm:PCDIMMDeviceInfoWrapper"},
	{"MemoryDeviceInfoKind", QAPI_ENUM, "dimm,nvdimm", NULL, NULL},
	{"PCDIMMDeviceInfoWrapper", QAPI_STRUCT, "data:PCDIMMDeviceInfo", NULL, NULL},
	{"PCDIMMDeviceInfo", QAPI_STRUCT, "*id:str,addr:int,size:int,slot:int,node:int,memdev:str,hotplugged:bool,hotpluggable:bool", NULL, NULL},
	{"HostMemPolicy", QAPI_ENUM, "default,preferred,bind,interleave", NULL, NULL},
	{"Memdev", QAPI_STRUCT, "*id:str,size:size,merge:bool,dump:bool,prealloc:bool,share:bool,host-nodes:[uint16],policy:HostMemPolicy", NULL, NULL},
	{"IOThreadInfo", QAPI_STRUCT, "id:str,thread-id:int,poll-max-ns:int,poll-grow:int,poll-shrink:int", NULL, NULL},
	{"PciInfo", QAPI_STRUCT, "bus:int,devices:[PciDeviceInfo]", NULL, NULL},
	{"PciMemoryRange", QAPI_STRUCT, "base:int,limit:int", NULL, NULL},
	{"PciMemoryRegion", QAPI_STRUCT, "bar:int,type:str,address:int,size:int,*prefetch:bool,*mem_type_64:bool", NULL, NULL},
	{"PciBusInfo", QAPI_STRUCT, "number:int,secondary:int,subordinate:int,io_range:PciMemoryRange,memory_range:PciMemoryRange,"
	 "prefetchable_range:PciMemoryRange", NULL, NULL},
	{"PciBridgeInfo", QAPI_STRUCT, "bus:PciBusInfo,*devices:[PciDeviceInfo]", NULL, NULL},
	{"PciDeviceClass", QAPI_STRUCT, "*desc:str,class:int", NULL, NULL},
	{"PciDeviceId", QAPI_STRUCT, "device:int,vendor:int,*subsystem:int,*subsystem-vendor:int", NULL, NULL},
	{"PciDeviceInfo", QAPI_STRUCT, "bus:int,slot:int,function:int,class_info:PciDeviceClass,id:PciDeviceId,*irq:int,irq_pin:int,qdev_id:str,"
	 "*pci_bridge:PciBridgeInfo,regions:[PciMemoryRegion]", NULL, NULL},
	{"BalloonInfo", QAPI_STRUCT, "actual:int", NULL, NULL},
	{"MouseInfo", QAPI_STRUCT, "name:str,index:int,current:bool,absolute:bool", NULL, NULL},
	{"GuidInfo", QAPI_STRUCT, "guid:str", NULL, NULL},
	{"ACPIOSTInfo", QAPI_STRUCT, "*device:str,slot:str,slot-type:str,source:int,status:int", NULL, NULL},
	{"TraceEventState", QAPI_ENUM, "unavailable,disabled,enabled", NULL, NULL},
	{"TraceEventInfo", QAPI_STRUCT, "name:str,state:TraceEventState,vcpu:bool", NULL, NULL},
	{"ObjectPropertyInfo", QAPI_STRUCT, "name:str,type:str,*description:str", NULL, NULL},
	{"ObjectTypeInfo", QAPI_STRUCT, "name:str,*abstract:bool,*parent:str", NULL, NULL},
	{"KeyValueKind", QAPI_ENUM, "number,qcode", NULL, NULL},
	{"KeyValue", QAPI_UNION, "type:KeyValueKind", "type",
	 "number:IntWrapper,qcode:StrWrapper"},
	{"IntWrapper", QAPI_STRUCT, "data:int", NULL, NULL},
	{"StrWrapper", QAPI_STRUCT, "data:str", NULL, NULL},
	{"InputEventKind", QAPI_ENUM, "key,btn,rel,abs", NULL, NULL},
	{"InputEvent", QAPI_UNION, "type:InputEventKind", "type",
	 "key:InputKeyEventWrapper,btn:InputBtnEventWrapper,rel:InputMoveEventWrapper,abs:InputMoveEventWrapper"},
	{"InputKeyEventWrapper", QAPI_STRUCT, "data:InputKeyEvent", NULL, NULL},
	{"InputKeyEvent", QAPI_STRUCT, "key:KeyValue,down:bool", NULL, NULL},
	{"InputBtnEventWrapper", QAPI_STRUCT, "data:InputBtnEvent", NULL, NULL},
	{"InputBtnEvent", QAPI_STRUCT, "button:InputButton,down:bool", NULL, NULL},
	{"InputButton", QAPI_ENUM, "left,middle,right,wheel-up,wheel-down,side,extra", NULL, NULL},
	{"InputMoveEventWrapper", QAPI_STRUCT, "data:InputMoveEvent", NULL, NULL},
	{"InputMoveEvent", QAPI_STRUCT, "axis:InputAxis,value:int", NULL, NULL},
	{"InputAxis", QAPI_ENUM, "x,y", NULL, NULL},
	{"BlockDeviceIoStatus", QAPI_ENUM, "ok,failed,nospace", NULL, NULL},
	{"DirtyBitmapStatus", QAPI_ENUM, "active,disabled,frozen,locked", NULL, NULL},
	{"BlockDirtyInfo", QAPI_STRUCT, "*name:str,count:int,granularity:uint32,status:DirtyBitmapStatus", NULL, NULL},
	{"BlockInfo", QAPI_STRUCT, "device:str,*qdev:str,type:str,removable:bool,locked:bool,*inserted:BlockDeviceInfo,*tray_open:bool,"
	 "*io-status:BlockDeviceIoStatus,*dirty-bitmaps:[BlockDirtyInfo]", NULL, NULL},
	{"BlockdevCacheInfo", QAPI_STRUCT, "writeback:bool,direct:bool,no-flush:bool", NULL, NULL},
	{"BlockdevDetectZeroesOptions", QAPI_ENUM, "off,on,unmap", NULL, NULL},
	{"BlockDeviceInfo", QAPI_STRUCT, "file:str,*node-name:str,ro:bool,drv:str,*backing_file:str,backing_file_depth:int,encrypted:bool,"
	 "encryption_key_missing:bool,detect_zeroes:BlockdevDetectZeroesOptions,bps:int,bps_rd:int,bps_wr:int,"
	 "iops:int,iops_rd:int,iops_wr:int,image:ImageInfo,*bps_max:int,*bps_rd_max:int,*bps_wr_max:int,"
	 "*iops_max:int,*iops_rd_max:int,*iops_wr_max:int,*bps_max_length:int,*bps_rd_max_length:int,"
	 "*bps_wr_max_length:int,*iops_max_length:int,*iops_rd_max_length:int,*iops_wr_max_length:int,"
	 "*iops_size:int,*group:str,cache:BlockdevCacheInfo,write_threshold:int", NULL, NULL},
	{"SnapshotInfo", QAPI_STRUCT, "id:str,name:str,vm-state-size:int,date-sec:int,date-nsec:int,vm-clock-sec:int,vm-clock-nsec:int", NULL, NULL},
	{"ImageInfo", QAPI_STRUCT, "filename:str,format:str,*dirty-flag:bool,*actual-size:int,virtual-size:int,*cluster-size:int,"
	 "*encrypted:bool,*compressed:bool,*backing-filename:str,*full-backing-filename:str,"
	 "*backing-filename-format:str,*snapshots:[SnapshotInfo],*backing-image:ImageInfo,*format-specific:any", NULL, NULL},
	{"BlockStats", QAPI_STRUCT, "*device:str,*node-name:str,stats:BlockDeviceStats,*parent:BlockStats,*backing:BlockStats", NULL, NULL},
	{"BlockDeviceStats", QAPI_STRUCT, "rd_bytes:int,wr_bytes:int,rd_operations:int,wr_operations:int,flush_operations:int,"
	 "flush_total_time_ns:int,wr_total_time_ns:int,rd_total_time_ns:int,wr_highest_offset:int,rd_merged:int,"
	 "wr_merged:int,*idle_time_ns:int,failed_rd_operations:int,failed_wr_operations:int,"
	 "failed_flush_operations:int,invalid_rd_operations:int,invalid_wr_operations:int,"
	 "invalid_flush_operations:int,account_invalid:bool,account_failed:bool,timed_stats:[BlockDeviceTimedStats]", NULL, NULL},
	{"BlockDeviceTimedStats", QAPI_STRUCT, "interval_length:int,min_rd_latency_ns:int,max_rd_latency_ns:int,avg_rd_latency_ns:int,"
	 "min_wr_latency_ns:int,max_wr_latency_ns:int,avg_wr_latency_ns:int,min_flush_latency_ns:int,"
	 "max_flush_latency_ns:int,avg_flush_latency_ns:int,avg_rd_queue_depth:number,avg_wr_queue_depth:number", NULL, NULL},
	{"BlockJobType", QAPI_ENUM, "commit,stream,mirror,backup", NULL, NULL},
	{"BlockJobStatus", QAPI_ENUM, "undefined,created,running,paused,ready,standby,waiting,pending,aborting,concluded,null", NULL, NULL},
	{"BlockJobInfo", QAPI_STRUCT, "type:str,device:str,len:int,offset:int,busy:bool,paused:bool,speed:int,io-status:BlockDeviceIoStatus,"
	 "ready:bool,status:BlockJobStatus,auto-finalize:bool,auto-dismiss:bool", NULL, NULL},
	{"BlockIOThrottle", QAPI_STRUCT, "*device:str,*id:str,bps:int,bps_rd:int,bps_wr:int,iops:int,iops_rd:int,iops_wr:int,*bps_max:int,"
	 "*bps_rd_max:int,*bps_wr_max:int,*iops_max:int,*iops_rd_max:int,*iops_wr_max:int,*bps_max_length:int,"
	 "*bps_rd_max_length:int,*bps_wr_max_length:int,*iops_max_length:int,*iops_rd_max_length:int,"
	 "*iops_wr_max_length:int,*iops_size:int,*group:str", NULL, NULL},
	{"NewImageMode", QAPI_ENUM, "existing,absolute-paths", NULL, NULL},
	{"MirrorSyncMode", QAPI_ENUM, "top,full,none,incremental", NULL, NULL},
	{"BlockdevOnError", QAPI_ENUM, "report,ignore,enospc,stop,auto", NULL, NULL},
	{"BlockdevChangeReadOnlyMode", QAPI_ENUM, "retain,read-only,read-write", NULL, NULL},
	{"NbdServerRemoveMode", QAPI_ENUM, "safe,hard", NULL, NULL},
	{"BlockdevSnapshotSync", QAPI_STRUCT, "*device:str,*node-name:str,snapshot-file:str,*snapshot-node-name:str,*format:str,*mode:NewImageMode", NULL, NULL},
	{"BlockdevSnapshot", QAPI_STRUCT, "node:str,overlay:str", NULL, NULL},
	{"BlockdevSnapshotInternal", QAPI_STRUCT, "device:str,name:str", NULL, NULL},
	{"DriveMirror", QAPI_STRUCT, "*job-id:str,device:str,target:str,*format:str,*node-name:str,*replaces:str,sync:MirrorSyncMode,"
	 "*mode:NewImageMode,*speed:int,*granularity:uint32,*buf-size:int,*on-source-error:BlockdevOnError,"
	 "*on-target-error:BlockdevOnError,*unmap:bool", NULL, NULL},
	{"DriveBackup", QAPI_STRUCT, "*job-id:str,device:str,target:str,*format:str,sync:MirrorSyncMode,*mode:NewImageMode,*speed:int,"
	 "*bitmap:str,*compress:bool,*on-source-error:BlockdevOnError,*on-target-error:BlockdevOnError,"
	 "*auto-finalize:bool,*auto-dismiss:bool", NULL, NULL},
	{"BlockdevBackup", QAPI_STRUCT, "*job-id:str,device:str,target:str,sync:MirrorSyncMode,*speed:int,*compress:bool,"
	 "*on-source-error:BlockdevOnError,*on-target-error:BlockdevOnError,*auto-finalize:bool,*auto-dismiss:bool", NULL, NULL},
	{"BlockDirtyBitmap", QAPI_STRUCT, "node:str,name:str", NULL, NULL},
	{"BlockDirtyBitmapAdd", QAPI_STRUCT, "node:str,name:str,*granularity:uint32,*persistent:bool,*autoload:bool,*x-disabled:bool", NULL, NULL},
	{"BlockDirtyBitmapSha256", QAPI_STRUCT, "sha256:str", NULL, NULL},
	{"ActionCompletionMode", QAPI_ENUM, "individual,grouped", NULL, NULL},
	{"TransactionProperties", QAPI_STRUCT, "*completion-mode:ActionCompletionMode", NULL, NULL},
	{"TransactionActionKind", QAPI_ENUM, "abort,block-dirty-bitmap-add,block-dirty-bitmap-clear,blockdev-backup,blockdev-snapshot,"
	 "blockdev-snapshot-internal-sync,blockdev-snapshot-sync,drive-backup", NULL, NULL},
	{"TransactionAction", QAPI_UNION, "type:TransactionActionKind", "type",
	 "abort:AbortWrapper,block-dirty-bitmap-add:BlockDirtyBitmapAddWrapper,"
	 "block-dirty-bitmap-clear:BlockDirtyBitmapWrapper,blockdev-backup:BlockdevBackupWrapper,"
	 "blockdev-snapshot:BlockdevSnapshotWrapper,"
	 "blockdev-snapshot-internal-sync:BlockdevSnapshotInternalWrapper,"
	 "blockdev-snapshot-sync:BlockdevSnapshotSyncWrapper,drive-backup:DriveBackupWrapper"},
	{"Abort", QAPI_STRUCT, "", NULL, NULL},
	{"AbortWrapper", QAPI_STRUCT, "data:Abort", NULL, NULL},
	{"BlockDirtyBitmapAddWrapper", QAPI_STRUCT, "data:BlockDirtyBitmapAdd", NULL, NULL},
	{"BlockDirtyBitmapWrapper", QAPI_STRUCT, "data:BlockDirtyBitmap", NULL, NULL},
	{"BlockdevBackupWrapper", QAPI_STRUCT, "data:BlockdevBackup", NULL, NULL},
	{"BlockdevSnapshotWrapper", QAPI_STRUCT, "data:BlockdevSnapshot", NULL, NULL},
	{"BlockdevSnapshotInternalWrapper", QAPI_STRUCT, "data:BlockdevSnapshotInternal", NULL, NULL},
	{"BlockdevSnapshotSyncWrapper", QAPI_STRUCT, "data:BlockdevSnapshotSync", NULL, NULL},
	{"DriveBackupWrapper", QAPI_STRUCT, "data:DriveBackup", NULL, NULL},
	{"SocketAddressType", QAPI_ENUM, "inet,unix", NULL, NULL},
	{"SocketAddressLegacy", QAPI_UNION, "type:SocketAddressType", "type",
	 "inet:InetSocketAddressWrapper,unix:UnixSocketAddressWrapper"},
	{"InetSocketAddressWrapper", QAPI_STRUCT, "data:InetSocketAddress", NULL, NULL},
	{"InetSocketAddress", QAPI_STRUCT, "host:str,port:str,*numeric:bool,*to:uint16,*ipv4:bool,*ipv6:bool", NULL, NULL},
	{"UnixSocketAddressWrapper", QAPI_STRUCT, "data:UnixSocketAddress", NULL, NULL},
	{"UnixSocketAddress", QAPI_STRUCT, "path:str", NULL, NULL},
	{"BlockErrorAction", QAPI_ENUM, "ignore,report,stop", NULL, NULL},
	{"IoOperationType", QAPI_ENUM, "read,write", NULL, NULL},
	{"ChardevInfo", QAPI_STRUCT, "label:str,filename:str,frontend-open:bool", NULL, NULL},
	{"ChardevBackendInfo", QAPI_STRUCT, "name:str", NULL, NULL},
	{"ChardevReturn", QAPI_STRUCT, "*pty:str", NULL, NULL},
	{"DataFormat", QAPI_ENUM, "utf8,base64", NULL, NULL},
	{"CommandLineParameterType", QAPI_ENUM, "string,boolean,number,size", NULL, NULL},
	{"CommandLineParameterInfo", QAPI_STRUCT, "name:str,type:CommandLineParameterType,*help:str,*default:str", NULL, NULL},
	{"CommandLineOptionInfo", QAPI_STRUCT, "option:str,parameters:[CommandLineParameterInfo]", NULL, NULL},
	{"AddfdInfo", QAPI_STRUCT, "fdset-id:int,fd:int", NULL, NULL},
	{"FdsetFdInfo", QAPI_STRUCT, "fd:int,*opaque:str", NULL, NULL},
	{"FdsetInfo", QAPI_STRUCT, "fdset-id:int,fds:[FdsetFdInfo]", NULL, NULL},
	{"GuestPanicAction", QAPI_ENUM, "pause,poweroff", NULL, NULL},
	{"QuorumOpType", QAPI_ENUM, "read,write,flush", NULL, NULL},
	{0}};
