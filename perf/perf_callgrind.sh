#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `thintail perf callgrind CASE`: instructions of one benchmark case, counted and not timed, so equal on every machine.
#
# The case runs twice under valgrind, with N and with 3 N iterations: the difference divided by 2 N is free of start-up. Peers are
# left out.
set -eu
. "$(dirname "$0")/bench_program.sh"
parse_arguments callgrind 1000 "$@"
command -v valgrind >/dev/null || fail 'valgrind is not installed; on Debian: apt-get install valgrind'
find_bench_program

# Training under valgrind would take minutes, and with its threads a different number of instructions each time.
model=$folder/callgrind.model.ttm
"$(dirname "$program")/thintail-train" --simulator --rows 20000 --out "$model" >"$model.log" 2>&1 || {
  tail -n 20 "$model.log" >&2
  fail "the model could not be trained; the whole log is $model.log"
}

# count ITERATIONS FILE: prints the instructions of the whole process. valgrind knows no AVX-512, hence AVX2.
count() {
  valgrind --tool=callgrind --callgrind-out-file="$2" "$program" "$suite" --case "$case" --isa avx2 --model "$model" --ours-alone \
    --iterations "$1" >"$2.log" 2>&1 || {
    tail -n 20 "$2.log" >&2
    fail "the case failed under valgrind; the whole log is $2.log"
  }
  # One line a part of the profile; multi-threaded cases have several.
  awk '/^(summary|totals):/ { sum[$1] += $2 } END { print sum["summary:"] ? sum["summary:"] : sum["totals:"] }' "$2"
}

few=$(count "$iterations" "$folder/callgrind.out.few")
many=$(count $((3 * iterations)) "$folder/callgrind.out.many")
awk -v few="$few" -v many="$many" -v n="$iterations" -v name="$case" 'BEGIN {
  printf "%s: %.1f instructions an iteration (AVX2 path; %d and %d iterations: %.0f and %.0f)\n",
         name, (many - few) / (2 * n), n, 3 * n, few, many }'
echo
callgrind_annotate --auto=no --threshold=95 "$folder/callgrind.out.many" 2>/dev/null |
  sed -n '/file:function/,$p' | cut -c1-150 | head -n 40 || echo 'callgrind_annotate needs perl to list the functions' >&2
echo "profile: $folder/callgrind.out.many"
