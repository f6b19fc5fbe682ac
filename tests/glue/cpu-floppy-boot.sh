#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SeaBIOS boots a floppy: its boot sector reads a track and writes a sector through the BIOS, by DMA, prints what it read and ends the machine.
BUILD=${BUILD:-build}
cpu=$BUILD/bin/emu-cpu
dir=$(mktemp -d "${TMPDIR:-/tmp}/emutools-floppy-XXXXXX")
server=
trap '[ -n "$server" ] && kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
n=0 failed=0
check() { # STATUS SENTENCE
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; failed=1; fi
}

cat >"$dir/boot.s" <<'END'
.code16
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %ss
    mov $0x7000, %sp
    mov $0x1000, %ax        # cylinder 1, head 1, all 18 sectors to 1000:0
    mov %ax, %es
    xor %bx, %bx
    mov $0x0212, %ax
    mov $0x0101, %cx
    mov $0x0100, %dx
    int $0x13
    jc bad
    mov $0x0301, %ax        # the first of them to cylinder 2, head 0, sector 5
    mov $0x0205, %cx
    mov $0x0000, %dx
    int $0x13
    jc bad
    mov $0x1000, %ax
    mov %ax, %ds
    xor %si, %si
1:  lodsb
    test %al, %al
    jz good
    out %al, $0xe9
    jmp 1b
good: mov $0x10, %al
    out %al, $0xf4
bad: mov $0x7f, %al
    out %al, $0xf4
.org 510
    .byte 0x55, 0xaa
END
as --32 -o "$dir/boot.o" "$dir/boot.s" && objcopy -O binary -j .text "$dir/boot.o" "$dir/boot.bin" || exit 1
truncate -s 1474560 "$dir/fd.img"
dd if="$dir/boot.bin" of="$dir/fd.img" conv=notrunc bs=512 count=1 2>/dev/null
printf 'the track says hello\n\0' | dd of="$dir/fd.img" conv=notrunc bs=512 seek=54 2>/dev/null # (1 * 2 + 1) * 18
"$BUILD/bin/emu-nbd" -f raw -t -k "$dir/fd.sock" "$dir/fd.img" &
server=$!
for _ in $(seq 100); do [ -S "$dir/fd.sock" ] && break; sleep 0.1; done
timeout 120 "$cpu" -M pc -m 64 -nographic -no-reboot -serial null -chardev "file,path=$dir/text,id=text" -device isa-debugcon,chardev=text \
    -device isa-debug-exit,iobase=0xf4,iosize=1 -disk "id=fd0,nbd=unix:$dir/fd.sock,if=floppy" -boot a >"$dir/out" 2>&1
status=$?
[ $status = 33 ]; check $? "the boot sector has run to its end (status $status)"
grep -q '^the track says hello$' "$dir/text"; check $? "it has read cylinder 1, head 1"
kill "$server"; wait "$server" 2>/dev/null; server=
dd if="$dir/fd.img" bs=512 skip=76 count=1 2>/dev/null | grep -aq '^the track says hello$'; check $? "and written cylinder 2, head 0, sector 5"
[ $failed = 0 ] || sed 's/^/# /' "$dir/out"
echo "1..$n"
exit $failed
