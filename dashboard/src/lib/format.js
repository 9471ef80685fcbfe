// SPDX-License-Identifier: Apache-2.0
// How numbers are shown. Each function gives text of a steady width for its kind, so that a changing figure does not push its neighbours;
// what is absent is a dash, never a zero.
import { toNumber, toPlaces } from './decimal.js';

export const kAbsent = '–';
const kMinus = '−';  // as wide as a digit and a plus sign, which the hyphen is not

function withMinus(text) {
  return text.startsWith('-') ? kMinus + text.slice(1) : text;
}

function grouped(text) {
  const [whole, fraction] = text.split('.');
  const spaced = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return fraction === undefined ? spaced : `${spaced}.${fraction}`;
}

/** A price in the instrument's digits. */
export function price(value, digits) {
  const text = toPlaces(value, digits);
  return text === '' ? kAbsent : withMinus(text);
}

/** A price in three parts: what rarely moves, the two digits that traders watch, and the fractional pip. */
export function priceParts(value, digits) {
  const text = toPlaces(value, digits);
  if (text === '') return { head: kAbsent, big: '', tail: '' };
  // Odd digits mean a fractional pip behind the pip (EURUSD 5, USDJPY 3, XAUUSD 3).
  const tail = digits % 2 === 1 && digits > 1 ? 1 : 0;
  const end = text.length - tail;
  let begin = end - 2;
  if (text.slice(begin, end).includes('.')) begin -= 1;
  if (begin < 0) begin = 0;
  return { head: withMinus(text.slice(0, begin)), big: text.slice(begin, end), tail: text.slice(end) };
}

export function quantity(value) {
  if (value === null || value === undefined || value === '') return kAbsent;
  const text = String(value);
  const trimmed = text.includes('.') ? text.replace(/\.?0+$/, '') : text;
  return withMinus(grouped(trimmed === '-0' ? '0' : trimmed));
}

/** Money with its sign always shown, so that profit and loss differ by more than colour. */
export function signedMoney(value, places = 2) {
  const text = toPlaces(value, places);
  if (text === '') return kAbsent;
  if (text.startsWith('-')) return kMinus + grouped(text.slice(1));
  return (/[1-9]/.test(text) ? '+' : '') + grouped(text);
}

export function money(value, places = 2) {
  const text = toPlaces(value, places);
  return text === '' ? kAbsent : withMinus(grouped(text));
}

export function count(value) {
  if (value === null || value === undefined || value === '') return kAbsent;
  return grouped(toPlaces(value, 0));
}

/** 1,234 / 12.3k / 4.56M: at most five characters and a unit. */
export function compact(value) {
  const number = toNumber(value);
  if (Number.isNaN(number)) return kAbsent;
  const size = Math.abs(number);
  const units = [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e4, 'k']];
  for (const [from, unit] of units) {
    if (size < from) continue;
    const scaled = number / (unit === 'k' ? 1e3 : from);
    return withMinus(scaled.toFixed(Math.abs(scaled) < 10 ? 2 : Math.abs(scaled) < 100 ? 1 : 0)) + unit;
  }
  return withMinus(Number.isInteger(number) || size >= 1000 ? grouped(number.toFixed(0)) : number.toFixed(1));
}

export function percent(ratio, places = 1) {
  const number = toNumber(ratio);
  return Number.isNaN(number) ? kAbsent : `${withMinus((number * 100).toFixed(places))}%`;
}

/** A change: its sign is always written, so that it is told by more than colour. */
export function signedPercent(ratio, places = 2) {
  const number = toNumber(ratio);
  if (Number.isNaN(number)) return kAbsent;
  return (number > 0 ? '+' : '') + percent(number, places);
}

export function score(value, places = 3) {
  const number = toNumber(value);
  if (Number.isNaN(number)) return kAbsent;
  return (number > 0 ? '+' : '') + withMinus(number.toFixed(places));
}

export function bytes(value) {
  let number = toNumber(value);
  if (Number.isNaN(number)) return kAbsent;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (number >= 1024 && unit < units.length - 1) {
    number /= 1024;
    unit += 1;
  }
  return `${number.toFixed(unit === 0 || number >= 100 ? 0 : 1)} ${units[unit]}`;
}

/** A latency: three significant digits with its unit. */
export function latency(ns) {
  const number = toNumber(ns);
  if (Number.isNaN(number)) return kAbsent;
  const units = [[1e9, 's'], [1e6, 'ms'], [1e3, 'µs']];
  for (const [size, unit] of units) {
    if (number < size) continue;
    const scaled = number / size;
    return `${scaled.toFixed(scaled < 10 ? 2 : scaled < 100 ? 1 : 0)} ${unit}`;
  }
  return `${number.toFixed(0)} ns`;
}

/** How old something is. Coarser as it grows, since nobody needs the milliseconds of an hour. */
export function age(ms) {
  if (!Number.isFinite(ms)) return kAbsent;
  const shown = Math.max(0, ms);
  if (shown < 10_000) return `${(shown / 1000).toFixed(1)} s`;
  if (shown < 120_000) return `${Math.floor(shown / 1000)} s`;
  if (shown < 7_200_000) return `${Math.floor(shown / 60_000)} min`;
  if (shown < 172_800_000) return `${Math.floor(shown / 3_600_000)} h`;
  return `${Math.floor(shown / 86_400_000)} d`;
}

export function duration(ms) {
  if (!Number.isFinite(ms)) return kAbsent;
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${String(seconds % 60).padStart(2, '0')}s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, '0')}m`;
  return `${Math.floor(seconds / 86_400)}d ${String(Math.floor((seconds % 86_400) / 3600)).padStart(2, '0')}h`;
}

/** profit, loss or flat: the class and the sign that goes with it. */
export function direction(value) {
  const number = toNumber(value);
  if (Number.isNaN(number) || number === 0) return 'flat';
  return number > 0 ? 'up' : 'down';
}

/** What a rule compared, in words; '' of one that compares nothing (a kill, a pause). */
export function compared({ limit = null, observed = null }) {
  return [['limit', limit], ['observed', observed]].filter(([, value]) => value !== null).map((pair) => pair.join(' ')).join(', ');
}

/** `model_edge` as a person says it. */
export function words(name) {
  return name === null || name === undefined || name === '' ? kAbsent : String(name).replaceAll('_', ' ');
}
