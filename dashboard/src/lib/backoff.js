// SPDX-License-Identifier: Apache-2.0
// Backoff: how long to wait before the next attempt to connect. Full jitter, so that a thousand pages do not come back at once; it starts
// over only once a connection has held for a while, so that one that breaks at once is not hammered.

export class Backoff {
  #attempt = 0;
  #random;

  constructor({ baseMs = 250, capMs = 10_000, stableMs = 5_000, random = Math.random } = {}) {
    this.baseMs = baseMs;
    this.capMs = capMs;
    this.stableMs = stableMs;
    this.#random = random;
  }

  nextMs() {
    const ceiling = Math.min(this.capMs, this.baseMs * 2 ** this.#attempt);
    this.#attempt += 1;
    // Never 0: a loop of instant failures would otherwise spin.
    return Math.max(50, Math.round(this.#random() * ceiling));
  }

  /** A connection ended that had been open for this long. */
  held(ms) {
    if (ms >= this.stableMs) this.#attempt = 0;
  }
}
