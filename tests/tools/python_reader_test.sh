#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The Python reader beside a running core: its events are the journal's bytes, its tables readable, another layout refused.
set -u

thintail=${THINTAIL_BIN:?names the folder of built programs}/thintail
root=$(cd "$(dirname "$0")/../.." && pwd)
python=
for candidate in python3 /usr/bin/python3; do  # numpy may be Debian's, which another python3 before it does not see
  "$candidate" -c 'import numpy' 2>/dev/null && python=$candidate && break
done
if [ -z "$python" ]; then
  echo 'skipped: no python3 with numpy here (Debian: python3-numpy), so the Python reader is not tested'
  exit 0
fi
work=$(mktemp -d /dev/shm/thintail-test-XXXXXX)
core=
trap '[ -n "$core" ] && kill -KILL "$core" 2>/dev/null; rm -rf "$work"' EXIT
failures=0
fault() {
  echo "FAILED $*"
  failures=$((failures + 1))
}
export PYTHONDONTWRITEBYTECODE=1
reader() {
  timeout 90 "$python" "$root/deploy/python/thintail_reader.py" --shm-directory "$work/shm" --instance py "$@"
}

# Waits until a file says something, or is there.
await() {
  tries=0
  while ! { [ -e "$1" ] && grep -q "${2:-}" "$1"; } && [ $tries -lt 600 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
}
start() {
  "$thintail" run --set shm.directory="$work/shm" --set journal.directory="$work/journal" --instance py \
    --set shm.events_slots=65536 --set shm.ticks_slots=1024 --set simulator.duration_s=0 \
    --set simulator.ticks_per_second=2000 >"$work/log" 2>&1 &
  core=$!
}

mkdir "$work/shm"
start
await "$work/shm/thintail-py"

reader --count 1000 --raw "$work/raw" || {
  fault it_follows_a_running_core
  cat "$work/log"
}
[ "$(wc -c <"$work/raw")" = 64000 ] || fault it_reads_a_thousand_events
reader --count 20 >"$work/json" || fault it_prints_events
"$python" -c '
import json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
assert len(events) == 20 and events[0]["type"] == "session", events[:1]
assert [e["sequence"] for e in events] == list(range(1, 21))
' "$work/json" || fault events_are_printed_by_name
reader --count 5 --start latest >"$work/latest" || fault it_starts_with_the_next_event
for table in quotes instruments health counters run stages positions risk models gate; do
  reader --table $table >"$work/$table" || fault "it_reads_the_table $table"
done
grep -q '"ticks": [1-9]' "$work/quotes" || fault quotes_have_ticks
grep -q '"name": "[A-Z]*' "$work/instruments" || fault instruments_have_names
grep -q '"name": "engine"' "$work/health" || fault threads_are_named
grep -q '"max_position_e9":' "$work/risk" || fault instruments_have_limits
grep -q '"rejects":' "$work/gate" || fault the_gate_is_readable

# A reader of another layout says both and what to do.
mkdir "$work/other"
sed 's/^LAYOUT_HASH = 0x.*/LAYOUT_HASH = 0x1234/' "$root/deploy/python/thintail_reader.py" >"$work/other/reader.py"
"$python" "$work/other/reader.py" --shm-directory "$work/shm" --instance py --count 1 2>"$work/refused" &&
  fault another_layout_is_refused
grep -q 'hash 0000000000001234.*thintail abi --python' "$work/refused" || fault a_refusal_names_both_layouts

# Older and newer layouts: the Python reader and the monitors name both versions and say what to do. A newer minor version is read.
"$python" - "$work/shm/thintail-py" "$work" <<'PY' || fault segments_of_other_versions_are_made
import os, struct, sys
segment = bytearray(open(sys.argv[1], "rb").read())
for name, major, minor in (("older", 0, 9), ("newer", 2, 3), ("appended", 1, 7)):
    struct.pack_into("<HH", segment, 8, major, minor)
    os.mkdir(os.path.join(sys.argv[2], name))
    path = os.path.join(sys.argv[2], name, "thintail-py")
    with open(path, "wb") as file:
        file.write(segment)
    os.chmod(path, 0o640)
PY
for other in older:0.9 newer:2.3; do
  where=$work/${other%:*}
  version=${other#*:}
  timeout 60 "$python" "$root/deploy/python/thintail_reader.py" --shm-directory "$where" --instance py --table quotes \
    >"$where/out" 2>"$where/python" && fault "a_segment_that_is_${other%:*}_is_refused"
  grep -q "knows version 1\.[0-9]* .*segment is version $version .*thintail abi --python" "$where/python" ||
    fault "the_reader_names_both_versions $(cat "$where/python")"
  for monitor in 'top --once' 'stat --count 1' events; do
    # shellcheck disable=SC2086  # the command and its options are words of their own
    timeout 60 "$thintail" $monitor --shm-directory "$where" --instance py >"$where/out" 2>"$where/err" &&
      fault "$monitor refuses a segment that is ${other%:*}"
    grep -q "expected version 1\.[0-9]* .*found version $version " "$where/err" || fault "$monitor names both versions"
    grep -q 'Run monitor and core from the same release' "$where/err" || fault "$monitor says what to do"
  done
done
grep -q 'which is newer' "$work/newer/python" || fault a_newer_segment_is_called_so
grep -q 'which is newer' "$work/older/python" && fault an_older_segment_is_not_called_newer
timeout 60 "$python" "$root/deploy/python/thintail_reader.py" --shm-directory "$work/appended" --instance py \
  --table quotes >"$work/appended/out"
grep -q '"ticks": [1-9]' "$work/appended/out" || fault a_newer_minor_version_is_read
reader --table nonsense 2>/dev/null && fault an_unknown_table_is_refused

# A ring that laps: an overtaken reader counts what it missed, and what it delivers is whole and in order.
"$python" - "$root/deploy/python" <<'PY' || fault an_overtaken_observer_counts_what_it_missed
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from thintail_reader import DTYPES, Observer
capacity, header = 1024, DTYPES["Stream"].itemsize
memory = bytearray(header + capacity * 64)
stream = np.frombuffer(memory, DTYPES["Stream"], 1)
cells = np.frombuffer(memory, DTYPES["Event"], capacity, header)
stream["capacity"], stream["first_sequence"] = capacity, 1

def publish(sequence):
    cells[sequence & (capacity - 1)] = (sequence, sequence * 10, 0, 1, 0, 0)
    stream["head"] = sequence

for sequence in range(1, 101):
    publish(sequence)
observer = Observer(memory, 1)
assert observer.read()["sequence"].tolist() == list(range(1, 101)) and observer.missed_total == 0
assert len(observer.read()) == 0
for sequence in range(101, 3101):
    publish(sequence)
events = observer.read()
assert observer.missed_total > 0 and observer.lapped_total == 1
assert int(events["sequence"][0]) == 101 + observer.missed_total
rest = np.concatenate([events, observer.read(), observer.read()])["sequence"].tolist()
assert rest == list(range(rest[0], 3101)), (rest[0], rest[-1])
# A cell being overwritten is no event, and lost for good where the writer died in it.
cells["sequence"][3100 & 1023] = 0
observer.next_sequence = 3100
assert len(observer.read()) == 0 and observer.lapped_total == 2
# A writer that died between an event and head: the event is there.
cells[3101 & 1023] = (3101, 0, 0, 1, 0, 0)
observer.next_sequence = 3101
assert observer.read()["sequence"].tolist() == [3101]
# A torn copy: the sequence changes between the copy and the second look, which must throw the copy away.
observer.next_sequence = 3050

class Tearing:
    def __init__(self, inner):
        self.inner, self.looks = inner, 0

    def __getitem__(self, at):
        self.looks += 1
        if self.looks == 2:
            self.inner[3050 & 1023] = 0
        return self.inner[at]

observer._sequences = Tearing(cells["sequence"])
lapped = observer.lapped_total
torn = observer.read(1)
assert 3050 not in torn["sequence"].tolist() and observer.lapped_total == lapped + 1
PY

# A core that is killed and begun again: the reader goes on with the new epoch's events, in order and without a hole.
reader --start latest --raw "$work/through" 2>"$work/attached" &
following=$!
await "$work/through" .
kill -KILL "$core"
wait "$core" 2>/dev/null
start
await "$work/attached" 'attached to epoch 2'
grep -q 'attached to epoch 2' "$work/attached" || fault it_attaches_to_the_next_epoch
reader --count 3000 --raw "$work/epoch2" || fault the_new_epoch_is_readable

kill -TERM "$core"
wait "$core" || fault the_core_ends_in_order
core=
wait "$following" || fault "it_ends_when_the_core_stops $(cat "$work/attached")"

# The journal holds the same bytes under the same numbers (docs/journal.md).
"$python" - "$work/raw" "$work/through" "$work"/journal/py/journal-*.ttj <<'PY' || fault its_events_are_the_journals
import struct, sys
recorded = {}
for path in sys.argv[3:]:
    data = open(path, "rb").read()
    assert data[:8] == b"TTJOURNL"
    at = 4096
    while at + 64 <= len(data) and data[at:at + 8] == b"TTBLOCK1":
        count = struct.unpack_from("<H", data, at + 52)[0]
        for event in range(at + 64, at + 64 + 64 * count, 64):
            recorded[struct.unpack_from("<Q", data, event)[0]] = data[event:event + 64]
        at += 64 + 64 * count
through = open(sys.argv[2], "rb").read()
through = [through[i:i + 64] for i in range(0, len(through), 64)]
numbers = [struct.unpack_from("<Q", event)[0] for event in through]
assert numbers == list(range(numbers[0], numbers[-1] + 1)), "a hole across the restart"
assert numbers[-1] == max(recorded), f"it ends with {numbers[-1]}, the journal with {max(recorded)}"
assert all(recorded[number] == event for number, event in zip(numbers, through)), "not the journals' bytes"
raw = open(sys.argv[1], "rb").read()
events = [raw[i:i + 64] for i in range(0, len(raw), 64)]
assert len(events) == 1000
differing = [e for e in events if recorded.get(struct.unpack_from("<Q", e)[0]) != e]
assert not differing, f"{len(differing)} of {len(events)} events differ from the journal of {len(recorded)}"
print(f"python reader: {len(events)} events, all equal to the journal's")
PY
[ $failures = 0 ] && echo 'python_reader_test: passed'
exit $((failures > 0))
