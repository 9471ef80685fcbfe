// SPDX-License-Identifier: Apache-2.0
// What the trades page works out of a list of round trips: which match, what they sum to, and by day, week and month.
import { nsToMs, toNumber } from './decimal.js';
import { sessionDay, sessionMonth, sessionWeek } from './zones.js';

export function matches(trade, { symbol = '', side = '', result = '', from = '', to = '' }) {
  if (symbol !== '' && !trade.instrument.toUpperCase().includes(symbol.toUpperCase())) return false;
  if (side !== '' && trade.side !== side) return false;
  const pnl = toNumber(trade.pnl);
  if (result === 'wins' && !(pnl > 0)) return false;
  if (result === 'losses' && !(pnl < 0)) return false;
  if (result === 'open' && !trade.open) return false;
  if (from === '' && to === '') return true;
  const day = sessionDay(nsToMs(trade.close_ns ?? trade.open_ns));
  if (from !== '' && day < from) return false;
  if (to !== '' && day > to) return false;
  return true;
}

/** Sums of the closed trades of one currency. */
export function summarise(trades) {
  const closed = trades.filter((trade) => !trade.open);
  const results = closed.map((trade) => toNumber(trade.pnl)).filter(Number.isFinite);
  const sum = (list) => list.reduce((total, value) => total + value, 0);
  const won = results.filter((value) => value > 0);
  const lost = results.filter((value) => value < 0);
  const durations = closed.map((trade) => nsToMs(trade.duration_ns)).filter(Number.isFinite);
  return {
    count: results.length, wins: won.length, losses: lost.length, winRate: results.length === 0 ? NaN : won.length / results.length, pnl: sum(results),
    commission: sum(closed.map((trade) => toNumber(trade.commission)).filter(Number.isFinite)), average: results.length === 0 ? NaN : sum(results) / results.length,
    averageWin: won.length === 0 ? NaN : sum(won) / won.length, averageLoss: lost.length === 0 ? NaN : sum(lost) / lost.length,
    best: results.length === 0 ? NaN : Math.max(...results), worst: results.length === 0 ? NaN : Math.min(...results), factor: lost.length === 0 ? NaN : sum(won) / -sum(lost),
    duration: durations.length === 0 ? NaN : sum(durations) / durations.length,
  };
}

const kPeriods = { day: sessionDay, week: sessionWeek, month: sessionMonth };

/** Groups of closed trades, newest first: { name, count, wins, pnl, commission }. Periods are those of the session, which turns at 17:00 New York. */
export function byPeriod(trades, period) {
  const groups = new Map();
  for (const trade of trades) {
    if (trade.open || trade.close_ns === null) continue;
    const name = kPeriods[period](nsToMs(trade.close_ns));
    let group = groups.get(name);
    if (group === undefined) groups.set(name, (group = { name, count: 0, wins: 0, pnl: 0, commission: 0 }));
    const pnl = toNumber(trade.pnl);
    group.count += 1;
    if (pnl > 0) group.wins += 1;
    group.pnl += Number.isFinite(pnl) ? pnl : 0;
    group.commission += toNumber(trade.commission) || 0;
  }
  return [...groups.values()].sort((a, b) => b.name.localeCompare(a.name));
}
