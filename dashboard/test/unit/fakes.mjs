// SPDX-License-Identifier: Apache-2.0
// Time and a socket that only move when a test says so.

export class FakeTime {
  #timers = [];
  #frames = [];
  #next = 1;
  at = 0;
  isHidden = false;

  env() {
    return {
      now: () => this.at,
      hidden: () => this.isHidden,
      later: (run, ms) => {
        const id = this.#next++;
        this.#timers.push({ id, due: this.at + ms, run });
        return id;
      },
      cancel: (id) => {
        this.#timers = this.#timers.filter((timer) => timer.id !== id);
      },
      frame: (run) => this.#frames.push(run),
    };
  }

  pass(ms) {
    const end = this.at + ms;
    for (;;) {
      this.#timers.sort((a, b) => a.due - b.due);
      const next = this.#timers[0];
      if (next === undefined || next.due > end) break;
      this.#timers.shift();
      this.at = next.due;
      next.run();
    }
    this.at = end;
  }

  frame() {
    const due = this.#frames;
    this.#frames = [];
    for (const run of due) run();
    return due.length;
  }
}

export class FakeSocket {
  readyState = 0;
  sent = [];
  closed = false;

  open() {
    this.readyState = 1;
    this.onopen();
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  say(message) {
    this.onmessage({ data: typeof message === 'string' ? message : JSON.stringify(message) });
  }

  drop(code = 1006, reason = '') {
    this.readyState = 3;
    this.onclose({ code, reason });
  }

  close() {
    this.readyState = 3;
    this.closed = true;
  }
}
