#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `thintail perf record CASE`: where one benchmark case spends its time, sampled by a software clock (machines of ours have no
# hardware counters). Leaves folded stacks and a flame graph, and prints the functions that were on the core most.
set -eu
. "$(dirname "$0")/bench_program.sh"
here=$(dirname "$0")
parse_arguments record 2000000 "$@"
command -v perf >/dev/null || fail 'the perf tool is not installed; on Debian: apt-get install linux-perf'
find_bench_program

perf record -q -e cpu-clock -F 1999 -g -o "$folder/perf.data" -- \
  "$program" "$suite" --case "$case" --ours-alone --iterations "$iterations" >"$folder/record.log" 2>&1 || {
  tail -n 20 "$folder/record.log" >&2
  fail "recording failed; the whole log is $folder/record.log (kernel.perf_event_paranoid may forbid it)"
}

# A sample is a block of lines "address symbol", innermost first. Folded: "outer;inner count".
perf script -i "$folder/perf.data" -F comm,ip,sym 2>/dev/null | awk '
  function flush_sample() {
    if (stack != "") count[comm stack]++
    stack = comm = ""
  }
  /^$/ { flush_sample(); next }
  /^[^ \t]/ { flush_sample(); comm = $1; next }
  { symbol = $0; sub(/^[ \t]*[0-9a-f]+[ \t]*/, "", symbol); gsub(/;/, ":", symbol); stack = ";" symbol stack }
  END { flush_sample(); for (line in count) print line, count[line] }' | LC_ALL=C sort >"$folder/$case.folded"
[ -s "$folder/$case.folded" ] || fail 'perf took no sample: give more --iterations'
awk -f "$here/flame_graph.awk" -v title="$suite $case" "$folder/$case.folded" >"$folder/$case.svg"

# Self time by the innermost frame.
awk '{ n = $NF; sub(/ [0-9]+$/, ""); sub(/.*;/, ""); self[$0] += n; total += n }
     END { for (name in self) printf "%6.2f %%  %s\n", 100 * self[name] / total, name }' "$folder/$case.folded" |
  sort -rn | cut -c1-150 | head -n 25
printf '\nfolded stacks: %s\nflame graph:   %s\n' "$folder/$case.folded" "$folder/$case.svg"
