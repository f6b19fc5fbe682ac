# SPDX-License-Identifier: GPL-2.0-or-later
# A disk for a machine that runs: emu-mon calls this with the arguments of drive_add or blockdev-add, and gets the part as the plan has it, with what
# the machine is told of the disk. So one table says what a drive is, whenever it comes.

# kind: drive or blockdev; taken: names of the machine's parts; sets: of /dev/fdset/N, N and the name of the descriptor that the monitor sends along;
# objects: those of the command line.
proc hot_main {kind text taken sets args} {
    foreach {set name} $sets { set ::fdsets($set) [list $name ""] }
    foreach name $taken { set ::part_taken($name) 1 }
    foreach object $args { object_option "-object $object" $object }
    if {$kind eq "drive"} {
        set at drive_add
        set kv [keyval_parse $text file]
        if {![keyval_has $kv if]} { lappend kv if none }
        if {[keyval_get $kv if] ne "none"} {
            fail "Can't hot-add drive to type [keyval_get $kv if]" "if=none,id=ID makes the drive; device_add virtio-blk-pci,drive=ID (or scsi-hd) plugs it in"
        }
        if {[keyval_get $kv id] eq ""} { fail "drive_add: id= is needed, for the device that is to use the drive" }
        item_add drive [hot_paths $kv] $at
        drives_make
    } else {
        set at blockdev-add
        blockdev_option $at $text
        blockdevs_make
    }
    if {![llength $::plan_parts]} { fail "$at: Device needs media, but drive is empty" "file=FILE names it" }
    if {[llength $::plan_parts] != 1} { fail "$at: one disk is expected, not [llength $::plan_parts]" }
    puts [json_line [list o [concat [lindex $::plan_parts 0 1] [list drive [argument_json [lindex $::cpu_disks 0]]]]]]
    exit 0
}

# The machine's working directory may be another one.
proc hot_paths {kv} {
    set out {}
    foreach {key value} $kv {
        if {$key in {file file.filename} && $value ne "" && ![regexp {^[A-Za-z0-9+_.-]+:} $value]} { set value [file join [pwd] $value] }
        lappend out $key $value
    }
    return $out
}
