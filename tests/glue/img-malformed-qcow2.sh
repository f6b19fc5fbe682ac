#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A malformed qcow2 image is refused (or found corrupt) with one line that names the field, without a crash, a hang or much memory.
IMG=$PWD/${BUILD:-build}/bin/emu-img
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
n=0

base() { # OPTIONS: a fresh small image x with some data
    rm -f x
    "$IMG" create -q -f qcow2 -o "${1:-cluster_size=65536}" x 1M
    return 0
}
put() { printf "$2" | dd of=x bs=1 seek="$1" conv=notrunc status=none; } # OFFSET BYTES (printf escapes)

# What the program needs for a good image, and 64 MB (in KB of address space).
base
memory=16384
until (ulimit -v $memory; "$IMG" info x) >/dev/null 2>&1 || [ $memory -gt 1000000 ]; do memory=$((memory + 8192)); done
memory=$((memory + 65536))

case_() { # COMMAND WORDS-OF-MESSAGE DESCRIPTION
    n=$((n + 1))
    out=$( (ulimit -v $memory; timeout 10 "$IMG" $1 2>&1) ); st=$?
    if [ $st -ge 1 ] && [ $st -le 3 ] && printf '%s' "$out" | grep -q -e "$2"; then
        echo "ok $n - $3: $(printf '%s' "$out" | grep -m1 -e "$2" | cut -c1-150)"
    else
        echo "not ok $n - $3"
        printf '%s\n' "status $st" "$out" | sed 's/^/# /' | head -5
    fi
}

base; put 4 '\0\0\0\x09';                 case_ "info -f qcow2 x" "Unsupported qcow2 version 9, 2 and 3 are known" "version 9"
base; put 20 '\0\0\0\x08';                case_ "info x" "cluster size: 2^8" "cluster_bits 8"
base; put 20 '\0\0\0\x16';                case_ "info x" "cluster size: 2^22" "cluster_bits 22"
base; put 20 '\xff\xff\xff\xff';          case_ "info x" "cluster size" "cluster_bits 2^32-1"
base; put 8 '\0\0\0\0\0\0\x80\0'; put 16 '\0\0\x04\0'; case_ "info x" "Backing file name too long" "backing name of 1024 bytes"
base; put 8 '\0\0\0\0\0\x02\0\0'; put 16 '\0\0\0\x04'; case_ "info x" "Invalid backing file offset" "backing name outside the first cluster"
base; put 32 '\0\0\0\x03';                case_ "info x" "encryption method 3" "crypt_method 3"
base; put 36 '\x7f\xff\xff\xff';          case_ "info x" "L1 table too large" "L1 of 16 GB"
base; put 36 '\0\0\0\0';                  case_ "info x" "L1 table is too small" "L1 of no entries"
base; put 40 '\0\0\0\0\0\x03\x02\0';      case_ "info x" "L1 table offset" "L1 at an unaligned place"
base; put 40 '\x7f\xff\xff\xff\xff\xff\0\0'; case_ "info x" "L1 table" "L1 behind the largest file"
base; put 40 '\0\0\0\x7f\0\0\0\0';        case_ "info x" "L1 table at offset" "L1 behind the end of the file"
base; put 48 '\0\0\0\0\0\x01\x02\0';      case_ "info x" "Reference count table offset" "refcount table unaligned"
base; put 56 '\x7f\xff\xff\xff';          case_ "info x" "Reference count table too large" "refcount table of 2^31 clusters"
base; put 56 '\0\0\0\0';                  case_ "info x" "does not contain a reference count table" "no refcount table"
base; put 60 '\x7f\xff\xff\xff';          case_ "info x" "Snapshot table too large" "2^31 snapshots"
base; put 60 '\0\0\0\x01\0\0\0\0\0\0\x02\0'; case_ "info x" "Snapshot table offset" "snapshot table unaligned"
base; put 60 '\0\0\0\x01\0\0\0\x7f\0\0\0\0'; case_ "info x" "snapshot table entry at offset" "snapshot table behind the end"
base; put 72 '\x80\0\0\0\0\0\0\0';        case_ "info x" "Unsupported qcow2 feature" "unknown incompatible feature"
base; put 96 '\0\0\0\x07';                case_ "info x" "Reference count entry width" "refcount_order 7"
base; put 96 '\xff\xff\xff\xff';          case_ "info x" "Reference count entry width" "refcount_order 2^32-1"
base; put 100 '\0\0\0\x20';               case_ "info x" "header too short" "header_length 32"
base; put 100 '\0\x7f\0\0';               case_ "info x" "header exceeds cluster size" "header_length 8 MB"
base; put 104 '\x02';                     case_ "info x" "Compression type 2" "compression type without its bit"
base; put 79 '\x08'; put 104 '\x09';      case_ "info x" "Unknown compression type: 9" "compression type 9"
base; put 79 '\x08';                      case_ "info x" "Compression type 0" "compression bit without a type"
base; put 24 '\xff\xff\xff\xff\xff\xff\xff\xff'; case_ "info x" "Image size" "size 2^64-1"
base; put 24 '\x7f\xff\xff\xff\xff\xff\xfe\0'; case_ "info x" "L1 table is too small" "size 2^63"
base; put 116 '\x7f\xff\xff\xff';         case_ "info x" "Header extension .* too large" "header extension of 2 GB"
base; put 112 '\xe2\x79\x2a\xca\0\0\0\xff'; case_ "info x" "ext_backing_format: len=255" "backing format name of 255 bytes"
base; put 112 '\x05\x37\xbe\x77\0\0\0\x10'; case_ "info x" "CRYPTO header extension only expected" "encryption header without encryption"
base; put 95 '\x01'; put 112 '\x23\x85\x28\x75\0\0\0\x08'; case_ "info x" "bitmaps_ext: Invalid extension length" "bitmap extension of 8 bytes"
base; put 95 '\x01'; put 112 '\x23\x85\x28\x75\0\0\0\x18\0\0\0\0\0\0\0\0'; case_ "info x" "image has 0 bitmaps" "no bitmaps"
base; put 95 '\x01'; put 112 '\x23\x85\x28\x75\0\0\0\x18\0\0\0\x01\0\0\0\0\0\0\0\0\x7f\0\0\0\0\0\0\0\0\x03\0\0'; case_ "info x" "directory size" "bitmap directory of 2 GB"
base cluster_size=4096; put 79 '\x10';    case_ "info x" "Subclusters of less than 512" "extended L2 with 4 KB clusters"
base; put 79 '\x04';                      case_ "map x" "data-file' is required" "data file without a name"
base; put 79 '\x02';                      case_ "resize x 2M" "Image is corrupt; cannot be opened read/write" "corrupt bit and writing"
# tables
base; put $((0x30000)) '\x80\0\0\0\0\x03\x02\0'; case_ "check x" "Table is not cluster aligned" "unaligned L2 table"
base; put $((0x30000)) '\x80\0\0\x7f\0\0\0\0'; case_ "check x" "exceeding the end of the file" "L2 table behind the end"
base; put $((0x30000)) '\x80\0\0\0\0\x03\0\0'; case_ "check x" "errors were found" "L1 table that is its own L2 table"
base; put $((0x30000)) '\x80\0\0\0\0\x01\0\0'; case_ "check x" "errors were found" "refcount table as L2 table"
base; put $((0x10000)) '\0\0\0\0\0\0\0\0';     case_ "check x" "ERROR cluster 0 refcount=0 reference=1" "no refcount block"
base; put $((0x10000)) '\0\0\0\0\0\x02\x02\0'; case_ "check x" "refcount block 0 is not cluster aligned" "unaligned refcount block"
base; put $((0x10000)) '\0\0\x7f\0\0\0\0\0';   case_ "check x" "refcount block 0 is outside image" "refcount block behind the end"
base; put $((0x10008)) '\0\0\0\0\0\x02\0\0';   case_ "check x" "refcount block" "a refcount block used twice"
base refcount_bits=64; put $((0x20018)) '\x80\0\0\0\0\0\0\x01'; case_ "check x" "Leaked cluster 3 refcount=9223372036854775809 reference=1" "a refcount of 2^63 + 1"
n=$((n + 1)) # ... and it is mended
if "$IMG" check -q -r all x 2>/dev/null && "$IMG" check -q x; then echo "ok $n - which is mended"; else echo "not ok $n - which is mended"; fi
# chains
rm -f x y; "$IMG" create -q -u -f qcow2 -b x -F qcow2 ./x 1M; case_ "map x" "longer than 200 images" "an image that backs itself"
rm -f x y; "$IMG" create -q -u -f qcow2 -b y -F qcow2 x 1M; "$IMG" create -q -u -f qcow2 -b x -F qcow2 y 1M
case_ "map x" "longer than 200 images" "two images that back each other"
case_ "info --backing-chain x" "infinite loop" "info of such a chain"
printf 'QFI\xfb' >x;                      case_ "info -f qcow2 x" "not in qcow2 format" "a header of four bytes"
: >x;                                     case_ "info -f qcow2 x" "not in qcow2 format" "an empty file"
echo "1..$n"
