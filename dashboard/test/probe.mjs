// SPDX-License-Identifier: Apache-2.0
// What runs inside the page, before its own scripts, to see when an event that came over the socket has been painted: the stamp of the mock's
// message against the end of the frame that shows its price, and against the end of the next frame in which the chart's canvas was drawn.

export const kProbe = () => {
  const probe = { touch: [], chart: [], waiting: [], canvas: [], drawing: [], on: false };
  const nowMs = () => performance.timeOrigin + performance.now();
  const Socket = globalThis.WebSocket;
  let instrument = '';
  globalThis.WebSocket = class extends Socket {
    constructor(...args) {
      super(...args);
      this.addEventListener('message', ({ data }) => {
        if (!probe.on || !data.includes('"quotes"')) return;
        const message = JSON.parse(data);
        if (message.type !== 'delta' || message.topic !== 'quotes') return;
        for (const item of message.items) {
          if (item.instrument !== instrument) continue;
          const last = probe.waiting.at(-1);
          const shown = `${item.bid}|${item.ask}`;
          // The same prices again change nothing on the screen.
          if (last?.shown !== shown) probe.waiting.push({ shown, at: message.event_ms });
        }
      });
    }
  };

  // Whether a change is made within a frame (that frame shows it) or before one.
  let inFrame = false;
  const channel = new MessageChannel();
  let afterFrame = [];
  channel.port1.onmessage = () => {
    inFrame = false;
    const due = afterFrame;
    afterFrame = [];
    for (const run of due) run(nowMs());
  };
  const request = globalThis.requestAnimationFrame.bind(globalThis);
  const enter = () => {
    if (inFrame) return;
    inFrame = true;
    channel.port2.postMessage(0);
  };
  globalThis.requestAnimationFrame = (run) => request((time) => {
    enter();
    run(time);
  });
  const painted = (run) => {
    if (inFrame) afterFrame.push(run);
    else request(() => {
      enter();
      afterFrame.push(run);
    });
  };

  const clear = CanvasRenderingContext2D.prototype.fillRect;
  CanvasRenderingContext2D.prototype.fillRect = function fillRect(...args) {
    // The library draws a pane anew, or not at all; the one that is wide is the bars'.
    if (probe.canvas.length > 0 && this.canvas.closest('.canvas[data-instrument]') !== null) {
      const due = probe.canvas;
      probe.canvas = [];
      painted((at) => { for (const event of due) probe.chart.push(at - event); });
    }
    return clear.apply(this, args);
  };

  probe.start = () => {
    const touch = document.querySelector('.touch');
    instrument = document.querySelector('.canvas[data-instrument]').dataset.instrument;
    const digits = (text) => text.replace('−', '-').trim();
    new MutationObserver(() => {
      const [bid, ask] = [...touch.querySelectorAll('.price')].map((item) => digits(item.textContent));
      const at = probe.waiting.findLastIndex((item) => item.shown === `${bid}|${ask}`);
      if (at < 0) return;
      const due = probe.waiting.splice(0, at + 1).map((item) => item.at);
      probe.canvas.push(...due);
      painted((end) => { for (const event of due) probe.touch.push(end - event); });
    }).observe(touch, { subtree: true, characterData: true, childList: true });
    probe.on = true;
  };
  probe.stop = () => ({ touch: probe.touch, chart: probe.chart });
  globalThis.thintailProbe = probe;
};
