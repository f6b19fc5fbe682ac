# SPDX-License-Identifier: GPL-2.0-or-later
# Networks. One emu-net is a network: its back ends, and a plug for each card. A -netdev is a network of one back end and one card; a hub has
# any number of both.

set net_backends {user tap bridge socket l2tpv3 vde hubport}
set net_absent {
    netmap "netmap is not built in; tap and vde connect to switches of the host"
    vhost-user "networks served by another process over vhost-user are not built in; socket connects to one"
}
set nic_models {e1000 e1000-82544gc e1000-82545em virtio virtio-net-pci virtio-net}
set nic_models_absent {ne2k_pci ne2k_isa i82550 i82551 i82557a i82557b i82557c i82558a i82558b i82559a i82559b i82559c i82559er i82562 i82801
    rtl8139 pcnet vmxnet3 e1000e tulip}

proc netdev_help {} {
    puts "Available netdev backend types:\n[join $::net_backends \n]"
    exit 0
}

proc nic_model_check {at model} {
    if {$model in {help ?}} { puts "Supported NIC models:\ne1000\ne1000-82544gc\ne1000-82545em\nvirtio"; exit 0 }
    if {$model in $::nic_models} { return [expr {[string match virtio* $model] ? "virtio-net-pci" : $model}] }
    if {$model in $::nic_models_absent} { fail "$at: the card '$model' is not built in" "e1000 is, which systems since 2002 know, and virtio" }
    fail "$at: Unsupported NIC model: $model" "accepted are: e1000, e1000-82544gc, e1000-82545em, virtio"
}

proc netdev_check {at type} {
    if {[dict exists $::net_absent $type]} { fail "$at: [dict get $::net_absent $type]" }
    if {$type ni $::net_backends} { fail "$at: Parameter 'type' does not accept value '$type'" "accepted are: [join $::net_backends {, }]" }
}

# ---- the options -------------------------------------------------------------------------------------------------------------------------------
proc netdev_option {at value} {
    if {$value in {help ?}} netdev_help
    set kv [keyval_parse $value type]
    if {![keyval_has $kv id]} { fail "$at: Parameter 'id' is missing" "id=NAME is what devices refer to" }
    netdev_check $at [keyval_get $kv type]
    set ::default_net 0
    item_add netdev $kv $at
}

proc nic_option {at value} {
    if {$value in {help ?}} netdev_help
    set kv [keyval_parse $value type]
    if {[keyval_get $kv model] in {help ?}} { nic_model_check $at help }
    set type [keyval_get $kv type]
    if {$type ne "none"} { netdev_check $at $type }
    if {$type eq "hubport"} { fail "$at: Parameter 'type' does not accept value 'hubport'" "-net nic puts a card on hub 0" }
    set ::default_net 0
    item_add nic $kv $at
}

proc net_option {at value} {
    if {$value in {help ?}} netdev_help
    set kv [keyval_parse $value type]
    set type [keyval_get $kv type]
    if {$type eq "nic"} {
        keys_check $at $kv {type netdev macaddr mac model name addr vectors vlan id}
        if {[keyval_has $kv model]} { nic_model_check $at [keyval_get $kv model] }
    } elseif {$type ne "none"} {
        netdev_check $at $type
    }
    set ::default_net 0
    item_add net $kv $at
}

# Old options for what user networking serves.
proc net_legacy {key at value} { lappend ::net_legacy $key $value }
proc redir_option {at value} {
    if {![regexp {^(?:(tcp|udp):)?(\d+):([^:]*):(\d+)$} $value - protocol port guest guest_port]} {
        fail "$at: invalid host forwarding rule '$value'" "it is \[tcp|udp\]:HOSTPORT:\[GUEST\]:GUESTPORT"
    }
    lappend ::net_redirections "[expr {$protocol eq "" ? "tcp" : $protocol}]::$port-$guest:$guest_port"
}
set net_legacy {}
set net_redirections {}

# ---- networks -----------------------------------------------------------------------------------------------------------------------------------
# A network's record: net(NAME) = {backends TEXTS cards COUNT at TEXT}; net_plug(ID): the network and plug that netdev=ID means.
proc net_new {name at} {
    if {![info exists ::net($name)]} {
        set ::net($name) [dict create backends {} plugs {} at $at]
        lappend ::net_order $name
    }
}
set net_order {}

proc net_backend {name at type id kv} {
    net_new $name $at
    set text [list type $type]
    if {$id ne ""} { lappend text id $id }
    set user [expr {$type eq "user"}]
    foreach {key value} $kv {
        switch -- $key {
            type - id - name - vlan - hubid - model - mac - macaddr - addr - vectors { continue }
            fd - vhostfd { set value [token fd [fd_inherited $at $value]] }
            fds - vhostfds { set value [join [lmap fd [split $value :] {token fd [fd_inherited $at $fd]}] :] }
        }
        lappend text $key $value
    }
    if {$user} {
        foreach {key value} $::net_legacy { if {![keyval_has $text $key]} { lappend text $key $value } }
        foreach rule $::net_redirections { lappend text hostfwd $rule }
        set ::net_redirections {}
    }
    dict lappend ::net($name) backends [keyval_text $text type]
}

# A plug of a network for a card; gives the name that emu-cpu knows it by.
proc net_plug {name id at} {
    net_new $name $at
    dict lappend ::net($name) plugs $id
    lappend ::cpu_nets "id=$id,unix=[token run $id.net],vnet_hdr=on"
    set ::netdev_at($id) $at
    return $id
}

proc card_add {at model id kv} {
    set device [list driver [nic_model_check $at [expr {$model eq "" ? "e1000" : $model}]]]
    if {$id ne ""} { lappend device netdev $id }
    foreach {key property} {mac mac macaddr mac addr addr vectors vectors name id} {
        if {[keyval_has $kv $key]} { lappend device $property [keyval_get $kv $key] }
    }
    if {[keyval_has $device mac] && ![regexp -nocase {^([0-9a-f]{2}:){5}[0-9a-f]{2}$} [keyval_get $device mac]]} {
        fail "$at: invalid syntax for ethernet address" "it is six bytes in hexadecimal: 52:54:00:12:34:56"
    }
    lappend ::board_cards [keyval_text $device driver]
}
set board_cards {}

proc net_used {at id} {
    if {![info exists ::netdev_at($id)]} { fail "$at: Property 'netdev' can't find value '$id'" "-netdev BACKEND,id=$id makes it" }
    if {[info exists ::netdev_user($id)]} { fail "$at: Property 'netdev' can't take value '$id', it's in use" "it is $::netdev_user($id)'s" }
    set ::netdev_user($id) $at
}

proc nets_make {} {
    if {$::default_net} {
        if {![file executable [file join $::bin_dir emu-net]] || [machine_type] eq "isapc"} return
        item_add net {type nic} "-net nic"
        item_add net {type user} "-net user"
    }
    foreach item [items netdev] { netdev_make $item }
    set count 0
    foreach item [items nic] {
        set at [dict get $item at]
        set kv [dict get $item kv]
        if {[keyval_get $kv type] eq "none"} continue
        set id [keyval_get $kv id nic$count]
        incr count
        if {[info exists ::netdev_at($id)]} { fail "$at: Duplicate ID '$id' for netdev" }
        net_backend $id $at [keyval_get $kv type] $id [keyval_without $kv {mac model addr vectors}]
        net_plug $id $id $at
        net_used $at $id
        card_add $at [keyval_get $kv model] $id $kv
    }
    set count 0
    foreach item [items net] { incr count [net_make $item $count] }
    foreach name $::net_order {
        set at [dict get $::net($name) at]
        if {[llength [dict get $::net($name) plugs]] == 0 && [string match hub* $name]} { warn "hub [string range $name 3 end] with no nics"; continue }
        if {[llength [dict get $::net($name) backends]] == 0} { warn "hub [string range $name 3 end] is not connected to host network" }
        net_part $name
    }
    foreach {id at} [array get ::netdev_at] {
        if {![info exists ::netdev_user($id)] && ![device_names netdev $id]} { warn "netdev $id has no peer" }
    }
    set ::cpu_devices [concat $::board_cards $::cpu_devices]
}

proc device_names {key value} {
    foreach item [items device] { if {[keyval_get [dict get $item kv] $key] eq $value} { return 1 } }
    return 0
}

proc netdev_make {item} {
    set at [dict get $item at]
    set kv [dict get $item kv]
    set id [dict get $item id]
    if {[keyval_get $kv type] ne "hubport"} {
        if {![info exists ::netdev_on_hub($id)]} {
            # A later hubport may want it: then it is a back end of the hub.
            foreach other [items netdev] {
                set o [dict get $other kv]
                if {[keyval_get $o type] eq "hubport" && [keyval_get $o netdev] eq $id} {
                    set ::netdev_on_hub($id) 1
                    net_backend hub[keyval_get $o hubid 0] $at [keyval_get $kv type] $id $kv
                    return
                }
            }
        }
        net_backend $id $at [keyval_get $kv type] $id $kv
        net_plug $id $id $at
        return
    }
    keys_check $at $kv {type id hubid netdev}
    set hub [check_number $at hubid [keyval_get $kv hubid 0] 0 1000000]
    if {![keyval_has $kv hubid]} { fail "$at: Parameter 'hubid' is missing" }
    if {[keyval_has $kv netdev]} {
        if {[item_find netdev [keyval_get $kv netdev]] < 0} { fail "$at: netdev '[keyval_get $kv netdev]' not found" }
        net_new hub$hub $at
        return
    }
    net_plug hub$hub $id $at
}

# -net: hub 0, or a card on a -netdev. Gives how many plugs of hub 0 were taken.
proc net_make {item count} {
    set at [dict get $item at]
    set kv [dict get $item kv]
    set type [keyval_get $kv type]
    if {$type eq "none"} { return 0 }
    set hub [keyval_get $kv vlan 0]
    if {$type ne "nic"} {
        net_backend hub$hub $at $type [keyval_get $kv id [keyval_get $kv name $type.$count]] $kv
        return 1
    }
    if {[keyval_has $kv netdev]} {
        set id [keyval_get $kv netdev]
        net_used $at $id
    } else {
        set id [net_plug hub$hub hub${hub}port$count $at]
        set ::netdev_user($id) $at
    }
    card_add $at [keyval_get $kv model] $id $kv
    return 1
}

proc net_part {name} {
    if {![file executable [file join $::bin_dir emu-net]]} {
        fail "[dict get $::net($name) at]: emu-net is not installed here, which makes networks" "-nic none runs without one"
    }
    set part [part_name $name net]
    set args [list --ctl [token run $part.ctl] --ctl-fd [token fd ctl] --ready-fd [token fd ready] --state [token run $part.state]]
    if {$::sandbox ne ""} { lappend args --sandbox $::sandbox }
    foreach plug [dict get $::net($name) plugs] { lappend args --plug unix:[token run $plug.net],id=$plug.plug }
    if {[info exists ::net_dump($name)]} { foreach dump $::net_dump($name) { lappend args --dump $dump } }
    foreach backend [dict get $::net($name) backends] { lappend args [fdset_names $backend] }
    part_add $part emu-net $args
}

# -object filter-dump
proc net_filter {item} {
    set at [dict get $item at]
    set kv [dict get $item kv]
    keys_check $at $kv {qom-type id netdev file maxlen queue status}
    set id [keyval_get $kv netdev]
    if {[item_find netdev $id] < 0} { fail "$at: Parameter 'netdev' expects a network backend id" }
    if {![keyval_has $kv file]} { fail "$at: dump filter needs 'file' property set!" }
    lappend ::net_dump($id) [keyval_text [keyval_without $kv {qom-type}]]
}
