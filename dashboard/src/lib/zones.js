// SPDX-License-Identifier: Apache-2.0
// One setting for the zone in which every time of the page is shown. Times stay UTC underneath; only labels change.

export const kZones = [
  { id: 'utc', label: 'UTC', name: 'UTC' },
  { id: 'local', label: 'Local', name: 'this computer' },
  { id: 'broker', label: 'Broker', name: 'broker: New York + 7 h' },
  { id: 'newyork', label: 'New York', name: 'New York' },
];

// Most FX servers count their day from 17:00 New York: their clock is New York's plus seven hours, summer and winter alike.
const kBrokerAheadMs = 7 * 3_600_000;

const formatters = new Map();

function formatter(zone) {
  let made = formatters.get(zone);
  if (made === undefined) {
    const timeZone = zone === 'utc' ? 'UTC' : zone === 'local' ? undefined : 'America/New_York';
    made = new Intl.DateTimeFormat('en-GB', {
      timeZone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit',
      second: '2-digit',
    });
    formatters.set(zone, made);
  }
  return made;
}

const kMonths = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Calendar fields of a moment in a zone. */
export function fields(ms, zone) {
  if (!Number.isFinite(ms)) return null;
  if (zone === 'utc') return utcFields(ms);
  return utcFields(ms + aheadOf(ms, zone) + (zone === 'broker' ? kBrokerAheadMs : 0));
}

// No zone changes its clock but at a quarter of an hour, so within one its lead over UTC is asked for once: asking costs 5 us, and ten
// thousand trades are sorted by day at a time.
const kQuarterMs = 900_000;
const kLeadsKept = 20_000;
const leads = new Map();

function aheadOf(ms, zone) {
  const quarter = Math.floor(ms / kQuarterMs);
  const key = `${zone}|${quarter}`;
  let ahead = leads.get(key);
  if (ahead === undefined) {
    const begin = quarter * kQuarterMs;
    const parts = {};
    for (const part of formatter(zone).formatToParts(begin)) parts[part.type] = Number(part.value);
    ahead = Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second) - begin;
    if (leads.size >= kLeadsKept) leads.clear();
    leads.set(key, ahead);
  }
  return ahead;
}

function utcFields(ms) {
  const date = new Date(ms);
  return {
    year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate(), hour: date.getUTCHours(),
    minute: date.getUTCMinutes(), second: date.getUTCSeconds(), ms: date.getUTCMilliseconds(),
  };
}

const two = (value) => String(value).padStart(2, '0');

export function clock(ms, zone) {
  const at = fields(ms, zone);
  return at === null ? '–' : `${two(at.hour)}:${two(at.minute)}:${two(at.second)}`;
}

export function clockMs(ms, zone) {
  const at = fields(ms, zone);
  return at === null ? '–' : `${two(at.hour)}:${two(at.minute)}:${two(at.second)}.${String(at.ms).padStart(3, '0')}`;
}

export function hourMinute(ms, zone) {
  const at = fields(ms, zone);
  return at === null ? '–' : `${two(at.hour)}:${two(at.minute)}`;
}

export function date(ms, zone) {
  const at = fields(ms, zone);
  return at === null ? '–' : `${at.year}-${two(at.month)}-${two(at.day)}`;
}

export function dayMonth(ms, zone) {
  const at = fields(ms, zone);
  return at === null ? '–' : `${at.day} ${kMonths[at.month - 1]}`;
}

export function stamp(ms, zone) {
  const at = fields(ms, zone);
  return at === null ? '–' : `${at.year}-${two(at.month)}-${two(at.day)} ${two(at.hour)}:${two(at.minute)}:${two(at.second)}`;
}

/** What a chart writes under its time axis: a date where the day turns, a clock elsewhere. */
export function axisLabel(ms, zone, kind) {
  const at = fields(ms, zone);
  if (at === null) return '';
  if (kind === 'year') return String(at.year);
  if (kind === 'month') return kMonths[at.month - 1];
  if (kind === 'day') return `${at.day} ${kMonths[at.month - 1]}`;
  return kind === 'second' ? clock(ms, zone) : hourMinute(ms, zone);
}

/** The trading day that a moment belongs to: it turns at 17:00 New York. As 2026-11-20. */
export function sessionDay(ms) {
  return date(ms, 'broker');
}

/** Monday of the session week, and the month, for the trades page's groups. */
export function sessionWeek(ms) {
  const at = fields(ms, 'broker');
  if (at === null) return '–';
  const day = Date.UTC(at.year, at.month - 1, at.day);
  const monday = day - ((new Date(day).getUTCDay() + 6) % 7) * 86_400_000;
  return date(monday, 'utc');
}

export function sessionMonth(ms) {
  return sessionDay(ms).slice(0, 7);
}
