// SPDX-License-Identifier: Apache-2.0
// Decimals and nanoseconds as they come over the wire: strings, shown without a detour over binary fractions.

/** A wire decimal as a number, for charts and sums that are only looked at. NaN where there is none. */
export function toNumber(value) {
  if (value === null || value === undefined || value === '') return NaN;
  const number = Number(value);
  return Number.isFinite(number) ? number : NaN;
}

/** Nanoseconds since 1970 (a string, since 2^53 ns was in April 1970) as milliseconds with their fraction. NaN where there are none. */
export function nsToMs(ns) {
  if (ns === null || ns === undefined || ns === '') return NaN;
  const text = String(ns);
  // The last six digits are the fraction: split before converting, or the microseconds are lost.
  if (text.length > 15) return Number(text.slice(0, -6)) + Number(text.slice(-6)) / 1e6;
  return Number(text) / 1e6;
}

/** Whole seconds since 1970, which is what the chart library takes for a time. */
export function nsToSeconds(ns) {
  const text = ns === null || ns === undefined ? '' : String(ns);
  // Cut, not divided: rounding would put the last microsecond of a bar into the next one.
  return text.length > 9 && text[0] !== '-' ? Number(text.slice(0, -9)) : Math.floor(nsToMs(ns) / 1000);
}

/** A decimal string cut or padded to `digits` places, rounded half away from zero; digit by digit, so that no value is too large. */
export function toPlaces(value, digits) {
  if (value === null || value === undefined || value === '') return '';
  const match = /^([+-]?)(\d+)(?:\.(\d*))?$/.exec(String(value));
  if (match === null) {
    const number = Number(value);
    return Number.isFinite(number) ? number.toFixed(digits) : '';
  }
  const [, sign, whole, fraction = ''] = match;
  let text = whole + fraction.slice(0, digits).padEnd(digits, '0');
  if (fraction.length > digits && fraction[digits] >= '5') text = (BigInt(text) + 1n).toString().padStart(text.length, '0');
  const split = text.length - digits;
  const out = digits === 0 ? text : `${text.slice(0, split) || '0'}.${text.slice(split)}`;
  return sign === '-' && /[1-9]/.test(out) ? `-${out}` : out;
}
