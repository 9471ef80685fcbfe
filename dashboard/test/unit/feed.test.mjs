// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from '../../src/lib/backoff.js';
import { Feed, kSilenceMs } from '../../src/lib/feed.js';
import { FakeSocket, FakeTime } from './fakes.mjs';

function setUp() {
  const time = new FakeTime();
  const sockets = [];
  const seen = { states: [], snapshots: [], deltas: [], cores: [], problems: [], unauthorised: 0 };
  const feed = new Feed(
    () => {
      sockets.push(new FakeSocket());
      return sockets.at(-1);
    },
    {
      state: (name) => seen.states.push(name), message: () => {}, core: (core) => seen.cores.push(core),
      snapshot: (topic, timeframe, items) => seen.snapshots.push({ topic, timeframe, items }), delta: (topic, timeframe, items) => seen.deltas.push({ topic, timeframe, items }),
      unauthorised: () => { seen.unauthorised += 1; }, problem: (problem) => seen.problems.push(problem),
    },
    { env: time.env(), backoff: new Backoff({ random: () => 0.5 }) },
  );
  feed.subscribe({ topic: 'quotes', maxRateHz: 20 });
  feed.start();
  return { time, sockets, seen, feed };
}

const snapshot = (id, seq, items = []) => ({ type: 'snapshot', id, topic: 'quotes', timeframe: null, seq, items });
const delta = (seq, items = []) => ({ type: 'delta', topic: 'quotes', timeframe: null, seq, items });

test('what is wanted is asked for once the line is open', () => {
  const { sockets } = setUp();
  assert.equal(sockets[0].sent.length, 0);
  sockets[0].open();
  assert.deepEqual(sockets[0].sent, [{ type: 'subscribe', id: 1, topic: 'quotes', max_rate_hz: 20 }]);
});

test('deltas follow their snapshot in order', () => {
  const { sockets, seen, feed } = setUp();
  sockets[0].open();
  sockets[0].say(snapshot(1, 41, ['a']));
  sockets[0].say(delta(42, ['b']));
  sockets[0].say(delta(43, ['c']));
  assert.deepEqual(seen.snapshots.map((item) => item.items), [['a']]);
  assert.deepEqual(seen.deltas.map((item) => item.items), [['b'], ['c']]);
  assert.equal(feed.gaps, 0);
});

test('a gap asks for a new snapshot and nothing is taken until it is there', () => {
  const { sockets, seen, feed } = setUp();
  const [socket] = sockets;
  socket.open();
  socket.say(snapshot(1, 41));
  socket.say(delta(43, ['after a gap']));
  assert.equal(feed.gaps, 1);
  assert.equal(socket.sent.at(-1).type, 'subscribe');
  socket.say(delta(44, ['too early']));
  assert.deepEqual(seen.deltas, []);
  socket.say(snapshot(socket.sent.at(-1).id, 90, ['whole']));
  socket.say(delta(91, ['next']));
  assert.deepEqual(seen.snapshots.at(-1).items, ['whole']);
  assert.deepEqual(seen.deltas.map((item) => item.items), [['next']]);
  assert.equal(feed.gaps, 1);
});

test('a delta that comes twice is a gap too', () => {
  const { sockets, seen, feed } = setUp();
  sockets[0].open();
  sockets[0].say(snapshot(1, 41));
  sockets[0].say(delta(42, ['once']));
  sockets[0].say(delta(42, ['twice']));
  assert.equal(feed.gaps, 1);
  assert.equal(seen.deltas.length, 1);
});

test('an unasked snapshot replaces everything', () => {
  const { sockets, seen, feed } = setUp();
  sockets[0].open();
  sockets[0].say(snapshot(1, 41));
  sockets[0].say(snapshot(null, 7, ['new epoch']));
  sockets[0].say(delta(8, ['next']));
  assert.equal(feed.gaps, 0);
  assert.deepEqual(seen.snapshots.at(-1).items, ['new epoch']);
  assert.deepEqual(seen.deltas.at(-1).items, ['next']);
});

test('the answer to a request that was replaced is passed over', () => {
  const { sockets, seen, feed } = setUp();
  sockets[0].open();
  feed.subscribe({ topic: 'quotes', instruments: ['XAUUSD'] });
  sockets[0].say(snapshot(1, 41, ['of the first']));
  assert.deepEqual(seen.snapshots, []);
  sockets[0].say(snapshot(2, 41, ['of the second']));
  assert.deepEqual(seen.snapshots.map((item) => item.items), [['of the second']]);
});

test('bars of two timeframes keep their own sequences', () => {
  const { sockets, seen, feed } = setUp();
  sockets[0].open();
  feed.subscribe({ topic: 'bars', timeframe: 'M1' });
  feed.subscribe({ topic: 'bars', timeframe: 'H1' });
  const bars = (type, timeframe, seq, id) => ({ type, id, topic: 'bars', timeframe, seq, items: [timeframe] });
  sockets[0].say(bars('snapshot', 'M1', 10, 2));
  sockets[0].say(bars('snapshot', 'H1', 70, 3));
  sockets[0].say(bars('delta', 'M1', 11));
  sockets[0].say(bars('delta', 'H1', 71));
  assert.deepEqual(seen.deltas.map((item) => item.timeframe), ['M1', 'H1']);
  feed.unsubscribe('bars', 'M1');
  sockets[0].say(bars('delta', 'M1', 12));
  assert.equal(seen.deltas.length, 2);
  assert.equal(feed.gaps, 0);
});

test('a lost line is opened again after a wait and asked for everything', () => {
  const { time, sockets, seen } = setUp();
  sockets[0].open();
  sockets[0].say(snapshot(1, 41));
  sockets[0].drop();
  assert.equal(seen.states.at(-1), 'waiting');
  assert.equal(sockets.length, 1);
  time.pass(200);
  assert.equal(sockets.length, 2);
  sockets[1].open();
  assert.equal(sockets[1].sent[0].type, 'subscribe');
  // The old line's sequence says nothing about the new one.
  sockets[1].say(delta(42, ['of the new line']));
  assert.deepEqual(seen.deltas, []);
});

test('what an abandoned socket says is not heard', () => {
  const { time, sockets, seen } = setUp();
  sockets[0].open();
  sockets[0].drop();
  time.pass(200);
  sockets[1].open();
  sockets[0].say(snapshot(1, 41, ['late']));
  sockets[0].drop();
  assert.deepEqual(seen.snapshots, []);
  assert.equal(sockets.length, 2);
});

test('a line that says nothing for long is given up though it looks open', () => {
  const { time, sockets, seen } = setUp();
  sockets[0].open();
  sockets[0].say({ type: 'hello', core: { state: 'running' } });
  time.pass(kSilenceMs - 2000);
  sockets[0].say({ type: 'heartbeat', core: { state: 'running' } });
  time.pass(kSilenceMs - 2000);
  assert.equal(sockets[0].closed, false);
  time.pass(4000);
  assert.equal(sockets[0].closed, true);
  assert.ok(seen.states.includes('waiting'));
  assert.equal(sockets.length, 2);
});

test('a session that ended is not hammered', () => {
  const { time, sockets, seen } = setUp();
  sockets[0].open();
  sockets[0].drop(4401, 'the session ended');
  time.pass(60_000);
  assert.equal(seen.unauthorised, 1);
  assert.equal(sockets.length, 1);
});

test('a message that is no JSON is reported and the next one is read', () => {
  const { sockets, seen } = setUp();
  sockets[0].open();
  sockets[0].say('{"type":');
  sockets[0].say(snapshot(1, 41, ['x']));
  assert.equal(seen.problems.length, 1);
  assert.equal(seen.snapshots.length, 1);
});

test('a message whose items cannot be read is reported and the line goes on', () => {
  const { sockets, seen } = setUp();
  sockets[0].open();
  sockets[0].say('null');
  sockets[0].say({ type: 'snapshot', id: 1, topic: 'quotes', seq: 3, items: ['x'] });
  assert.equal(seen.problems.length, 1);
  assert.equal(seen.snapshots.length, 1);
});

test('a refused subscription is told', () => {
  const { sockets, seen } = setUp();
  sockets[0].open();
  sockets[0].say({ type: 'error', id: 1, problem: { title: 'no topic of that name' } });
  assert.equal(seen.problems[0].title, 'no topic of that name');
});

test('a stopped feed stays stopped', () => {
  const { time, sockets, feed } = setUp();
  sockets[0].open();
  feed.stop();
  time.pass(60_000);
  assert.equal(sockets.length, 1);
  assert.equal(sockets[0].closed, true);
});

test('waits have full jitter below a ceiling that doubles', () => {
  const draws = [0, 0.999, 0.5];
  for (const draw of draws) {
    const backoff = new Backoff({ random: () => draw });
    for (let attempt = 0; attempt < 12; attempt += 1) {
      const wait = backoff.nextMs();
      const ceiling = Math.min(10_000, 250 * 2 ** attempt);
      assert.ok(wait >= 50 && wait <= Math.max(50, ceiling), `${wait} of ${ceiling}`);
    }
  }
});

test('only a line that held for a while starts the waits over', () => {
  const backoff = new Backoff({ random: () => 1 });
  for (let i = 0; i < 6; i += 1) backoff.nextMs();
  backoff.held(4_999);
  assert.equal(backoff.nextMs(), 10_000);
  backoff.held(5_000);
  assert.equal(backoff.nextMs(), 250);
});
