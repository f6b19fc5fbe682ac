# SPDX-License-Identifier: GPL-2.0-or-later
# The wrapper: reads the classic command line, maps it onto the parts, and prints the plan, behind a record separator, for
# share/emu-system to hand to emu-mon. Arguments: the name that the user called, the directory of the programs, the user's arguments.
set words [lassign $argv called bin_dir]
set program [file tail $called]
set here [file dirname [info script]]
foreach file {base options} { source $here/$file.tcl }

# ---- what options set -----------------------------------------------------------------------------------------------------------------------
foreach name {cpu_args cpu_disks cpu_devices late_devices cpu_objects cpu_chardevs cpu_nets accels firmware_dirs node_order monitors
    plan_parts plan_commands plan_links plan_fronts plan_chardevs plan_objects} { set $name {} }
foreach name {snapshot nographic mem_prealloc start_stopped daemonize nodefaults print_plan device_vga monitor_count timestamps} { set $name 0 }
foreach name {loadvm mem_path pid_file run_as chroot_dir display sandbox tb_size} { set $name "" }
foreach name {serial parallel monitor floppy cdrom net vga} { set default_$name 1 }
foreach name {serial parallel virtcon} { set ports($name) {} }
set escape 1
set plan_fds {}

foreach file {machine drive blockdev device char net config help plan hot} { source $here/$file.tcl }

proc options_parse {words} {
    if {"-no-user-config" ni $words && "-nodefconfig" ni $words && [file readable /etc/qemu/qemu.conf]} {
        config_read /etc/qemu/qemu.conf /etc/qemu/qemu.conf
    }
    set count [llength $words]
    for {set n 0} {$n < $count} {incr n} {
        set word [lindex $words $n]
        if {[string index $word 0] ne "-" || $word eq "-"} {
            drive_short "" index 0 media disk "-hda $word" $word
            continue
        }
        set name [string range $word [expr {[string match --* $word] ? 2 : 1}] end]
        if {![info exists ::option($name)]} { fail "$word: invalid option" [options_like $name] }
        lassign $::option($name) argument action
        if {$argument eq ""} {
            {*}$action -$name
        } else {
            incr n
            if {$n == $count} { fail "$word: requires an argument" "-$name $argument" }
            set value [lindex $words $n]
            if {[lindex $action 0] eq "to_cpu"} { to_cpu $name -$name $value } else { {*}$action "-$name $value" $value }
        }
    }
}

# Options whose names begin alike.
proc options_like {name} {
    for {set length [string length $name]} {$length > 2} {incr length -1} {
        set found [lsort [array names ::option [string range [string map {* {} ? {} \[ {}} $name] 0 $length-1]*]]
        if {[llength $found]} { return "did you mean: -[join [lrange $found 0 7] {, -}]" }
    }
    return "-help lists the options"
}

proc main {} {
    switch -- [lindex $::words 0] {
        --print-man { man_print }
        --print-completion { completion_print }
        --print-table { table_print }
        --hot { hot_main {*}[lrange $::words 1 end] }
    }
    options_parse $::words
    defaults_settle
    ports_default
    objects_make
    drives_make
    blockdevs_make
    drives_default
    nets_make
    devices_make
    set ports [ports_make]
    set args [machine_make]
    if {$::nographic} { lappend args -nographic }
    if {$::sandbox ne ""} { lappend args -sandbox $::sandbox }
    lappend args -S -run [token run ""] -ctl-fd [token fd ctl] -ready-fd [token fd ready]
    foreach {option list} [list object $::cpu_objects disk $::cpu_disks net-fd $::cpu_nets chardev $::cpu_chardevs] {
        foreach text $list { lappend args -$option [fdset_names $text] }
    }
    lappend args {*}$ports
    foreach text [concat $::cpu_devices $::late_devices] { lappend args -device $text }
    lappend ::plan_parts {o {id {s mon} monitor {b 1}}}
    part_add cpu emu-cpu $args machine {b 1}
    set plan [plan_make]
    if {$::print_plan} { puts [plan_script $plan [concat [list $::program] $::words]]; exit 0 }
    if {$::display eq "" && !$::nographic} {
        say "$::no_viewer, so nobody sees the screen"
        puts stderr "$::viewer_hint"
    }
    puts -nonewline "\x1e[environment]\n[json_line $plan]"
}

main
