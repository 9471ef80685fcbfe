#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The dashboard's tests: units under Node, then the page in a headless Chromium over a mock gateway (skipped, and said, where there is no
# Chromium; --unit leaves it out).
#   exit 0 all passed, 69 nothing could be run (as build.sh), else a test failed
set -eu
cd "$(dirname -- "$(readlink -f -- "$0")")"
./build.sh
node --test test/unit/*.test.mjs
[ "${1:-}" = --unit ] || node --test test/e2e/*.test.mjs
