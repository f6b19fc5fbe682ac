# SPDX-License-Identifier: GPL-2.0-or-later
# Configuration files, -set, and options that concern the processes.

# Groups of the files, and the options that they stand for.
set config_groups {
    drive drive device device chardev chardev netdev netdev net net nic nic object object mon mon machine machine smp-opts smp memory m
    boot-opts boot name name rtc rtc fw_cfg fw_cfg numa numa global global icount icount iscsi iscsi add-fd add-fd sandbox sandbox msg msg
    realtime realtime option-rom option-rom acpi acpitable smbios smbios trace trace accel accel
}

# [group "id"], then lines of: key = "value"
proc config_read {file at} {
    if {[catch {open [file_name $file]} handle]} { fail "$at: Could not open '$file': [file_trouble $file r]" }
    set text [read $handle]
    close $handle
    set group ""
    set kv {}
    set number 0
    foreach line [split "$text\n\[\]" \n] {
        incr number
        set line [string trim $line]
        if {$line eq "" || [string index $line 0] eq "#"} continue
        if {$line eq "\[\]" || [regexp {^\[\s*([\w-]+)(?:\s+"([^"]*)")?\s*\]$} $line - next id]} {
            if {$group ne ""} { config_apply $file $begin $group $kv }
            if {$line eq "\[\]"} break
            if {![dict exists $::config_groups $next]} {
                fail "$file:$number: There is no option group '$next'" "groups are: [join [dict keys $::config_groups] {, }]"
            }
            set group $next
            set kv [expr {$id ne "" ? [list id $id] : {}}]
            set begin $number
        } elseif {[regexp {^([\w.:-]+)\s*=\s*"(.*)"$} $line - key value]} {
            if {$group eq ""} { fail "$file:$number: no group defined" "a line such as \[drive \"disk0\"\] begins one" }
            lappend kv $key [string map [list \\\" \" \\\\ \\] $value]
        } else {
            fail "$file:$number: parse error" "a line is \[GROUP\], \[GROUP \"ID\"\] or KEY = \"VALUE\""
        }
    }
}

proc config_apply {file line group kv} {
    set name [dict get $::config_groups $group]
    lassign $::option($name) argument action
    {*}$action "$file:$line: -$name" [keyval_text $kv]
}

proc config_read_option {at value} { config_read $value $at }

proc config_write_option {at value} {
    set text "# qemu config file\n"
    foreach {group -} $::config_groups {
        foreach item [items $group] {
            set id [dict get $item id]
            append text "\n\[$group[expr {$id ne "" ? " \"$id\"" : ""}]\]\n"
            foreach {key v} [dict get $item kv] {
                if {$key ne "id"} { append text "  $key = \"[string map {\\ \\\\ \" \\\"} $v]\"\n" }
            }
        }
    }
    if {$value eq "-"} { puts -nonewline $text; return }
    if {[catch {open [file_name $value] w} handle]} { fail "$at: Could not open '$value': [file_trouble $value w]" }
    puts -nonewline $handle $text
    close $handle
}

proc set_option {at value} {
    if {![regexp {^([^.]+)\.([^.]+)\.([^=]+)=(.*)$} $value - group id key new]} { fail "$at: can't parse: \"$value\"" "it is GROUP.ID.ARGUMENT=VALUE" }
    if {![dict exists $::config_groups $group]} { fail "$at: There is no option group '$group'" "groups are: [join [dict keys $::config_groups] {, }]" }
    set n [item_find $group $id]
    if {$n < 0} { fail "$at: there is no $group \"$id\" defined" "-set stands behind the option that it changes" }
    set item [lindex $::items($group) $n]
    set kv [dict get $item kv]
    set done 0
    set out {}
    foreach {k v} $kv {
        if {$k eq $key} { set v $new; set done 1 }
        lappend out $k $v
    }
    if {!$done} { lappend out $key $new }
    dict set item kv $out
    lset ::items($group) $n $item
}

# ---- the processes -----------------------------------------------------------------------------------------------------------------------------
proc runas_option {at value} {
    if {![regexp {^\d+:\d+$} $value] && ([regexp {[^A-Za-z0-9_.-]} $value] || [catch {exec getent passwd -- $value}])} {
        fail "$at: User \"$value\" doesn't exist (and is not <uid>:<gid>)"
    }
    set ::run_as $value
}

proc sandbox_option {at value} {
    set kv [keyval_parse $value enable]
    keys_check $at $kv {enable obsolete elevateprivileges spawn resourcecontrol}
    foreach {key choices} {obsolete {allow deny} elevateprivileges {allow deny children} spawn {allow deny} resourcecontrol {allow deny}} {
        if {[keyval_has $kv $key]} { check_choice $at $key [keyval_get $kv $key] $choices }
    }
    # The filters of the parts refuse all four classes in any case.
    set ::sandbox [expr {[check_switch $at enable [keyval_get $kv enable on]] ? "" : "off"}]
}

proc msg_option {at value} {
    set kv [keyval_parse $value ""]
    keys_check $at $kv {timestamp guest-name}
    set ::timestamps [check_switch $at timestamp [keyval_get $kv timestamp off]]
}
