// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { kFirstLoadMax, violations, weigh } from '../bundle.mjs';

const dist = fileURLToPath(new URL('../../dist/', import.meta.url));
const built = existsSync(join(dist, 'index.html'));
const skip = built ? false : 'not built: run ./build.sh first';

test('the page weighs less than 150 KB compressed', { skip }, () => {
  const bytes = weigh(dist);
  assert.ok(bytes < kFirstLoadMax, `${bytes} of ${kFirstLoadMax} bytes`);
});

test('a page that weighs more is noticed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'thintail-bundle-'));
  try {
    mkdirSync(join(folder, 'assets'));
    writeFileSync(join(folder, 'index.html'), '<!doctype html><script type="module" src="./assets/index-aaaaaaa1.js"></script>');
    writeFileSync(join(folder, 'assets', 'index-aaaaaaa1.js'), 'import{a}from"./base-aaaaaaa2.js";const b=()=>import("./curve-aaaaaaa3.js"),c=()=>import("./Risk-aaaaaaa4.js")');
    for (const name of ['base-aaaaaaa2.js', 'curve-aaaaaaa3.js', 'Risk-aaaaaaa4.js']) writeFileSync(join(folder, 'assets', name), '');
    const light = weigh(folder);
    writeFileSync(join(folder, 'assets', 'Risk-aaaaaaa4.js'), randomBytes(kFirstLoadMax));
    assert.equal(weigh(folder), light, 'a view that is not the first');
    for (const name of ['base-aaaaaaa2.js', 'curve-aaaaaaa3.js']) {
      writeFileSync(join(folder, 'assets', name), randomBytes(kFirstLoadMax));
      assert.ok(weigh(folder) >= kFirstLoadMax, name);
      writeFileSync(join(folder, 'assets', name), '');
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the built page keeps to the strict policy', { skip }, () => {
  assert.deepEqual(violations(readFileSync(join(dist, 'index.html'), 'utf8')), []);
});

test('each breach of the policy is noticed', () => {
  const breaches = {
    'inline script': '<script>go()</script>', 'script of another host': '<script src="https://cdn.example/x.js"></script>', 'inline style': '<style>a{}</style>',
    'style attribute': '<p style="color:red">', 'inline handler': '<p onclick="go()">', 'link to another host': '<link rel="stylesheet" href="//cdn.example/x.css">', 'absolute path': '<script src="/x.js"></script>',
  };
  for (const [name, html] of Object.entries(breaches)) assert.ok(violations(html).includes(name), name);
});
