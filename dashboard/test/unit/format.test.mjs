// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nsToMs, nsToSeconds, toNumber, toPlaces } from '../../src/lib/decimal.js';
import * as format from '../../src/lib/format.js';

test('a decimal is cut to its places digit by digit, however large', () => {
  assert.equal(toPlaces('1284.065', 3), '1284.065');
  assert.equal(toPlaces('1284.0650000', 3), '1284.065');
  assert.equal(toPlaces('1284.0655', 3), '1284.066');
  assert.equal(toPlaces('0.9995', 3), '1.000');
  assert.equal(toPlaces('-0.9995', 3), '-1.000');
  assert.equal(toPlaces('99999999999999999999.95', 1), '100000000000000000000.0');
  assert.equal(toPlaces('7', 2), '7.00');
  assert.equal(toPlaces('7.5', 0), '8');
});

test('what rounds to zero has no sign', () => {
  assert.equal(toPlaces('-0.001', 2), '0.00');
  assert.equal(format.signedMoney('-0.001'), '0.00');
  assert.equal(format.quantity('-0'), '0');
});

test('what is absent is a dash and never a zero', () => {
  for (const value of [null, undefined, '']) {
    assert.equal(format.price(value, 3), '–');
    assert.equal(format.quantity(value), '–');
    assert.equal(format.signedMoney(value), '–');
    assert.equal(format.percent(value), '–');
    assert.equal(format.latency(value), '–');
    assert.equal(format.count(value), '–');
    assert.equal(format.compact(value), '–');
  }
  assert.equal(format.percent(NaN), '–');
  assert.equal(format.age(NaN), '–');
});

test('prices of one instrument have one width', () => {
  const widths = new Set(['1284.065', '1284.1', '1284', '1299.999', '1300.0005'].map((value) => format.price(value, 3).length));
  assert.deepEqual([...widths], [8]);
});

test('the digits that matter stand apart', () => {
  assert.deepEqual(format.priceParts('1.08503', 5), { head: '1.08', big: '50', tail: '3' });
  assert.deepEqual(format.priceParts('151.284', 3), { head: '151.', big: '28', tail: '4' });
  assert.deepEqual(format.priceParts('64120.00', 2), { head: '64120.', big: '00', tail: '' });
  assert.deepEqual(format.priceParts('28.3142', 4), { head: '28.31', big: '42', tail: '' });
  assert.deepEqual(format.priceParts('28.3', 1), { head: '2', big: '8.3', tail: '' });
  const parts = format.priceParts('2', 0);
  assert.equal(parts.head + parts.big + parts.tail, '2');
});

test('a gain and a loss differ by more than their colour', () => {
  assert.equal(format.signedMoney('1234.5'), '+1,234.50');
  assert.equal(format.signedMoney('-1234.5'), '−1,234.50');
  assert.equal(format.signedMoney('0'), '0.00');
  assert.equal(format.signedPercent(0.0163), '+1.63%');
  assert.equal(format.signedPercent(-0.0163), '−1.63%');
  assert.equal(format.score(0.5), '+0.500');
});

test('counts of 64 bits keep every digit', () => {
  assert.equal(format.count('18446744073709551615'), '18,446,744,073,709,551,615');
});

test('latencies carry three digits and their unit', () => {
  assert.equal(format.latency(232), '232 ns');
  assert.equal(format.latency(1500), '1.50 µs');
  assert.equal(format.latency(21_500_000), '21.5 ms');
  assert.equal(format.latency(2_000_000_000), '2.00 s');
});

test('an age grows coarser as it grows', () => {
  assert.equal(format.age(120), '0.1 s');
  assert.equal(format.age(12_400), '12 s');
  assert.equal(format.age(600_000), '10 min');
  assert.equal(format.age(86_400_000), '24 h');
  assert.equal(format.age(-5), '0.0 s');
});

test('nanoseconds keep their fraction of a millisecond', () => {
  assert.equal(nsToMs('1763638386123456789'), 1763638386123.4568);
  assert.equal(nsToSeconds('1763638386999999999'), 1763638386);
  assert.equal(nsToMs('1500000'), 1.5);
  assert.ok(Number.isNaN(nsToMs(null)));
  assert.ok(Number.isNaN(toNumber('')));
});

test('sizes read as people say them', () => {
  assert.equal(format.bytes(31_400_000), '29.9 MiB');
  assert.equal(format.bytes('512'), '512 B');
  assert.equal(format.compact(1_204_000), '1.20M');
  assert.equal(format.compact(812.44), '812.4');
  assert.equal(format.compact(4771.6), '4,772');
  assert.equal(format.duration(61_000), '1m 01s');
  assert.equal(format.duration(90_000_000), '1d 01h');
});

test('a rule that compares nothing has no numbers', () => {
  assert.equal(format.compared({ rule: 'max_position', limit: '20', observed: '30', unit: 'base' }), 'limit 20, observed 30');
  assert.equal(format.compared({ rule: 'no_limit', limit: null, observed: '30', unit: 'base' }), 'observed 30');
  assert.equal(format.compared({ rule: 'kill_latched', limit: null, observed: null, unit: null }), '');
});
