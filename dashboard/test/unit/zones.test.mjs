// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axisLabel, clock, clockMs, date, fields, kZones, sessionDay, sessionMonth, sessionWeek, stamp } from '../../src/lib/zones.js';

const at = (text) => Date.parse(text);

test('the broker day turns at 17:00 New York in winter, in summer and in the weeks between', () => {
  assert.equal(sessionDay(at('2026-01-14T21:59:59Z')), '2026-01-14');
  assert.equal(sessionDay(at('2026-01-14T22:00:00Z')), '2026-01-15');
  assert.equal(sessionDay(at('2026-07-14T20:59:59Z')), '2026-07-14');
  assert.equal(sessionDay(at('2026-07-14T21:00:00Z')), '2026-07-15');
  // America has changed its clocks on 8 March 2026, Europe not before the 29th.
  assert.equal(sessionDay(at('2026-03-18T20:59:59Z')), '2026-03-18');
  assert.equal(sessionDay(at('2026-03-18T21:00:00Z')), '2026-03-19');
});

test('the same moment reads differently in each zone', () => {
  const moment = at('2026-11-20T11:50:18.442Z');
  assert.equal(stamp(moment, 'utc'), '2026-11-20 11:50:18');
  assert.equal(stamp(moment, 'newyork'), '2026-11-20 06:50:18');
  assert.equal(stamp(moment, 'broker'), '2026-11-20 13:50:18');
  assert.equal(clockMs(moment, 'newyork'), '06:50:18.442');
});

test('a repeated hour in New York is told twice and not skipped', () => {
  assert.equal(clock(at('2026-11-01T05:30:00Z'), 'newyork'), '01:30:00');
  assert.equal(clock(at('2026-11-01T06:30:00Z'), 'newyork'), '01:30:00');
});

test('midnight is 00 and not 24', () => {
  assert.equal(clock(at('2026-06-01T04:00:00Z'), 'newyork'), '00:00:00');
});

test('weeks begin on Monday and months are the session day\'s', () => {
  assert.equal(sessionWeek(at('2026-11-20T12:00:00Z')), '2026-11-16');
  // Sunday evening already belongs to Monday.
  assert.equal(sessionWeek(at('2026-11-15T23:00:00Z')), '2026-11-16');
  assert.equal(sessionMonth(at('2026-10-30T22:00:00Z')), '2026-10');
  assert.equal(sessionMonth(at('2026-11-30T23:00:00Z')), '2026-12');
});

test('what is no time has no label', () => {
  assert.equal(clock(NaN, 'utc'), '–');
  assert.equal(date(NaN, 'broker'), '–');
  assert.equal(fields(Infinity, 'local'), null);
});

test('every zone labels every kind of axis mark', () => {
  for (const { id } of kZones) for (const kind of ['year', 'month', 'day', 'minute', 'second']) assert.notEqual(axisLabel(at('2026-11-20T11:50:18Z'), id, kind), '');
});
