# SPDX-License-Identifier: GPL-2.0-or-later
# The one table of options. From it come the parser, -help, the man page's OPTIONS and shell completion.
#
#   option NAME ARGUMENT PART ACTION HELP     an option; ACTION is a command that is called with "-NAME VALUE" (for messages) and the value
#   sub    SYNTAX HELP                        a row below it, for what its value may hold
#   section TITLE
#
# PART says who does it: cpu (emu-cpu), nbd (emu-nbd), net (emu-net), mon (emu-mon), vnc (emu-vnc), all (the supervisor), here (this
# program), none (refused, or accepted for what it meant elsewhere).

set rows {}
proc section {title} { lappend ::rows [list section $title] }
proc option {name argument part action help} {
    lappend ::rows [list option $name $argument $part $help]
    set ::option($name) [list $argument $action]
}
proc sub {syntax help} { lappend ::rows [list sub $syntax $help] }

# ---- common actions --------------------------------------------------------------------------------------------------------------------
proc to_cpu {name at {value ""}} {
    if {[lindex $::option($name) 0] eq ""} { lappend ::cpu_args -$name } else { lappend ::cpu_args -$name $value }
}
proc to_group {group implied at value} { item_add $group [keyval_parse $value $implied] $at }
proc to_kv {group list at args} { item_add $group $list $at }
proc to_key {group key at value} { item_add $group [list $key $value] $at }
proc set_flag {variable at args} { set ::$variable 1 }
proc set_value {variable at value} { set ::$variable $value }
# why and hint: texts, or names of the texts below with a dollar sign.
proc refuse {why hint at args} { fail "$at: [shared_text $why]" [shared_text $hint] }
proc ignore {why at args} { if {$why ne ""} { warn "$at: [shared_text $why]" } }
proc shared_text {text} { return [expr {[regexp {^\$(\w+)$} $text - name] ? [set ::$name] : $text}] }
proc old {new action at args} {
    set name [lindex [split $at] 0]
    say "$name is an old spelling: use $new"
    {*}$action $at {*}$args
}
proc only_for {what at args} { fail "$at: it is for $what, which this program does not run" }

# Texts that several rows share.
set windows "windows are not a part of this program, so it changes nothing"
set no_usb "USB is not built in yet"
set no_usb_hint "keyboard and mouse are PS/2 devices, which every PC has; disks go with -drive if=ide or if=virtio"
set no_sound "sound cards are not built in yet"
set no_xen "Xen is not supported: guests' instructions are translated (-accel tcg)"
set no_spice "SPICE is not built in"
set no_viewer "a viewer for screens is not built in yet"
set viewer_hint "-nographic puts the serial port and the monitor on this terminal; -display none runs without a viewer"
set no_9p "sharing a host directory by 9p is not built in"
set no_9p_hint "a directory can be a disk: -drive file=fat:rw:DIR,format=raw,if=virtio"
set no_tpm "TPM devices are not built in"
set no_bt "Bluetooth is not built in"

section "Standard options"
option h "" here help_print {prints this summary and exits; -help is the same}
option help "" here help_print {prints this summary and exits}
option version "" here version_print {prints the version and exits}
option machine {[type=]NAME[,PROP=VALUE]...} cpu machine_option {picks the board; help lists boards, NAME,help a board's properties}
sub {accel=NAMES} {execution engine, a colon-separated list of which the first that works is taken: tcg; kvm, xen, hax, hvf, whpx fall through or are refused}
sub {kernel_irqchip=on|off|split} {accepted: the interrupt controllers are always this program's own}
sub {gfx_passthru=off} {graphics pass-through is refused; igd-passthru is the same}
sub {vmport=on|off|auto} {VMware's backdoor port, auto is on}
sub {kvm_shadow_mem=SIZE} {accepted: it is for KVM}
sub {dump-guest-core=on|off} {guest memory in core dumps of the host, on by default}
sub {mem-merge=on|off} {equal pages of several guests may be merged, on by default}
sub {aes-key-wrap=on|off,dea-key-wrap=on|off,s390-squash-mcss=on|off} {refused: they are for s390x machines}
sub {suppress-vmdesc=on|off} {accepted: a saved state is always described by its manifest}
sub {nvdimm=off} {persistent memory modules are refused}
sub {enforce-config-section=on|off} {accepted (old): a saved state always begins with its configuration}
sub {memory-encryption=ID} {refused: memory encryption is not built in}
sub {usb=on|off} {the board's USB controller}
option M {NAME[,PROP=VALUE]...} cpu machine_option {the same as -machine}
option cpu {MODEL[,+FEATURE][,-FEATURE][,PROP=VALUE]...} cpu cpu_option {processor model and features; help lists models}
option accel {[accel=]NAME[,thread=single|multi]} cpu accel_option {execution engine: tcg translates, interp interprets; help lists them}
option smp {[cpus=]N[,maxcpus=N][,sockets=N][,cores=N][,threads=N]} cpu {to_group smp-opts cpus} {number of processors and their topology; what is not given is worked out}
option numa {node[,mem=SIZE|memdev=ID][,cpus=FIRST[-LAST]]...[,nodeid=N]} cpu {to_group numa type} {declares a NUMA node}
sub {dist,src=N,dst=N,val=N} {distance between two nodes; 10 is a node's own}
sub {cpu,node-id=N[,socket-id=N][,core-id=N][,thread-id=N]} {assigns processors to a node}
option add-fd {fd=N,set=N[,opaque=TEXT]} all add_fd_option {adds an inherited descriptor to a set, to be opened as /dev/fdset/SET}
option set {GROUP.ID.ARG=VALUE} here set_option {changes an argument of an item that was given already}
option global {DRIVER.PROP=VALUE|driver=D,property=P,value=V} cpu global_option {default of a property of all devices of a driver}
option boot {[order=]DRIVES[,once=DRIVES][,menu=on|off][,splash=FILE][,splash-time=MS][,reboot-timeout=MS][,strict=on|off]} cpu {to_group boot-opts order} {boot order (a b floppies, c disk, d CD-ROM, n-p network), menu, splash screen}
option m {[size=]SIZE[,slots=N,maxmem=SIZE]} cpu {to_group memory size} {main memory, in MiB without a suffix, 128 MiB by default}
option mem-path PATH cpu {set_value mem_path} {main memory is a file there (a directory of huge pages, for instance)}
option mem-prealloc "" cpu {set_flag mem_prealloc} {touches all main memory at the start}
option k LANGUAGE vnc keyboard_option {keyboard layout of viewers that send characters; en-us by default}
option audio-help "" none audio_help {lists audio drivers}
option soundhw {CARD,...|all|help} none sound_option {adds sound cards (refused: none is built in yet)}
option balloon {virtio[,addr=ADDR]|none} cpu balloon_option {old: use -device virtio-balloon}
option device {DRIVER[,PROP=VALUE]...} cpu device_option {adds a device; help lists drivers, DRIVER,help its properties}
sub {ipmi-bmc-sim,id=ID,...} {refused: IPMI is not built in (also ipmi-bmc-extern, isa-ipmi-kcs, isa-ipmi-bt)}
option name {[guest=]NAME[,process=NAME][,debug-threads=on|off]} cpu name_option {the machine's name, and that of its run directory}
option uuid UUID cpu {to_cpu uuid} {the machine's UUID}

section "Disks"
option fda FILE nbd {drive_short floppy index 0} {floppy drive A's image}
option fdb FILE nbd {drive_short floppy index 1} {floppy drive B's image}
option hda FILE nbd {drive_short "" index 0 media disk} {first hard disk's image; a bare word is the same}
option hdb FILE nbd {drive_short "" index 1 media disk} {second hard disk's image}
option hdc FILE nbd {drive_short "" index 2 media disk} {third hard disk's image}
option hdd FILE nbd {drive_short "" index 3 media disk} {fourth hard disk's image}
option cdrom FILE nbd {drive_short "" index 2 media cdrom} {CD-ROM image, in the place of -hdc}
option blockdev {driver=D[,node-name=N][,OPTION=VALUE]...} nbd blockdev_option {a block node for drive= of a device; also as JSON}
sub {read-only=on|off,cache.direct=on|off,cache.no-flush=on|off,discard=ignore|unmap,detect-zeroes=off|on|unmap} {options of every node}
sub {driver=file,filename=PATH,aio=threads|native,locking=auto|on|off} {a file of the host}
sub {driver=raw,file=NODE} {the raw format over another node}
sub {driver=qcow2,file=NODE,backing=NODE|null,...} {lazy-refcounts, cache-size, l2-cache-size, refcount-cache-size, cache-clean-interval, pass-discard-request, pass-discard-snapshot, pass-discard-other, overlap-check}
sub {driver=FORMAT,...} {every other format and protocol that emu-img(1) lists}
option drive {[file=FILE][,OPTION=VALUE]...} nbd drive_option {a disk and its device; without file= the drive is empty}
sub {if=ide|scsi|sd|mtd|floppy|pflash|virtio|none} {what it is attached to; none leaves it to -device}
sub {bus=N,unit=N,index=N} {its place}
sub {media=disk|cdrom} {kind of medium}
sub {id=NAME} {its name}
sub {snapshot=on|off} {writes go to a temporary file}
sub {cache=none|writeback|unsafe|directsync|writethrough} {how the host's cache is used; cache.writeback, cache.direct and cache.no-flush one by one}
sub {aio=threads|native} {how the host's files are read and written}
sub {format=FORMAT} {the image's format; probed if it is not given}
sub {readonly=on|off} {a medium that cannot be written}
sub {werror=ignore|stop|report|enospc,rerror=ignore|stop|report} {what becomes of I/O errors}
sub {copy-on-read=on|off} {what is read from a backing file is kept}
sub {discard=ignore|unmap,detect-zeroes=off|on|unmap} {what becomes of discards and of written zeros}
sub {bps=N,bps_rd=N,bps_wr=N,iops=N,iops_rd=N,iops_wr=N} {limits of bytes and requests a second}
sub {bps_max=N,...,iops_max=N,...,iops_size=N,group=NAME} {bursts, the size that counts as one request, a quota that drives share}
sub {cyls=N,heads=N,secs=N,trans=none|lba|auto} {forced geometry (old: properties of -device)}
sub {serial=TEXT,addr=ADDR} {serial number, PCI address (old: properties of -device)}
option mtdblock FILE nbd {drive_short mtd} {on-board flash image; a PC has none}
option sd FILE nbd {drive_short sd} {SD card image; a PC has no slot}
option pflash FILE nbd {drive_short pflash} {parallel flash image: the firmware's}
option snapshot "" nbd {set_flag snapshot} {writes of all disks go to temporary files; commit writes them back}
option fsdev {DRIVER,id=ID,path=DIR,...} none {refuse $no_9p $no_9p_hint} {a host directory for 9p (refused: not built in)}
option virtfs {DRIVER,path=DIR,mount_tag=TAG,...} none {refuse $no_9p $no_9p_hint} {the same with its device (refused: not built in)}
option virtfs_synth "" none {refuse $no_9p $no_9p_hint} {a synthetic file system for tests (refused: not built in)}
option iscsi {[user=U][,password=P][,header-digest=D][,initiator-name=IQN][,id=TARGET][,timeout=S]} nbd {to_group iscsi ""} {how iSCSI disks log in}

section "USB"
option usb "" cpu {to_cpu usb} {the board's USB controller}
option usbdevice NAME none usbdevice_option {old: use -device usb-NAME}

section "Display"
option display TYPE vnc display_option {how the screen is shown: none; help lists types}
sub {none} {there is a card, and nobody looks at it}
sub {vnc=ADDRESS} {as -vnc}
sub {sdl|gtk|curses|cocoa[,OPTION=on|off]...} {refused: windows and text screens are not built in}
option nographic "" mon {set_flag nographic} {no viewer; the first serial port and the monitor share the terminal}
option curses "" none {display_option_named curses} {the same as -display curses (refused)}
option no-frame "" none {ignore $windows} {old: window without decorations}
option alt-grab "" none {ignore $windows} {grab key of windows}
option ctrl-grab "" none {ignore $windows} {grab key of windows}
option no-quit "" none {ignore $windows} {window that cannot be closed}
option sdl "" none {display_option_named sdl} {the same as -display sdl (refused)}
option spice {OPTION=VALUE,...} none {refuse $no_spice $viewer_hint} {SPICE server (refused: not built in)}
option portrait "" none {only_for "the PXA LCD of ARM boards"} {rotated output of PXA LCDs (refused)}
option rotate DEGREES none {only_for "the PXA LCD of ARM boards"} {rotated output of PXA LCDs (refused)}
option vga TYPE cpu vga_option {graphics card: std or none; others are refused}
option full-screen "" none {ignore $windows} {starts windows full screen}
option g {WIDTHxHEIGHT[xDEPTH]} none graphic_option {initial resolution of PowerPC and SPARC machines}
option vnc {DISPLAY[,OPTION]...} vnc vnc_option {VNC server; none makes an idle one}
sub {HOST:D|unix:PATH|none,to=N} {where it listens}
sub {password,tls-creds=ID,sasl,acl,lossy,non-adaptive,share=POLICY,websocket,reverse,key-delay-ms=N} "refused with -vnc DISPLAY: $no_viewer"
option show-cursor "" none {ignore $windows} {shows the host's pointer in windows}

section "i386 targets"
option win2k-hack "" cpu {to_cpu win2k-hack} {slower disks for the installer of Windows 2000}
option no-fd-bootchk "" cpu {to_cpu no-fd-bootchk} {boots floppies without a boot signature too}
option no-acpi "" cpu {to_cpu no-acpi} {without ACPI}
option no-hpet "" cpu {to_cpu no-hpet} {without HPET}
option acpitable {[sig=S][,rev=N][,oem_id=S][,oem_table_id=S][,oem_rev=N][,asl_compiler_id=S][,asl_compiler_rev=N],{data|file}=FILE[:FILE]...} cpu {to_cpu acpitable} {adds an ACPI table}
option smbios {file=FILE|type=N[,FIELD=VALUE]...} cpu {to_cpu smbios} {fields of SMBIOS tables}
sub {file=FILE} {a table as it stands}
sub {type=0,vendor=S,version=S,date=S,release=N.N,uefi=on|off} {firmware}
sub {type=1,manufacturer=S,product=S,version=S,serial=S,uuid=U,sku=S,family=S} {system}
sub {type=2,manufacturer=S,product=S,version=S,serial=S,asset=S,location=S} {base board}
sub {type=3,manufacturer=S,version=S,serial=S,asset=S,sku=S} {chassis}
sub {type=4,sock_pfx=S,manufacturer=S,version=S,serial=S,asset=S,part=S} {processor}
sub {type=17,loc_pfx=S,bank=S,manufacturer=S,serial=S,asset=S,part=S,speed=N} {memory device}

section "Network"
option nic {BACKEND[,mac=MAC][,model=MODEL][,OPTION=VALUE]...} net nic_option {a network card and its back end; none: no network; model=help lists cards}
option netdev {BACKEND,id=ID[,OPTION=VALUE]...} net netdev_option {a back end for netdev= of a device; help lists them}
sub {user,ipv4=on|off,ipv6=on|off,net=ADDR/MASK,host=ADDR,ipv6-net=PREFIX,ipv6-host=ADDR,restrict=on|off} {a network inside this machine's user account}
sub {user,hostname=NAME,dhcpstart=ADDR,dns=ADDR,ipv6-dns=ADDR,dnssearch=DOMAIN,domainname=NAME} {what its DHCP server tells}
sub {user,tftp=DIR,bootfile=FILE,tftp-server-name=NAME,smb=DIR,smbserver=ADDR} {its servers}
sub {user,hostfwd=RULE,guestfwd=RULE} {forwarded ports: [tcp|udp]:[HOST]:PORT-[GUEST]:PORT}
sub {tap,ifname=NAME,fd=N,fds=N:N,script=FILE,downscript=FILE,br=BRIDGE,helper=PROGRAM} {a TAP interface}
sub {tap,sndbuf=N,vnet_hdr=on|off,vhost=off,vhostfd=N,vhostfds=N:N,vhostforce=on|off,queues=N,poll-us=N} {its tuning}
sub {bridge,br=BRIDGE,helper=PROGRAM} {a TAP interface on a bridge}
sub {socket,fd=N|listen=[HOST]:PORT|connect=HOST:PORT|mcast=ADDR:PORT|udp=HOST:PORT,localaddr=ADDR} {other emulators}
sub {l2tpv3,src=ADDR,dst=ADDR,udp=,srcport=,dstport=,ipv6=,txsession=,rxsession=,rxcookie=,txcookie=,cookie64=,counter=,pincounter=,offset=} {an L2TPv3 pseudowire}
sub {vde,sock=PATH,port=N,group=NAME,mode=OCTAL} {a VDE switch}
sub {netmap,ifname=NAME,devname=NAME} {a netmap port}
sub {vhost-user,chardev=ID,vhostforce=on|off,queues=N} {another process}
sub {hubport,hubid=N,netdev=ID} {a port of a hub}
option net {nic|BACKEND|none[,OPTION=VALUE]...} net net_option {old: a card or a back end on hub 0}
sub {nic,netdev=ID,macaddr=MAC,model=MODEL,name=NAME,addr=ADDR,vectors=N} {a card; model=help lists them}
option tftp DIR net {old {-netdev user,tftp=DIR} {net_legacy tftp}} {old: use -netdev user,tftp=}
option bootp FILE net {old {-netdev user,bootfile=FILE} {net_legacy bootfile}} {old: use -netdev user,bootfile=}
option smb DIR net {old {-netdev user,smb=DIR} {net_legacy smb}} {old: use -netdev user,smb=}
option redir {[tcp|udp]:PORT:[GUEST]:PORT} net {old {-netdev user,hostfwd=RULE} redir_option} {old: use -netdev user,hostfwd=}

section "Character devices"
option chardev {BACKEND,id=ID[,OPTION=VALUE]...} mon chardev_option {a byte stream for chardev= of devices; help lists back ends}
sub {id=ID,mux=on|off,logfile=PATH,logappend=on|off} {options of every back end}
sub {null} {nobody}
sub {socket,host=HOST,port=PORT,to=PORT,ipv4,ipv6,nodelay,server,nowait,telnet,reconnect=S,tls-creds=ID} {TCP}
sub {socket,path=PATH,server,nowait,telnet,reconnect=S} {UNIX}
sub {udp,host=HOST,port=PORT,localaddr=ADDR,localport=PORT,ipv4,ipv6} {datagrams}
sub {msmouse} {a serial mouse (refused: not built in)}
sub {vc,width=N,height=N,cols=N,rows=N} {a console in the window (refused: windows are not built in)}
sub {ringbuf,size=N} {memory that the monitor reads}
sub {file,path=PATH} {a file}
sub {pipe,path=PATH} {two named pipes, PATH.in and PATH.out}
sub {console} {refused: it is for Windows hosts}
sub {serial,path=PATH} {a serial device of the host; tty is the same}
sub {pty} {a new pseudo-terminal}
sub {stdio,signal=on|off} {this terminal}
sub {braille} {refused: not built in}
sub {parallel,path=PATH} {a parallel port of the host; parport is the same}
sub {spicevmc,name=NAME} {refused: SPICE is not built in; spiceport too}

section "Bluetooth"
option bt {hci,...|vhci,...|device:DEV} none {refuse $no_bt ""} {Bluetooth (refused: not built in)}
sub {hci,null|hci,host[:ID]|hci[,vlan=N]|vhci[,vlan=N]|device:keyboard[,vlan=N]} {refused}

section "TPM"
option tpmdev {BACKEND,id=ID,...} none tpm_option {TPM back end (refused: not built in)}
sub {passthrough,id=ID,path=FILE,cancel-path=FILE|emulator,id=ID,chardev=ID} {refused}

section "Linux boot"
option kernel FILE cpu {to_key machine kernel} {a kernel that is booted directly}
option append TEXT cpu {to_key machine append} {its command line}
option initrd FILE cpu {to_key machine initrd} {its initial RAM disk}
option dtb FILE cpu {to_key machine dtb} {device tree for the kernel}

section "Debugging and expert options"
option fw_cfg {[name=]NAME,file=FILE|string=TEXT} cpu {to_group fw_cfg name} {an entry for the firmware}
option serial DEVICE mon {port_option serial 4} {where a serial port goes; up to 4, none for none}
option parallel DEVICE mon {port_option parallel 3} {where a parallel port goes; up to 3, none for none}
option monitor DEVICE mon {monitor_option hmp} {where the monitor is}
option qmp DEVICE mon {monitor_option qmp} {a monitor for programs (JSON)}
option qmp-pretty DEVICE mon {monitor_option qmp-pretty} {the same, indented}
option mon {[chardev=]ID[,mode=readline|control][,pretty[=on|off]]} mon mon_option {a monitor on a character device}
option debugcon DEVICE mon debugcon_option {debug console at port 0xe9}
option pidfile FILE all {set_value pid_file} {writes the process id there}
option singlestep "" cpu {to_cpu singlestep} {translates one instruction at a time}
option S "" all {set_flag start_stopped} {does not start the processors}
option realtime {mlock=on|off} none realtime_option {locks memory (refused: not built in; mlock=off is accepted)}
option gdb DEVICE mon gdb_option {lets a debugger in there: tcp:[HOST]:PORT, stdio, pty, udp:, unix:PATH,server,nowait, chardev:ID; none}
option s "" mon {gdb_short} {the same as -gdb tcp::1234}
option d {ITEM,...} cpu {log_option d} {logs these items; help lists them}
option D FILE cpu {to_cpu D} {writes the log to FILE}
option dfilter {RANGE,...} cpu {to_cpu dfilter} {logs only these addresses}
option L DIR cpu firmware_dir_option {looks for firmware there; help lists where}
option bios FILE cpu {to_cpu bios} {the firmware's file}
option enable-kvm "" cpu {to_cpu enable-kvm} {the same as -accel kvm}
option enable-hax "" cpu {accel_named hax} {the same as -accel hax}
option xen-domid N none {refuse $no_xen ""} {Xen domain (refused)}
option xen-create "" none {refuse $no_xen ""} {makes a Xen domain (refused)}
option xen-attach "" none {refuse $no_xen ""} {attaches to a Xen domain (refused)}
option xen-domid-restrict "" none {refuse $no_xen ""} {limits Xen operations to that domain (refused)}
option no-reboot "" cpu {to_cpu no-reboot} {ends instead of rebooting}
option no-shutdown "" cpu {to_cpu no-shutdown} {stops instead of ending at power-off}
option loadvm TAG all {set_value loadvm} {starts from a snapshot of the whole machine, as savevm made it}
option daemonize "" all {set_flag daemonize} {goes to the background once devices accept connections}
option option-rom {FILE[,bootindex=N]} cpu {to_cpu option-rom} {loads an option ROM}
option rtc {[base=utc|localtime|DATE][,clock=host|rt|vm][,driftfix=none|slew]} cpu {to_group rtc base} {the clock's base, what drives it, and lost ticks}
option icount {[shift=]N|auto[,align=on|off][,sleep=on|off][,rr=record|replay,rrfile=FILE,rrsnapshot=NAME]} cpu {to_group icount shift} {virtual time counts instructions}
option watchdog MODEL cpu watchdog_option {adds a watchdog; help lists models}
option watchdog-action ACTION cpu watchdog_action_option {what it does when it fires: reset, shutdown, poweroff, inject-nmi, pause, debug, none}
option echr N mon echr_option {the terminal's escape character, 1 to 26; 1 is Ctrl-a}
option virtioconsole DEVICE mon {old {-device virtconsole} {port_option virtcon 1}} {old: use -device virtconsole}
option tb-size N cpu tb_size_option {size of the translation cache, in MiB}
option incoming {fd:N|tcp:...|unix:PATH|exec:CMD|rdma:...|defer} cpu incoming_option {starts with the state from there}
option only-migratable "" none {ignore ""} {refuses devices that cannot migrate: every device here can}
option nodefaults "" all {set_flag nodefaults} {none of the default devices}
option chroot DIR all {set_value chroot_dir} {changes the root directory before the start}
option runas USER all runas_option {becomes that user before the start}
option prom-env {VAR=VALUE} none {only_for "PowerPC and SPARC machines"} {OpenBIOS variable (refused)}
option semihosting "" none {only_for "ARM, M68K, Xtensa and MIPS machines"} {semihosting (refused)}
option semihosting-config {enable=on|off,...} none {only_for "ARM, M68K, Xtensa and MIPS machines"} {semihosting (refused)}
option old-param "" none {only_for "ARM machines"} {old boot parameters (refused)}
option sandbox {on|off[,obsolete=P][,elevateprivileges=P][,spawn=P][,resourcecontrol=P]} all sandbox_option {system-call filters: every part has one unless this is off}
option readconfig FILE here config_read_option {reads options from a file}
option writeconfig {FILE|-} here config_write_option {writes the options so far to a file}
option no-user-config "" here {ignore ""} {does not read the system's configuration file}
option nodefconfig "" here {old -no-user-config {ignore ""}} {old: use -no-user-config}
option trace {[[enable=]PATTERN][,events=FILE][,file=FILE]} cpu {log_option trace} {trace points; help lists them}
option enable-fips "" none {ignore ""} {FIPS 140-2 mode: there are no VNC passwords that it could forbid}
option msg {timestamp[=on|off]} all msg_option {time stamps on messages}
option dump-vmstate FILE none {refuse "layouts of saved states are not written" "a saved state's manifest has it: emu-cpu(1), x-save"} {writes the layout of saved states (refused)}
option print "" here {set_flag print_plan} {prints the pipeline as a shell script instead of running it}

section "Objects"
option object {TYPE,id=ID[,PROP=VALUE]...} all object_option {makes an object; help lists types}
sub {memory-backend-ram,size=S,share=,merge=,dump=,prealloc=,host-nodes=,policy=} {anonymous memory}
sub {memory-backend-file,size=S,mem-path=PATH,share=,merge=,dump=,prealloc=,discard-data=,align=} {memory in a file}
sub {memory-backend-memfd,size=S,seal=,hugetlb=,hugetlbsize=} {memory that other processes may be given}
sub {rng-random,filename=PATH|rng-egd,chardev=ID} {randomness; rng-egd is refused}
sub {secret,data=TEXT|file=PATH,format=raw|base64,keyid=ID,iv=TEXT} {a password or key}
sub {tls-creds-x509,endpoint=server|client,dir=PATH,priority=,verify-peer=,passwordid=ID} {certificates; tls-creds-anon needs none, tls-creds-psk has keys}
sub {filter-dump,netdev=ID,file=PATH,maxlen=N} {captures a network's packets}
sub {filter-buffer,filter-mirror,filter-redirector,filter-rewriter,colo-compare} {refused: not built in}
sub {cryptodev-backend-builtin,cryptodev-vhost-user,sev-guest} {refused: not built in}
sub {throttle-group,limits.bps-total=N,...} {a quota that drives share}

section "Names of disks that are not files (emu-img(1) lists them with their options)"
sub {iscsi://[USER[%PASS]@]HOST[:PORT]/IQN/LUN} {an iSCSI disk}
sub {nbd://HOST[:PORT]/[EXPORT],nbd+unix:///[EXPORT]?socket=PATH,nbd:...} {a network block device}
sub {ssh://[USER@]HOST[:PORT]/PATH} {a file by SFTP}
sub {gluster://HOST/VOLUME/PATH} {a Gluster volume's file}
sub {http://...,https://...,ftp://...,ftps://...} {a remote file, read-only}
sub {json:{...}} {any node as JSON}
sub {sheepdog://...,nvme://...} {refused: not built in}

section "Old spellings"
option no-kvm "" cpu {old {-machine accel=tcg} {accel_named tcg}} {use -machine accel=tcg}
option rtc-td-hack "" cpu {old {-rtc driftfix=slew} {to_kv rtc {driftfix slew}}} {use -rtc driftfix=slew}
option localtime "" cpu {old {-rtc base=localtime} {to_kv rtc {base localtime}}} {use -rtc base=localtime}
option startdate DATE cpu {old {-rtc base=DATE} {to_key rtc base}} {use -rtc base=DATE}
