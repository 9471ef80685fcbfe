// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Coalescer, kFrameMs } from '../../src/lib/coalesce.js';
import { FakeTime } from './fakes.mjs';

function setUp() {
  const time = new FakeTime();
  const flushes = [];
  return { time, flushes, coalescer: new Coalescer((dirty) => flushes.push([...dirty]), time.env()) };
}

test('a thousand changes before a frame are drawn once', () => {
  const { time, flushes, coalescer } = setUp();
  for (let i = 0; i < 1000; i += 1) coalescer.mark(i % 2 === 0 ? 'quotes' : 'bars');
  assert.equal(flushes.length, 0);
  assert.equal(time.frame(), 1);
  assert.deepEqual(flushes, [['quotes', 'bars']]);
});

test('frames that come faster than 50 ms wait for it', () => {
  const { time, flushes, coalescer } = setUp();
  coalescer.mark('quotes');
  time.frame();
  time.pass(10);
  coalescer.mark('quotes');
  time.frame();
  assert.equal(flushes.length, 1);
  time.pass(kFrameMs - 10);
  time.frame();
  assert.equal(flushes.length, 2);
});

test('a change after a pause is drawn at the next frame', () => {
  const { time, flushes, coalescer } = setUp();
  time.pass(10_000);
  coalescer.mark('quotes');
  time.frame();
  assert.equal(flushes.length, 1);
});

test('what changes while it is drawn is drawn next time', () => {
  const time = new FakeTime();
  const flushes = [];
  const coalescer = new Coalescer((dirty) => {
    flushes.push([...dirty]);
    if (flushes.length === 1) coalescer.mark('log');
  }, time.env());
  coalescer.mark('quotes');
  time.frame();
  time.pass(kFrameMs);
  time.frame();
  assert.deepEqual(flushes, [['quotes'], ['log']]);
});

test('a longer pause is kept', () => {
  const time = new FakeTime();
  let flushes = 0;
  const coalescer = new Coalescer(() => (flushes += 1), time.env(), 500);
  for (let at = 0; at < 2000; at += 10) {
    coalescer.mark('chart');
    time.frame();
    time.pass(10);
  }
  assert.equal(flushes, 4);
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
