// SPDX-License-Identifier: Apache-2.0
// Two uPlot charts: percentiles over time and a histogram, both with latencies on a logarithmic axis.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { latency } from '../lib/format.js';
import { axisLabel, stamp } from '../lib/zones.js';
import { faded, palette } from './theme.js';

function axis(colours, more) {
  return { stroke: colours.muted, font: `11px ${colours.font}`, grid: { stroke: colours.line, width: 1 }, ticks: { stroke: colours.line, width: 1, size: 4 }, ...more };
}

function sized(element) {
  return { width: Math.max(120, element.clientWidth), height: Math.max(80, element.clientHeight) };
}

class Plot {
  #element;
  #observer;
  #make;
  #data = null;
  plot = null;

  constructor(element, make) {
    this.#element = element;
    this.#make = make;
    this.#observer = new ResizeObserver(() => this.plot?.setSize(sized(element)));
    this.#observer.observe(element);
  }

  set(data) {
    this.#data = data;
    if (this.plot === null) this.plot = new uPlot({ ...this.#make(palette()), ...sized(this.#element) }, data, this.#element);
    else this.plot.setData(data);
  }

  restyle() {
    if (this.plot === null) return;
    this.plot.destroy();
    this.plot = null;
    this.set(this.#data);
  }

  destroy() {
    this.#observer.disconnect();
    this.plot?.destroy();
  }
}

/** `zone()` gives the page's zone of now. */
export function percentilePlot(element, zone) {
  return new Plot(element, (colours) => ({
    legend: { live: true },
    cursor: { drag: { x: false, y: false } },
    scales: { x: { time: true }, y: { distr: 3, log: 10 } },
    axes: [
      axis(colours, { values: (_, ticks, __, ___, step) => ticks.map((seconds) => axisLabel(seconds * 1000, zone(), step < 60 ? 'second' : 'minute')) }),
      axis(colours, { size: 62, values: (_, ticks) => ticks.map((ns) => (ns === null || !isRound(ns) ? '' : latency(ns))) }),
    ],
    series: [
      { label: 'Time', value: (_, seconds) => (seconds === null ? '–' : stamp(seconds * 1000, zone()).slice(11)) },
      line('p50', colours.up, []),
      line('p99', colours.down, []),
      line('p99.9', colours.replay, [4, 3]),
    ],
  }));
}

// Labels at 1, 2 and 5 of each decade at most.
function isRound(ns) {
  const digit = ns / 10 ** Math.floor(Math.log10(ns) + 1e-9);
  return Math.abs(digit - Math.round(digit)) < 1e-6 && [1, 2, 5].includes(Math.round(digit));
}

function line(label, colour, dash) {
  return { label, stroke: colour, width: 1.5, dash, points: { show: false }, value: (_, ns) => (ns === null || ns === undefined ? '–' : latency(ns)) };
}

/** Buckets [{le_ns, count}] as columns; the x axis counts buckets, whose limits are powers of two. `tone` names the colour. */
export function histogramPlot(element, limits, tone = 'up') {
  return new Plot(element, (colours) => ({
    legend: { live: true },
    cursor: { drag: { x: false, y: false }, points: { show: false } },
    // Counts span decades and may be 0, which a logarithm has no place for: the axis holds log10(1 + n).
    scales: { x: { time: false, range: (_, low, high) => [low - 0.7, high + 0.7] }, y: { range: (_, __, high) => [0, Math.max(1, high * 1.05)] } },
    axes: [
      axis(colours, { splits: (plot) => plot.data[0], values: (_, ticks) => ticks.map((at) => (at % 2 === 0 && limits()[at] !== undefined ? latency(limits()[at]) : '')) }),
      axis(colours, { size: 62, splits: (_, __, low, high) => Array.from({ length: Math.floor(high) + 1 }, (___, power) => power), values: (_, ticks) => ticks.map((power) => (power === 0 ? '0' : `1e${power}`)) }),
    ],
    series: [
      { label: 'At most', value: (_, at) => (at === null || limits()[at] === undefined ? '–' : latency(limits()[at])) },
      { label: 'Count', stroke: colours[tone], fill: faded(colours[tone], 0.35), width: 1, paths: uPlot.paths.bars({ size: [0.86, 64] }), points: { show: false }, value: (_, power) => (power === null ? '–' : Math.round(10 ** power - 1).toLocaleString('en')) },
    ],
  }));
}
