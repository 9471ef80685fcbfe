// SPDX-License-Identifier: Apache-2.0
// What the views work out: freshness, marks on the chart, sums of trades, addresses, requests.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Api, ApiError } from '../../src/lib/api.js';
import { freshness } from '../../src/lib/freshness.js';
import { markersOf, scoresByBar, statesByBar } from '../../src/lib/overlay.js';
import { parseRoute, routeHash } from '../../src/lib/route.js';
import { byPeriod, matches, summarise } from '../../src/lib/trades.js';

const core = { state: 'running', stale: false, age_ms: 10 };
const base = { connection: 'open', note: '', core, coreAt: 1000, messageAt: 1000, now: 1100 };

test('figures are fresh only while line, core and stream all are', () => {
  assert.equal(freshness(base).level, 'fresh');
  assert.equal(freshness({ ...base, connection: 'waiting' }).level, 'stale');
  assert.equal(freshness({ ...base, core: { ...core, state: 'dead', stale: true } }).level, 'stale');
  assert.equal(freshness({ ...base, now: 1000 + 3001 }).level, 'stale');
  assert.equal(freshness({ ...base, core: null }).level, 'none');
});

test('a finished replay is finished and not stale, however long ago', () => {
  assert.equal(freshness({ ...base, core: { ...core, state: 'finished' }, now: 1e9 }).level, 'finished');
});

test('the age of a dead core is since its last sign of life', () => {
  assert.equal(freshness({ ...base, core: { ...core, state: 'dead', stale: true, age_ms: 5000 }, now: 3000 }).age, 7000);
});

test('an address names its view and its instrument', () => {
  assert.deepEqual(parseRoute('#/trading/XAUUSD%40oanda'), { view: 'trading', argument: 'XAUUSD@oanda' });
  assert.deepEqual(parseRoute(routeHash('trading', 'BTC/USD@x')), { view: 'trading', argument: 'BTC/USD@x' });
  assert.deepEqual(parseRoute(''), { view: 'overview', argument: '' });
  assert.deepEqual(parseRoute('#/nowhere/x'), { view: 'overview', argument: '' });
  assert.deepEqual(parseRoute('#/trading/%E0%A4'), { view: 'trading', argument: '' });
});

const bars = [0, 60, 120].map((time) => ({ time }));
const ns = (value) => `${value}000000000`;

test('a bar shows the last score that fell into it', () => {
  const predictions = [[5, 0.1], [50, 0.2], [61, 0.3], [500, 0.9]].map(([at, score]) => ({ time_ns: ns(at), score, cost: 0.4 }));
  assert.deepEqual(scoresByBar(predictions, 60, bars).map((point) => [point.time, point.score]), [[0, 0.2], [60, 0.3]]);
  assert.deepEqual(scoresByBar([{ time_ns: ns(5), score: null }], 60, bars), []);
});

test('the ribbon shows the state in force when a bar began', () => {
  const spans = [{ state: 1, from: 30, to: 100 }, { state: 2, from: 100, to: Infinity }];
  assert.deepEqual(statesByBar(spans, bars), [{ time: 60, state: 1 }, { time: 120, state: 2 }]);
});

test('marks lie on their bars in order and only within what is shown', () => {
  const signals = [{ time_ns: ns(70), side: 'buy', veto: { rule: 'max_position' } }, { time_ns: ns(80), side: 'buy', veto: null }];
  const trades = [{ side: 'buy', open_ns: ns(10), close_ns: ns(125), pnl: '3.2' }, { side: 'sell', open_ns: ns(9000), close_ns: null, pnl: '0' }];
  assert.deepEqual(markersOf(signals, trades, 60, 0, 120).map((mark) => [mark.kind, mark.time, mark.text]), [['entry', 0, ''], ['veto', 60, 'max position'], ['exit', 120, '+3.20']]);
});

test('what happens often in one bar is one mark with its number', () => {
  const trades = [1, 2, 3].map((i) => ({ side: 'sell', open_ns: ns(60 + i), close_ns: ns(70 + i), pnl: '-1.5' }));
  const signals = [61, 62].map((at) => ({ time_ns: ns(at), side: 'buy', veto: { rule: 'throttle' } }));
  assert.deepEqual(markersOf(signals, trades, 60, 0, 120).map((mark) => [mark.kind, mark.time, mark.text]), [['veto', 60, 'throttle ×2'], ['entry', 60, '×3'], ['exit', 60, '−4.50']]);
});

const trade = (pnl, close, more = {}) => ({ instrument: 'XAUUSD@oanda', side: 'buy', pnl, commission: '0.5', open_ns: ns(close - 60), close_ns: ns(close), duration_ns: ns(60), open: false, ...more });
const friday = Date.parse('2026-11-20T12:00:00Z') / 1000;

test('sums leave out what is still open', () => {
  const sums = summarise([trade('10', friday), trade('-4', friday), trade('99', friday, { open: true, close_ns: null })]);
  assert.equal(sums.count, 2);
  assert.equal(sums.pnl, 6);
  assert.equal(sums.winRate, 0.5);
  assert.equal(sums.factor, 2.5);
  assert.equal(sums.duration, 60_000);
  assert.ok(Number.isNaN(summarise([]).average));
});

test('trades fall into the session day, week and month that they closed in', () => {
  const list = [trade('1', friday), trade('2', friday + 10 * 3600), trade('4', friday - 7 * 86_400)];
  assert.deepEqual(byPeriod(list, 'day').map((group) => [group.name, group.pnl]), [['2026-11-21', 2], ['2026-11-20', 1], ['2026-11-13', 4]]);
  assert.deepEqual(byPeriod(list, 'week').map((group) => [group.name, group.count]), [['2026-11-16', 2], ['2026-11-09', 1]]);
  assert.deepEqual(byPeriod(list, 'month').map((group) => group.pnl), [7]);
});

test('a filter takes what matches all of it', () => {
  const one = trade('5', friday);
  assert.ok(matches(one, {}));
  assert.ok(matches(one, { symbol: 'xau', side: 'buy', result: 'wins', from: '2026-11-20', to: '2026-11-20' }));
  assert.ok(!matches(one, { symbol: 'eur' }));
  assert.ok(!matches(one, { side: 'sell' }));
  assert.ok(!matches(one, { result: 'losses' }));
  assert.ok(!matches(one, { from: '2026-11-21' }));
  assert.ok(!matches(one, { to: '2026-11-19' }));
});

function fakeFetch(status, body) {
  const calls = [];
  const fetch = async (url, options) => {
    calls.push({ url, ...options });
    return { ok: status < 400, status, text: async () => body };
  };
  return { fetch, calls };
}

test('requests are relative to the page, so that a prefix works', async () => {
  const { fetch, calls } = fakeFetch(200, '{}');
  const api = new Api('https://desk.example/i/gold/', { fetch });
  await api.get('trades', { limit: 10, cursor: null });
  assert.equal(calls[0].url, 'https://desk.example/i/gold/api/v1/trades?limit=10');
  assert.equal(api.socketUrl(), 'wss://desk.example/i/gold/ws');
});

test('a command carries its key and the header that a foreign page cannot send', async () => {
  const { fetch, calls } = fakeFetch(200, '{}');
  await new Api('http://127.0.0.1:8000/', { fetch }).post('commands', { command: 'kill' }, { key: 'k1' });
  assert.equal(calls[0].method, 'POST');
  assert.equal(calls[0].headers['Idempotency-Key'], 'k1');
  assert.ok(calls[0].headers['X-Thintail-CSRF']);
  assert.equal(calls[0].credentials, 'same-origin');
});

test('a problem is thrown with what it says', async () => {
  const { fetch } = fakeFetch(422, '{"title":"t","detail":"expected RE-ARM default","code":"TT-0608"}');
  await assert.rejects(new Api('http://h/', { fetch }).post('commands', {}), (error) => error instanceof ApiError && error.status === 422 && error.code === 'TT-0608' && /RE-ARM/.test(error.message));
});

test('a lost session is told, a wrong password is not taken for one', async () => {
  let lost = 0;
  const { fetch } = fakeFetch(401, '{"detail":"no"}');
  const api = new Api('http://h/', { fetch, onUnauthorised: () => { lost += 1; } });
  await assert.rejects(api.post('login', {}));
  assert.equal(lost, 0);
  await assert.rejects(api.get('quotes'));
  assert.equal(lost, 1);
});

test('an answer that is no JSON is an error with its status', async () => {
  const { fetch } = fakeFetch(502, '<html>Bad Gateway</html>');
  await assert.rejects(new Api('http://h/', { fetch }).get('quotes'), (error) => error.status === 502 && /Bad Gateway/.test(error.message));
});
