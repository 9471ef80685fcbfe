#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016  # what sed replaces is the text of the script
# The front door against stubs of apt-get, dpkg-query, cmake and ctest: what it asks of them, in which case.
# Every check runs twice: on ./thintail, where it must pass, and on a copy with one line broken, where it must fail.
set -u

source_root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/front_door_test.XXXXXX")
trap 'rm -rf "$work"' EXIT
unset THINTAIL_DATA THINTAIL_INSTALL THINTAIL_ALLOW_REMOVE THINTAIL_JOBS THINTAIL_WERROR THINTAIL_LONG \
  THINTAIL_REQUIRE_DATA MISSING REMOVES BUILD_FAILS CTEST_FAILS DATA_ABSENT

# --- stubs: a PATH of their own, so that nothing of this machine is found by accident ------------------------------
mkdir "$work/bin" "$work/elsewhere"
for tool in awk cat chmod date dirname env flock grep id mkdir nproc printf readlink rm sed sh sleep tail touch tr; do
  ln -s "$(command -v $tool || echo /usr/bin/$tool)" "$work/bin/$tool"
done
stub() { cat >"$work/bin/$1" && chmod +x "$work/bin/$1"; }

stub dpkg-query <<'STUB'
#!/bin/sh
for package; do case $package in -*|*'$'*) ;; *) [ "$package" = "${MISSING:-}" ] || echo "installed $package" ;; esac; done
STUB

stub apt-get <<'STUB'
#!/bin/sh
echo "apt-get $*" >>"$CALLS"
case "$*" in *' install -s '*) [ -z "${REMOVES:-}" ] || echo "Remv $REMOVES [1]" ;; esac
STUB

stub sudo <<'STUB'
#!/bin/sh
exec "$@"
STUB

stub cmake <<'STUB'
#!/bin/sh
echo "cmake $*" >>"$CALLS"
if [ "$1" = --preset ]; then
  dir=build/$2
  mkdir -p "$dir/bin"
  echo "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" >"$dir/CMakeCache.txt"
  for option; do case $option in -D*) option=${option#-D}; echo "${option%%=*}:BOOL=${option#*=}" ;; esac
  done >>"$dir/CMakeCache.txt"
  : >"$dir/build.ninja"
  exit
fi
[ -z "${BUILD_FAILS:-}" ] || { echo '[1/2] fine'; echo 'FAILED: spine.cpp.o'; echo 'spine.cpp:1: error: planted'; exit 1; }
[ -z "${SLOW:-}" ] || { echo start >>"$CALLS.builds"; sleep 0.2; echo stop >>"$CALLS.builds"; }
cat >"$2/bin/thintail" <<'PROGRAM'
#!/bin/sh
printf 'cwd=%s root=%s' "$(pwd)" "$THINTAIL_ROOT"
printf ' [%s]' "$@"
echo
[ "${1:-}" != fails ] || exit 7
PROGRAM
chmod +x "$2/bin/thintail"
STUB

stub ctest <<'STUB'
#!/bin/sh
echo "ctest $*" >>"$CALLS"
case "$*" in
  *-N*'-R shm/stream_test' | *-N*'-L ^fast$' | *-N*'-R fast') echo 'Total Tests: 1'; exit ;;
  *-N*) echo 'Total Tests: 0'; exit ;;
esac
mkdir -p "$2/Testing/Temporary"
{ echo '[  PASSED  ] 3 tests.'; echo 'kills 20, mid-write 1, corrupt 0, lost 0'; [ -z "${DATA_ABSENT:-}" ] || echo "data absent: ticks"; } >"$2/Testing/Temporary/LastTest.log"
echo '100% tests passed, 0 tests failed out of 1'
echo 'Total Test time (real) =   0.01 sec'
exit "${CTEST_FAILS:-0}"
STUB

for tool in npm chromium; do stub "$tool" </dev/null; done

# clone SED...: a fresh clone of the front door, with the sed expression applied to it.
clone() {
  clone=$work/clone
  rm -rf "$clone" "$work/calls" "$work/calls.builds"
  mkdir -p "$clone/deploy"
  : >"$work/calls"
  cp -r "$source_root/deploy/packages" "$clone/deploy/"
  sed -e "${1:-}" "$source_root/thintail" >"$clone/thintail"
  chmod +x "$clone/thintail"
  mkdir -p "$clone/dashboard"
  printf '#!/bin/sh\necho dashboard >>"$CALLS"\nexit "${DASHBOARD_ENDS:-0}"\n' >"$clone/dashboard/build.sh"
  chmod +x "$clone/dashboard/build.sh"
}
# door ARGS...: starts it from another directory; output in $work/out and $work/err.
door() {
  (cd "$work/elsewhere" && PATH=$work/bin CALLS=$work/calls exec "$clone/thintail" "$@") >"$work/out" 2>"$work/err" </dev/null
}
exits() { want=$1; shift; "$@"; [ $? = "$want" ]; }
calls() { grep -q -- "$1" "$work/calls"; }

# --- checks --------------------------------------------------------------------------------------------------------
is_valid_sh() { sh -n "$clone/thintail" 2>/dev/null; }

passes_arguments_and_directory_to_the_program() {
  door demo --ticks 'a b' && [ "$(cat "$work/out")" = "cwd=$work/elsewhere root=$clone [demo] [--ticks] [a b]" ]
}
works_through_a_symbolic_link() {
  ln -sf "$clone/thintail" "$work/elsewhere/tt"
  (cd "$work/elsewhere" && PATH=$work/bin CALLS=$work/calls ./tt demo) >"$work/out" 2>&1
  grep -q "root=$clone " "$work/out"
}
exits_as_the_program_did() { exits 7 door fails; }
leaves_stdout_to_the_program() { MISSING=cmake door demo && [ "$(wc -l <"$work/out")" = 1 ]; }
builds_only_what_the_command_needs() {
  door demo && calls 'target thintail thintail-train$' && door bench && calls 'target thintail thintail-train thintail-bench-peers$'
}
builds_the_gateway_where_it_is_measured() {
  door bench gateway --json && calls 'target thintail thintail-train thintail-bench-peers thintail-gateway$' &&
    : >"$work/calls" && door bench spine && ! calls 'thintail-gateway'
}
second_start_neither_installs_nor_configures() {
  door demo && calls 'cmake --preset' && : >"$work/calls" && door demo && ! calls 'apt-get' && ! calls 'cmake --preset'
}
first_configure_leaves_tests_out_and_test_adds_them() {
  door demo && calls 'THINTAIL_TESTS=OFF' && door test && calls 'cmake --preset release.*-DTHINTAIL_TESTS=ON'
}
moved_clone_is_configured_afresh() {
  door demo && sed -i 's/HOME_DIRECTORY.*/HOME_DIRECTORY:INTERNAL=\/moved/' "$clone/build/release/CMakeCache.txt" &&
    : >"$work/calls" && door demo && calls 'cmake --preset release --fresh'
}
installs_only_the_missing_package_and_says_which() {
  MISSING=liburing-dev door demo && grep -q 'installing.*: liburing-dev$' "$work/err" &&
    calls 'install --no-install-recommends --no-remove liburing-dev$'
}
refuses_to_remove_a_package_in_conflict() {
  MISSING=libboost1.81-dev REMOVES=libboost1.74-dev exits 1 door demo && grep -q 'remove.*libboost1.74-dev' "$work/err" &&
    ! grep -v ' -s ' "$work/calls" | grep -q install
}
removes_it_when_allowed() {
  MISSING=libboost1.81-dev REMOVES=libboost1.74-dev THINTAIL_ALLOW_REMOVE=1 door demo &&
    grep -v ' -s ' "$work/calls" | grep -q 'install.* libboost1.81-dev$'
}
lists_packages_and_goes_on_without_apt() {
  mv "$work/bin/apt-get" "$work/apt-get"
  door demo && grep -q 'needed.*libxgboost-dev' "$work/err" && grep -q '\[demo\]' "$work/out"
  result=$?
  mv "$work/apt-get" "$work/bin/apt-get"
  return $result
}
failed_build_shows_its_error_and_exits_1() {
  BUILD_FAILS=1 exits 1 door demo && grep -q 'error: planted' "$work/err" && ! grep -q fine "$work/err"
}
two_starts_build_one_after_the_other() {
  door demo # so that both only build
  (cd / && SLOW=1 PATH=$work/bin CALLS=$work/calls "$clone/thintail" demo >/dev/null 2>&1) &
  SLOW=1 door demo
  wait
  [ "$(tr '\n' ' ' <"$work/calls.builds")" = 'start stop start stop ' ]
}
filter_takes_a_path() { door test --filter tests/shm/stream_test.cpp && calls 'ctest.*--parallel' && calls '-R shm/stream_test --par'; }
filter_takes_a_room() { door test --filter shm/stream_test/... && calls '-R shm/stream_test --par'; }
filter_takes_a_suite_before_names() { door test --filter fast && calls '-L ^fast[$] --par'; }
filter_is_text_and_not_a_pattern() { exits 64 door test --filter 'shm.stream_test' && calls 'shm\\.stream_test'; }
filter_without_a_match_exits_64() { exits 64 door test --filter no/such && ! calls 'ctest.*--parallel'; }
failed_test_exits_2() { CTEST_FAILS=8 exits 2 door test; }
last_lines_of_test_are_those_of_ctest() {
  door test && [ "$(tail -n 1 "$work/out")" = 'Total Test time (real) =   0.01 sec' ] && grep -q 'cases: 3 passed' "$work/out"
}
kill_campaign_shows_its_figures() { door test && grep -qx 'kills 20, mid-write 1, corrupt 0, lost 0' "$work/out"; }
absent_data_is_counted() { DATA_ABSENT=1 door test && grep -q '1 because market data is absent' "$work/out"; }
absent_data_fails_when_required() { DATA_ABSENT=1 exits 2 door test --require-data; }
unknown_argument_exits_64() { exits 64 door test --bogus && exits 64 door test --preset nope && exits 64 door test --filter; }
warnings_are_errors_when_asked() { THINTAIL_WERROR=ON door test && calls '-DTHINTAIL_WERROR=ON'; }

builds_the_page_and_the_gateway_only_where_they_are_served() {
  door demo && ! calls '^dashboard' && door demo --serve && calls '^dashboard' && calls 'thintail-train thintail-gateway$' &&
    : >"$work/calls" && door serve && calls '^dashboard' && calls 'target thintail thintail-gateway$'
}
installs_node_only_where_there_is_none() {
  MISSING=npm door serve && ! calls 'apt-get' || return 1
  mv "$work/bin/npm" "$work/npm"
  MISSING=npm door serve && calls 'install --no-install-recommends --no-remove npm$'
  result=$?
  mv "$work/npm" "$work/bin/npm"
  return $result
}
serves_without_a_page_where_none_can_be_built() { DASHBOARD_ENDS=69 door serve && grep -q '\[serve\]' "$work/out"; }
a_page_that_does_not_build_exits_1() { DASHBOARD_ENDS=1 exits 1 door serve && ! grep -q '\[serve\]' "$work/out"; }

# --- each check, and the broken line that it must notice ------------------------------------------------------------
passed=0 failed=0
check() { # NAME SED
  clone
  if ! "$1"; then
    echo "FAILED $1"
    sed 's/^/    stderr: /' "$work/err"
    sed 's/^/    call: /' "$work/calls"
    failed=$((failed + 1))
    return
  fi
  clone "$2"
  if cmp -s "$clone/thintail" "$source_root/thintail"; then
    echo "FAILED $1: its mutant changes nothing: $2"
    failed=$((failed + 1))
  elif "$1"; then
    echo "FAILED $1: does not notice: $2"
    failed=$((failed + 1))
  else
    echo "ok     $1"
    passed=$((passed + 1))
  fi
}

check is_valid_sh '$ a if'
check passes_arguments_and_directory_to_the_program 's/^exec .*/exec "$dir\/bin\/thintail" $*/'
check works_through_a_symbolic_link 's/readlink -f --/printf %s/'
check exits_as_the_program_did 's/^exec \(.*\)/\1 || exit 1/'
check leaves_stdout_to_the_program '/^say()/ s/ >&2//'
check builds_only_what_the_command_needs "s/^build \$targets/build all/"
check second_start_neither_installs_nor_configures "s/fresh='' reason=''/fresh='' reason=again/"
check first_configure_leaves_tests_out_and_test_adds_them '/|| reason=\$option/d'
check moved_clone_is_configured_afresh '/HOME_DIRECTORY/ s/! grep/false \&\& grep/'
check installs_only_the_missing_package_and_says_which 's/ \$no_remove \$missing/ $wanted/'
check refuses_to_remove_a_package_in_conflict 's/if \[ -n "\$removed" \]/if false/'
check removes_it_when_allowed 's/"\${THINTAIL_ALLOW_REMOVE:-0}" != 1/1 = 1/'
check lists_packages_and_goes_on_without_apt '/no apt-get here/ s/\[ -e/true || [ -e/'
check failed_build_shows_its_error_and_exits_1 's/2>&1 || built=no/2>\&1 || :/'
check two_starts_build_one_after_the_other 's/^    flock 9/    :/'
check filter_takes_a_path 's/name=\${name#tests\/}/:/'
check filter_takes_a_room '/the room shm/d'
check filter_takes_a_suite_before_names 's/^      set -- "\$@" -L .*/      set -- "$@" -R "$pattern"/'
check filter_is_text_and_not_a_pattern '/^    pattern=/ s/| sed.*/)/'
check filter_without_a_match_exits_64 '/has .* in its name, and/d'
check failed_test_exits_2 's/|| exit 2$/|| exit 0/'
check last_lines_of_test_are_those_of_ctest '/^  if .*cat "\$closing"/d'
check kill_campaign_shows_its_figures '/what the campaign is run for/d'
check absent_data_is_counted '/absent++/d'
check absent_data_fails_when_required 's/export THINTAIL_REQUIRE_DATA=1/:/'
check unknown_argument_exits_64 '/^usage_error/ s/64/0/'
check warnings_are_errors_when_asked 's/\${THINTAIL_WERROR:+[^}]*}//'

check builds_the_page_and_the_gateway_only_where_they_are_served "s/^case \" \$\* \" in .*//"
check builds_the_gateway_where_it_is_measured "/ bench'\\*' gateway /d"
check installs_node_only_where_there_is_none 's/command -v npm >\/dev\/null ||/:;/'
check serves_without_a_page_where_none_can_be_built 's/|| \[ \$code = 69 \]//'
check a_page_that_does_not_build_exits_1 's/"\$root\/dashboard\/build.sh" || code=\$?/"$root\/dashboard\/build.sh" || :/'

echo "$passed passed, $failed failed"
[ $failed = 0 ]
