#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The fresh machine: a bare Debian 12 root (git and ca-certificates, nothing else), a clean clone, `./thintail demo`.
# Prints what each step took and fails where one took longer than promised; THINTAIL_BARE_LIMITS=0 only prints.
#
#   tests/front_door/bare_root.sh [--worktree] [COMMAND...]
#
#   --worktree   the files as they lie here instead of a clone of HEAD
#   COMMAND...   what to run in the clone instead of the two demos, such as: .ci/run
#
# Needs root, mmdebstrap, unshare and a network; uses this machine's own package sources. Part of `./thintail test --long`:
# exits 77 (skipped) without THINTAIL_LONG=1 when ctest runs it.
set -eu

if [ -n "${THINTAIL_BARE_FROM_CTEST:-}" ] && [ -z "${THINTAIL_LONG:-}" ]; then
  echo 'skipped: only with --long'
  exit 77
fi
for tool in mmdebstrap unshare chroot; do
  if ! command -v $tool >/dev/null; then echo "needs $tool" >&2; exit 1; fi
done
if [ "$(id -u)" != 0 ]; then echo 'needs root: it mounts and changes root' >&2; exit 77; fi

source_root=$(cd "$(dirname "$0")/../.." && pwd)
worktree=no
if [ "${1:-}" = --worktree ]; then worktree=yes; shift; fi
bare=$(mktemp -d "${TMPDIR:-/tmp}/bare_root.XXXXXX")
# What is mounted below is mounted in a namespace that ends with its shell: here there is only the root to remove.
trap 'rm -rf "$bare"' EXIT
trap 'exit 130' INT TERM
now() { date +%s; }

# --- the root, from the sources, keys and network settings of this machine's apt ---------------------------------------
started=$(now)
if [ $# = 0 ]; then set -- ''; fi
command=$*
set --
for settings in /etc/apt/apt.conf /etc/apt/apt.conf.d/*; do
  if grep -qs Acquire "$settings"; then set -- "$@" --aptopt="$settings"; fi
done
for sources in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
  if [ -f $sources ]; then list=$sources; fi
done
mmdebstrap --quiet --variant=minbase --include=git,ca-certificates "$@" bookworm "$bare/root" "$list"
echo "bare root: $(($(now) - started)) s, $(du -sm "$bare/root" | cut -f1) MB"

# --- the clone, beside its data as on a developer's machine -----------------------------------------------------------
mkdir -p "$bare/root/work/main" "$bare/root/source"
data=${THINTAIL_DATA:-$source_root/../shared/data}
if [ -d "$data" ]; then mkdir -p "$bare/root/work/shared/data"; else data=''; fi
if [ $worktree = yes ]; then
  (cd "$source_root" && git ls-files --cached --others --exclude-standard -z | xargs -0 ls -d 2>/dev/null |
    tar -c --no-recursion -T - | tar -x -C "$bare/root/work/main" --no-same-owner)
fi
cp -L /etc/resolv.conf /etc/hosts "$bare/root/etc/"

cat >"$bare/root/steps" <<'STEPS'
set -eu
cd /work
if [ "$1" = no ]; then
  git -c safe.directory='*' clone --quiet file:///source main
  echo "clone of $(git -C main log -1 --format=%h)"
fi
cd main
shift
limits=${THINTAIL_BARE_LIMITS:-1}
late=0
took() { # NAME TIME LIMIT UNIT
  echo "bare: $1 $2 $4 (limit $3 $4)"
  [ "$2" -le "$3" ] || [ "$limits" = 0 ] || late=1
}
if [ -n "$*" ]; then
  started=$(date +%s)
  sh -c "$*"
  echo "bare: $* took $(($(date +%s) - started)) s"
  exit
fi
started=$(date +%s)
./thintail demo 2>/tmp/front_door || { cat /tmp/front_door; exit 2; }
total=$(($(date +%s) - started))
cat /tmp/front_door
took install "$(sed -n 's/^thintail: installed in \([0-9]*\) s$/\1/p' /tmp/front_door)" 120 s
took build "$(sed -n 's/^thintail: built in \([0-9]*\) s$/\1/p' /tmp/front_door)" 360 s
took 'clone to report' $total 600 s
started=$(date +%s%N)
./thintail --help >/dev/null
took 'second start' $((($(date +%s%N) - started) / 1000000)) 2000 ms
./thintail demo >/dev/null
if [ $late = 1 ]; then echo 'bare: too slow'; exit 2; fi
STEPS

# shellcheck disable=SC2016  # for the inner shell
# A network and the CPUs are shared with this machine; mounts, processes and shared memory are its own.
env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" \
  THINTAIL_BARE_LIMITS="${THINTAIL_BARE_LIMITS:-1}" \
  http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" no_proxy="${no_proxy:-}" \
  unshare --mount --pid --ipc --fork --kill-child sh -euc '
    root=$1/root
    mount --make-rprivate /
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs -o size=2g tmpfs "$root/dev/shm"
    mount --bind -o ro "$2" "$root/source"
    if [ -n "$5" ]; then mount --bind -o ro "$5" "$root/work/shared/data"; fi
    exec chroot "$root" sh /steps "$3" "$4"
  ' sh "$bare" "$source_root" "$worktree" "$command" "$data"
