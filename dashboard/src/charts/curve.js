// SPDX-License-Identifier: Apache-2.0
// CurveChart: equity above and drawdown below, on one time axis.
import { AreaSeries, BaselineSeries, createChart } from 'lightweight-charts';
import { chartOptions } from './base.js';
import { faded, palette } from './theme.js';

export class CurveChart {
  #chart;
  #equity;
  #drawdown;
  #last = -Infinity;
  #count = 0;

  constructor(element, { zone }) {
    const colours = palette();
    this.#chart = createChart(element, chartOptions(colours, zone));
    // Weeks of points fit into one view.
    this.#chart.timeScale().applyOptions({ minBarSpacing: 0.02, rightOffset: 2 });
    this.#equity = this.#chart.addSeries(BaselineSeries, { baseValue: { type: 'price', price: 0 }, lineWidth: 2, priceLineVisible: false }, 0);
    this.#drawdown = this.#chart.addSeries(AreaSeries, { lineWidth: 1, priceLineVisible: false }, 1);
    this.#paint(colours);
    this.#chart.panes()[1].setStretchFactor(0.35);
  }

  #paint(colours) {
    this.#equity.applyOptions({
      topLineColor: colours.up, topFillColor1: faded(colours.up, 0.24), topFillColor2: faded(colours.up, 0.02), bottomLineColor: colours.down, bottomFillColor1: faded(colours.down, 0.02),
      bottomFillColor2: faded(colours.down, 0.24),
    });
    // Drawdown hangs from zero.
    this.#drawdown.applyOptions({ lineColor: colours.down, topColor: faded(colours.down, 0.05), bottomColor: faded(colours.down, 0.28), invertFilledArea: true });
  }

  restyle(zone) {
    const colours = palette();
    this.#chart.applyOptions(chartOptions(colours, zone));
    this.#paint(colours);
  }

  setHistory(points) {
    this.#equity.setData(points.map(({ time, equity }) => ({ time, value: equity })));
    this.#drawdown.setData(points.map(({ time, drawdown }) => ({ time, value: drawdown })));
    this.#last = points.length === 0 ? -Infinity : points.at(-1).time;
    this.#count = points.length;
    this.#chart.timeScale().fitContent();
  }

  /** How many points it holds. */
  get count() {
    return this.#count;
  }

  update({ time, equity, drawdown }) {
    if (!(time >= this.#last)) return;
    if (time > this.#last) this.#count += 1;
    this.#equity.update({ time, value: equity });
    this.#drawdown.update({ time, value: drawdown });
    this.#last = time;
  }

  destroy() {
    this.#chart.remove();
  }
}
