#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Recovery after a kill at every step, as spin searches it exhaustively: the true model has no error, and each mutant has one.
#   source  tests/shm/models/recovery.pml, docs/proofs.md
set -eu
model=$(pwd)/tests/shm/models/recovery.pml
test -f "$model" || { echo "run it in the root of the sources" && exit 1; }
for tool in spin gcc; do
  command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed (deploy/packages/test.txt)" && exit 0; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# search NAME WANTED FLAGS: WANTED is 0 or "some".
search() {
  name=$1 wanted=$2
  shift 2
  rm -f pan*
  spin "$@" -a "$model" >spin.out || { cat spin.out && exit 1; }
  gcc -O1 -w -DSAFETY -o pan pan.c
  ./pan -m1000000 >pan.out
  errors=$(sed -n 's/.*errors: //p' pan.out)
  echo "$name: errors $errors, $(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' pan.out) states, $(sed -n 's/^pan:1: //p' pan.out)"
  grep -q 'search not completed\|max search depth too small' pan.out && test "$wanted" = 0 && exit 1
  case $wanted in
    0) test "$errors" = 0 ;;
    *) test "$errors" != 0 && grep -q 'pan:1: assertion violated' pan.out ;;
  esac || { echo "$name: wanted $wanted errors" && cat pan.out && exit 1; }
}

search true 0
search publish_first some -DPUBLISH_FIRST
search release_early some -DRELEASE_EARLY
search head_only some -DHEAD_ONLY
search recover_late some -DRECOVER_LATE
