# SPDX-License-Identifier: GPL-2.0-or-later
# -drive and its short forms: each disk is an emu-nbd process that serves the image, and a -disk of emu-cpu that says what it is to the machine.

# -hda, -cdrom and their like. An empty interface is the board's own.
proc drive_short {interface args} {
    set value [lindex $args end]
    set at [lindex $args end-1]
    set kv [lrange $args 0 end-2]
    if {$interface ne ""} { set kv [concat [list if $interface] $kv] }
    item_add drive [concat $kv [list file $value]] $at
}

proc drive_option {at value} {
    set kv [keyval_parse $value file]
    if {[keyval_get $kv format] in {help ?} || [keyval_get $kv driver] in {help ?}} { formats_print }
    item_add drive $kv $at
}

set drive_limits {
    bps bps-total bps_rd bps-read bps_wr bps-write iops iops-total iops_rd iops-read iops_wr iops-write
    bps_max bps-total-max bps_rd_max bps-read-max bps_wr_max bps-write-max iops_max iops-total-max iops_rd_max iops-read-max
    iops_wr_max iops-write-max iops_size iops-size
    bps_max_length bps-total-max-length bps_rd_max_length bps-read-max-length bps_wr_max_length bps-write-max-length
    iops_max_length iops-total-max-length iops_rd_max_length iops-read-max-length iops_wr_max_length iops-write-max-length
}

# Units of a bus: IDE has two, SCSI seven, the others have no bus.
proc drive_units {interface} {
    return [expr {$interface eq "ide" ? 2 : $interface eq "scsi" ? 7 : 0}]
}

# Where a drive goes: {BUS UNIT}, the next free place if none is asked for.
proc drive_place {at kv interface} {
    set units [drive_units $interface]
    foreach key {bus unit index} {
        set $key [keyval_get $kv $key -1]
        if {[keyval_has $kv $key]} { set $key [check_number $at $key [set $key] 0 255] }
    }
    if {$index >= 0} {
        if {$bus >= 0 || $unit >= 0} { fail "$at: index cannot be used with bus and unit" }
        set bus [expr {$units ? $index / $units : 0}]
        set unit [expr {$units ? $index % $units : $index}]
    }
    if {$bus < 0} { set bus 0 }
    if {$unit < 0} {
        set unit 0
        while {[info exists ::drive_at($interface,$bus,$unit)]} {
            incr unit
            if {$units && $unit == $units} { set unit 0; incr bus }
        }
    }
    if {$units && $unit >= $units} { fail "$at: unit $unit too big (max is [expr {$units - 1}])" }
    if {[info exists ::drive_at($interface,$bus,$unit)]} {
        fail "$at: drive with bus=$bus, unit=$unit (index=[expr {$bus * $units + $unit}]) exists" \
            "it was asked for with $::drive_at($interface,$bus,$unit)"
    }
    set ::drive_at($interface,$bus,$unit) $at
    return [list $bus $unit]
}

# Does the board have such a place?
proc drive_check_board {at interface bus unit} {
    set board [machine_type]
    set ok [switch $interface {
        none { expr 1 }
        ide { expr {$bus < 2} }
        floppy { expr {$unit < 2} }
        pflash { expr {$unit < 2} }
        virtio { expr {$board ne "isapc"} }
        default { expr 0 }
    }]
    if {$board eq "none" && $interface ne "none"} { set ok 0 }
    if {$ok} return
    set hint ""
    if {$interface eq "scsi"} { set hint "SCSI disks need a controller: -device virtio-scsi-pci -drive if=none,id=disk0,... -device scsi-hd,drive=disk0" }
    if {$interface in {sd mtd}} { set hint "disks of this machine are if=ide, virtio, floppy, pflash or none" }
    if {$interface eq "ide"} { set hint "there are two IDE buses of two disks; more disks go with if=virtio" }
    fail "$at: machine type does not support if=$interface,bus=$bus,unit=$unit" $hint
}

# cache=MODE and cache.* to the pairs of a block node.
proc drive_cache {at kv} {
    set modes {writeback {on off off} none {on on off} off {on on off} writethrough {off off off} directsync {off on off} unsafe {on off on}}
    set out {}
    if {[keyval_has $kv cache]} {
        set mode [keyval_get $kv cache]
        if {![dict exists $modes $mode]} { fail "$at: invalid cache option" "accepted are: none, writeback, unsafe, directsync, writethrough" }
        foreach key {writeback direct no-flush} value [dict get $modes $mode] { set cache($key) $value }
    }
    foreach key {writeback direct no-flush} {
        if {[keyval_has $kv cache.$key]} { set cache($key) [expr {[check_switch $at cache.$key [keyval_get $kv cache.$key]] ? "on" : "off"}] }
        if {[info exists cache($key)]} { lappend out cache.$key $cache($key) }
    }
    return $out
}

# The limits of a drive as options of a throttle node.
proc drive_throttle {at kv} {
    set out {}
    foreach {old new} $::drive_limits {
        foreach key [list $old throttling.$new] {
            if {[keyval_has $kv $key]} {
                set bytes [size_bytes [keyval_get $kv $key]]
                if {$bytes < 0} { fail "$at: Parameter '$key' expects a number" }
                if {$bytes} { lappend out limits.$new $bytes }
            }
        }
    }
    return $out
}

proc drive_check_values {at kv interface} {
    if {[keyval_has $kv media] && [keyval_get $kv media] ni {disk cdrom}} {
        fail "$at: '[keyval_get $kv media]' invalid media" "accepted are: disk, cdrom"
    }
    foreach {key what choices} {
        werror "write error action" {ignore stop report enospc}
        rerror "read error action" {ignore stop report}
    } {
        if {![keyval_has $kv $key]} continue
        if {[keyval_get $kv $key] ni $choices} { fail "$at: '[keyval_get $kv $key]' invalid $what" "accepted are: [join $choices {, }]" }
        if {$interface ni {ide scsi virtio none}} { fail "$at: $key is not supported by this bus type" }
    }
    if {[keyval_has $kv aio] && [keyval_get $kv aio] ni {threads native io_uring}} {
        fail "$at: invalid aio option" "accepted are: threads, native"
    }
    if {[keyval_has $kv discard] && [keyval_get $kv discard] ni {ignore off unmap on}} {
        fail "$at: Invalid discard option" "accepted are: ignore, unmap"
    }
    if {[keyval_has $kv detect-zeroes] && [keyval_get $kv detect-zeroes] ni {off on unmap}} {
        fail "$at: invalid detect-zeroes option" "accepted are: off, on, unmap"
    }
    foreach {key most} {cyls 65535 heads 255 secs 255} {
        if {[keyval_has $kv $key]} { check_number $at $key [keyval_get $kv $key] 1 $most }
    }
    if {[keyval_has $kv trans]} { check_choice $at trans [keyval_get $kv trans] {none lba auto} }
    foreach {keys new} {{cyls heads secs trans} "-device ide-hd,cyls=,heads=,secs=,bios-chs-trans=" serial "-device ...,serial=" addr "-device virtio-blk-pci,addr="} {
        foreach key $keys {
            if {[keyval_has $kv $key]} { say "$at: $key= is an old spelling: use $new"; break }
        }
    }
}

# Keys that are this program's; all others are options of the image's driver.
set drive_own {if bus unit index media id snapshot cache cache.writeback cache.direct cache.no-flush aio format readonly werror rerror group
    cyls heads secs trans serial addr file copy-on-read throttling.* discard detect-zeroes read-only}

proc drive_make {item} {
    set at [dict get $item at]
    set kv [dict get $item kv]
    set interface [keyval_get $kv if [expr {[machine_type] eq "none" ? "none" : "ide"}]]
    if {$interface ni {ide scsi sd mtd floppy pflash virtio none}} {
        fail "$at: unsupported bus type '$interface'" "accepted are: ide, scsi, sd, mtd, floppy, pflash, virtio, none"
    }
    drive_check_values $at $kv $interface
    lassign [drive_place $at $kv $interface] bus unit
    drive_check_board $at $interface $bus $unit
    set cdrom [expr {[keyval_get $kv media disk] eq "cdrom"}]
    set id [dict get $item id]
    if {$id eq ""} {
        set id $interface[expr {$interface in {ide scsi} ? "$bus[expr {$cdrom ? "-cd" : "-hd"}]" : ""}]$unit
    }
    if {[info exists ::disk_at($id)]} { fail "$at: Duplicate ID '$id' for drive" "it was asked for with $::disk_at($id)" }
    set ::disk_at($id) $at
    set readonly [expr {$cdrom || [check_switch $at readonly [keyval_get $kv readonly [keyval_get $kv read-only off]]]}]
    set disk [list id $id]
    set served [drive_serve $at $id $kv $readonly]
    if {$served} {
        lappend disk nbd [disk_socket $id]
    } elseif {$cdrom || $interface eq "floppy"} {
        lappend disk {*}[disk_empty $id]
    } else {
        if {$interface in {ide virtio pflash scsi}} { fail "$at: Device needs media, but drive is empty" "file=FILE names it" }
        lappend disk nbd none
    }
    # Virtio disks become devices behind those of the command line, so that cards get the slots that the classic gives them.
    lappend disk if [expr {$interface eq "virtio" ? "none" : $interface}]
    if {$interface ni {none virtio}} { lappend disk bus $bus unit $unit }
    if {$cdrom} { lappend disk media cdrom }
    if {$readonly} { lappend disk readonly on }
    foreach key {werror rerror serial cyls heads secs trans} {
        if {[keyval_has $kv $key]} { lappend disk $key [keyval_get $kv $key] }
    }
    if {$interface in {none virtio}} { lappend disk with-device on }
    lappend ::cpu_disks [keyval_text $disk]
    if {$interface eq "virtio"} {
        set device [list driver virtio-blk-pci drive $id]
        if {[keyval_has $kv addr]} { lappend device addr [keyval_get $kv addr] }
        lappend ::late_devices [keyval_text $device driver]
    }
}

# The emu-nbd of a drive; 0 if the drive is empty.
proc drive_serve {at id kv readonly} {
    set options {}
    foreach {key value} $kv {
        set own [dict exists $::drive_limits $key]
        foreach pattern $::drive_own { if {[string match $pattern $key]} { set own 1; break } }
        if {!$own} { lappend options $key $value }
    }
    set file [keyval_get $kv file]
    set format [keyval_get $kv format]
    if {$file eq "" && ![llength $options]} { return 0 }
    if {$format ne "" && [keyval_has $options driver]} { fail "$at: Cannot specify both 'driver' and 'format'" }
    if {$file ne "" && ([keyval_has $options file.filename] || [keyval_has $options file.driver])} {
        fail "$at: Cannot specify both 'file' and its parts (file.filename, file.driver)"
    }
    if {$file ne ""} { file_check $at $file $readonly }
    set limits [drive_throttle $at $kv]
    set group [keyval_get $kv group [keyval_get $kv throttling.group]]
    if {[llength $limits]} {
        if {$group eq ""} { set group $id }
        if {[info exists ::throttled($group)]} {
            fail "$at: a quota for several drives (group=$group) is not built in: each drive is served by a process of its own" \
                "give each drive limits of its own, without group="
        }
        set ::throttled($group) $id
    }
    set args {}
    lappend args {*}[drive_cache_args [drive_cache $at $kv]]
    foreach {key argument} {aio --aio discard --discard detect-zeroes --detect-zeroes} {
        if {[keyval_has $kv $key]} { lappend args $argument [keyval_get $kv $key] }
    }
    if {$readonly} { lappend args -r }
    if {[keyval_get $kv media] eq "cdrom" || [keyval_get $kv if] eq "floppy"} { lappend args --removable }
    set temporary [check_switch $at snapshot [keyval_get $kv snapshot [expr {$::snapshot ? "on" : "off"}]]]
    if {$temporary && !$readonly} { lappend args -s }
    set copy [check_switch $at copy-on-read [keyval_get $kv copy-on-read off]]
    if {$copy && $readonly} { fail "$at: Can't use copy-on-read on read-only device" }
    # Session parameters of iSCSI, where the disk is one.
    if {[string match iscsi:* $file] || [keyval_get $options file.driver [keyval_get $options driver]] eq "iscsi"} {
        lappend options {*}[iscsi_options $at $file]
    }
    if {![llength $options] && ![llength $limits] && !$copy} {
        if {$format ne ""} { lappend args -f $format }
        disk_part $id $args $file $kv
        return 1
    }
    if {$format ne ""} { set options [concat [list driver $format] $options] }
    if {$file ne ""} { lappend options file.filename $file }
    if {$copy} { lappend options copy-on-read on }
    set node [json_nest $options]
    if {[llength $limits]} {
        set limits [json_nest $limits]
        set node [list o [concat {driver {s throttle}} [lindex $limits 1] [list file $node]]]
    }
    lappend args --image-opts
    disk_part $id $args [json_line $node] $kv
    return 1
}

# What the classic says before it starts anything, where it is a plain file.
proc file_check {at file readonly} {
    if {[regexp {^[A-Za-z0-9+_.-]+:} $file] && ![file exists [file_name $file]]} return
    if {[string match /dev/fdset/* $file]} return
    regsub {^file:} $file {} file
    set trouble [file_trouble $file [expr {$readonly ? "r" : "r+"}]]
    if {$trouble ne "" && ![file isdirectory [file_name $file]]} { fail "$at: Could not open '$file': $trouble" }
}

proc drive_cache_args {pairs} {
    if {![llength $pairs]} { return {} }
    set state {}
    foreach {key default} {cache.writeback on cache.direct off cache.no-flush off} { lappend state [keyval_get $pairs $key $default] }
    set modes {{on off off} writeback {on on off} none {off off off} writethrough {off on off} directsync {on off on} unsafe {on on on} unsafe
        {off off on} unsafe {off on on} unsafe}
    return [list --cache [dict get $modes $state]]
}

# The name of a disk's part, which its sockets have too.
proc disk_part_name {id} {
    if {![info exists ::disk_part($id)]} { set ::disk_part($id) [part_name $id disk] }
    return $::disk_part($id)
}

proc disk_socket {id} { return unix:[token run [disk_part_name $id].nbd] }

# One emu-nbd: image is a file's name or the options of a node.
proc disk_part {id args image used} {
    set part [disk_part_name $id]
    foreach text [objects_for $used] { lappend args --object $text }
    set own [list -t -e 0 -k [token run $part.nbd] --id $id --ctl [token run $part.ctl] --ctl-fd [token fd ctl] --ready-fd [token fd ready]]
    if {$::sandbox ne ""} { lappend own --sandbox $::sandbox }
    # The supervisor keeps what is written to -s for a server that is started again.
    set keep {}
    if {"-s" in $args} {
        lappend own --overlay-fd [token fd overlay]
        set keep {temporary {a {{s overlay}}}}
    }
    lappend own --state [token run $part.state]
    part_add $part emu-nbd [concat $own $args [expr {$image ne "" ? [list -- [fdset_names $image]] : {}}]] disk [list s $id] {*}$keep
}

# -iscsi: what is for all targets, then what is for this one, as options of the protocol.
proc iscsi_options {at file} {
    set out {}
    foreach item [items iscsi] {
        set kv [dict get $item kv]
        keys_check [dict get $item at] $kv {user password password-secret header-digest initiator-name id timeout}
        set target [keyval_get $kv id]
        if {$target ne "" && [string first $target $file] < 0} continue
        foreach key {user password password-secret header-digest initiator-name timeout} {
            if {[keyval_has $kv $key]} { lappend out file.$key [keyval_get $kv $key] }
        }
    }
    return $out
}

# A drive without a medium has its server too, which the monitor's change gives one.
proc disk_empty {id} {
    disk_part $id --removable "" {}
    return [list nbd [disk_socket $id] empty on]
}

proc drives_make {} {
    foreach item [items drive] { drive_make $item }
}

# An empty CD-ROM drive and an empty floppy drive, where nothing else is in the place and no -device of the kind was given.
proc drives_default {} {
    if {$::nodefaults || [machine_type] eq "none"} return
    if {$::default_cdrom && ![info exists ::drive_at(ide,1,0)] && ![info exists ::disk_at(ide1-cd0)]} {
        lappend ::cpu_disks [keyval_text [concat id ide1-cd0 [disk_empty ide1-cd0] if ide bus 1 unit 0 media cdrom]]
    }
    if {$::default_floppy && ![info exists ::drive_at(floppy,0,0)] && ![info exists ::disk_at(floppy0)]} {
        lappend ::cpu_disks [keyval_text [concat id floppy0 [disk_empty floppy0] if floppy bus 0 unit 0]]
    }
}
