#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the dashboard into dashboard/dist, where nothing is done if nothing changed (about 30 ms).
#   exit 0   dist is up to date, and `built` or `up to date` is said
#   exit 69  not built: no Node >= 18 with npm here, or its packages could not be fetched. Said in one line; a dist that was there stays.
#   exit 1   the sources do not build
# The core needs none of this: without a dist the gateway says that it has no dashboard.
set -eu

here=$(dirname -- "$(readlink -f -- "$0")")
cd "$here"
say() { printf 'dashboard: %s\n' "$*" >&2; }

# What the result depends on: names and contents of the sources, and the two versions that build them.
fingerprint() {
  {
    find src public index.html vite.config.js package.json package-lock.json .npmrc -type f | LC_ALL=C sort | tr '\n' '\0' | xargs -0 sha256sum
    cat build.sh
  } | sha256sum | cut -d' ' -f1
}

wanted=$(fingerprint)
stamp=node_modules/.thintail-built
if [ -f dist/index.html ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
  say 'up to date'
  exit 0
fi

command -v node >/dev/null && command -v npm >/dev/null || { say 'not built: node and npm are not here (Debian: nodejs npm)'; exit 69; }
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 18 ] || { say "not built: Node 18 or newer is needed, this is $(node --version)"; exit 69; }

# Two builds at once would delete each other's packages.
exec 9<package.json
if command -v flock >/dev/null; then flock 9; fi
if [ -f dist/index.html ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
  say 'built by another'
  exit 0
fi

lock=$(sha256sum package-lock.json | cut -d' ' -f1)
packages=node_modules/.thintail-packages
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ "$(cat "$packages" 2>/dev/null)" != "$lock" ]; then
  say 'fetching packages (once)'
  if ! npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error </dev/null >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    say 'not built: npm ci failed; is the registry within reach?'
    exit 69
  fi
  printf '%s\n' "$lock" >"$packages"
fi

# Into a folder beside it, then in its place: nobody ever sees half a page.
new=node_modules/.thintail-dist
if ! node node_modules/vite/bin/vite.js build --outDir "$new" --emptyOutDir --logLevel warn </dev/null >"$log" 2>&1; then
  cat "$log" >&2
  say 'the sources do not build'
  exit 1
fi
rm -rf "$new.old"
[ ! -d dist ] || mv dist "$new.old"
mv "$new" dist
rm -rf "$new.old"
printf '%s\n' "$wanted" >"$stamp"
say "built, $(du -sk dist | cut -f1) KiB"
