// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Coalescer, kGatherMs, kQuickMs } from '../../src/lib/coalesce.js';
import { FakeTime } from './fakes.mjs';

const kSteadyMs = 200;

function setUp(pauses = { slow: kSteadyMs }) {
  const time = new FakeTime();
  const flushes = [];
  return { time, flushes, coalescer: new Coalescer((due) => flushes.push([...due]), (key) => pauses[key] ?? kQuickMs, time.env()) };
}

test('a thousand changes before a frame are drawn once', () => {
  const { time, flushes, coalescer } = setUp();
  for (let i = 0; i < 1000; i += 1) coalescer.mark(i % 2 === 0 ? 'quotes' : 'bars');
  assert.equal(flushes.length, 0);
  time.pass(kGatherMs);
  assert.deepEqual(flushes, [['quotes', 'bars']]);
  assert.equal(time.frame(), 1);
});

test('a burst that takes milliseconds to come is drawn together', () => {
  const { time, flushes, coalescer } = setUp();
  coalescer.mark('quotes');
  time.pass(kGatherMs - 1);
  coalescer.mark('bars');
  time.pass(1);
  assert.deepEqual(flushes, [['quotes', 'bars']]);
});

test('changes that come faster than 20 times a second wait for their turn', () => {
  const { time, flushes, coalescer } = setUp();
  for (let at = 0; at < 1000; at += 5) {
    coalescer.mark('quotes');
    time.pass(5);
    time.frame();
  }
  assert.ok(flushes.length >= 19 && flushes.length <= 1 + 1000 / kQuickMs, `${flushes.length}`);
});

test('a change after a pause is drawn at once', () => {
  const { time, flushes, coalescer } = setUp();
  time.pass(10_000);
  coalescer.mark('quotes');
  time.pass(kGatherMs);
  assert.equal(flushes.length, 1);
});

test('a page that has not drawn what it was given is given nothing more', () => {
  const { time, flushes, coalescer } = setUp();
  coalescer.mark('quotes');
  time.pass(kGatherMs);
  coalescer.mark('quotes');
  time.pass(10_000);
  assert.equal(flushes.length, 1);
  time.frame();
  time.pass(kGatherMs);
  assert.equal(flushes.length, 2);
});

test('what changes while it is drawn is drawn next time', () => {
  const time = new FakeTime();
  const flushes = [];
  const coalescer = new Coalescer((due) => {
    flushes.push([...due]);
    if (flushes.length === 1) coalescer.mark('log');
  }, () => kQuickMs, time.env());
  coalescer.mark('quotes');
  time.pass(kGatherMs);
  time.frame();
  time.pass(kQuickMs);
  assert.deepEqual(flushes, [['quotes'], ['log']]);
});

test('a longer pause is kept', () => {
  const { time, flushes, coalescer } = setUp();
  for (let at = 0; at < 2000; at += 10) {
    coalescer.mark('slow');
    time.pass(10);
    time.frame();
  }
  assert.ok(flushes.length >= 7 && flushes.length <= 11, `${flushes.length}`);
});

test('what is slow has no frame of its own while something quick is drawn', () => {
  const { time, flushes, coalescer } = setUp();
  for (let at = 0; at < 4000; at += 50) {
    coalescer.mark('quotes');
    time.pass(20);
    coalescer.mark('slow');
    time.pass(30);
    time.frame();
  }
  assert.deepEqual(flushes.filter((keys) => !keys.includes('quotes')), []);
  const slow = flushes.filter((keys) => keys.includes('slow')).length;
  assert.ok(slow >= 16 && slow <= 21, `${slow} of 20`);
});

test('what is slow is drawn alone where nothing quick comes, and soon', () => {
  const { time, flushes, coalescer } = setUp();
  coalescer.mark('slow');
  time.pass(2 * kQuickMs);
  assert.deepEqual(flushes, [['slow']]);
});

test('a hidden page goes on without frames, slowly', () => {
  const { time, flushes, coalescer } = setUp();
  time.isHidden = true;
  coalescer.mark('quotes');
  time.pass(999);
  assert.equal(flushes.length, 0);
  time.pass(1);
  assert.equal(flushes.length, 1);
});

test('a page that is hidden while it waits for a frame goes on', () => {
  const { time, flushes, coalescer } = setUp();
  coalescer.mark('quotes');
  time.pass(kGatherMs);
  time.isHidden = true;
  coalescer.visible();
  coalescer.mark('quotes');
  time.pass(1000);
  assert.equal(flushes.length, 2);
});
