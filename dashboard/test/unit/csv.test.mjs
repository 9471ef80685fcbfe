// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cell, toCsv } from '../../src/lib/csv.js';

test('text that would begin a formula is disarmed', () => {
  for (const text of ['=1+1', '+cmd', '-cmd|x', '@SUM(A1)', '\tx', '\rx']) assert.ok(/^"?'/.test(cell(text)), JSON.stringify(text));
});

test('numbers are left alone, negative ones too', () => {
  for (const text of ['-12.5', '+3', '0', '-.5', '1e-9', '-1E+5']) assert.equal(cell(text), text);
});

test('quotes, commas and line breaks stay in their cell', () => {
  assert.equal(cell('a,b'), '"a,b"');
  assert.equal(cell('say "x"'), '"say ""x"""');
  assert.equal(cell('a\nb'), '"a\nb"');
  assert.equal(cell('=HYPERLINK("x")'), '"\'=HYPERLINK(""x"")"');
});

test('a table has a head and a line for each row', () => {
  const columns = [{ title: 'a', value: (row) => row.a }, { title: 'b', value: (row) => row.b }];
  assert.equal(toCsv(columns, [{ a: 1, b: null }, { a: 'x', b: '-2' }]), 'a,b\r\n1,\r\nx,-2\r\n');
});
