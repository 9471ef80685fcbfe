#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# thintail-train: our margins equal XGBoost's bit for bit, the check can fail, and training is repeatable.
set -u

train=${THINTAIL_BIN:?names the folder of built programs}/thintail-train
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# expect CODE WHAT COMMAND...
expect() {
  code=$1 what=$2
  shift 2
  "$@" >"$work/out" 2>"$work/err"
  found=$?
  if [ "$found" != "$code" ]; then
    echo "FAILED $what: exit $found instead of $code"
    cat "$work/out" "$work/err"
    failures=$((failures + 1))
  fi
}

# says TEXT WHAT: the last command's words, on either stream.
says() {
  grep -qF -- "$1" "$work/out" "$work/err" && return
  echo "FAILED $2: no '$1' in:"
  cat "$work/out" "$work/err"
  failures=$((failures + 1))
}

expect 0 margins_equal_the_librarys "$train" --self-check
says "every margin equal to XGBoost's bit for bit" margins_equal_the_librarys
for mutant in less-or-equal default-flipped categories-moved; do
  expect 2 "a_mutant_${mutant}_is_noticed" "$train" --self-check --mutant "$mutant"
  says TT-0605 "a_mutant_${mutant}_is_noticed"
done

simulated='--simulator --seed 5 --duration 14400 --rounds 8 --depth 4 --rows 5000'
# shellcheck disable=SC2086
expect 0 a_simulated_market_can_be_trained_on "$train" $simulated --out "$work/a.ttm" --progress
says 'progress ' progress_is_shown
says "margins equal to XGBoost's bit for bit" the_saved_model_is_checked
says 'minus last move' the_baseline_stands_beside_the_result
# shellcheck disable=SC2086
expect 0 training_again "$train" $simulated --out "$work/b.ttm"
cmp -s "$work/a.ttm" "$work/b.ttm" || {
  echo 'FAILED training_twice_gives_the_same_bytes'
  failures=$((failures + 1))
}
grep -aq '^set = "core-32"$' "$work/a.ttm" || {
  echo 'FAILED the_pack_names_the_feature_set'
  failures=$((failures + 1))
}

# Real ticks, where there are any.
gold=${THINTAIL_DATA:-../shared/data}/ticks/oanda_xauusd_tick_20140501.csv.zst
if [ -e "$gold" ]; then
  expect 0 real_ticks_can_be_trained_on \
    "$train" --ticks "$gold" --rounds 8 --depth 4 --rows 5000 --out "$work/gold.ttm"
  says "margins equal to XGBoost's bit for bit" real_ticks_can_be_trained_on
  says 'of the following span' real_ticks_can_be_trained_on
elif [ -n "${THINTAIL_REQUIRE_DATA:-}" ]; then
  echo "FAILED required market data is absent: $gold"
  failures=$((failures + 1))
else
  echo "data absent: $gold; training on real ticks is not tested"
fi

expect 64 nothing_to_train_on "$train" --out "$work/c.ttm"
expect 64 nowhere_to_write "$train" --simulator
expect 64 horizon_without_unit "$train" --simulator --horizon 60 --out "$work/c.ttm"
expect 64 a_name_that_is_no_packs "$train" --simulator --duration 600 --out "$work/c.json"
says .ttm a_name_that_is_no_packs
expect 64 an_unknown_feature_set "$train" --simulator --set core-99 --out "$work/c.ttm"
says TT-0412 an_unknown_feature_set
expect 1 a_missing_file "$train" --ticks "$work/none.csv" --out "$work/c.ttm"
says TT-0201 a_missing_file
expect 1 too_short_to_warm_up "$train" --simulator --duration 60 --out "$work/c.ttm"
says TT-0215 too_short_to_warm_up

[ $failures = 0 ] && echo 'train_self_check_test: passed'
exit $((failures > 0))
