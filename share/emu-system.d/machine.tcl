# SPDX-License-Identifier: GPL-2.0-or-later
# The machine itself: what emu-cpu is given, mostly as it stands, and its default devices.

proc machine_type {} {
    return [keyval_get [items_merged machine] type pc]
}

proc machine_option {at value} {
    if {[regexp {^(type=)?(help|\?)$} $value] || [regexp {,(help|\?)$} $value]} { ask emu-cpu -machine $value }
    set kv [keyval_parse $value type]
    foreach {key v} $kv {
        switch -- $key {
            gfx_passthru - igd-passthru {
                if {[check_switch $at $key $v]} { fail "$at: $key: passing graphics through needs Xen, which is not supported" "-vga std is the card that there is" }
            }
            nvdimm {
                if {[check_switch $at $key $v]} { fail "$at: nvdimm: persistent memory modules are not built in" "-object memory-backend-file,share=on with -machine memory-backend= keeps main memory in a file" }
            }
            aes-key-wrap - dea-key-wrap - s390-squash-mcss { fail "$at: $key is for s390x machines, which this program does not run" }
            memory-encryption { fail "$at: memory-encryption: encrypted guest memory is not built in" }
            enforce-config-section {
                check_switch $at $key $v
                say "$at: $key is an old spelling: a saved state always begins with its configuration"
            }
            suppress-vmdesc { check_switch $at $key $v }
            kernel_irqchip - kernel-irqchip { check_choice $at $key $v {on off split} }
            kvm_shadow_mem { if {[size_bytes $v] < 0} { fail "$at: Parameter '$key' expects a size" } }
        }
    }
    item_add machine $kv $at
}
# These are checked above, and are nothing to emu-cpu.
set machine_dropped {gfx_passthru igd-passthru nvdimm enforce-config-section suppress-vmdesc kernel_irqchip kernel-irqchip kvm_shadow_mem}

proc cpu_option {at value} {
    if {$value in {help ?}} { ask emu-cpu -cpu help }
    lappend ::cpu_args -cpu $value
}

proc accel_option {at value} {
    if {$value in {help ?}} { ask emu-cpu -accel help }
    lappend ::accels $value
}
proc accel_named {name at args} { lappend ::accels $name }
proc tb_size_option {at value} {
    if {![string is digit -strict $value]} { fail "$at: Invalid value" "it is a number of MiB" }
    set ::tb_size $value
}

proc global_option {at value} {
    set kv [keyval_parse $value ""]
    if {[keyval_has $kv driver] && [keyval_has $kv property]} {
        keys_check $at $kv {driver property value}
        set value "[keyval_get $kv driver].[keyval_get $kv property]=[keyval_get $kv value]"
    } elseif {![regexp {^[^.=]+\.[^=]+=} $value]} {
        fail "$at: Invalid parameter '$value'" "it is DRIVER.PROPERTY=VALUE, or driver=DRIVER,property=PROPERTY,value=VALUE"
    }
    # Saved states always have these.
    if {[string match migration.* $value]} return
    lappend ::cpu_args -global $value
}

proc name_option {at value} {
    set kv [keyval_parse $value guest]
    keys_check $at $kv {guest process debug-threads}
    item_add name $kv $at
}

proc vga_option {at value} {
    if {$value in {help ?}} {
        puts "none                 no graphics card\nstd                  VGA with Bochs VBE extensions (default)"
        exit 0
    }
    if {$value ni {std none cirrus vmware qxl virtio tcx cg3 xenfb}} { fail "unknown vga type: $value" "accepted are: std, none" }
    if {$value in {tcx cg3}} { fail "$at: it is a card of SPARC machines" "accepted are: std, none" }
    if {$value eq "xenfb"} { fail "$at: $::no_xen" "accepted are: std, none" }
    if {$value ni {std none}} { fail "$at: this card is not built in yet" "-vga std is there: every system has a driver for its VESA modes" }
    set ::default_vga 0
    lappend ::cpu_args -vga $value
}

proc graphic_option {at value} {
    if {![regexp {^\d+x\d+(x(8|15|16|24|32))?$} $value]} { fail "$at: invalid resolution or depth" "it is WIDTHxHEIGHT or WIDTHxHEIGHTxDEPTH" }
    warn "$at: it is for PowerPC and SPARC machines; a PC's system chooses for itself"
}

proc watchdog_option {at value} {
    if {$value in {help ?}} {
        puts "i6300esb   Intel 6300ESB, on the PCI bus\nib700      iBASE 700, on the ISA bus"
        exit 0
    }
    if {$value eq "diag288"} { fail "$at: it is a watchdog of s390x machines" "accepted are: i6300esb, ib700" }
    if {$value ni {i6300esb ib700}} { fail "$at: there is no such watchdog" "accepted are: i6300esb, ib700" }
    if {[info exists ::watchdog]} { fail "only one watchdog option may be given" }
    set ::watchdog $value
    lappend ::cpu_devices $value
}
proc watchdog_action_option {at value} {
    if {$value ni {reset shutdown poweroff inject-nmi pause debug none}} {
        fail "Unknown -watchdog-action parameter" "accepted are: reset, shutdown, poweroff, inject-nmi, pause, debug, none"
    }
    lappend ::cpu_args -watchdog-action $value
}

proc log_option {name at value} {
    if {$value in {help ?} || [regexp {(^|,)(help|\?)$} $value]} { ask emu-cpu -$name help }
    lappend ::cpu_args -$name $value
}

proc tpm_option {at value} {
    if {$value in {help ?}} { puts "Supported TPM types (none of them is built in yet):\npassthrough\nemulator"; exit 0 }
    fail "$at: $::no_tpm"
}

proc firmware_dir_option {at value} {
    if {$value in {help ?}} {
        foreach dir [concat $::firmware_dirs {/usr/share/seabios /usr/share/qemu}] { puts $dir }
        exit 0
    }
    lappend ::firmware_dirs $value
    lappend ::cpu_args -L $value
}

proc realtime_option {at value} {
    set kv [keyval_parse $value ""]
    keys_check $at $kv {mlock}
    if {[check_switch $at mlock [keyval_get $kv mlock on]]} {
        fail "$at: locking memory is not built in" "-mem-prealloc touches all memory at the start; realtime mlock=off is accepted"
    }
}

proc incoming_option {at value} {
    if {[regexp {^fd:(\d+)$} $value - fd]} {
        lappend ::cpu_args -incoming fd:[token fd [fd_inherited $at $fd]]
    } elseif {[regexp {^(tcp|rdma|unix|exec):|^defer$} $value]} {
        fail "$at: migration over this is not built in yet" "-incoming fd:N takes a state from a descriptor: 3<state -incoming fd:3"
    } else {
        fail "$at: unknown migration protocol: $value" "accepted is: fd:N"
    }
}

proc gdb_option {at value} {
    set ::debugger [list $at $value]
}
proc gdb_short {at args} { gdb_option $at tcp::1234 }

proc balloon_option {at value} {
    set kv [keyval_parse $value type]
    if {[keyval_get $kv type] eq "none"} return
    if {[keyval_get $kv type] ne "virtio"} { fail "$at: invalid balloon type" "accepted is: virtio" }
    say "-balloon is an old spelling: use -device virtio-balloon"
    keys_check $at $kv {type addr}
    set device {driver virtio-balloon-pci}
    if {[keyval_has $kv addr]} { lappend device addr [keyval_get $kv addr] }
    lappend ::late_devices [keyval_text $device driver]
}

proc sound_option {at value} {
    set cards {sb16 es1370 ac97 hda adlib gus cs4231a pcspk}
    if {$value in {help ?}} {
        puts "Sound cards (none of them is built in yet):\n[join $cards \n]"
        exit 0
    }
    if {$value ne "all"} {
        foreach card [split $value ,] { if {$card ni $cards} { fail "$at: Unknown sound card name '$card'" "known are: [join $cards {, }], none of which is built in yet" } }
    }
    fail "$at: $::no_sound" "without -soundhw the machine runs in silence"
}
proc audio_help {at args} {
    puts "No audio driver is built in yet: $::no_sound."
    exit 0
}

proc usbdevice_option {at value} {
    set known {keyboard usb-kbd mouse usb-mouse tablet usb-tablet wacom-tablet usb-wacom-tablet braille usb-braille serial usb-serial net usb-net
        disk usb-storage host usb-host ccid usb-ccid bt usb-bt-dongle}
    set name [lindex [split $value :] 0]
    if {![dict exists $known $name]} { fail "$at: could not add USB device '$value'" "known are: [join [dict keys $known] {, }]" }
    say "-usbdevice is an old spelling: use -machine usb=on -device [dict get $known $name]"
    fail "$at: $::no_usb" $::no_usb_hint
}

# ---- screens -------------------------------------------------------------------------------------------------------------------------------
proc display_option {at value} {
    set kv [keyval_parse $value type]
    set type [keyval_get $kv type]
    switch -- $type {
        help - ? {
            puts "Available display backend types:\nnone"
            exit 0
        }
        none { set ::display none }
        default {
            if {[string match vnc* $value]} { vnc_option $at [string range $value 4 end]; return }
            if {$type in {sdl gtk curses cocoa egl-headless default}} { display_option_named $type $at }
            fail "$at: there is no such display" "accepted is: none"
        }
    }
}
proc display_option_named {type at args} {
    fail "$at: [expr {$type eq "curses" ? "text screens are" : "windows are"}] not built in" $::viewer_hint
}
proc vnc_option {at value} {
    set kv [keyval_parse $value address]
    if {[keyval_get $kv address] eq "none"} { set ::display none; return }
    if {$value eq ""} { fail "$at: an address is missing" "it is HOST:DISPLAY, unix:PATH or none" }
    fail "$at: $::no_viewer" $::viewer_hint
}
proc keyboard_option {at value} {
    set layouts {ar bepo cz da de de-ch en-gb en-us es et fi fo fr fr-be fr-ca fr-ch hr hu is it ja lt lv mk nl nl-be no pl pt pt-br ru sl sv th tr}
    if {$value in {help ?}} { puts [join $layouts \n]; exit 0 }
    if {$value ni $layouts} { fail "could not read keymap file: '$value'" "known layouts are: [join $layouts {, }]" }
}

# ---- memory ----------------------------------------------------------------------------------------------------------------------------------
# -mem-path and -mem-prealloc are a memory back end.
proc memory_make {} {
    if {$::mem_path eq "" && !$::mem_prealloc} return
    if {[keyval_has [items_merged machine] memory-backend]} { fail "-mem-path and -mem-prealloc exclude -machine memory-backend=" }
    set size [keyval_get [items_merged memory] size 128M]
    set bytes [size_bytes $size M]
    if {$bytes < 0} { fail "-m $size: Parameter 'size' expects a size" }
    set object [expr {$::mem_path ne "" ? [list type memory-backend-file id mem size $bytes mem-path $::mem_path] : [list type memory-backend-ram id mem size $bytes]}]
    if {$::mem_prealloc} { lappend object prealloc on }
    lappend ::cpu_objects [keyval_text $object type]
    item_add machine {memory-backend mem} -mem-path
}

# ---- the command line of emu-cpu -----------------------------------------------------------------------------------------------------------
proc machine_make {} {
    memory_make
    set args {}
    set machine {}
    foreach {key value} [items_merged machine] {
        if {$key ni $::machine_dropped} { lappend machine $key $value }
    }
    if {[keyval_has $machine append] && ![keyval_has $machine kernel]} { fail "-append only allowed with -kernel option" }
    if {[keyval_has $machine initrd] && ![keyval_has $machine kernel]} { fail "-initrd only allowed with -kernel option" }
    # These have options of their own, whose names stand in messages.
    foreach key {kernel initrd append dtb} {
        if {[keyval_has $machine $key]} { lappend args -$key [keyval_get $machine $key] }
    }
    set machine [keyval_without $machine {kernel initrd append dtb}]
    if {[llength $machine]} { lappend args -machine [keyval_text $machine type] }
    foreach value $::accels {
        if {$::tb_size ne "" && [regexp {^(accel=)?tcg\M} $value]} { append value ,tb-size=$::tb_size; set ::tb_size "" }
        lappend args -accel $value
    }
    if {$::tb_size ne ""} { lappend args -accel tcg,tb-size=$::tb_size }
    foreach {group option implied} {smp-opts smp cpus memory m size boot-opts boot order name name guest rtc rtc base icount icount shift} {
        set kv [items_merged $group]
        if {[llength $kv]} { lappend args -$option [keyval_text $kv $implied] }
    }
    foreach {group option implied} {numa numa type fw_cfg fw_cfg name} {
        foreach item [items $group] { lappend args -$option [fdset_names [keyval_text [dict get $item kv] $implied]] }
    }
    return [concat $args [lmap a $::cpu_args {fdset_names $a}]]
}

# Default devices that a -device of the kind makes unnecessary.
proc defaults_settle {} {
    foreach item [items device] {
        switch -glob -- [keyval_get [dict get $item kv] driver] {
            isa-serial { set ::default_serial 0 }
            isa-parallel { set ::default_parallel 0 }
            isa-fdc - floppy { set ::default_floppy 0 }
            ide-cd - ide-hd - ide-drive - scsi-cd - scsi-hd { set ::default_cdrom 0 }
            VGA - isa-vga - cirrus-vga - isa-cirrus-vga - vmware-svga - qxl-vga - virtio-vga { set ::device_vga 1 }
        }
    }
    if {$::device_vga && $::default_vga && !$::nodefaults} { lappend ::cpu_args -vga none }
    if {$::nodefaults} {
        foreach name {serial parallel monitor floppy cdrom net} { set ::default_$name 0 }
        lappend ::cpu_args -nodefaults
    }
    if {[machine_type] eq "none"} { foreach name {serial parallel floppy cdrom net} { set ::default_$name 0 } }
}
