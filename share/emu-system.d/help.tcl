# SPDX-License-Identifier: GPL-2.0-or-later
# What is printed and asked: -help, -version, the man page's OPTIONS, completion, lists that the parts have.

proc option_left {name argument} {
    return -$name[expr {$argument ne "" ? " $argument" : ""}]
}

proc wrap_text {text first indent width} {
    set out $first
    set column [string length $first]
    if {$column > [string length $indent]} { append out \n; set column 0 }
    set pad [string repeat " " [expr {[string length $indent] - $column}]]
    append out $pad
    set column [string length $indent]
    set empty 1
    foreach word [split $text] {
        if {!$empty && $column + [string length $word] + 1 > $width} { append out \n$indent; set column [string length $indent]; set empty 1 }
        if {!$empty} { append out " "; incr column }
        append out $word
        incr column [string length $word]
        set empty 0
    }
    return $out
}

proc help_print {args} {
    set indent [string repeat " " 16]
    puts "usage: $::program \[OPTION\]... \[DISK_IMAGE\]"
    puts "A whole machine from the classic command line: it is made of emu-cpu, emu-nbd, emu-net and emu-mon, under one supervisor."
    puts "DISK_IMAGE is the first hard disk's; the same as -hda."
    foreach row $::rows {
        switch [lindex $row 0] {
            section { puts "\n[lindex $row 1]:" }
            option {
                lassign $row - name argument part help
                puts [wrap_text $help "[option_left $name $argument]  " $indent 110]
            }
            sub { puts [wrap_text "[lindex $row 1]: [lindex $row 2]" $indent $indent 110] }
        }
    }
    puts "\nOn the terminal of -nographic: Ctrl-a h helps, Ctrl-a c goes to the monitor and back, Ctrl-a x ends the machine."
    exit 0
}

proc version_print {args} {
    puts "QEMU-compatible machine emulator, command line of version 2.12.0 (emutools 1.0)"
    exit 0
}

# Long lists of options may be broken behind their commas and bars.
proc troff {text {breaks 0}} {
    set text [string map {\\ \\e - \\-} $text]
    if {$breaks} { set text [string map [list , ,\\: | |\\:] $text] }
    if {[string index $text 0] in {. '}} { set text \\&$text }
    return $text
}

set part_names {cpu emu-cpu nbd emu-nbd net emu-net mon emu-mon vnc emu-vnc all "the supervisor" here "this program itself" none ""}

proc man_print {} {
    puts ".SH OPTIONS\n.ad l"
    foreach row $::rows {
        switch [lindex $row 0] {
            section { puts ".SS [troff [lindex $row 1]]" }
            option {
                lassign $row - name argument part help
                set who [dict get $::part_names $part]
                puts ".TP\n\\fB[troff [option_left $name $argument] 1]\\fR\n[troff [string toupper $help 0 0]].[expr {$who ne "" ? " \[$who\]" : ""}]"
            }
            sub { puts ".RS\n.TP\n.I [troff [lindex $row 1] 1]\n[troff [string toupper [lindex $row 2] 0 0]].\n.RE" }
        }
    }
    puts ".ad b"
    exit 0
}

proc completion_print {} {
    set names [lmap row $::rows {if {[lindex $row 0] ne "option"} continue; string cat - [lindex $row 1]}]
    puts "complete -o default -W '[join $names { }]' emu-system qemu-system-x86_64 qemu-system-i386"
    exit 0
}

# For the test that every option is known and tried: name, argument, part.
proc table_print {} {
    foreach row $::rows { puts [join $row \t] }
    exit 0
}

# ---- questions to the parts ------------------------------------------------------------------------------------------------------------------
proc ask_output {part arguments} {
    set program [file join $::bin_dir $part]
    if {![file executable $program]} { fail "$part is not installed here, which has the answer" }
    # Words that Tcl's exec would take for redirections name nothing of a part's.
    foreach word $arguments { if {[regexp {^(2?>|[<|&])} $word]} { fail "$word: nothing of that name has help" } }
    set failed [catch {exec -keepnewline -- $program {*}$arguments </dev/null 2>@1} text options]
    if {!$failed} { puts -nonewline $text; return 0 }
    set text [regsub -line -all "^$part: " [regsub {\n?child process exited abnormally$} $text ""] "$::program: "]
    puts stderr [string trimright $text \n]
    set code [dict get $options -errorcode]
    return [expr {[lindex $code 0] eq "CHILDSTATUS" ? [lindex $code 2] : 1}]
}

proc ask {part args} {
    set status [ask_output $part $args]
    exit $status
}

proc formats_print {} {
    set text ""
    catch {exec [file join $::bin_dir emu-img] --help 2>@1} text
    if {![regexp -line {^Supported formats:.*$} $text line]} { fail "emu-img is not installed here, which has the list of formats" }
    puts $line
    exit 0
}
