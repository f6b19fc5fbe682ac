# SPDX-License-Identifier: GPL-2.0-or-later
# Messages, option texts (key=value lists), sizes, JSON: what the other files of the wrapper stand on.

# ---- messages: they begin with the name that the user called, as the classic's do -------------------------------------------------
proc say {text} {
    puts stderr "$::program: $text"
}

proc warn {text} {
    say "warning: $text"
}

# One line that says what was wrong, and one with what would work.
proc fail {text {hint ""}} {
    flush stdout
    say $text
    if {$hint ne ""} { puts stderr $hint }
    exit 1
}

# ---- key=value lists ------------------------------------------------------------------------------------------------------------
# A doubled comma is a comma in a value. The first word may go without its key; other bare words are switches: word=on, noWORD: word=off.
# Gives a flat list of keys and values in their order.
proc keyval_parse {text implied} {
    set list {}
    set first 1
    foreach word [split [string map [list ,, \x01] $text] ,] {
        set word [string map [list \x01 ,] $word]
        set at [string first = $word]
        if {$first && $implied ne "" && $at < 0} {
            lappend list $implied $word
        } elseif {$at >= 0} {
            lappend list [string range $word 0 $at-1] [string range $word $at+1 end]
        } elseif {$word eq ""} {
            continue
        } elseif {[string match no?* $word] && ![regexp {^node(-|id|$)} $word]} {
            lappend list [string range $word 2 end] off
        } else {
            lappend list $word on
        }
        set first 0
    }
    return $list
}

proc keyval_quote {value} {
    return [string map {, ,,} $value]
}

# The list as text again; the implied key's value first and bare.
proc keyval_text {list {implied ""}} {
    set words {}
    foreach {key value} $list {
        set value [keyval_quote $value]
        if {$key eq $implied && ![llength $words] && ![string match *=* $value]} {
            lappend words $value
        } else {
            lappend words $key=$value
        }
    }
    return [join $words ,]
}

# The last value of a key in a flat list.
proc keyval_get {list key {default ""}} {
    set value $default
    foreach {k v} $list { if {$k eq $key} { set value $v } }
    return $value
}

proc keyval_has {list key} {
    foreach {k v} $list { if {$k eq $key} { return 1 } }
    return 0
}

proc keyval_without {list keys} {
    set out {}
    foreach {k v} $list { if {$k ni $keys} { lappend out $k $v } }
    return $out
}

# ---- items: every structured option that was given, by group, with the text that asked for it -----------------------------------------
# An item is {at TEXT id ID kv LIST}; groups are those of -set and -readconfig.
proc item_add {group kv at} {
    set id [keyval_get $kv id]
    if {$id ne "" && $group in {drive device chardev netdev object mon fsdev}} {
        if {![regexp {^[A-Za-z][A-Za-z0-9._-]*$} $id]} {
            fail "$at: Parameter 'id' expects an identifier" \
                "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter."
        }
        if {[item_find $group $id] >= 0} { fail "$at: Duplicate ID '$id' for $group" }
    }
    lappend ::items($group) [dict create at $at id $id kv $kv]
}

proc item_find {group id} {
    set n 0
    foreach item [items $group] {
        if {[dict get $item id] eq $id} { return $n }
        incr n
    }
    return -1
}

proc items {group} {
    return [expr {[info exists ::items($group)] ? $::items($group) : {}}]
}

# Groups whose options add up to one list (machine, memory, boot …): all of them.
proc items_merged {group} {
    set all {}
    foreach item [items $group] { lappend all {*}[dict get $item kv] }
    return $all
}

# Refuses keys of an item that are not in the list; patterns are allowed.
proc keys_check {at kv known} {
    foreach {key value} $kv {
        set ok 0
        foreach pattern $known { if {[string match $pattern $key]} { set ok 1; break } }
        if {!$ok} {
            fail "$at: Invalid parameter '$key'" "accepted are: [join [lmap k $known {string map {\\ {}} $k}] {, }]"
        }
    }
}

proc check_choice {at what value choices} {
    if {$value ni $choices} { fail "$at: $what does not accept '$value'" "accepted are: [join $choices {, }]" }
    return $value
}

proc check_switch {at key value} {
    if {$value in {on yes true y}} { return 1 }
    if {$value in {off no false n}} { return 0 }
    fail "$at: Parameter '$key' expects 'on' or 'off'"
}

proc check_number {at key value {min 0} {max 9223372036854775807}} {
    if {![string is entier -strict $value] || [string match "* *" $value]} { fail "$at: Parameter '$key' expects a number, not '$value'" }
    if {$value < $min || $value > $max} { fail "$at: $key=$value is not between $min and $max" }
    return [expr {$value}]
}

# Bytes of "64", "1.5G", "10M"; unit: what a bare number counts. -1: no size.
proc size_bytes {text {unit B}} {
    if {![regexp {^(\d+(?:\.\d+)?|0[xX][0-9a-fA-F]+)([bBkKmMgGtTpPeE]?)$} $text - number suffix]} { return -1 }
    if {$suffix eq ""} { set suffix $unit }
    set shift [expr {10 * [string first [string toupper $suffix] BKMGTPE]}]
    if {[string match *.* $number]} { return [expr {entier($number * (1 << $shift))}] }
    scan $number %lld value
    if {[string match -nocase 0x* $number]} { scan $number %llx value }
    return [expr {$value << $shift}]
}

# ---- files ------------------------------------------------------------------------------------------------------------------------------
# A name as the system has it: Tcl would take "~user" for a home and "|command" for a pipe.
proc file_name {path} {
    return [expr {[string index $path 0] in {~ |} ? "./$path" : $path}]
}

# The reason why a file cannot be opened, in the system's words; "" if it can.
proc file_trouble {path mode} {
    if {[catch {open [file_name $path] $mode} handle]} {
        set words [lindex $::errorCode 2]
        if {$words eq ""} { set words $handle }
        return [string toupper $words 0 0]
    }
    close $handle
    return ""
}

# ---- JSON -----------------------------------------------------------------------------------------------------------------------------
# Values that are to be written carry their kind: {s TEXT} {n NUMBER} {b 0|1} {a LIST-OF-VALUES} {o {KEY VALUE ...}} {z {}}.
proc json_string {text} {
    set out "\""
    append out [string map {\\ \\\\ \" \\\" \n \\n \r \\r \t \\t \b \\b \f \\f} $text]
    if {[regexp {[\x00-\x1f]} $out]} {
        foreach code {0 1 2 3 4 5 6 7 11 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31} {
            set out [string map [list [format %c $code] [format {\u%04x} $code]] $out]
        }
    }
    return $out\"
}

# One line, for arguments of other programs.
proc json_line {value} {
    lassign $value kind content
    switch $kind {
        s { return [json_string $content] }
        n { return $content }
        b { return [expr {$content ? "true" : "false"}] }
        z { return null }
        a { return "\[[join [lmap v $content {json_line $v}] {, }]\]" }
        o { return "{[join [lmap {k v} $content {string cat [json_string $k] {: } [json_line $v]}] {, }]}" }
    }
    error "no such kind of JSON value: $kind"
}

# For people: what does not fit on a line is spread over several.
proc json_write {value {indent ""}} {
    set line [json_line $value]
    if {[string length $indent] + [string length $line] <= 110} { return $line }
    lassign $value kind content
    set inner "$indent  "
    switch $kind {
        a {
            set texts [lmap v $content {json_write $v $inner}]
            if {[lindex $content 0 0] eq "o" || [string match *\n* $texts]} { return "\[\n$inner[join $texts ",\n$inner"]\n$indent\]" }
            # Words of a command fill their lines.
            set lines {}
            set line [lindex $texts 0]
            foreach text [lrange $texts 1 end] {
                if {[string length $inner$line] + [string length $text] > 110} {
                    lappend lines $line,
                    set line $text
                } else {
                    append line ", " $text
                }
            }
            return "\[\n$inner[join [concat $lines [list $line]] \n$inner]\n$indent\]"
        }
        o {
            set rows [lmap {k v} $content {string cat $inner [json_string $k] {: } [json_write $v $inner]}]
            return "{\n[join $rows ,\n]\n$indent}"
        }
    }
    return $line
}

# Reads one value, in the kinds above; single quotes are accepted as the classic accepts them. Fails with a message.
proc json_read {text at} {
    set position 0
    set value [json_value $text position $at 0]
    if {![regexp -start $position {\A\s*\Z} $text]} { fail "$at: JSON parse error: something follows the value" }
    return $value
}

proc json_value {text p at depth} {
    upvar 1 $p i
    if {$depth > 1024} { fail "$at: JSON parse error: nested too deep" }
    regexp -start $i -indices {\A\s*} $text space
    set i [expr {[lindex $space 1] + 1}]
    set c [string index $text $i]
    switch -- $c {
        "\{" {
            set pairs {}
            incr i
            while 1 {
                regexp -start $i -indices {\A[\s]*} $text space
                set i [expr {[lindex $space 1] + 1}]
                if {[string index $text $i] eq "\}" && ![llength $pairs]} { incr i; break }
                set key [json_value $text i $at [expr {$depth + 1}]]
                if {[lindex $key 0] ne "s" || ![regexp -start $i -indices {\A\s*:} $text colon]} { fail "$at: JSON parse error: a key is missing" }
                set i [expr {[lindex $colon 1] + 1}]
                lappend pairs [lindex $key 1] [json_value $text i $at [expr {$depth + 1}]]
                if {![regexp -start $i -indices {\A\s*([,\}])} $text all mark]} { fail "$at: JSON parse error: an object does not end" }
                set i [expr {[lindex $all 1] + 1}]
                if {[string index $text [lindex $mark 0]] eq "\}"} break
            }
            return [list o $pairs]
        }
        "\[" {
            set list {}
            incr i
            while 1 {
                regexp -start $i -indices {\A\s*} $text space
                set i [expr {[lindex $space 1] + 1}]
                if {[string index $text $i] eq "\]" && ![llength $list]} { incr i; break }
                lappend list [json_value $text i $at [expr {$depth + 1}]]
                if {![regexp -start $i -indices {\A\s*([],])} $text all mark]} { fail "$at: JSON parse error: a list does not end" }
                set i [expr {[lindex $all 1] + 1}]
                if {[string index $text [lindex $mark 0]] eq "\]"} break
            }
            return [list a $list]
        }
        "\"" - ' {
            set pattern [expr {$c eq "'" ? {\A'((?:[^'\\]|\\.)*)'} : {\A"((?:[^"\\]|\\.)*)"}}]
            if {![regexp -start $i -indices $pattern $text all inside]} { fail "$at: JSON parse error: a string does not end" }
            set i [expr {[lindex $all 1] + 1}]
            return [list s [json_unescape [string range $text {*}$inside] $at]]
        }
        default {
            if {![regexp -start $i -indices {\A[-+0-9a-zA-Z.]+} $text all]} { fail "$at: JSON parse error: a value is missing" }
            set word [string range $text {*}$all]
            set i [expr {[lindex $all 1] + 1}]
            switch -- $word {
                true { return {b 1} }
                false { return {b 0} }
                null { return {z {}} }
            }
            if {![regexp {^-?\d+(\.\d+)?([eE][-+]?\d+)?$} $word]} { fail "$at: JSON parse error: '$word' is no value" }
            return [list n $word]
        }
    }
}

proc json_unescape {text at} {
    if {[string first \\ $text] < 0} { return $text }
    set out ""
    while {[regexp {^([^\\]*)\\(u[0-9a-fA-F]{4}|.)(.*)$} $text - before code text]} {
        append out $before
        switch -glob -- $code {
            n { append out \n }
            t { append out \t }
            r { append out \r }
            b { append out \b }
            f { append out \f }
            u???? { append out [format %c 0x[string range $code 1 end]] }
            \" - ' - / - \\\\ { append out $code }
            default { fail "$at: JSON parse error: '\\$code' in a string" }
        }
    }
    return $out$text
}

# Dotted keys (a.b.0.c=v) as nested values: a flat list of keys and texts to {o ...}.
proc json_nest {list} {
    set order {}
    array set leaf {}
    array set below {}
    foreach {key value} $list {
        set at [string first . $key]
        set head [expr {$at < 0 ? $key : [string range $key 0 $at-1]}]
        if {$head ni $order} { lappend order $head }
        if {$at < 0} { set leaf($head) $value } else { lappend below($head) [string range $key $at+1 end] $value }
    }
    set pairs {}
    set numbered [expr {[llength $order] > 0}]
    foreach head $order {
        if {![string is digit -strict $head]} { set numbered 0 }
        if {[info exists below($head)]} {
            lappend pairs $head [json_nest $below($head)]
        } else {
            lappend pairs $head [list s $leaf($head)]
        }
    }
    if {$numbered} { return [list a [lmap {k v} $pairs {set v}]] }
    return [list o $pairs]
}
