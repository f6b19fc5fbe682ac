# SPDX-License-Identifier: GPL-2.0-or-later
# -device, -object and inherited descriptors.

proc device_option {at value} {
    if {$value in {help ?} || [regexp {,(help|\?)$} $value]} { ask emu-cpu -device $value }
    if {[string match "\{*" [string trimleft $value]]} {
        set node [json_read $value $at]
        set kv {}
        foreach {key v} [lindex $node 1] {
            lassign $v kind content
            if {$kind in {o a}} { fail "$at: property '$key' is no plain value" }
            lappend kv $key [expr {$kind eq "b" ? ($content ? "on" : "off") : $content}]
        }
    } else {
        set kv [keyval_parse $value driver]
    }
    if {![keyval_has $kv driver]} { fail "$at: Parameter 'driver' is missing" "-device help lists drivers" }
    switch -glob -- [keyval_get $kv driver] {
        ipmi-bmc-* - isa-ipmi-* { fail "$at: IPMI is not built in" "-device i6300esb and -watchdog-action reset a guest that hangs" }
        tpm-* { fail "$at: $::no_tpm" }
        virtio-9p* { fail "$at: $::no_9p" $::no_9p_hint }
        usb-* - *-uhci - *-ehci* - *-xhci - pci-ohci { fail "$at: $::no_usb" $::no_usb_hint }
        sb16 - ES1370 - AC97 - intel-hda - ich9-intel-hda - hda-* - adlib - gus - cs4231a { fail "$at: $::no_sound" }
        ne2k_* - i825* - i82801 - rtl8139 - pcnet - vmxnet3 - e1000e - tulip - rocker - pvrdma { fail "$at: this network card is not built in" "-device e1000 and -device virtio-net-pci are" }
        lsi53c8* - lsi - megasas* - mptsas1068 - am53c974 - dc390 - pvscsi { fail "$at: this SCSI adapter is not built in" "-device virtio-scsi-pci is, for -device scsi-hd and scsi-cd" }
        nvme* - ich9-ahci - ahci - sdhci-pci - sd-card { fail "$at: this disk controller is not built in" "disks go with -drive if=ide or if=virtio, or -device virtio-scsi-pci" }
        cirrus-vga - isa-cirrus-vga - qxl* - vmware-svga - virtio-vga* - virtio-gpu* - bochs-display { fail "$at: this graphics card is not built in" "-device VGA is" }
        pc-dimm - nvdimm - virtio-pmem* - vmgenid - virtio-crypto* - virtio-mem* { fail "$at: this device is not built in" "-device help lists those that are" }
        pcie-* - ioh3420 - i82801b11-bridge - x3130* - xio3130* - pxb* { fail "$at: PCI Express is not built in" "-device pci-bridge,chassis_nr=1 makes a further PCI bus" }
        vhost-user-blk* {}
        vhost-* - vfio-* - ivshmem* { fail "$at: this device is not built in" "-device help lists those that are" }
    }
    item_add device $kv $at
}

# The character device of a vhost-user-blk device is only the place of its server's socket: emu-cpu itself connects, as a disk of the chardev's name.
proc vhost_chardevs {} {
    return [lmap item [items device] {
        if {![string match vhost-user-blk* [keyval_get [dict get $item kv] driver]]} continue
        keyval_get [dict get $item kv] chardev
    }]
}

proc vhost_disk {at kv} {
    set id [keyval_get $kv chardev]
    set n [item_find chardev $id]
    if {$id eq ""} { fail "$at: chardev=ID is needed" "-chardev socket,id=ID,path=SOCKET names the server's socket" }
    if {$n < 0} { fail "$at: Property 'chardev' can't find value '$id'" "-chardev socket,id=$id,path=SOCKET makes it" }
    set chardev [dict get [lindex [items chardev] $n] kv]
    if {[keyval_get $chardev backend] ne "socket" || [keyval_get $chardev path] eq "" || [keyval_get $chardev server off] ni {off no n false}} {
        fail "$at: chardev '$id' is no connection to a UNIX socket" "-chardev socket,id=$id,path=SOCKET is what a vhost-user-blk device takes"
    }
    lappend ::cpu_disks [keyval_text [list id $id vhost unix:[file normalize [keyval_get $chardev path]] if none]]
    set driver [string map {vhost-user-blk virtio-blk} [keyval_get $kv driver]]
    return [keyval_text [concat [list driver $driver drive $id] [keyval_without $kv {driver chardev}]] driver]
}

# After everything that devices refer to is known; a stream that several devices share is known to emu-cpu by several names.
proc devices_make {} {
    foreach item [items device] {
        set kv {}
        if {[string match vhost-user-blk* [keyval_get [dict get $item kv] driver]]} {
            lappend ::cpu_devices [vhost_disk [dict get $item at] [dict get $item kv]]
            continue
        }
        foreach {key value} [dict get $item kv] {
            if {$key eq "chardev"} { set value [stream_for_device [dict get $item at] $value] }
            if {$key eq "netdev"} { net_used [dict get $item at] $value }
            lappend kv $key $value
        }
        lappend ::cpu_devices [keyval_text $kv driver]
    }
}

# ---- objects ---------------------------------------------------------------------------------------------------------------------------------
set objects_absent {
    rng-egd "randomness from a daemon is not built in; -object rng-random,filename=/dev/urandom,id=ID is"
    filter-buffer "packet filters other than filter-dump are not built in"
    filter-mirror "packet filters other than filter-dump are not built in"
    filter-redirector "packet filters other than filter-dump are not built in"
    filter-rewriter "packet filters other than filter-dump are not built in"
    filter-replay "packet filters other than filter-dump are not built in"
    colo-compare "COLO is not built in"
    cryptodev-backend-builtin "crypto devices are not built in"
    cryptodev-backend "crypto devices are not built in"
    cryptodev-vhost-user "crypto devices are not built in"
    sev-guest "encrypted guest memory is not built in"
    throttle-group "a quota that drives share is not built in; each -drive takes limits of its own (bps=, iops=)"
}

proc object_option {at value} {
    if {[regexp {^(help|\?)$} $value]} { ask_output emu-cpu {-object help}; puts "  filter-dump"; exit 0 }
    if {[regexp {,(help|\?)$} $value]} { ask emu-cpu -object $value }
    set kv [keyval_parse $value qom-type]
    set type [keyval_get $kv qom-type]
    if {$type eq ""} { fail "$at: Parameter 'qom-type' is missing" "-object help lists types" }
    if {[dict exists $::objects_absent $type]} {
        fail "$at: $type: [dict get $::objects_absent $type]"
    }
    if {![keyval_has $kv id]} { fail "$at: Parameter 'id' is missing" }
    item_add object $kv $at
}

proc object_text {item} {
    return [keyval_text [dict get $item kv] qom-type]
}

# Who gets an object: the machine its memory, randomness and threads, the monitor's back ends all that concerns TLS, a disk what it names.
proc objects_make {} {
    foreach item [items object] {
        switch -glob -- [keyval_get [dict get $item kv] qom-type] {
            filter-dump { net_filter $item }
            secret - tls-creds-* { lappend ::plan_objects [object_text $item] }
            default { lappend ::cpu_objects [object_text $item] }
        }
    }
}

# Texts of the secrets and credentials that a list of keys and values names, with those that they need, in the order of the command line.
proc objects_for {kv} {
    set wanted [lmap {key value} $kv {expr {$key eq "file" || [string match *.filename $key] ? "" : $value}}]
    set texts {}
    foreach {key value} $kv {
        # Names inside of json: and of URLs.
        if {$key eq "file" && [string match json:* $value]} { lappend wanted {*}[regexp -all -inline {[A-Za-z][A-Za-z0-9._-]*} $value] }
    }
    set found {}
    foreach item [lreverse [items object]] {
        set object [dict get $item kv]
        if {[keyval_get $object qom-type] ni {secret tls-creds-x509 tls-creds-anon tls-creds-psk}} continue
        if {[dict get $item id] ni $wanted} continue
        lappend wanted [keyval_get $object keyid] [keyval_get $object passwordid]
        set texts [linsert $texts 0 [object_text $item]]
    }
    return $texts
}

# ---- inherited descriptors ---------------------------------------------------------------------------------------------------------------------
# A descriptor that a part is to be given: the name that it has in the plan.
proc fd_inherited {at fd} {
    if {![string is digit -strict $fd] || ![file exists /proc/self/fd/$fd]} { fail "$at: fd is not valid or already in use" "descriptor $fd is not open" }
    if {$fd < 3} { fail "$at: fd cannot be a standard I/O stream" }
    if {![dict exists $::plan_fds fd$fd]} { dict set ::plan_fds fd$fd $fd }
    return fd$fd
}

proc add_fd_option {at value} {
    set kv [keyval_parse $value ""]
    keys_check $at $kv {fd set opaque}
    foreach key {fd set} { if {![keyval_has $kv $key]} { fail "$at: Parameter '$key' is required" } }
    set set [check_number $at set [keyval_get $kv set] 0 2147483647]
    set fd [check_number $at fd [keyval_get $kv fd] 0 1048576]
    item_add add-fd $kv $at
    lappend ::fdsets($set) [fd_inherited $at $fd] $fd
}

# "/dev/fdset/N" in a text: a descriptor of the set, one that can be written if there is one.
proc fdset_names {text} {
    while {[regexp -indices {/dev/fdset/(\d+)} $text all number]} {
        set set [string range $text {*}$number]
        if {![info exists ::fdsets($set)]} { fail "/dev/fdset/$set: no descriptor was added to this set" "-add-fd fd=N,set=$set adds one" }
        set name [lindex $::fdsets($set) 0]
        foreach {candidate fd} $::fdsets($set) {
            if {$fd eq ""} break
            set handle [open /proc/self/fdinfo/$fd]
            regexp {flags:\s*([0-7]+)} [read $handle] - flags
            close $handle
            scan $flags %o mode
            if {($mode & 3) == 2} { set name $candidate; break }
        }
        set text [string replace $text {*}$all /dev/fd/[token fd $name]]
    }
    return $text
}
