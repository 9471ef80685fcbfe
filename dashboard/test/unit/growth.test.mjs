// SPDX-License-Identifier: Apache-2.0
// An hour at 500 messages a second leaves no more behind than the first minutes did. (The heap itself over ten minutes: `npm run measure -- --heap 10`.)
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Market } from '../../mock/market.mjs';
import { Tables } from '../../src/lib/tables.js';
import { grown } from '../growth.mjs';

// Messages as the mock's market makes them, in order; `steps` of 50 ms at twenty times the speed, so that bars and trades come too.
function feeder(tables) {
  const market = new Market({ seed: 3, hours: 1, nowS: 1_700_000_000 });
  market.gate.rejects_by_rule = { throttle: 1, max_position: 1, stale_quote: 1, max_order_quantity: 1 };  // as many as there are rules
  const filler = (i) => ({ sequence: String(10_000_000 + i), time_ns: `${1_700_000_000 + i}000000000`, instrument: 'XAUUSD@oanda', level: 'info', type: 'note', text: `line ${i}` });
  let at = 0;
  return (steps) => {
    for (let step = 0; step < steps; step += 1, at += 1) {
      market.step(1);
      const changed = market.takeChanges();
      for (const row of changed.quotes) tables.delta('quotes', null, [market.quote(row, false)]);
      for (const [row, name, bar] of changed.bars) if (name === 'M1') tables.delta('bars', 'M1', [market.bar(row, name, bar, true)]);
      for (const row of changed.predictions) tables.delta('predictions', null, [market.prediction(row)]);
      tables.delta('positions', null, market.positions());
      tables.delta('equity', null, [{ ...changed.equity, timeS: undefined }]);
      if (step % 20 === 0) {
        tables.delta('latency', null, market.latency(false));
        tables.delta('system', null, [market.system()]);
      }
      // What is rare in the market, often: each of these has a bound to reach.
      const item = filler(at);
      tables.delta('log', null, [item]);
      tables.delta('signals', null, [item]);
      tables.delta('orders', null, [{ ...item, client_order_id: item.sequence }]);
      tables.delta('trades', null, [{ ...item, id: item.sequence }]);
    }
  };
}

const kFillSteps = 2400;  // more than the largest bound

test('what the page keeps stops growing', () => {
  const tables = new Tables();
  tables.snapshot('bars', 'M1', Array.from({ length: 700 }, (_, i) => ({ instrument: 'XAUUSD@oanda', timeframe: 'M1', start_ns: `${1_600_000_000 + i * 60}000000000`, end_ns: '', symbol: 'XAUUSD', open: '1', high: '1', low: '1', close: '1', ticks: 1, closed: true })));
  const feed = feeder(tables);
  // Bars of the other instruments come one a minute and fill for hours: they are dropped here, their bound is tested with the tables.
  const onlyGold = () => {
    for (const key of tables.bars.keys()) if (!key.startsWith('XAUUSD@')) tables.bars.delete(key);
  };
  const found = grown(tables, () => { feed(kFillSteps); onlyGold(); }, () => { feed(kFillSteps); onlyGold(); });
  assert.deepEqual(found, []);
});

test('a store without a bound is noticed', () => {
  class Hoarder extends Tables {
    everything = [];
    delta(topic, timeframe, items, complete) {
      if (topic === 'equity') this.everything.push(items[0].equity);
      super.delta(topic, timeframe, items, complete);
    }
  }
  const tables = new Hoarder();
  const feed = feeder(tables);
  const onlyBounded = () => tables.bars.clear();
  assert.deepEqual(grown(tables, () => { feed(kFillSteps); onlyBounded(); }, () => { feed(kFillSteps); onlyBounded(); }), ['.everything']);
});
