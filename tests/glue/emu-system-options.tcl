#!/usr/bin/env tclsh
# SPDX-License-Identifier: GPL-2.0-or-later
# The classic command line is mapped onto the parts as the cases in tests/glue/emu-system/*.cases say, every option of the wrapper's table is
# in one of them, and so is every row of the classic's list of options (rows.list).
#
# A case file:
#   = WORDS          a command line (a Tcl list; %D is a directory with a.raw, b.raw and q.qcow2)
#   PART TEXT        the command of emu-PART has TEXT in it, as -print shows it (RUN/x: a name in the run directory, <x>: a descriptor)
#   plan TEXT        the plan has it, in JSON without spaces
#   no TEXT          -print has it nowhere
#   refused TEXT     a part has this against the options that it is given, or the supervisor against the plan
#   > TEXT           standard output has it
#   ! TEXT           standard error has this line
#   ok               nothing more is asked than that it is accepted
set build [expr {[info exists ::env(BUILD)] ? $::env(BUILD) : "build"}]
set build [file normalize $build]
cd [file dirname [file normalize [info script]]]/../..
set dir [string trim [exec mktemp -d /tmp/emutools-wrap-XXXXXX]]
foreach name {a.raw b.raw c.raw flash.raw} { exec truncate -s 1M $dir/$name }
exec $build/bin/emu-img create -q -f qcow2 $dir/q.qcow2 1M
foreach {name text} {config "\[drive \"cfg\"\]\n  file = \"DIR/a.raw\"\n  format = \"raw\"\n  if = \"none\"\n\[machine\]\n  accel = \"tcg\"\n" secret hunter2 kernel "" events ""} {
    set handle [open $dir/$name w]
    puts $handle [string map [list DIR $dir] $text]
    close $handle
}
# The programs that answer questions; what a mapping needs of emu-net is only that it is there.
file mkdir $dir/bin
foreach program [glob $build/bin/emu-*] { file link -symbolic $dir/bin/[file tail $program] $program }
if {![file exists $dir/bin/emu-net]} { file link -symbolic $dir/bin/emu-net /bin/true }
set n 0
set failed 0
proc result {ok sentence {details ""}} {
    incr ::n
    puts "[expr {$ok ? "ok" : "not ok"}] $::n - [string map {# {}} $sentence]"
    if {!$ok} {
        set ::failed 1
        foreach line [split $details \n] { puts "# $line" }
    }
}

# Standard output, standard error and status of the mapper alone, in an interpreter of its own: the shell around it only hands the plan on.
proc run {words} {
    set name qemu-system-x86_64
    if {[lindex $words 0] eq "i386"} {
        set name qemu-system-i386
        set words [lrange $words 1 end]
    }
    set ::output(stdout) ""
    set ::output(stderr) ""
    set mapper [interp create]
    $mapper alias puts put
    $mapper alias exit leave
    $mapper eval [list set argv [concat [list /usr/bin/$name $::dir/bin] $words]]
    set ::status 0
    if {[catch {$mapper eval [list source share/emu-system.d/main.tcl]} text] && $text ne "it exits"} {
        set ::status 255
        append ::output(stderr) $::errorInfo
    }
    interp delete $mapper
    return [list $::status $::output(stdout) $::output(stderr)]
}
proc leave {{status 0}} {
    set ::status $status
    error "it exits"
}
proc put {args} {
    set end \n
    if {[lindex $args 0] eq "-nonewline"} { set end ""; set args [lrange $args 1 end] }
    set channel [expr {[llength $args] == 2 ? [lindex $args 0] : "stdout"}]
    append ::output($channel) [lindex $args end] $end
}

# The supervisor takes the plan, and each part the options that it is given. "" or what they say against it.
proc refused {out} {
    regexp {END OF PLAN'\n(.*)\nEND OF PLAN} $out - plan
    set trouble {}
    if {[catch {exec timeout 20 $::build/bin/emu-mon --supervise - --check << $plan 2>@1} text]} { lappend trouble $text }
    foreach line [split $out \n] {
        if {![regexp {^#   (emu-\w+) (.*)$} $line - part arguments]} continue
        if {$part eq "emu-net" && ![file exists $::build/bin/emu-net]} continue
        regsub -all {<[\w.]+>} $arguments 9 arguments
        regsub -all {RUN/} $arguments $::dir/ arguments
        # --help is reached when everything before it was taken.
        set arguments [expr {$part eq "emu-cpu" ? "$arguments -h" : $part eq "emu-nbd" && [string first " -- " $arguments] > 0 ? [regsub { -- } $arguments { --help -- }] : "$arguments --help"}]
        # The default devices' parts are the same in most cases.
        if {[info exists ::taken($part,$arguments)]} continue
        if {[catch {exec timeout 20 sh -c "exec $::build/bin/$part $arguments" </dev/null 2>@1} text]} { lappend trouble $text } else { set ::taken($part,$arguments) 1 }
    }
    return [join $trouble \n]
}

proc judge {words wants where} {
    set words [string map [list %D $::dir] $words]
    set errors [lsearch -all -inline $wants {! *}]
    lassign [run [concat $words [expr {[llength $errors] && [lsearch -regexp $wants {^(cpu|nbd|net|mon|plan|no|ok|refused)( |$)}] < 0 ? {} : "-print"}]]] status out err
    set plan ""
    regexp {END OF PLAN'\n(.*)\nEND OF PLAN} $out - plan
    regsub -all {\n\s*} $plan "" plan
    set plan [regsub -all {([:,]) (["\[\x7b])} $plan {\1\2}]
    set plan [regsub -all {": (\d|true|false|null)} $plan {":\1}]
    set trouble {}
    set refused [expr {$plan ne "" && $status == 0 ? [refused $out] : ""}]
    if {$refused ne "" && ![llength [lsearch -all -glob $wants "refused *"]]} { lappend trouble $refused }
    foreach want $wants {
        set kind [lindex [split $want] 0]
        set text [string map [list %D $::dir] [string range $want [string length $kind]+1 end]]
        switch -- $kind {
            ! { set good [expr {[string first "\n$text\n" "\n$err"] >= 0}] }
            refused { set good [expr {[string first $text $refused] >= 0}] }
            > { set good [expr {[string first $text $out] >= 0}] }
            plan { set good [expr {[string first $text $plan] >= 0}] }
            no { set good [expr {$plan ne "" && [string first $text $plan] < 0 && [string first $text [join [lsearch -all -inline [split $out \n] "#   *"]]] < 0}] }
            ok { set good [expr {$plan ne "" && $status == 0}] }
            default {
                set good 0
                foreach line [split $out \n] {
                    if {[string match "#   emu-$kind *" $line] && [string first $text $line] >= 0} { set good 1 }
                }
            }
        }
        if {!$good} { lappend trouble "wanted: $kind $text" }
    }
    if {[string match "*while executing*" $err]} { lappend trouble "the mapper broke" }
    if {[llength $errors] == 0 && $status != 0 && ![llength [lsearch -all -glob $wants {> *}]]} { lappend trouble "status $status" }
    result [expr {![llength $trouble]}] "$where: [join $words]" "[join $trouble \n]\nstdout: [string range $out 0 3000]\nstderr: $err"
}

set seen ""
foreach file [lsort [glob tests/glue/emu-system/*.cases]] {
    set handle [open $file]
    set words {}
    set wants {}
    foreach line [concat [split [read $handle] \n] [list "="]] {
        if {$line eq "" || [string index $line 0] eq "#"} continue
        if {[string match "=*" $line]} {
            if {[llength $wants]} { judge $words $wants [file rootname [file tail $file]] }
            set words [string range $line 2 end]
            append seen " $words \n"
            set wants {}
        } else {
            lappend wants $line
        }
    }
    close $handle
}

# ---- nothing is forgotten ----
set missing {}
foreach line [split [exec tclsh share/emu-system.d/main.tcl x $build/bin --print-table] \n] {
    set fields [split $line \t]
    if {[lindex $fields 0] eq "option" && ![regexp -- " -[lindex $fields 1]\\M" $seen]} { lappend missing -[lindex $fields 1] }
}
result [expr {![llength $missing]}] "every option of the table is in a case" [join $missing]
set missing {}
set handle [open tests/glue/emu-system/rows.list]
foreach row [split [string trim [read $handle]] \n] {
    # "-drive cache=": the option and a text of its value.
    set at [string first " " $row]
    set option [expr {$at < 0 ? $row : [string range $row 0 $at-1]}]
    set text [expr {$at < 0 ? "" : [string range $row $at+1 end]}]
    set found 0
    foreach line [split $seen \n] {
        if {[string first " $option " $line] >= 0 && ($text eq "" || [string first $text $line] >= 0)} { set found 1; break }
    }
    if {!$found} { lappend missing $row }
}
close $handle
result [expr {![llength $missing]}] "every row of the classic's list of options is in a case" [join $missing \n]
file delete -force $dir
puts "1..$n"
exit $failed
