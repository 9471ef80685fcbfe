#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The C header: compiles as C11 without a warning, refuses a moved field, and reads a running core.
set -u

thintail=${THINTAIL_BIN:?names the folder of built programs}/thintail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d /dev/shm/thintail-test-XXXXXX)
core=
trap '[ -n "$core" ] && kill -KILL "$core" 2>/dev/null; rm -rf "$work"' EXIT
failures=0
fault() {
  echo "FAILED $*"
  failures=$((failures + 1))
}
c11() {
  gcc -std=c11 -O2 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror "$@"
}

c11 -I "$root/docs/abi" "$root/tests/tools/abi_c_reader.c" -o "$work/reader" || fault the_header_compiles_as_c11

# Each of these plants one difference between the header and the layout it asserts.
printf '#include "thintail.h"\nint main(void) { return 0; }\n' >"$work/empty.c"
for planted in 's/^  int64_t bid_e9;/  int32_t bid_e9;/' 's/bid_e9) == 0 /bid_e9) == 8 /' \
  's/^  uint64_t capacity;$/  uint32_t capacity;/' 's/  uint8_t padding0_/  uint8_t shifted_[8];&/'; do
  mkdir -p "$work/planted"
  sed "$planted" "$root/docs/abi/thintail.h" >"$work/planted/thintail.h"
  cmp -s "$root/docs/abi/thintail.h" "$work/planted/thintail.h" && fault "nothing was planted by $planted"
  c11 -I "$work/planted" "$work/empty.c" -o "$work/empty" 2>/dev/null && fault "a_moved_field_is_refused: $planted"
done

mkdir "$work/shm"
"$thintail" run --set shm.directory="$work/shm" --set journal.directory="$work/journal" --instance c \
  --set shm.events_slots=65536 --set shm.ticks_slots=1024 --set simulator.duration_s=0 \
  --set simulator.ticks_per_second=2000 >"$work/log" 2>&1 &
core=$!
tries=0
while [ ! -e "$work/shm/thintail-c" ] && [ $tries -lt 600 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
timeout 90 "$work/reader" "$work/shm/thintail-c" 1000 "$work/raw" >"$work/seen" || {
  fault it_reads_a_running_core
  cat "$work/log"
}
cat "$work/seen"
[ "$(wc -c <"$work/raw")" = 64000 ] || fault it_reads_a_thousand_events
grep -q '^quote ' "$work/seen" || fault it_reads_quotes

# One byte of the header changed: the magic, the major version, the layout hash, the size, the directory.
head -c 65536 "$work/shm/thintail-c" >"$work/head"
"$work/reader" "$work/head" --fault | grep -qx 5 || fault a_truncated_segment_is_refused
for case in 0:2 8:3 24:4 32:5 44:6; do
  cp "$work/head" "$work/changed"
  printf '\377' | dd of="$work/changed" bs=1 seek="${case%:*}" conv=notrunc 2>/dev/null
  # The size stands before the directory in the order of checks, so it must be right for the directory's turn.
  [ "${case#*:}" = 6 ] && printf '\000\000\001\000\000\000\000\000' |
    dd of="$work/changed" bs=1 seek=32 conv=notrunc 2>/dev/null
  found=$("$work/reader" "$work/changed" --fault)
  [ "$found" = "${case#*:}" ] || fault "byte ${case%:*} changed: fault $found instead of ${case#*:}"
done
: >"$work/nothing"
"$work/reader" "$work/nothing" --fault | grep -qx 1 || fault an_empty_file_is_refused

kill -TERM "$core"
wait "$core" || fault the_core_ends_in_order
core=
[ $failures = 0 ] && echo 'abi_c_reader_test: passed'
exit $((failures > 0))
