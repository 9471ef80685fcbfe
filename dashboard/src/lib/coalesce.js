// SPDX-License-Identifier: Apache-2.0
// Coalescer: however often something changes, it is drawn once an animation frame, and not more than once in 50 ms (or a longer pause).

export const kFrameMs = 50;
// A hidden tab gets no animation frames; its figures go on all the same, slowly.
const kHiddenMs = 1000;

export class Coalescer {
  #flush;
  #dirty = new Set();
  #waiting = false;
  #last = -Infinity;
  #env;
  #pauseMs;

  /** `flush` is called with the set of what changed since it was last called. */
  constructor(flush, env = browserEnvironment(), pauseMs = kFrameMs) {
    this.#flush = flush;
    this.#env = env;
    this.#pauseMs = pauseMs;
  }

  mark(key) {
    this.#dirty.add(key);
    if (this.#waiting) return;
    this.#waiting = true;
    this.#arm();
  }

  #arm() {
    const env = this.#env;
    if (env.hidden()) {
      env.later(() => this.#run(), kHiddenMs);
      return;
    }
    const wait = this.#last + this.#pauseMs - env.now();
    if (wait > 0) env.later(() => this.#frame(), wait);
    else this.#frame();
  }

  #frame() {
    if (this.#env.hidden()) this.#env.later(() => this.#run(), kHiddenMs);
    else this.#env.frame(() => this.#run());
  }

  #run() {
    this.#waiting = false;
    this.#last = this.#env.now();
    const dirty = this.#dirty;
    this.#dirty = new Set();
    this.#flush(dirty);
  }
}

export function browserEnvironment() {
  return {
    now: () => performance.now(),
    hidden: () => document.hidden,
    later: (run, ms) => setTimeout(run, ms),
    frame: (run) => requestAnimationFrame(run),
  };
}
