# SPDX-License-Identifier: GPL-2.0-or-later
# -blockdev: nodes that refer to each other by name. Each node that no other one refers to is a disk, served by one emu-nbd with
# all that is below it.

# Members of a node that hold another one.
set blockdev_children {file backing data-file image test raw log target}

proc blockdev_option {at value} {
    if {[string match "\{*" [string trimleft $value]]} {
        set node [json_read $value $at]
        if {[lindex $node 0] ne "o"} { fail "$at: Invalid parameter type, expected: object" }
    } else {
        set kv [keyval_parse $value driver]
        if {[keyval_get $kv driver] in {help ?}} { formats_print }
        set node [json_nest $kv]
    }
    set pairs [lindex $node 1]
    foreach key {driver node-name} {
        if {![dict exists $pairs $key]} {
            fail "$at: [expr {$key eq "driver" ? "Parameter 'driver' is missing" : "'node-name' must be specified for the root node"}]"
        }
    }
    set name [lindex [dict get $pairs node-name] 1]
    if {![regexp {^[A-Za-z][A-Za-z0-9._-]*$} $name] || [string length $name] > 31} { fail "$at: Invalid node name '$name'" }
    if {[info exists ::node($name)]} { fail "$at: Duplicate node name" "it was asked for with $::node_at($name)" }
    set ::node($name) $node
    set ::node_at($name) $at
    lappend ::node_order $name
}

# The node with those that it refers to in their places. Each belongs to one node only.
proc blockdev_inline {name node above} {
    set at $::node_at($name)
    set pairs {}
    foreach {key value} [lindex $node 1] {
        if {$key in $::blockdev_children} {
            lassign $value kind content
            if {$kind eq "o"} {
                set value [blockdev_inline $name $value $above]
            } elseif {$kind eq "s" && $content ne ""} {
                if {![info exists ::node($content)]} { fail "$at: Cannot find device=$content nor node_name=$content" "a node is declared with its own -blockdev before it is used" }
                if {$content in $above} { fail "$at: node '$content' is below itself" }
                if {[info exists ::node_parent($content)]} {
                    fail "$at: node '$content' is used by '$::node_parent($content)' already" \
                        "each disk is served by a process of its own, so a node belongs to one disk; name its file once for each"
                }
                set ::node_parent($content) $name
                set value [blockdev_inline $content $::node($content) [concat $above [list $content]]]
            } elseif {$kind eq "s" && $key eq "backing"} {
                say "$at: backing= without a value is an old spelling: use JSON with null"
                set value {z {}}
            }
        }
        lappend pairs $key $value
    }
    return [list o $pairs]
}

proc blockdevs_make {} {
    foreach name $::node_order { set whole($name) 0 }
    # First which nodes are below others, so that only the tops are built.
    set below {}
    foreach name $::node_order { lappend below {*}[blockdev_references $::node($name)] }
    foreach name $::node_order {
        if {$name in $below} continue
        set at $::node_at($name)
        if {[info exists ::disk_at($name)]} { fail "$at: node-name=$name is conflicting with a device id" "it was asked for with $::disk_at($name)" }
        set ::disk_at($name) $at
        set node [blockdev_inline $name $::node($name) [list $name]]
        set pairs [lindex $node 1]
        set readonly 0
        if {[dict exists $pairs read-only]} {
            lassign [dict get $pairs read-only] kind content
            set readonly [expr {$kind eq "b" ? $content : [check_switch $at read-only $content]}]
        }
        set args {}
        if {$readonly} { lappend args -r }
        if {$::snapshot && !$readonly} { warn "-snapshot does not concern nodes of -blockdev, such as '$name'" }
        lappend args --image-opts
        disk_part $name $args [json_line $node] [json_leaves $node]
        set disk [list id $name nbd [disk_socket $name] if none]
        if {$readonly} { lappend disk readonly on }
        lappend ::cpu_disks [keyval_text $disk]
    }
    foreach name $::node_order {
        if {$name in $below && ![info exists ::node_parent($name)]} { fail "$::node_at($name): nodes refer to each other in a circle" }
    }
}

proc blockdev_references {node} {
    set out {}
    foreach {key value} [lindex $node 1] {
        if {$key ni $::blockdev_children} continue
        lassign $value kind content
        if {$kind eq "o"} { lappend out {*}[blockdev_references $value] }
        if {$kind eq "s" && $content ne ""} { lappend out $content }
    }
    return $out
}

# Keys and texts of a value's leaves, to find what objects it names.
proc json_leaves {value} {
    lassign $value kind content
    set out {}
    if {$kind eq "o"} {
        foreach {key v} $content {
            if {[lindex $v 0] in {o a}} { lappend out {*}[json_leaves $v] } else { lappend out $key [lindex $v 1] }
        }
    } elseif {$kind eq "a"} {
        foreach v $content { lappend out {*}[json_leaves $v] }
    }
    return $out
}
