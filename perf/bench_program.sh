# SPDX-License-Identifier: Apache-2.0
# Sourced by the profiling scripts: their arguments, and where the benchmark program is.
#   sets suite case iterations folder, and `program`

usage() {
  cat >&2 <<HELP
Usage: thintail perf $1 CASE [--suite NAME] [--iterations N] [--output FOLDER]

  CASE            a case of the suite, such as tick_to_intent_inline; \`thintail bench\` lists them
  --suite NAME    default spine
  --iterations N  default $2
  --output FOLDER default build/perf
HELP
  exit 64
}

# The benchmark program would set it by starting itself anew, which valgrind does not follow.
export OMP_WAIT_POLICY=passive

# parse_arguments COMMAND DEFAULT_ITERATIONS ARGUMENT...
parse_arguments() {
  command=$1 iterations=$2 suite=spine case='' folder=${THINTAIL_ROOT:-.}/build/perf
  shift 2
  while [ $# -gt 0 ]; do
    case $1 in
      --suite | --iterations | --output)
        [ $# -ge 2 ] || usage "$command" "$iterations"
        case $1 in
          --suite) suite=$2 ;;
          --iterations) iterations=$2 ;;
          --output) folder=$2 ;;
        esac
        shift
        ;;
      -*) usage "$command" "$iterations" ;;
      *) if [ -z "$case" ]; then case=$1; else usage "$command" "$iterations"; fi ;;
    esac
    shift
  done
  [ -n "$case" ] || usage "$command" "$iterations"
  case $iterations in '' | *[!0-9]* | 0*) usage "$command" "$iterations" ;; esac
  mkdir -p "$folder"
}

fail() {
  printf 'perf %s: %s\n' "$command" "$1" >&2
  exit 1
}

# The programs lie beside `thintail` in the build folder.
find_bench_program() {
  for bin in "${THINTAIL_BIN:-}" "${THINTAIL_ROOT:-.}/build/release/bin"; do
    if [ -n "$bin" ] && [ -x "$bin/thintail-bench-peers" ]; then
      program=$bin/thintail-bench-peers
      return 0
    fi
  done
  fail 'no benchmark program is built; ./thintail bench builds it'
}
