// SPDX-License-Identifier: Apache-2.0
// What a built page weighs and whether it keeps to the policy that it is served under.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

export const kFirstLoadMax = 150_000;

// The first view draws its equity with this chunk, though it asks for it by a dynamic import.
const kOfFirstView = /^curve-/;

/** Bytes, compressed, of the page and of every script and style that it loads before its first view is whole. */
export function weigh(dist) {
  const html = readFileSync(join(dist, 'index.html'), 'utf8');
  const waiting = [...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.(?:js|css))"/g)].map(([, name]) => name);
  const files = new Set();
  while (waiting.length > 0) {
    const name = waiting.pop();
    if (files.has(name)) continue;
    files.add(name);
    if (!name.endsWith('.js')) continue;
    const text = readFileSync(join(dist, name), 'utf8');
    for (const [, target] of text.matchAll(/(?:from|import)\s*["']\.\/([\w.-]+\.js)["']/g)) waiting.push(`assets/${target}`);
    for (const [, target] of text.matchAll(/import\(\s*["'`]\.\/([\w.-]+\.js)["'`]\s*\)/g)) if (kOfFirstView.test(target)) waiting.push(`assets/${target}`);
  }
  return ['index.html', ...files].reduce((sum, name) => sum + gzipSync(readFileSync(join(dist, name)), { level: 9 }).length, 0);
}

/** What a strict Content-Security-Policy would refuse, or another host would have to serve. */
export function violations(html) {
  const found = [];
  for (const [, attributes, body] of html.matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script>/g)) {
    if (body.trim() !== '') found.push('inline script');
    if (/src="(https?:)?\/\//.test(attributes)) found.push('script of another host');
  }
  if (/<style\b/.test(html)) found.push('inline style');
  if (/\sstyle="/.test(html)) found.push('style attribute');
  if (/\son[a-z]+="/.test(html)) found.push('inline handler');
  if (/<link\b[^>]*href="(https?:)?\/\//.test(html)) found.push('link to another host');
  if (/(?:src|href)="\/(?!\/)/.test(html)) found.push('absolute path');
  return found;
}
