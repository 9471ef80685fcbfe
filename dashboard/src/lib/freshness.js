// SPDX-License-Identifier: Apache-2.0
// Whether what is on the screen can be believed, in one place: from the line, from what the gateway says of the core, and from the clock.

// The gateway sends figures twice a second while the core runs; three seconds without any is a feed that died with its socket open.
export const kQuietMs = 3_000;

/** All times are of one monotonic clock, in ms. */
export function freshness({ connection, note, core, coreAt, messageAt, now }) {
  const sinceMessage = Math.max(0, now - messageAt);
  const sinceCore = core === null || core === undefined ? NaN : (core.age_ms ?? NaN) + Math.max(0, now - coreAt);
  if (core === null || core === undefined) return { level: 'none', age: NaN, text: 'No data yet', why: '' };
  if (connection !== 'open') {
    return { level: 'stale', age: sinceMessage, text: 'Not connected', why: note === '' ? 'reconnecting' : `${note}; reconnecting` };
  }
  if (core.state === 'finished') return { level: 'finished', age: NaN, text: 'Replay finished', why: 'these are its final figures' };
  if (core.stale) {
    const why = { dead: 'the core died', silent: 'the core gives no sign of life', stopped: 'the core was stopped', absent: 'no core of this name runs' };
    return { level: 'stale', age: sinceCore, text: `Core ${core.state}`, why: why[core.state] ?? core.state };
  }
  if (sinceMessage > kQuietMs) return { level: 'stale', age: sinceMessage, text: 'Feed silent', why: 'the gateway sends nothing though it is connected' };
  return { level: 'fresh', age: sinceMessage, text: 'Fresh', why: 'figures come in as they are made' };
}
