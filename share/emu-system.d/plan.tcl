# SPDX-License-Identifier: GPL-2.0-or-later
# The plan (emu-mon(7)), and the same as a shell script.

# A piece of an argument that only the supervisor can fill in: fd NAME, run NAME.
proc token {kind name} {
    return "\x02$kind:$name\x03"
}

# An argument as the plan has it: a text, or an array of pieces.
proc argument_json {text} {
    if {[string first \x02 $text] < 0} { return [list s $text] }
    set pieces {}
    while {[regexp {^([^\x02]*)\x02(fd|run):([^\x03]*)\x03(.*)$} $text - before kind name text]} {
        if {$before ne ""} { lappend pieces [list s $before] }
        lappend pieces [list o [list $kind [list s $name]]]
    }
    if {$text ne ""} { lappend pieces [list s $text] }
    return [expr {[llength $pieces] == 1 ? [lindex $pieces 0] : [list a $pieces]}]
}

# The part of a disk or network: its own name, where no other part has it.
proc part_name {id kind} {
    set name $id
    for {set n 2} {[info exists ::part_taken($name)] || $name in {cpu mon sup vnc}} {incr n} { set name $id-$kind[expr {$n > 2 ? $n - 1 : ""}] }
    set ::part_taken($name) 1
    return $name
}

proc part_add {id program arguments args} {
    set part [list id [list s $id] program [list s $program] argv0 [list s $::program] \
        args [list a [lmap a $arguments {argument_json $a}]]]
    lappend part {*}$args
    lappend ::plan_parts [list o $part]
    lappend ::plan_commands [list $program $arguments]
}

proc plan_make {} {
    set name [keyval_get [items_merged name] guest]
    set plan {version {n 1}}
    if {$name ne ""} {
        regsub -all {[^A-Za-z0-9_.:+#@-]} $name _ name
        regsub {^\.} $name _ name
        lappend plan name [list s [string range $name 0 99]] add-pid {b 1}
    }
    lappend plan program [list s $::program]
    if {$::daemonize} { lappend plan daemonize {b 1} }
    foreach {member variable} {pidfile pid_file runas run_as chroot chroot_dir} {
        if {[set ::$variable] ne ""} { lappend plan $member [list s [set ::$variable]] }
    }
    if {$::loadvm ne ""} { lappend plan loadvm [list s $::loadvm] }
    if {$::start_stopped} { lappend plan go {b 0} }
    if {$::escape != 1} { lappend plan escape [list n $::escape] }
    if {[dict size $::plan_fds]} {
        lappend plan fds [list a [lmap {fd number} $::plan_fds {list o [list name [list s $fd] fd [list n $number]]}]]
    }
    lappend plan parts [list a $::plan_parts]
    if {[llength $::plan_links]} { lappend plan links [list a $::plan_links] }
    foreach {member variable} {objects plan_objects chardevs plan_chardevs} {
        if {[llength [set ::$variable]]} { lappend plan $member [list a [lmap t [set ::$variable] {argument_text $t}]] }
    }
    if {[llength $::plan_fronts]} { lappend plan fronts [list a $::plan_fronts] }
    return [list o $plan]
}

# Texts of the monitor's own: it inherits the descriptors under their own numbers.
proc argument_text {text} {
    regsub -all {\x02fd:fd(\d+)\x03} $text {\1} text
    return [list s $text]
}

# What the supervisor and the parts find in their environment.
proc environment {} { return [expr {$::timestamps ? "EMU_TIMESTAMPS=on " : ""}] }

proc shell_quote {text} {
    if {[regexp {^[A-Za-z0-9_./:=,@%+-]+$} $text]} { return $text }
    return '[string map {' '\\''} $text]'
}

proc plan_script {plan words} {
    set plan [json_write $plan]
    set fd 9
    while {[dict exists $::plan_fds fd$fd]} { incr fd }
    set out "#!/bin/sh\n# [string map {\n { }} [join [lmap w $words {shell_quote $w}] { }]]\n#\n# The parts, as the supervisor starts them (RUN is the machine's run directory, a name in <> a descriptor):\n"
    foreach command $::plan_commands {
        lassign $command program arguments
        set line "#   $program"
        foreach argument $arguments {
            set argument [regsub -all {\x02fd:([^\x03]*)\x03} [regsub -all {\x02run:([^\x03]*)\x03} $argument RUN/\\1] <\\1>]
            append line " " [expr {[regexp {[ '"$&|;*?]} $argument] ? [shell_quote $argument] : $argument}]
        }
        append out [string map {\n { }} $line] \n
    }
    append out "cd [shell_quote [pwd]] || exit 1\n"
    append out "[environment]exec [shell_quote [file join $::bin_dir emu-mon]] --supervise fd:$fd $fd<<'END OF PLAN'\n$plan\nEND OF PLAN"
    return $out
}
