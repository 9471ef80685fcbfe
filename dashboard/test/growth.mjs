// SPDX-License-Identifier: Apache-2.0
// Whether what a page keeps goes on growing: the number of entries of every list, map and object below a value, by its path.

export function entriesOf(value, path = '', out = new Map(), seen = new Set()) {
  if (value === null || typeof value !== 'object' || seen.has(value)) return out;
  seen.add(value);
  const children = value instanceof Map ? [...value] : value instanceof Set ? [...value].map((item, i) => [i, item]) : Object.entries(value);
  // Rows of one table are counted together: their keys differ from run to run, their number must not.
  out.set(path, (out.get(path) ?? 0) + children.length);
  const isTable = value instanceof Map || value instanceof Set || Array.isArray(value);
  for (const [key, child] of children) entriesOf(child, isTable ? `${path}[]` : `${path}.${key}`, out, seen);
  return out;
}

/** Paths that hold more after `later` than after `once`, which has filled whatever is bounded. */
export function grown(target, once, later) {
  once();
  const before = entriesOf(target);
  later();
  return [...entriesOf(target)].filter(([path, size]) => size > (before.get(path) ?? 0)).map(([path]) => path);
}
