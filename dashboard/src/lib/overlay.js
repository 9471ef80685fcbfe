// SPDX-License-Identifier: Apache-2.0
// What lies over the bars of a chart: the model's score and the regime of each bar, and marks where the strategy acted or was stopped.
import { nsToSeconds, toNumber } from './decimal.js';
import { signedMoney, words } from './format.js';

// More marks than this hide the bars that they are about.
const kMarkersKept = 400;
const kWithText = 40;

/** The last score of each bar, ascending. */
export function scoresByBar(predictions, seconds, bars) {
  if (bars.length === 0) return [];
  const first = bars[0].time;
  const last = bars[bars.length - 1].time;
  const points = new Map();
  for (const prediction of predictions) {
    if (!Number.isFinite(prediction.score)) continue;
    const time = Math.floor(nsToSeconds(prediction.time_ns) / seconds) * seconds;
    if (time >= first && time <= last) points.set(time, { time, score: prediction.score, cost: prediction.cost ?? NaN });
  }
  return [...points.values()].sort((a, b) => a.time - b.time);
}

/** The state in force when each bar began; bars before the first known state have none. */
export function statesByBar(spans, bars) {
  const points = [];
  let at = 0;
  for (const bar of bars) {
    while (at < spans.length && spans[at].to <= bar.time) at += 1;
    if (at < spans.length && spans[at].from <= bar.time) points.push({ time: bar.time, state: spans[at].state });
  }
  return points;
}

/**
 * Marks in ascending time, each on the bar it happened in. A strategy that trades ten times in a bar gets one mark of a kind there, with their
 * number, or what they brought together: a heap of arrows would hide the bar.
 */
export function markersOf(signals, trades, seconds, first, last) {
  const marks = new Map();
  const add = (kind, side, ns, more) => {
    const time = Math.floor(nsToSeconds(ns) / seconds) * seconds;
    if (time < first || time > last) return;
    const key = `${time}|${kind}|${side}`;
    const mark = marks.get(key) ?? { kind, side, time, count: 0, pnl: 0, rule: '' };
    mark.count += 1;
    mark.pnl += more.pnl ?? 0;
    mark.rule = more.rule ?? '';
    marks.set(key, mark);
  };
  for (const signal of signals) if (signal.veto) add('veto', signal.side, signal.time_ns, { rule: words(signal.veto.rule) });
  for (const trade of trades) {
    add('entry', trade.side, trade.open_ns, {});
    if (trade.close_ns !== null) add('exit', trade.side === 'buy' ? 'sell' : 'buy', trade.close_ns, { pnl: toNumber(trade.pnl) || 0 });
  }
  const kept = [...marks.values()].sort((a, b) => a.time - b.time).slice(-kMarkersKept);
  return kept.map((mark, i) => ({ kind: mark.kind, side: mark.side, time: mark.time, text: i >= kept.length - kWithText ? noteOf(mark) : '' }));
}

function noteOf({ kind, count, pnl, rule }) {
  const times = count > 1 ? `×${count}` : '';
  if (kind === 'exit') return signedMoney(pnl.toFixed(2));
  return kind === 'veto' ? `${rule} ${times}`.trim() : times;
}
