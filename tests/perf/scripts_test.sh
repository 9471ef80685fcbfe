#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The profiling scripts: arguments, missing programs, and the flame graph's geometry.
set -eu
root=$(pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

expect() {
  if ! eval "$2"; then
    printf 'FAILED: %s\n' "$1"
    failures=$((failures + 1))
  fi
}

status_of() {
  status=0
  "$@" >"$scratch/out" 2>&1 || status=$?
}

for script in perf_callgrind.sh perf_record.sh; do
  status_of "$root/perf/$script"
  expect "$script without a case is a usage error" '[ "$status" = 64 ]'
  status_of "$root/perf/$script" a_case --iterations x --output "$scratch/p"
  expect "$script refuses a number that is none" '[ "$status" = 64 ]'
  status_of "$root/perf/$script" a_case --unknown
  expect "$script refuses an unknown option" '[ "$status" = 64 ]'
  THINTAIL_BIN=$scratch THINTAIL_ROOT=$scratch status_of "$root/perf/$script" a_case --output "$scratch/p"
  expect "$script says that nothing is built, or its tool missing" \
    '[ "$status" = 1 ] && grep -q "is built\|not installed" "$scratch/out"'
done

# Two stacks under one caller: main has the whole width, its first child three quarters of it.
printf 'run;main;a 3\nrun;main;b<int> 1\n' >"$scratch/x.folded"
awk -f "$root/perf/flame_graph.awk" -v title=x "$scratch/x.folded" >"$scratch/x.svg"
expect 'a common caller is one frame over all samples' 'grep -q "<title>main: 4 samples, 100.00 %</title>.*width=\"1199.8\"" "$scratch/x.svg"'
expect 'a child is as wide as its share' 'grep -q "<title>a: 3 samples, 75.00 %</title><rect x=\"0.0\".*width=\"899.8\"" "$scratch/x.svg"'
expect 'names are escaped' 'grep -q "<title>b&lt;int&gt;: 1 samples, 25.00 %</title><rect x=\"900.0\"" "$scratch/x.svg"'
expect 'the picture is closed' 'tail -n 1 "$scratch/x.svg" | grep -qx "</svg>"'

[ "$failures" = 0 ] || exit 1
echo 'perf scripts: all expectations met'
