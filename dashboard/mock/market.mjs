// SPDX-License-Identifier: Apache-2.0
// Market: a made-up core for development and tests: a seeded random walk, a strategy that trades it, and the figures that a core would
// show of itself. Nothing in it is a market's data or a measurement.

export const kTimeframes = { M1: 60, M5: 300, M15: 900, M30: 1800, H1: 3600, H4: 14_400, D1: 86_400 };

const kMain = [
  { symbol: 'XAUUSD', base: 'XAU', quote: 'USD', digits: 3, price: 2412.5, vol: 0.055, spread: 0.24, lot: 10 },
  { symbol: 'EURUSD', base: 'EUR', quote: 'USD', digits: 5, price: 1.08521, vol: 0.0000105, spread: 0.00006, lot: 20_000 },
  { symbol: 'GBPUSD', base: 'GBP', quote: 'USD', digits: 5, price: 1.27134, vol: 0.000014, spread: 0.00009, lot: 20_000 },
  { symbol: 'USDJPY', base: 'USD', quote: 'JPY', digits: 3, price: 151.284, vol: 0.0019, spread: 0.009, lot: 20_000 },
  { symbol: 'XAGUSD', base: 'XAG', quote: 'USD', digits: 4, price: 28.3142, vol: 0.0012, spread: 0.012, lot: 500 },
  { symbol: 'AUDUSD', base: 'AUD', quote: 'USD', digits: 5, price: 0.66012, vol: 0.0000085, spread: 0.00007, lot: 30_000 },
  { symbol: 'BTCUSD', base: 'BTC', quote: 'USD', digits: 2, price: 64_120, vol: 4.1, spread: 6, lot: 0.3 },
];
const kRules = ['throttle', 'max_position', 'stale_quote', 'max_order_quantity'];
const kThreads = [['journal', null, 0.024], ['venue', null, 0.02], ['engine', 1, 0.19], ['feed', 0, 0.016]];

// mulberry32: small, seeded, good enough to draw with.
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const ns = (seconds) => `${Math.floor(seconds)}${String(Math.round((seconds % 1) * 1e9)).padStart(9, '0')}`;
const decimal = (value) => String(Number(value.toFixed(9)));

export class Market {
  constructor({ seed = 7, extra = 0, nowS = Date.now() / 1000, mode = 'paper', hours = 26, instance = 'default' } = {}) {
    this.random = random(seed);
    this.instance = instance;
    this.mode = mode;
    this.state = 'running';
    this.epoch = 3;
    this.sequence = 812_331;
    this.startS = nowS - hours * 3600;
    this.timeS = this.startS;
    this.paused = false;  // a replay that somebody halted
    this.speed = 1;
    this.cancelled = false;
    this.unlimited = -1;  // the row whose throttle nobody has set
    this.gate = { killed: false, paused: false, flattening: false, journal_lagging: false, latch_file: false, intents: 0, rejects: 0,
                  last_reject: null, rejects_by_rule: {} };
    this.instruments = [...kMain];
    for (let i = 0; i < extra; i += 1) {
      const scale = 10 ** (this.random() * 3);
      this.instruments.push({ symbol: `SYN${String(i).padStart(4, '0')}`, base: '', quote: 'USD', digits: 2, price: 20 + scale,
                              vol: scale * 2e-4, spread: 0.02, lot: 0 });
    }
    this.rows = this.instruments.map((about, id) => this.#row(about, id));
    this.signals = [];
    this.orders = [];
    this.fills = [];
    this.trades = [];
    this.equity = [];
    this.log = [];
    this.commands = [];
    this.changed = newChanges();
    this.nextOrder = 1;
    this.peak = 0;
    this.latencySeries = [];
    this.workDone = 0;
    const mainRows = this.rows.slice(0, kMain.length);
    for (let s = 0; s < hours * 3600; s += 10) this.#advance(10, mainRows);
    this.#seedLog();
    this.madeMs = Date.now();
    this.seedLatency(nowS);
    this.changed = newChanges();
  }

  #row(about, id) {
    const venue = about.symbol.startsWith('SYN') ? 'sim' : 'oanda';
    return {
      ...about, id, venue, instrument: `${about.symbol}@${venue}`, mid: about.price, open24: about.price, ticks: 0, score: 0, bars: new Map(),
      closed: new Map(Object.keys(kTimeframes).map((name) => [name, []])), predictions: [], prediction: null, position: null, realised: 0,
      regimes: [{ state: 1, from: 0, probability: 0.9, startS: this.startS, endS: null }], drift: 0, wait: 0, history: [],
    };
  }

  /** Moves everything on by `seconds` of engine time. */
  step(seconds) {
    if (this.state !== 'running' || this.paused) return;
    this.#advance(seconds, this.rows);
    this.workDone += 1;
  }

  #advance(seconds, rows) {
    this.timeS += seconds;
    for (const row of rows) {
      const steps = row.id < kMain.length ? 1 : this.random() < 0.25 ? 1 : 0;
      if (steps === 0) continue;
      this.#tick(row, seconds);
      if (row.lot > 0) this.#decide(row, seconds);
    }
    this.#account();
  }

  #tick(row, seconds) {
    const shock = this.random() + this.random() + this.random() - 1.5;
    // What it scores comes true a little more often than not, or its curve would only fall.
    row.drift = row.drift * 0.995 + (this.random() - 0.5) * 0.02 + row.score * 0.0035;
    const calm = 0.55 + 0.45 * row.regimes.at(-1).state;
    row.mid = Math.max(row.spread * 4, row.mid + row.vol * Math.sqrt(seconds) * calm * (shock * 2 + row.drift));
    row.bid = row.mid - row.spread / 2;
    row.ask = row.mid + row.spread / 2;
    row.ticks += 1;
    row.tickS = this.timeS;
    this.sequence += 1;
    row.tickSequence = this.sequence;
    for (const [name, length] of Object.entries(kTimeframes)) {
      const start = Math.floor(this.timeS / length) * length;
      let bar = row.bars.get(name);
      if (bar === undefined || bar.start !== start) {
        if (bar !== undefined) {
          bar.closed = true;
          row.closed.get(name).push(bar);
          this.changed.bars.push([row, name, bar]);
        }
        bar = { start, open: row.bid, high: row.bid, low: row.bid, close: row.bid, ticks: 0, closed: false };
        row.bars.set(name, bar);
      }
      bar.high = Math.max(bar.high, row.bid);
      bar.low = Math.min(bar.low, row.bid);
      bar.close = row.bid;
      bar.ticks += 1;
      this.changed.bars.push([row, name, bar]);
    }
    if (this.random() < seconds / 2600) {
      const last = row.regimes.at(-1);
      last.endS = this.timeS;
      row.regimes.push({ state: (last.state + 1 + Math.floor(this.random() * 2)) % 3, from: last.state, probability: 0.7 + this.random() * 0.29,
                         startS: this.timeS, endS: null });
    }
    this.changed.quotes.add(row);
  }

  #decide(row, seconds) {
    row.score = row.score * Math.exp(-seconds / 300) + (this.random() - 0.5) * 0.34 * Math.sqrt(Math.min(seconds, 60) / 10);
    const cost = 0.42;
    const direction = row.score > cost ? 'buy' : row.score < -cost ? 'sell' : 'flat';
    row.prediction = { sequence: this.sequence += 1, timeS: this.timeS, score: row.score, cost, direction, mid: row.mid };
    row.predictions.push(row.prediction);
    if (row.predictions.length > 6000) row.predictions.splice(0, 1000);
    this.changed.predictions.add(row);
    row.wait -= seconds;
    const held = row.position;
    if (held !== null) {
      const result = this.#result(row, held);
      held.mae = Math.min(held.mae, result);
      held.mfe = Math.max(held.mfe, result);
      const flips = (held.side === 'buy') === (row.score < -0.1);
      if (this.gate.flattening || (!this.gate.killed && flips && this.timeS - held.openS > 240)) this.#close(row, this.gate.flattening ? 'flatten' : 'exit');
      return;
    }
    if (direction === 'flat' || row.wait > 0) return;
    row.wait = 400 + this.random() * 900;
    const refused = this.gate.killed ? 'kill_latched' : this.gate.paused ? 'paused' : this.random() < 0.16 ? kRules[Math.floor(this.random() * 4)] : null;
    this.#enter(row, direction, refused);
  }

  #enter(row, side, refused) {
    const price = side === 'buy' ? row.ask : row.bid;
    const signal = this.#signal(row, side, 'enter', row.lot * (side === 'buy' ? 1 : -1), price, refused);
    if (refused !== null) {
      this.gate.rejects += 1;
      this.gate.rejects_by_rule[refused] = (this.gate.rejects_by_rule[refused] ?? 0) + 1;
      this.gate.last_reject = { rule: refused, time_ns: ns(this.timeS) };
      this.note('warn', 'reject', `${side} ${decimal(row.lot)} refused: ${refused}`, row.instrument);
      return;
    }
    this.#order(row, side, price, signal.client_order_id);
    row.position = { side, openS: this.timeS, entry: price, mae: -row.spread * row.lot * this.#toUsd(row), mfe: 0, score: row.score, commission: 0.00002 * price * row.lot * this.#toUsd(row) };
    this.changed.positions.add(row);
  }

  #close(row, reason) {
    const held = row.position;
    const side = held.side === 'buy' ? 'sell' : 'buy';
    const price = side === 'buy' ? row.ask : row.bid;
    const signal = this.#signal(row, side, reason, 0, price, null);
    this.#order(row, side, price, signal.client_order_id);
    const pnl = this.#result(row, held) - 2 * held.commission;
    row.realised += pnl;
    row.position = null;
    const trade = this.#trade(row, held, this.timeS, price, pnl, reason, false);
    this.trades.push(trade);
    this.changed.trades.push(trade);
    this.changed.positions.add(row);
  }

  #toUsd(row) {
    return row.quote === 'JPY' ? 1 / row.mid : 1;
  }

  #result(row, held) {
    const out = held.side === 'buy' ? row.bid - held.entry : held.entry - row.ask;
    return out * row.lot * this.#toUsd(row);
  }

  #signal(row, side, reason, target, price, refused) {
    const signal = {
      sequence: String(this.sequence += 1), time_ns: ns(this.timeS), instrument: row.instrument, symbol: row.symbol, strategy: 'model_edge', reason,
      score: Number(row.score.toFixed(4)), cost: 0.42, target: decimal(target), position: decimal(row.position ? row.lot * (row.position.side === 'buy' ? 1 : -1) : 0),
      side, price: price.toFixed(row.digits), outcome: refused === null ? 'intent' : 'rejected',
      client_order_id: refused === null ? String(4_294_967_296 * this.epoch + this.nextOrder) : null,
      veto: refused === null ? null : { rule: refused, limit: '10', observed: '12', unit: 'base' },
    };
    this.signals.push(signal);
    this.changed.signals.push(signal);
    return signal;
  }

  #order(row, side, price, id) {
    this.nextOrder += 1;
    this.gate.intents += 1;
    const order = {
      client_order_id: id, sequence: String(this.sequence += 1), time_ns: ns(this.timeS), updated_ns: ns(this.timeS + 0.04), instrument: row.instrument,
      symbol: row.symbol, side, kind: 'market', quantity: decimal(row.lot), filled: decimal(row.lot), price: price.toFixed(row.digits),
      average_price: price.toFixed(row.digits), commission: (0.00002 * price * row.lot * this.#toUsd(row)).toFixed(2), currency: 'USD', strategy: 'model_edge',
      state: 'filled', reason: null,
    };
    this.orders.push(order);
    this.changed.orders.push(order);
    this.fills.push({ sequence: String(this.sequence += 1), time_ns: order.updated_ns, client_order_id: id, instrument: row.instrument, symbol: row.symbol, side,
                      quantity: order.quantity, price: order.price, commission: order.commission, currency: 'USD', strategy: 'model_edge', slippage: (0).toFixed(row.digits),
                      last: true, durable: true });
  }

  #trade(row, held, closeS, exit, pnl, reason, open) {
    return {
      id: String(open ? 900_000 + row.id : this.trades.length + 1), instrument: row.instrument, symbol: row.symbol, side: held.side, quantity: decimal(row.lot), open_ns: ns(held.openS),
      close_ns: open ? null : ns(closeS), entry: held.entry.toFixed(row.digits), exit: open ? null : exit.toFixed(row.digits), pnl: pnl.toFixed(2),
      commission: (2 * held.commission).toFixed(2), currency: 'USD', mae: held.mae.toFixed(2), mfe: held.mfe.toFixed(2),
      duration_ns: ns(closeS - held.openS), strategy: 'model_edge', reason: open ? null : reason, open, score: Number(held.score.toFixed(4)),
    };
  }

  #account() {
    const totals = this.totals();
    this.peak = Math.max(this.peak, totals.equity);
    const last = this.equity.at(-1);
    const point = { currency: 'USD', time_ns: ns(this.timeS), realised: totals.realised.toFixed(2), unrealised: totals.unrealised.toFixed(2), equity: totals.equity.toFixed(2),
                    drawdown: (totals.equity - this.peak).toFixed(2), timeS: this.timeS };
    this.changed.equity = point;
    if (last === undefined || this.timeS - last.timeS >= 30) this.equity.push(point);
    if (this.gate.flattening && this.rows.every((row) => row.position === null)) this.gate.flattening = false;
  }

  totals() {
    let realised = 0;
    let unrealised = 0;
    let exposure = 0;
    for (const row of this.rows) {
      realised += row.realised;
      if (row.position === null) continue;
      unrealised += this.#result(row, row.position);
      exposure += row.lot * row.mid * this.#toUsd(row);
    }
    return { realised, unrealised, exposure, equity: realised + unrealised };
  }

  note(level, type, text, instrument = null) {
    const item = { sequence: String(this.sequence += 1), time_ns: ns(this.timeS), level, type, text, instrument };
    this.log.push(item);
    this.changed.log.push(item);
  }

  #seedLog() {
    this.note('info', 'session', `epoch ${this.epoch} started`);
    this.note('info', 'model', 'slot 0 version 1 active, sha256 8f0c41d2a9be');
    this.note('info', 'gateway', `attached to epoch ${this.epoch}`);
    // The gateway's own lines carry the sequence that they were written at, so two may have the same.
    this.log.push({ ...this.log.at(-1), text: 'history read from the journal' });
  }

  seedLatency(nowS) {
    this.stages = { in_ring: 180, features: 52, model: 96, decide: 34, append: 28, tick_to_intent: 232, journal: 11_800_000, tick_with_intent: 1500 };
    for (let second = 300; second > 0; second -= 1) this.latencySecond(nowS - second);
  }

  latencySecond(wallS) {
    const stages = {};
    for (const [name, base] of Object.entries(this.stages)) {
      const wobble = 1 + (this.random() - 0.5) * 0.12;
      const spike = this.random() < 0.04 ? 2.5 : 1;
      stages[name] = { count: 700 + Math.floor(this.random() * 240), p50_ns: Math.round(base * wobble), p99_ns: Math.round(base * 2.6 * wobble * spike),
                       p999_ns: Math.round(base * 7.5 * wobble * spike * spike) };
    }
    this.latencySeries.push({ time_ns: ns(wallS), stages });
    if (this.latencySeries.length > 300) this.latencySeries.shift();
  }

  // What the routes answer.

  core() {
    const alive = this.state === 'running' || this.state === 'finished';
    return {
      instance: this.instance, state: this.state, stale: !alive, mode: this.mode, age_ms: this.state === 'running' ? 12 : this.diedAt === undefined ? 40 : Date.now() - this.diedAt,
      epoch: this.epoch, pid: 4711, sequence: String(this.sequence), durable: String(this.sequence - 31), time_ns: ns(this.timeS),
      speed: this.mode === 'replay' ? this.speed : null, replay_end_ns: this.mode === 'replay' ? ns(this.startS + 48 * 3600) : null,
      progress: this.mode === 'replay' ? Math.min(1, (this.timeS - this.startS) / (48 * 3600)) : null,
    };
  }

  instrument(row) {
    return { id: row.id, instrument: row.instrument, symbol: row.symbol, venue: row.venue, base: row.base, quote: row.quote, digits: row.digits,
             tick_size: (10 ** -row.digits).toFixed(row.digits), calendar: row.symbol === 'BTCUSD' ? 'crypto' : 'fx', is_forex: row.base !== '' && row.base !== 'BTC' };
  }

  quote(row, full) {
    const bid = (row.bid ?? row.mid - row.spread / 2).toFixed(row.digits);
    const ask = (row.ask ?? row.mid + row.spread / 2).toFixed(row.digits);
    const item = {
      instrument: row.instrument, symbol: row.symbol, bid, ask, mid: ((Number(bid) + Number(ask)) / 2).toFixed(row.digits + 1), spread: (Number(ask) - Number(bid)).toFixed(row.digits),
      bid_e9: String(Math.round(Number(bid) * 1e9)), ask_e9: String(Math.round(Number(ask) * 1e9)), time_ns: ns(row.tickS ?? this.timeS), venue_ns: ns(row.tickS ?? this.timeS),
      ticks: String(row.ticks), sequence: String(row.tickSequence ?? 0), source_sequence: String(row.ticks), crossed: false, stale: false, simulated: true,
    };
    if (full) {
      const minutes = row.closed.get('M1');
      const before = minutes.at(-1440) ?? minutes[0];
      item.change_24h = before === undefined ? null : Number(bid) / before.close - 1;
      item.spark = minutes.slice(-32).map((bar) => bar.close.toFixed(row.digits));
    }
    return item;
  }

  bar(row, name, bar, named) {
    const item = { start_ns: ns(bar.start), end_ns: ns(bar.start + kTimeframes[name]), open: bar.open.toFixed(row.digits), high: bar.high.toFixed(row.digits),
                   low: bar.low.toFixed(row.digits), close: bar.close.toFixed(row.digits), ticks: bar.ticks, closed: bar.closed };
    return named ? { instrument: row.instrument, symbol: row.symbol, timeframe: name, ...item } : item;
  }

  history(row, name, limit) {
    const forming = row.bars.get(name);
    const closed = row.closed.get(name);
    return [...closed, ...(forming === undefined ? [] : [forming])].slice(-limit).map((bar) => this.bar(row, name, bar, false));
  }

  prediction(row, at = row.prediction) {
    if (at === null) return null;
    const due = at.timeS + 60;
    const passed = due <= this.timeS;
    const later = passed ? row.predictions.find((item) => item.timeS >= due) : undefined;
    const realised = later === undefined ? null : ((later.mid / at.mid) - 1) * 1e4;
    return {
      instrument: row.instrument, symbol: row.symbol, sequence: String(at.sequence), time_ns: ns(at.timeS), cause: String(at.sequence - 1), score: Number(at.score.toFixed(4)),
      cost: at.cost, unit: 'bp', direction: at.direction, state: 'valid', defined_lanes: 32, model_slot: 0, model_sha256: '8f0c41d2a9be'.padEnd(64, '0'),
      horizon_ns: '60000000000', mid: at.mid.toFixed(row.digits + 1), realised, due_ns: ns(due),
      outcome: realised === null ? 'pending' : at.direction === 'flat' ? 'flat' : (realised > 0) === (at.score > 0) ? 'right' : 'wrong',
    };
  }

  predictionHistory(row, limit) {
    return row.predictions.slice(-limit).map((at) => ({ ...this.prediction(row, { ...at, timeS: at.timeS }), realised: null, outcome: 'pending' }));
  }

  position(row) {
    const held = row.position;
    if (held === null && row.realised === 0) return null;
    const sign = held === null ? 0 : held.side === 'buy' ? 1 : -1;
    return {
      instrument: row.instrument, symbol: row.symbol, quantity: decimal(sign * row.lot), side: held === null ? 'flat' : held.side, average_price: held === null ? null : held.entry.toFixed(row.digits),
      bid: row.bid.toFixed(row.digits), ask: row.ask.toFixed(row.digits), currency: 'USD', realised: row.realised.toFixed(2),
      unrealised: held === null ? '0.00' : this.#result(row, held).toFixed(2), time_ns: ns(this.timeS), durable: true,
    };
  }

  openTrades() {
    return this.rows.filter((row) => row.position !== null)
      .map((row) => this.#trade(row, row.position, this.timeS, 0, this.#result(row, row.position) - row.position.commission, null, true));
  }

  tradeSummary(trades) {
    const closed = trades.filter((trade) => !trade.open).map((trade) => Number(trade.pnl));
    const wins = closed.filter((pnl) => pnl > 0);
    const sum = (list) => list.reduce((total, value) => total + value, 0);
    const lost = -sum(closed.filter((pnl) => pnl < 0));
    return { count: closed.length, wins: wins.length, win_rate: closed.length === 0 ? null : wins.length / closed.length,
             currencies: closed.length === 0 ? [] : [{ currency: 'USD', pnl: sum(closed).toFixed(2), commission: sum(trades.map((trade) => Number(trade.commission))).toFixed(2),
               best: Math.max(...closed).toFixed(2), worst: Math.min(...closed).toFixed(2), average: (sum(closed) / closed.length).toFixed(2),
               profit_factor: lost === 0 ? null : sum(wins) / lost }] };
  }

  portfolio() {
    const totals = this.totals();
    const dayAgo = this.equity.find((point) => point.timeS >= this.timeS - 9 * 3600) ?? { equity: '0' };
    const currencies = [{ currency: 'USD', realised: totals.realised.toFixed(2), unrealised: totals.unrealised.toFixed(2), pnl: totals.equity.toFixed(2),
      commission: this.trades.reduce((sum, trade) => sum + Number(trade.commission), 0).toFixed(2), today: (totals.equity - Number(dayAgo.equity)).toFixed(2),
      max_drawdown: Math.min(...this.equity.map((point) => Number(point.drawdown)), 0).toFixed(2), exposure: totals.exposure.toFixed(2) }];
    return { account: `paper:${this.instance}`, mode: this.mode, currencies, session_day: new Date((this.timeS + 2 * 3600) * 1000).toISOString().slice(0, 10), positions: this.positions(),
             open_orders: 0 };
  }

  positions() {
    return this.rows.map((row) => this.position(row)).filter((item) => item !== null);
  }

  gateRow() {
    return { ...this.gate, intents: String(this.gate.intents), rejects: String(this.gate.rejects) };
  }

  risk() {
    return this.rows.filter((row) => row.lot > 0).map((row) => {
      const held = row.position === null ? 0 : row.position.side === 'buy' ? row.lot : -row.lot;
      const limit = row.lot * (2 + row.id % 3);
      const share = Math.abs(held) / limit;
      return {
        instrument: row.instrument, symbol: row.symbol, position: decimal(held), working_buy: '0', working_sell: '0', worst: decimal(Math.abs(held)),
        limits: [
          { rule: 'max_position', limit: decimal(limit), used: decimal(Math.abs(held)), share, distance: decimal(limit - Math.abs(held)), unit: 'base' },
          { rule: 'max_order_quantity', limit: decimal(row.lot), used: null, share: null, distance: null, unit: 'base' },
          { rule: 'stale_quote', limit: '5000000000', used: '120000000', share: 0.024, distance: '4880000000', unit: 'ns' },
          { rule: 'throttle', limit: row.id === this.unlimited ? null : '10', used: row.id === this.unlimited ? null : '1', share: row.id === this.unlimited ? null : 0.1, distance: row.id === this.unlimited ? null : '9', unit: 'orders/s' },
        ],
      };
    });
  }

  latency(withBuckets) {
    return Object.entries(this.stages).map(([stage, base]) => {
      const item = { stage, count: String(51_234 + this.workDone * 40), mean_ns: Math.round(base * 1.15), p50_ns: base, p90_ns: Math.round(base * 1.5), p99_ns: Math.round(base * 2.8),
                     p999_ns: Math.round(base * 8.2), max_ns: Math.round(base * 61) };
      if (!withBuckets) return item;
      const buckets = [];
      const centre = Math.log2(base);
      for (let power = Math.max(3, Math.floor(centre) - 2); power <= Math.ceil(centre) + 6; power += 1) {
        const weight = Math.exp(-((power - centre - 0.4) ** 2) / (power > centre ? 1.4 : 0.5)) * 40_000 + (power > centre + 3 ? 4 : 0);
        buckets.push({ le_ns: 2 ** power, count: Math.round(weight) });
      }
      return { ...item, buckets };
    });
  }

  system() {
    const busy = (share) => Math.max(0, share * (0.9 + this.random() * 0.2));
    const running = this.state === 'running';
    return {
      gate: this.gateRow(),
      rates: { ticks_per_s: running ? 812.4 : 0, events_per_s: running ? 1204 : 0, intents_per_s: running ? 0.1 : 0 },
      threads: kThreads.map(([name, cpu, share]) => ({ name, state: running ? 'running' : 'absent', cpu, work: String(1_240_000 + this.workDone * 60), idle: '91823411', last_progress_ns: ns(Date.now() / 1000 - 0.04),
        work_per_s: running ? 2400 + share * 2000 : 0, busy: running ? busy(share) : 0, cpu_share: running ? share : null })),
      streams: [['events', 1_048_576, 34, 'journal'], ['ticks', 65_536, 0, null], ['venue', 8192, 0, 'venue'], ['reports', 8192, 0, 'engine']].map(([name, capacity, lag, gate]) => ({
        name, capacity: String(capacity), published: String(this.sequence), per_s: running ? (name === 'events' ? 1204 : name === 'ticks' ? 812 : 4) : 0, refused: '0', depth: String(lag), share: lag / capacity,
        gates: gate === null ? [] : [{ name: gate, lag: String(lag) }] })),
      feeds: ['oanda', ...(this.rows.length > kMain.length ? ['sim'] : [])].map((venue) => ({ venue, instruments: this.rows.filter((row) => row.venue === venue).length, ticks: String(this.sequence), ticks_per_s: running ? 812.4 : 0,
        age_ms: running ? 80 : 9000, state: running ? 'fresh' : 'quiet' })),
      stores: [{ name: 'journal', enabled: true, durable: String(this.sequence - 31), lag: '31', path: 'journal-0000000003.ttj', bytes: String(51_000_000 + this.workDone * 6400) }],
      portfolio: this.portfolio().currencies, session_day: this.portfolio().session_day,
      replay: this.mode === 'replay' ? { speed: `${this.speed}x`, loops: 2 } : null,
    };
  }

  status() {
    return { gateway: { version: '0.1.0', pid: 4822, started_ns: ns(Date.now() / 1000 - 5400), uptime_s: 5400, rss_bytes: 31_400_000, clients: 1, dashboard: true, lapped: '0', missed: '0' },
             ...this.system(), counters: [{ name: 'late_ticks', value: '2' }, { name: 'clamped_venue_times', value: '0' }], breakers: ['core', 'journal'].map((upstream) => ({ upstream, state: 'closed', failures: 0, opened: '0', refused: '0' })), machine: { cpus: 2, load_1m: 0.71 }, notes: [] };
  }

  models() {
    return [{ slot: 0, state: 'active', role: 'champion', version: 1, sha256: '8f0c41d2a9be'.padEnd(64, '3'), since_ns: ns(this.startS), name: 'scalper.ttm', feature_set: 'scalper-64', label: 'mid_return_bp',
              horizon_ns: '60000000000', kind: 'trees', trees: 100, trained_on: '2025-01-02 to 2026-06-30', last_score: this.rows[0].score, last_ns: ns(this.timeS), last_state: 'valid',
              predictions: String(51_234 + this.workDone), hit_rate: 0.523 },
            { slot: 1, state: 'shadow', role: 'challenger', version: 4, reason: 'its pack is being loaded', sha256: '1b77e0'.padEnd(64, 'a'), since_ns: ns(this.startS), name: null, feature_set: null, label: null, horizon_ns: null, kind: null,
              trees: null, trained_on: null, last_score: null, last_ns: null, last_state: null, predictions: null, hit_rate: null }];
  }

  /** How late the machine wakes a thread: most of it microseconds, with the tail that a shared core has. */
  gaps() {
    const seconds = 5400 + (Date.now() - this.madeMs) / 1000;
    const shape = [[1024, 0.4], [2048, 3.1], [4096, 9.8], [8192, 4.2], [16_384, 1.1], [32_768, 0.42], [65_536, 0.2], [131_072, 0.06], [262_144, 0.022], [524_288, 0.008], [1_048_576, 0.003], [2_097_152, 0.0009], [4_194_304, 0.0003]];
    const buckets = shape.map(([limit, rate]) => [limit, Math.round(rate * seconds)]);
    return { count: buckets.reduce((sum, [, times]) => sum + times, 0), p50_ns: 4096, p99_ns: 65_536, p999_ns: 262_144, max_ns: 3_100_000, buckets };
  }

  replay() {
    const from = this.startS;
    const to = from + 48 * 3600;
    return { state: this.state === 'finished' ? 'finished' : this.paused ? 'paused' : 'running', speed: this.speed, speed_min: 0.1, speed_max: 100_000, loops: 2,
             position: { time_ns: ns(this.timeS), from_ns: ns(from), to_ns: ns(to), share: Math.min(1, (this.timeS - from) / (to - from)) } };
  }

  jobs() {
    const job = (id, more) => ({ id, kind: 'train', progress: 1, stage: '', created_ns: ns(this.madeMs / 1000 - 7300), started_ns: ns(this.madeMs / 1000 - 7299), ended_ns: ns(this.madeMs / 1000 - 7100), exit_code: 0, signal: null, detail: null,
                                 by: 'demo', result: null, note: 'the pack that comes out is not put in force: `thintail models promote` does that', ...more });
    const share = Math.min(0.97, 0.38 + (Date.now() - this.madeMs) / 1000 * 0.01);
    return [
      job('train-1', { state: 'succeeded', result: { model: 'gold-2026-11.ttm', path: '/var/lib/thintail/models/gold-2026-11.ttm', sha256: '77'.repeat(32) } }),
      job('train-2', { state: 'failed', progress: 0.1, exit_code: 64, detail: 'XAUUSD-2026-10.csv, line 4112: a time that goes back' }),
      this.cancelled
        ? job('train-3', { state: 'cancelled', progress: share, exit_code: null, signal: 15 })
        : job('train-3', { state: 'running', progress: share, stage: `round ${Math.floor(share * 400)} of 400`, created_ns: ns(this.madeMs / 1000 - 95), started_ns: ns(this.madeMs / 1000 - 95), ended_ns: null, exit_code: null }),
    ];
  }

  cancelJob(id) {
    if (id === 'train-3') this.cancelled = true;
  }

  // Steering.

  command(name, by) {
    const before = this.gate.killed;
    if (name === 'kill') this.gate.killed = true;
    if (name === 'reset_kill') this.gate.killed = false;
    if (name === 'pause' || name === 'flatten') this.gate.paused = true;
    if (name === 'flatten') this.gate.flattening = true;
    if (name === 'resume') { this.gate.paused = false; this.gate.flattening = false; }
    this.note(name === 'kill' ? 'error' : 'info', 'command', `${name} applied (actor 2)`);
    const command = { command_id: String(BigInt(this.sequence) * 7_919n), command: name, state: 'applied', sequence: String(this.sequence), durable: true, time_ns: ns(this.timeS), actor: 2, by, remote: '127.0.0.1',
                      detail: before && name === 'kill' ? 'was latched already' : '' };
    this.commands.push(command);
    return command;
  }

  die() {
    this.state = 'dead';
    this.diedAt = Date.now();
  }

  revive() {
    this.state = 'running';
    this.epoch += 1;
    this.diedAt = undefined;
    this.note('info', 'gateway', `attached to epoch ${this.epoch}`);
  }

  finish() {
    this.state = 'finished';
    this.diedAt = Date.now();
  }

  takeChanges() {
    const changes = this.changed;
    this.changed = newChanges();
    return changes;
  }
}

function newChanges() {
  return { quotes: new Set(), bars: [], predictions: new Set(), positions: new Set(), signals: [], orders: [], trades: [], log: [], equity: null };
}
