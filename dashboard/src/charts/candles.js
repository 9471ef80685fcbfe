// SPDX-License-Identifier: Apache-2.0
// CandleChart: bars of one instrument with what the strategy thought and did: signals, entries and exits on the bars, the model's score and
// the regime in panes of their own. History is set once; live bars are updates, so that the view never jumps.
import { CandlestickSeries, HistogramSeries, LineStyle, createChart, createSeriesMarkers } from 'lightweight-charts';
import { chartOptions } from './base.js';
import { faded, palette, regimeColours } from './theme.js';

export class CandleChart {
  #chart;
  #bars;
  #scores;
  #regimes;
  #markers;
  #lines = new Map();
  #marked = '';
  #marking = false;
  #colours;
  #last = -Infinity;
  #count = 0;
  #lastScore = -Infinity;
  #lastRegime = -Infinity;

  constructor(element, { zone, digits, onHover }) {
    this.#colours = palette();
    this.#chart = createChart(element, chartOptions(this.#colours, zone));
    this.#bars = this.#chart.addSeries(CandlestickSeries, this.#barOptions(digits), 0);
    this.#scores = this.#chart.addSeries(HistogramSeries, { priceFormat: { type: 'price', precision: 2, minMove: 0.01 }, priceLineVisible: false, lastValueVisible: true }, 1);
    // The ribbon lies at the foot of the scores, on a scale of its own: a pane more would be four canvases more to draw.
    this.#regimes = this.#chart.addSeries(HistogramSeries, { priceScaleId: 'regime', priceLineVisible: false, lastValueVisible: false, priceFormat: { type: 'custom', formatter: () => '', minMove: 1 } }, 1);
    this.#regimes.priceScale().applyOptions({ scaleMargins: { top: 0.9, bottom: 0 } });
    this.#scores.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.2 } });
    const panes = this.#chart.panes();
    panes[0].setStretchFactor(1);
    panes[1].setStretchFactor(0.23);
    this.#markers = this.#attachMarkers();
    this.#chart.subscribeCrosshairMove((event) => {
      const bar = event.time === undefined ? undefined : event.seriesData.get(this.#bars);
      onHover(bar === undefined ? null : { ...bar, score: event.seriesData.get(this.#scores)?.value });
    });
  }

  // The markers ask for a layout of the whole chart whenever a bar changes, though the bar's own update draws them too: five times a second all
  // canvases would be measured and drawn twice. Only new markers ask.
  #attachMarkers() {
    const bars = this.#bars;
    const attach = bars.attachPrimitive;
    bars.attachPrimitive = (primitive) => {
      const attached = primitive.attached;
      primitive.attached = (given) => attached.call(primitive, { ...given, requestUpdate: () => {
        if (this.#marking) given.requestUpdate();
      } });
      attach.call(bars, primitive);
    };
    try {
      return createSeriesMarkers(bars, []);
    } finally {
      delete bars.attachPrimitive;
    }
  }

  #draw(markers) {
    this.#marking = true;
    this.#markers.setMarkers(markers);
    this.#marking = false;
  }

  #barOptions(digits) {
    const colours = this.#colours;
    return {
      upColor: 'transparent', downColor: colours.down, borderUpColor: colours.up, borderDownColor: colours.down, wickUpColor: colours.up, wickDownColor: colours.down,
      priceFormat: { type: 'price', precision: digits, minMove: 10 ** -digits },
      // The touch is drawn as two lines of its own; a hollow bar's colour would make an invisible label.
      priceLineVisible: false, lastValueVisible: false,
    };
  }

  restyle(zone, digits) {
    this.#colours = palette();
    this.#chart.applyOptions(chartOptions(this.#colours, zone));
    this.#bars.applyOptions(this.#barOptions(digits));
  }

  /** History, oldest first; replaces everything. Live bars go through update(). */
  setHistory(bars) {
    this.#bars.setData(bars.map(toCandle));
    this.#last = bars.length === 0 ? -Infinity : bars.at(-1).time;
    this.#count = bars.length;
    this.#chart.priceScale('right', 0).applyOptions({ autoScale: true });
    const shown = Math.min(bars.length, Math.max(60, Math.floor(this.#chart.timeScale().width() / 7)));
    this.#chart.timeScale().setVisibleLogicalRange({ from: bars.length - shown, to: bars.length + 6 });
  }

  get last() {
    return this.#last;
  }

  /** How many bars it holds. */
  get count() {
    return this.#count;
  }

  /** Bars that changed, oldest first. Those older than the newest shown are closed and known already. */
  update(bars) {
    for (const bar of bars) {
      if (bar.time < this.#last) continue;
      this.#bars.update(toCandle(bar));
      if (bar.time > this.#last) this.#count += 1;
      this.#last = bar.time;
    }
  }

  #scoreBar({ time, score, cost }) {
    const colours = this.#colours;
    const strong = Math.abs(score) > cost;
    return { time, value: score, color: strong ? (score > 0 ? colours.up : colours.down) : faded(colours.faint, 0.6) };
  }

  setScores(points, cost) {
    this.#scores.setData(points.map((point) => this.#scoreBar(point)));
    this.#lastScore = points.length === 0 ? -Infinity : points.at(-1).time;
    this.#costLines(cost);
  }

  #costLines(cost) {
    for (const name of ['cost+', 'cost-']) this.#line(this.#scores, name, Number.isFinite(cost) ? (name === 'cost+' ? cost : -cost) : NaN, { color: this.#colours.warn, lineStyle: LineStyle.Dashed, axisLabelVisible: false, title: '' });
  }

  updateScore(point) {
    if (point.time < this.#lastScore || point.time > this.#last) return;
    this.#scores.update(this.#scoreBar(point));
    this.#lastScore = point.time;
  }

  setRegimes(points) {
    const colours = regimeColours(this.#colours);
    this.#regimes.setData(points.map(({ time, state }) => ({ time, value: 1, color: colours[state % colours.length] })));
    this.#lastRegime = points.length === 0 ? -Infinity : points.at(-1).time;
  }

  updateRegime({ time, state }) {
    if (time < this.#lastRegime || time > this.#last) return;
    const colours = regimeColours(this.#colours);
    this.#regimes.update({ time, value: 1, color: colours[state % colours.length] });
    this.#lastRegime = time;
  }

  /** The same marks again cost nothing. */
  setMarkers(markers) {
    const key = JSON.stringify(markers);
    if (key === this.#marked) return;
    this.#marked = key;
    this.#draw(markers.map((marker) => this.#marker(marker)));
  }

  #marker({ kind, side, time, text }) {
    const colours = this.#colours;
    const colour = side === 'buy' ? colours.up : colours.down;
    const below = side === 'buy';
    if (kind === 'entry') return { time, position: below ? 'belowBar' : 'aboveBar', shape: below ? 'arrowUp' : 'arrowDown', color: colour, size: 1.3, text };
    if (kind === 'exit') return { time, position: below ? 'belowBar' : 'aboveBar', shape: 'square', color: colours.text, size: 0.7, text };
    if (kind === 'veto') return { time, position: below ? 'belowBar' : 'aboveBar', shape: 'circle', color: faded(colours.warn, 0.9), size: 0.6, text };
    return { time, position: below ? 'belowBar' : 'aboveBar', shape: 'circle', color: faded(colour, 0.6), size: 0.5, text };
  }

  /** A horizontal line by name: the ask, a position's entry. NaN takes it away. */
  setLine(name, price, { colour = 'muted', title = '', dashed = true } = {}) {
    this.#line(this.#bars, name, price, { color: this.#colours[colour], lineStyle: dashed ? LineStyle.Dashed : LineStyle.Dotted, axisLabelVisible: true, title });
  }

  #line(series, name, price, options) {
    const known = this.#lines.get(name);
    if (!Number.isFinite(price)) {
      if (known !== undefined) {
        series.removePriceLine(known);
        this.#lines.delete(name);
      }
      return;
    }
    if (known === undefined) this.#lines.set(name, series.createPriceLine({ price, lineWidth: 1, ...options }));
    else if (known.options().price !== price || known.options().color !== options.color || known.options().title !== options.title) known.applyOptions({ price, ...options });
  }

  clear() {
    for (const name of [...this.#lines.keys()]) this.#line(name.startsWith('cost') ? this.#scores : this.#bars, name, NaN, {});
    this.#draw([]);
    this.#marked = '';
    this.#bars.setData([]);
    this.#scores.setData([]);
    this.#regimes.setData([]);
    this.#last = this.#lastScore = this.#lastRegime = -Infinity;
    this.#count = 0;
  }

  setDigits(digits) {
    this.#bars.applyOptions({ priceFormat: { type: 'price', precision: digits, minMove: 10 ** -digits } });
  }

  destroy() {
    this.#chart.remove();
  }
}

function toCandle({ time, open, high, low, close }) {
  return { time, open: Number(open), high: Number(high), low: Number(low), close: Number(close) };
}
