#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The models restate the sources: whether every labelled atomic step of a source stands in its model with the same operation
# and order, in the same order of steps, and the other way round.
# usage: labels.sh SOURCE-ROOT
set -eu
root=${1:?the root of the sources}
models=$root/tests/shm/models
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Lines with an atomic operation whose comment begins with a label, or with the label that orders a relaxed one, as
# "operation order label". Lines ending in an open bracket or "=" are joined with what follows; what only a mutant does
# begins with "mutant".
steps() {
  sed -e ':join' -e '/[=(]$/{N' -e 's/\n */ /' -e 'b join' -e '}' "$@" |
    sed -nE 's/.*(load|store|fence)[^/]*(relaxed|acquire|release|RELAXED|ACQUIRE|RELEASE)(, \$)?\)+[^/]*\/\/ ((relaxed: )?[A-Z][0-9])\b.*/\1 \2 \4/p' |
    tr 'A-Z' 'a-z'
}

# compare NAME SOURCES MODEL: the labels that a model does not claim (S1, S2: gates are added before the writer starts)
# are left out of the sources.
compare() {
  name=$1 model=$2
  shift 2
  steps "$@" | grep -v ' s[0-9]$' >"$work/source"
  steps "$model" >"$work/model"
  test -s "$work/source" || { echo "$name: no labelled step found in the source" && return 1; }
  diff "$work/source" "$work/model" >"$work/diff" || { echo "$name: source (<) and model (>) differ:" && cat "$work/diff" && return 1; }
  echo "$name: $(wc -l <"$work/source") labelled steps agree"
}

failed=0
compare stream "$models/stream_model.hpp" "$root/shm/stream/cell.hpp" "$root/shm/stream/stream.hpp" || failed=1
compare seq_cell "$models/seq_cell.cpp" "$root/shm/tables/seq_cell.hpp" || failed=1

# The check can fail: one order weakened in a copy must show.
sed 's/__ATOMIC_RELEASE);  \/\/ W2; pairs/__ATOMIC_RELAXED);  \/\/ W2; pairs/' "$root/shm/stream/cell.hpp" >"$work/cell.hpp"
if compare weakened "$models/stream_model.hpp" "$work/cell.hpp" "$root/shm/stream/stream.hpp" >/dev/null; then
  echo "a weakened order in a copy of the source went unnoticed"
  failed=1
fi
exit $failed
