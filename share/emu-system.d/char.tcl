# SPDX-License-Identifier: GPL-2.0-or-later
# Character devices: the back ends are emu-mon's; each port of the machine is a stream between emu-cpu and emu-mon (a link of the plan), and
# what is at its other end is a front of the plan.

proc chardev_option {at value} {
    if {$value in {help ?}} { ask emu-mon --print-chardev help }
    set kv [keyval_parse $value backend]
    if {[keyval_get $kv id] eq ""} { fail "$at: chardev: no id specified" "id=NAME is what devices refer to" }
    item_add chardev $kv $at
}

proc port_option {class most at value} {
    set ::default_$class 0
    if {[string match mon:* $value]} { set ::default_monitor 0 }
    lappend ::ports($class) $at $value
    set count 0
    foreach {- device} $::ports($class) { if {$device ne "none"} { incr count } }
    if {$count > $most} { fail "$at: too many $class ports" "there are $most at most" }
}

proc monitor_option {mode at value} {
    set ::default_monitor 0
    if {$value ne "none"} { lappend ::monitors $mode $value $at }
}

proc mon_option {at value} {
    set kv [keyval_parse $value chardev]
    keys_check $at $kv {chardev id mode pretty default}
    set mode [check_choice $at mode [keyval_get $kv mode readline] {readline control}]
    set pretty [check_switch $at pretty [keyval_get $kv pretty off]]
    if {![keyval_has $kv chardev]} { fail "$at: chardev \"(null)\" not found" "chardev=ID names a -chardev" }
    if {$pretty && $mode eq "readline"} { fail "$at: 'pretty' is not compatible with HMP monitors" }
    set ::default_monitor 0
    item_add mon $kv $at
}

proc debugcon_option {at value} {
    if {[info exists ::debugcon]} { fail "$at: there is a debug console already" }
    set ::debugcon [list $at $value]
}

# A stream of the machine, and what is at its other end.
proc stream_add {name device at} {
    lappend ::plan_links [list o [list id [list s $name] ends {a {{s cpu} {s mon}}} keep {b 1}]]
    lappend ::plan_fronts [list o [list link [list s $name] device [list s $device] option [list s $at]]]
    return id=$name,fd=[token fd $name]
}

proc monitor_add {mode device at} {
    set front [list monitor [list s $mode] device [list s $device] option [list s $at]]
    if {![string match chardev:* $device]} { lappend front id [list s compat_monitor$::monitor_count] }
    incr ::monitor_count
    lappend ::plan_fronts [list o $front]
}

# The name that emu-cpu knows a back end's stream by: its own, with a number behind it where several devices share it.
proc stream_for_device {at id} {
    if {[item_find chardev $id] < 0} { fail "$at: Property 'chardev' can't find value '$id'" "-chardev BACKEND,id=$id makes it" }
    set name $id
    for {set n 2} {[info exists ::stream($name)]} {incr n} { set name $id.$n }
    set ::stream($name) 1
    if {$name in {ctl ready} || [regexp {^(serial|parallel|virtcon)\d+$|^debugcon$|^fd\d+$|\.nbd$} $name]} { set name chardev-$name }
    lappend ::cpu_chardevs [stream_add $name chardev:$id $at]
    return $name
}

# What the manual gives a machine that nobody asked about its ports.
proc ports_default {} {
    if {$::nographic} {
        if {$::daemonize && ($::default_parallel || $::default_serial || $::default_monitor)} { fail "-nographic cannot be used with -daemonize" "-display none -daemonize leaves the terminal alone" }
        if {$::default_parallel} { set ::ports(parallel) {"-parallel null" null} }
        if {$::default_serial && $::default_monitor} {
            set ::ports(serial) {"-nographic" mon:stdio}
        } else {
            if {$::default_serial} { set ::ports(serial) {"-nographic" stdio} }
            if {$::default_monitor} { lappend ::monitors hmp stdio -nographic }
        }
        return
    }
    # The manual's default is a console in the window. Without a window nobody is there; emu-mon(1) attaches a monitor at any time.
    foreach class {serial parallel} { if {[set ::default_$class]} { set ::ports($class) [list "-$class null" null] } }
}

proc ports_make {} {
    set args {}
    foreach item [items chardev] {
        if {[dict get $item id] ni [vhost_chardevs]} { lappend ::plan_chardevs [fdset_names [keyval_text [dict get $item kv] backend]] }
    }
    foreach class {serial parallel} {
        set n 0
        foreach {at device} $::ports($class) {
            if {$device eq "none"} continue
            chardev_known $at $device
            lappend args -$class [stream_add $class$n $device $at]
            incr n
        }
    }
    foreach {at device} $::ports(virtcon) {
        if {$device eq "none"} continue
        chardev_known $at $device
        lappend args -chardev [stream_add virtcon0 $device $at]
        lappend ::cpu_devices virtio-serial-pci virtconsole,chardev=virtcon0
    }
    if {[info exists ::debugcon]} {
        lassign $::debugcon at device
        if {$device ne "none"} {
            chardev_known $at $device
            lappend args -chardev [stream_add debugcon $device $at]
            lappend ::cpu_devices isa-debugcon,iobase=0xe9,chardev=debugcon
        }
    }
    if {[info exists ::debugger]} {
        lassign $::debugger at device
        if {$device ne "none"} {
            chardev_known $at $device
            lappend ::plan_fronts [list o [list id {s gdb} debugger {b 1} device [list s $device] option [list s $at]]]
        }
    }
    foreach {mode device at} $::monitors {
        chardev_known $at $device
        monitor_add $mode $device $at
    }
    foreach item [items mon] {
        set at [dict get $item at]
        set kv [dict get $item kv]
        set id [keyval_get $kv chardev]
        if {[item_find chardev $id] < 0} { fail "$at: chardev \"$id\" not found" "-chardev BACKEND,id=$id makes it" }
        set mode [expr {[keyval_get $kv mode readline] eq "readline" ? "hmp" : [check_switch $at pretty [keyval_get $kv pretty off]] ? "qmp-pretty" : "qmp"}]
        monitor_add $mode chardev:$id $at
    }
    return $args
}

proc chardev_known {at device} {
    if {[regexp {^(?:mon:)?chardev:(.*)$} $device - id] && [item_find chardev $id] < 0} {
        fail "$at: chardev \"$id\" not found" "-chardev BACKEND,id=$id makes it"
    }
}

proc echr_option {at value} {
    if {![string is integer -strict $value] || $value < 1 || $value > 26} { fail "$at: Bad argument to echr" "it is 1 (Ctrl-a) to 26 (Ctrl-z)" }
    set ::escape [expr {$value}]
}
