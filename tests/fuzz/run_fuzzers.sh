#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fuzzes every reader for a bounded time, several at once: builds the preset `fuzz`, makes seeds, runs, and fails on the first
# input that crashes, hangs, leaks or takes too much memory. Each must also have covered more than its seeds did: a harness whose
# work is optimised away finds nothing.
#
#   usage: run_fuzzers.sh [TARGET...]
#   THINTAIL_FUZZ_SECONDS   for each target, default 600
#   THINTAIL_FUZZ_FOLDER    the build folder, default build/fuzz; corpora are kept in its corpus/
#   THINTAIL_FUZZ_JOBS      targets at once, default as many as there are CPUs
#   THINTAIL_FUZZ_BUILD=no  runs what is built already
# Exit codes: 0 nothing found, 1 could not build, 2 something found, 77 skipped (no THINTAIL_LONG where ctest runs it).
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
if [ -n "${THINTAIL_FUZZ_FROM_CTEST:-}" ] && [ -z "${THINTAIL_LONG:-}" ]; then
  echo 'skipped: fuzzers run in the long tests (./thintail test --long)'
  exit 77
fi
folder=${THINTAIL_FUZZ_FOLDER:-$root/build/fuzz}
seconds=${THINTAIL_FUZZ_SECONDS:-600}
jobs=${THINTAIL_FUZZ_JOBS:-$(nproc)}
targets=$*
[ -n "$targets" ] || targets='xgboost_json xgboost_ubj lightgbm_text keras_json safetensors torch_network toml_text regime_toml ensemble_toml
  feature_set_toml pack_vector pack_events http_request http_frames http_texts http_connection'
command -v clang++-19 >/dev/null || {
  echo 'clang++-19 is not installed; on Debian: apt-get install clang-19 libclang-rt-19-dev' >&2
  exit 1
}

mkdir -p "$folder"
programs=fuzz_seeds
for target in $targets; do programs="$programs fuzz_$target"; done
build() {
  # shellcheck disable=SC2086
  cmake -S "$root" --preset fuzz -B "$folder" && cmake --build "$folder" --parallel "$jobs" --target $programs
}
[ "${THINTAIL_FUZZ_BUILD:-yes}" = no ] || build >"$folder/build.log" 2>&1 || {
  tail -n 40 "$folder/build.log" >&2
  echo "the fuzzers could not be built; the whole log is $folder/build.log" >&2
  exit 1
}
seeds=$folder/seeds
rm -rf "$seeds"
# What the standard library keeps to the end is no leak.
export ASAN_OPTIONS="detect_leaks=1:allocator_may_return_null=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
"$folder/bin/fuzz_seeds" "$seeds"

# cover TARGET LOG FOLDER...: how many edges the inputs of the folders reach.
cover() {
  target=$1 log=$2
  shift 2
  "$folder/bin/fuzz_$target" -runs=0 "$@" >"$log" 2>&1 || return 1
  sed -n 's/.*cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1
}

# Prints one line; a finding lies in $folder/findings.
run() {
  target=$1
  [ ! -e "$seeds/$target.base" ] || export THINTAIL_FUZZ_BASE="$seeds/$target.base"
  corpus=$folder/corpus/$target log=$folder/$target.log kept=$root/tests/fuzz/regressions/$target
  mkdir -p "$corpus" "$folder/findings"
  [ -d "$kept" ] || kept=
  before=$(cover "$target" "$log" "$seeds/$target") || {
    tail -n 30 "$log"
    echo "fuzz $target: a seed fails; $log"
    return 1
  }
  # shellcheck disable=SC2086
  if ! "$folder/bin/fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$folder/findings/$target-" "$corpus" "$seeds/$target" $kept >"$log" 2>&1; then
    grep -v '^#' "$log" | tail -n 60
    echo "fuzz $target: FOUND something; $log, $folder/findings"
    return 1
  fi
  after=$(cover "$target" "$log.cover" "$corpus" "$seeds/$target") || return 1
  executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  echo "fuzz $target: $executed inputs in $seconds s, edges $before -> $after"
  [ "$after" -gt "$before" ] || {
    echo "fuzz $target: coverage did not rise"
    return 1
  }
}

# A few at a time; each ends within its seconds.
failed=$folder/failed
rm -f "$failed"
running=0
for target in $targets; do
  (run "$target" || echo "$target" >>"$failed") &
  running=$((running + 1))
  if [ "$running" -ge "$jobs" ]; then
    wait
    running=0
  fi
done
wait
[ ! -e "$failed" ] || {
  echo "found by: $(tr '\n' ' ' <"$failed")"
  exit 2
}
