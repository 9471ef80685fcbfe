// SPDX-License-Identifier: Apache-2.0
// Tables: the newest state of everything that the gateway streams, as plain maps and bounded lists. The views read them; nothing here knows
// how they are drawn.
import { nsToMs, nsToSeconds, toNumber } from './decimal.js';

const kSparkPoints = 32;
const kBarsKept = 600;
const kSignalsKept = 500;
const kOrdersKept = 1000;
const kTradesKept = 2000;
const kLogKept = 1000;

// Rows that go away when a snapshot does not name them, by the member that tells them apart.
const kKeyed = { quotes: 'instrument', predictions: 'instrument', positions: 'instrument' };

export class Tables {
  #named = new Map();  // topic whose snapshot is still coming -> keys that it has named so far

  constructor() {
    this.quotes = new Map();
    this.bars = new Map();  // `${instrument}|${timeframe}` -> bars by start
    this.predictions = new Map();
    this.signals = [];  // oldest first
    this.orders = new Map();
    this.positions = new Map();
    this.trades = new Map();
    this.equity = new Map();  // by currency
    this.latency = new Map();  // by stage
    this.system = null;
    this.log = [];  // oldest first
  }

  /** One of thousands of rows comes in parts: with `complete` false the rest follows in deltas, and what was known stays until it has come. */
  snapshot(topic, timeframe, items, complete = true) {
    this.#named.delete(topic);
    if (!complete && topic in kKeyed) {
      this.#named.set(topic, new Set());
      this.delta(topic, timeframe, items);
      return;
    }
    switch (topic) {
      case 'quotes': {
        const before = this.quotes;
        this.quotes = new Map();
        for (const item of items) this.#quote(item, before.get(item.instrument));
        break;
      }
      case 'bars':
        for (const key of this.bars.keys()) if (key.endsWith(`|${timeframe ?? 'M1'}`)) this.bars.delete(key);
        for (const item of items) this.#bar(item, timeframe);
        break;
      case 'predictions': this.predictions = keyed(items, 'instrument'); break;
      case 'positions': this.positions = keyed(items, 'instrument'); break;
      case 'orders': this.orders = keyed(items, 'client_order_id'); break;
      case 'trades': this.trades = keyed(items, 'id'); break;
      case 'latency': this.latency = keyed(items, 'stage'); break;
      case 'equity': this.equity = keyed(items, 'currency'); break;
      case 'signals': this.signals = items.slice(-kSignalsKept); break;
      case 'log': this.log = items.slice(-kLogKept); break;
      case 'system': this.system = items.at(-1) ?? null; break;
      default: break;
    }
  }

  delta(topic, timeframe, items, complete = false) {
    this.#take(topic, timeframe, items);
    const named = this.#named.get(topic);
    if (named === undefined) return;
    for (const item of items) named.add(item[kKeyed[topic]]);
    if (!complete) return;
    this.#named.delete(topic);
    for (const key of this[topic].keys()) if (!named.has(key)) this[topic].delete(key);
  }

  #take(topic, timeframe, items) {
    switch (topic) {
      case 'quotes': for (const item of items) this.#quote(item, this.quotes.get(item.instrument)); break;
      case 'bars': for (const item of items) this.#bar(item, timeframe); break;
      case 'predictions': for (const item of items) this.predictions.set(item.instrument, item); break;
      case 'positions': for (const item of items) this.positions.set(item.instrument, item); break;
      case 'orders': put(this.orders, items, 'client_order_id', kOrdersKept); break;
      case 'trades': put(this.trades, items, 'id', kTradesKept); break;
      case 'latency': for (const item of items) this.latency.set(item.stage, item); break;
      case 'equity': for (const item of items) this.equity.set(item.currency, item); break;
      case 'signals': this.signals = append(this.signals, items, kSignalsKept); break;
      case 'log': this.log = append(this.log, items, kLogKept); break;
      case 'system': if (items.length > 0) this.system = { ...this.system, ...items.at(-1) }; break;
      default: break;
    }
  }

  barsOf(instrument, timeframe) {
    return this.bars.get(`${instrument}|${timeframe}`) ?? [];
  }

  // Deltas leave out the day's change and the sparkline: they are carried on, and the line grows by the minute.
  #quote(item, before) {
    const quote = { ...before, ...item };
    const mid = toNumber(item.mid ?? item.bid);
    const minute = Math.floor(nsToMs(item.time_ns) / 60_000);
    quote.move = before === undefined ? 0 : Math.sign(mid - before.midNumber) || before.move;
    quote.midNumber = mid;
    if (Array.isArray(item.spark)) {
      quote.line = item.spark.map(toNumber).slice(-kSparkPoints);
      quote.lineLive = false;
    } else {
      quote.line = before?.line ?? [];
    }
    const bid = toNumber(item.bid);
    if (Number.isFinite(bid)) {
      // The snapshot's points are closes; the last point of the line is the quote of now.
      if (quote.lineMinute === minute && quote.lineLive) quote.line = [...quote.line.slice(0, -1), bid];
      else quote.line = [...quote.line, bid].slice(-kSparkPoints);
      quote.lineMinute = minute;
      quote.lineLive = true;
    }
    this.quotes.set(item.instrument, quote);
  }

  #bar(item, timeframe) {
    const key = `${item.instrument}|${item.timeframe ?? timeframe ?? 'M1'}`;
    let bars = this.bars.get(key);
    if (bars === undefined) {
      bars = [];
      this.bars.set(key, bars);
    }
    const bar = { ...item, time: nsToSeconds(item.start_ns) };
    let at = bars.length;
    while (at > 0 && bars[at - 1].time > bar.time) at -= 1;
    if (at > 0 && bars[at - 1].time === bar.time) bars[at - 1] = bar;
    else bars.splice(at, 0, bar);
    if (bars.length > kBarsKept) bars.splice(0, bars.length - kBarsKept);
  }
}

function keyed(items, member) {
  const map = new Map();
  for (const item of items) map.set(item[member], item);
  return map;
}

function put(map, items, member, kept) {
  for (const item of items) map.set(item[member], item);
  while (map.size > kept) map.delete(map.keys().next().value);
}

// A row that was seen comes again when more is known of it (a signal's outcome), or in the overlap after a new subscription: the newer one takes
// its place. One event may give two lines of the log, so a line is told by its text too.
function append(list, items, kept) {
  const keyOf = (item) => `${item.sequence}|${item.text ?? ''}`;
  const out = [...list];
  const places = new Map();
  for (let i = Math.max(0, out.length - items.length - 64); i < out.length; i += 1) places.set(keyOf(out[i]), i);
  for (const item of items) {
    const at = places.get(keyOf(item));
    if (at !== undefined) {
      out[at] = item;
      continue;
    }
    places.set(keyOf(item), out.length);
    out.push(item);
  }
  return out.slice(-kept);
}
