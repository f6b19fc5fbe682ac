# SPDX-License-Identifier: GPL-2.0-or-later
# The folder every case of tests/programs starts in: fixed text, numbers, binary data and a small tree, with fixed times.
fixture() {
    awk 'BEGIN { s = 7; split("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon", w, " ")
        for (i = 1; i <= 4000; i++) { line = ""; for (j = 0; j < 8; j++) { s = (s * 16807) % 2147483647; line = line w[1 + s % 20] " " }
            print i ": " line } }' >text
    awk 'BEGIN { s = 11; for (i = 0; i < 5000; i++) { s = (s * 16807) % 2147483647; print s % 100000 } }' >numbers
    awk 'BEGIN { s = 5; for (i = 0; i < 1500; i++) { s = (s * 16807) % 2147483647; print "key" s % 700, s % 97, "v" s % 13 } }' >table
    sort -u -k1,1 table >sorted.a
    sort -u -k1,1 table | awk 'NR % 3 { print $1, "B" NR }' >sorted.b
    awk 'BEGIN { s = 3; for (i = 0; i < 60000; i++) { s = (s * 16807) % 2147483647; printf "%02x", s % 256 } }' | sed 's/../\\x&/g' >hex
    printf "$(cat hex)" >bytes; rm hex
    mkdir -p tree/a/b tree/c 'tree/with space'
    echo one >tree/a/one.txt; echo two >tree/a/b/two.c; echo three >tree/c/three.h; echo four >'tree/with space/four.txt'
    ln -s a/one.txt tree/link; ln tree/c/three.h tree/hard.h
    chmod 640 tree/c/three.h
    find . -exec touch -h -d '2020-02-02 02:02:02' {} +
}
