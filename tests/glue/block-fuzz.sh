#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Five seconds of each fuzzer of an image format, two at a time, from the corpus of the tree: nothing crashes, hangs or grows.
command -v clang >/dev/null || { echo "1..0 # SKIP libFuzzer needs clang"; exit 0; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# FUZZERS_BUILD: a tree where they are built already
if [ -z "${FUZZERS_BUILD-}" ]; then
    if ! env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -j2 build-fuzz FUZZERS="$(cd tests/fuzz && ls block-*.c | sed 's/\.c$//' | tr '\n' ' ')" >"$log" 2>&1; then
        sed 's/^/# /' "$log"
        echo "not ok 1 - the fuzzers build with clang"
        echo "1..1"
        exit 1
    fi
    FUZZERS_BUILD=build/san/clang
fi
corpus=$(mktemp -d)
trap 'rm -rf "$log" "$corpus"' EXIT
BUILD=$FUZZERS_BUILD CORPUS=$corpus SECONDS_EACH=${SECONDS_EACH:-5} JOBS=2 tests/fuzz/run $(cd tests/fuzz && ls block-*.c | sed 's/\.c$//')
