// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tables } from '../../src/lib/tables.js';

const second = (value) => `${value}000000000`;
const quote = (bid, at, more = {}) => ({ instrument: 'XAUUSD@oanda', symbol: 'XAUUSD', bid, ask: bid, mid: bid, time_ns: second(at), ...more });
const bar = (start, close, more = {}) => ({ instrument: 'XAUUSD@oanda', timeframe: 'M1', start_ns: second(start), end_ns: second(start + 60), open: '1', high: '1', low: '1', close, closed: false, ...more });

test('a delta keeps what only the snapshot tells', () => {
  const tables = new Tables();
  tables.snapshot('quotes', null, [quote('1284.1', 60, { change_24h: 0.01, spark: ['1283', '1284'] })]);
  tables.delta('quotes', null, [quote('1284.2', 61)]);
  const now = tables.quotes.get('XAUUSD@oanda');
  assert.equal(now.bid, '1284.2');
  assert.equal(now.change_24h, 0.01);
  assert.equal(now.move, 1);
  assert.deepEqual(now.line, [1283, 1284, 1284.2]);
});

test('the sparkline grows by the minute and stays bounded', () => {
  const tables = new Tables();
  tables.snapshot('quotes', null, [quote('100', 0, { spark: [] })]);
  for (let at = 1; at <= 120 * 60; at += 20) tables.delta('quotes', null, [quote(String(100 + at), at)]);
  const { line } = tables.quotes.get('XAUUSD@oanda');
  assert.equal(line.length, 32);
  assert.equal(line.at(-1), 100 + 1 + 20 * Math.floor((120 * 60 - 1) / 20));
  assert.ok(line.every((value, i) => i === 0 || value > line[i - 1]));
});

test('a snapshot forgets what it does not name', () => {
  const tables = new Tables();
  tables.snapshot('quotes', null, [quote('1', 0), { ...quote('2', 0), instrument: 'EURUSD@oanda' }]);
  tables.snapshot('quotes', null, [quote('3', 1)]);
  assert.deepEqual([...tables.quotes.keys()], ['XAUUSD@oanda']);
});

test('bars replace those of the same start and stay in order', () => {
  const tables = new Tables();
  tables.snapshot('bars', 'M1', [bar(0, '1'), bar(60, '2')]);
  tables.delta('bars', 'M1', [bar(60, '3', { closed: true }), bar(120, '4')]);
  tables.delta('bars', 'M1', [bar(0, '9', { closed: true })]);
  assert.deepEqual(tables.barsOf('XAUUSD@oanda', 'M1').map((item) => [item.time, item.close]), [[0, '9'], [60, '3'], [120, '4']]);
  assert.deepEqual(tables.barsOf('XAUUSD@oanda', 'H1'), []);
});

test('a snapshot of one timeframe leaves the others', () => {
  const tables = new Tables();
  tables.snapshot('bars', 'M1', [bar(0, '1')]);
  tables.snapshot('bars', 'H1', [bar(0, '1', { timeframe: 'H1' })]);
  tables.snapshot('bars', 'M1', []);
  assert.equal(tables.barsOf('XAUUSD@oanda', 'M1').length, 0);
  assert.equal(tables.barsOf('XAUUSD@oanda', 'H1').length, 1);
});

test('rows that were seen are not listed twice', () => {
  const tables = new Tables();
  tables.snapshot('signals', null, [{ sequence: '1' }, { sequence: '2' }]);
  tables.delta('signals', null, [{ sequence: '2' }, { sequence: '3' }]);
  assert.deepEqual(tables.signals.map((item) => item.sequence), ['1', '2', '3']);
});

test('a signal whose outcome becomes known is shown with it, in its place', () => {
  const tables = new Tables();
  tables.snapshot('signals', null, [{ sequence: '1', outcome: 'none' }, { sequence: '2', outcome: 'intent' }]);
  tables.delta('signals', null, [{ sequence: '1', outcome: 'rejected' }]);
  assert.deepEqual(tables.signals.map((item) => item.outcome), ['rejected', 'intent']);
});

test('two lines of one event are both listed', () => {
  const tables = new Tables();
  tables.delta('log', null, [{ sequence: '227', text: 'attached' }]);
  tables.delta('log', null, [{ sequence: '227', text: 'history read' }, { sequence: '227', text: 'attached' }]);
  assert.deepEqual(tables.log.map((item) => item.text), ['attached', 'history read']);
});

test('what is appended for hours stays bounded', () => {
  const tables = new Tables();
  for (let i = 0; i < 5000; i += 1) {
    tables.delta('log', null, [{ sequence: String(i) }]);
    tables.delta('signals', null, [{ sequence: String(i) }]);
    tables.delta('orders', null, [{ client_order_id: String(i) }]);
    tables.delta('trades', null, [{ id: String(i) }]);
    tables.delta('bars', 'M1', [bar(i * 60, '1')]);
  }
  assert.ok(tables.log.length <= 1000 && tables.signals.length <= 500 && tables.orders.size <= 1000 && tables.trades.size <= 2000);
  assert.ok(tables.barsOf('XAUUSD@oanda', 'M1').length <= 600);
  assert.equal(tables.log.at(-1).sequence, '4999');
});

test('the newest system figures count and older members stay', () => {
  const tables = new Tables();
  tables.snapshot('system', null, [{ gate: { killed: false }, rates: { ticks_per_s: 1 } }]);
  tables.delta('system', null, [{ rates: { ticks_per_s: 2 } }]);
  assert.deepEqual(tables.system, { gate: { killed: false }, rates: { ticks_per_s: 2 } });
});

test('a topic that a newer gateway adds is passed over', () => {
  const tables = new Tables();
  tables.snapshot('weather', null, [{}]);
  tables.delta('weather', null, [{}]);
});

test('a snapshot that comes in parts is shown as it comes, and what it never names goes with its end', () => {
  const tables = new Tables();
  const of = (name, bid) => ({ ...quote(bid, 0), instrument: name });
  tables.snapshot('quotes', null, [of('A', '1'), of('B', '1'), of('OLD', '1')]);
  tables.snapshot('quotes', null, [of('A', '2')], false);
  assert.deepEqual([...tables.quotes.values()].map((item) => item.bid), ['2', '1', '1'], 'the first part is there, the rest not yet forgotten');
  tables.delta('quotes', null, [of('C', '2')]);
  tables.delta('quotes', null, [of('B', '2')], true);
  assert.deepEqual([...tables.quotes.keys()].sort(), ['A', 'B', 'C']);
  tables.delta('quotes', null, [of('A', '3')]);
  assert.equal(tables.quotes.size, 3, 'a delta after the end takes nothing away');
  assert.equal(tables.quotes.get('A').bid, '3');
});

test('a whole snapshot ends one that was still coming', () => {
  const tables = new Tables();
  const of = (name) => ({ ...quote('1', 0), instrument: name });
  tables.snapshot('quotes', null, [of('A')], false);
  tables.snapshot('quotes', null, [of('B')]);
  tables.delta('quotes', null, [of('C')], true);
  assert.deepEqual([...tables.quotes.keys()].sort(), ['B', 'C']);
});
