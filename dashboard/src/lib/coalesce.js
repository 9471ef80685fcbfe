// SPDX-License-Identifier: Apache-2.0
// Coalescer: however often something changes, it is drawn at its own pace and never twice within one animation frame. What is slow waits for a
// moment at which something quick is drawn too, since a frame costs as much for one figure as for all.

export const kQuickMs = 45;  // a gateway that sends 20 times a second is followed step for step
// What came together is shown together: a burst of messages takes a few milliseconds to arrive.
export const kGatherMs = 5;
// What is due so soon goes along, up to a fifth of its pause.
const kSlackMs = 20;
// A hidden tab gets no animation frames; its figures go on all the same, slowly.
const kHiddenMs = 1000;

export class Coalescer {
  #flush;
  #pauseOf;
  #env;
  #dirty = new Set();
  #drawnAt = new Map();
  #framed = true;  // the frame that shows what was flushed last has begun
  #timer = null;
  #wakeAt = Infinity;

  /** `flush` is called with the set of what changed and is due; `pauseOf(key)` is how long to wait from one drawing of it to the next, in ms. */
  constructor(flush, pauseOf = () => kQuickMs, env = browserEnvironment()) {
    this.#flush = flush;
    this.#pauseOf = pauseOf;
    this.#env = env;
  }

  mark(key) {
    if (this.#dirty.has(key)) return;
    this.#dirty.add(key);
    if (this.#framed) this.#wake(this.#wakeFor(key));
  }

  #dueOf(key) {
    return (this.#drawnAt.get(key) ?? -Infinity) + this.#pauseOf(key);
  }

  // What is slow is late by one quick pause rather than drawn in a frame of its own: the quick ones come in the meantime and take it along.
  #wakeFor(key) {
    return this.#dueOf(key) + (this.#pauseOf(key) > kQuickMs ? kQuickMs + kSlackMs : 0);
  }

  #wake(due) {
    const env = this.#env;
    const at = Math.max(due, env.now() + (env.hidden() ? kHiddenMs : kGatherMs));
    if (at >= this.#wakeAt) return;
    env.cancel(this.#timer);
    this.#wakeAt = at;
    this.#timer = env.later(() => this.#run(), at - env.now());
  }

  // Out of a timer and not out of the frame itself: what is drawn on a canvas asks for a frame of its own, and so gets the same one.
  #run() {
    const env = this.#env;
    this.#wakeAt = Infinity;
    const due = new Set([...this.#dirty].filter((key) => this.#dueOf(key) - Math.min(kSlackMs, this.#pauseOf(key) / 5) <= env.now()));
    for (const key of due) {
      this.#dirty.delete(key);
      this.#drawnAt.set(key, env.now());
    }
    // A page that cannot keep up is given nothing more until it has drawn this.
    this.#framed = env.hidden();
    if (!this.#framed) env.frame(() => this.#begun());
    this.#flush(due);
    if (this.#framed) this.#next();
  }

  #begun() {
    this.#framed = true;
    this.#next();
  }

  #next() {
    if (this.#dirty.size > 0) this.#wake(Math.min(...[...this.#dirty].map((key) => this.#wakeFor(key))));
  }

  /** The page was shown or hidden: a frame that was asked for may never come. */
  visible() {
    this.#begun();
  }
}

export function browserEnvironment() {
  return {
    now: () => performance.now(),
    hidden: () => document.hidden,
    later: (run, ms) => setTimeout(run, ms),
    cancel: (timer) => clearTimeout(timer),
    frame: (run) => requestAnimationFrame(run),
  };
}
