// SPDX-License-Identifier: Apache-2.0
// Feed: one WebSocket to the gateway, kept alive. What is wanted is said once; after a lost connection, a gap in a topic's sequence or a
// stalled socket it is asked for again, so that whoever reads the tables sees whole data or is told that there is none.
import { Backoff } from './backoff.js';

// The gateway speaks at least every 5 s; two beats missed and a margin is a dead line, though the socket may look open for minutes.
export const kSilenceMs = 12_000;
const kNotAuthorised = 4401;

export class Feed {
  #make;
  #env;
  #backoff;
  #handlers;
  #socket = null;
  #openedAt = 0;
  #wanted = new Map();  // key -> subscription
  #sequences = new Map();  // key -> last seq, or null while a snapshot is awaited
  #ids = new Map();  // id of a request -> key
  #nextId = 1;
  #timer = null;
  #watch = null;
  #closed = true;

  /**
   * `make()` opens a socket; `handlers` = { state(name, detail), message(), core(core, serverTimeNs), snapshot(topic, timeframe, items, complete),
   * delta(topic, timeframe, items, complete), unauthorised(), problem(problem) }. A snapshot of thousands of rows comes in parts: `complete` is
   * false with its first, undefined with deltas up to the one that brings the last rows, where it is true.
   */
  constructor(make, handlers, { env = browserEnvironment(), backoff = new Backoff() } = {}) {
    this.#make = make;
    this.#handlers = handlers;
    this.#env = env;
    this.#backoff = backoff;
    this.gaps = 0;
    this.lastMessageAt = -Infinity;
  }

  start() {
    if (!this.#closed) return;
    this.#closed = false;
    this.#connect();
  }

  stop() {
    this.#closed = true;
    this.#env.cancel(this.#timer);
    this.#env.cancel(this.#watch);
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) socket.close(1000, 'the page is done');
    this.#handlers.state('closed', '');
  }

  /** A line that is known to be bad, or a machine that woke up: connect now instead of after the wait. */
  retryNow() {
    if (this.#closed || this.#socket !== null) return;
    this.#env.cancel(this.#timer);
    this.#connect();
  }

  subscribe(subscription) {
    const key = keyOf(subscription.topic, subscription.timeframe);
    this.#wanted.set(key, subscription);
    this.#ask(key);
  }

  unsubscribe(topic, timeframe = null) {
    const key = keyOf(topic, timeframe);
    if (!this.#wanted.delete(key)) return;
    this.#sequences.delete(key);
    const message = { type: 'unsubscribe', id: this.#nextId++, topic };
    if (timeframe !== null && timeframe !== undefined) message.timeframe = timeframe;
    this.#send(message);
  }

  #connect() {
    this.#handlers.state('connecting', '');
    let socket;
    try {
      socket = this.#make();
    } catch (error) {
      this.#later(String(error));
      return;
    }
    this.#socket = socket;
    this.#openedAt = this.#env.now();
    this.lastMessageAt = this.#env.now();
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      this.#handlers.state('open', '');
      for (const key of this.#wanted.keys()) this.#ask(key);
    };
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#take(event.data);
    };
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#lost(event.code, event.reason);
    };
    socket.onerror = () => {};  // a close always follows, with what there is to say
    this.#listen();
  }

  #listen() {
    this.#env.cancel(this.#watch);
    this.#watch = this.#env.later(() => {
      if (this.#socket === null) return;
      if (this.#env.now() - this.lastMessageAt < kSilenceMs) {
        this.#listen();
        return;
      }
      const socket = this.#socket;
      // Not its close event: a dead line may take minutes to give one.
      this.#lost(0, `nothing heard for ${kSilenceMs / 1000} s`);
      socket.close();
    }, 1000);
  }

  #lost(code, reason) {
    this.#env.cancel(this.#watch);
    this.#socket = null;
    this.#sequences.clear();
    this.#ids.clear();
    this.#backoff.held(this.#env.now() - this.#openedAt);
    if (this.#closed) return;
    if (code === kNotAuthorised) {
      this.#closed = true;
      this.#handlers.state('closed', reason);
      this.#handlers.unauthorised();
      return;
    }
    this.#later(reason);
  }

  #later(reason) {
    const wait = this.#backoff.nextMs();
    this.#handlers.state('waiting', reason || 'connection lost');
    this.#timer = this.#env.later(() => this.#connect(), wait);
  }

  #ask(key) {
    if (!this.#isOpen()) return;  // asked for when it opens
    const wanted = this.#wanted.get(key);
    const id = this.#nextId++;
    const message = { type: 'subscribe', id, topic: wanted.topic };
    if (wanted.timeframe) message.timeframe = wanted.timeframe;
    if (wanted.instruments) message.instruments = wanted.instruments;
    if (wanted.maxRateHz !== undefined) message.max_rate_hz = wanted.maxRateHz;
    this.#send(message);
    this.#sequences.set(key, null);
    this.#ids.set(id, key);
  }

  #isOpen() {
    return this.#socket !== null && this.#socket.readyState === 1;
  }

  #send(message) {
    if (this.#isOpen()) this.#socket.send(JSON.stringify(message));
  }

  #take(data) {
    this.lastMessageAt = this.#env.now();
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      this.#handlers.problem({ title: 'A message that is no JSON', detail: String(data).slice(0, 80) });
      return;
    }
    this.#handlers.message();
    try {
      this.#dispatch(message);
    } catch (error) {
      this.#handlers.problem({ title: `A message that cannot be read: ${error.message}` });
    }
  }

  #dispatch(message) {
    switch (message.type) {
      case 'hello':
      case 'heartbeat':
        this.#handlers.core(message.core, message.server_time_ns);
        break;
      case 'snapshot':
        this.#snapshot(message);
        break;
      case 'delta':
        this.#delta(message);
        break;
      case 'error':
        this.#ids.delete(message.id);
        this.#handlers.problem(message.problem ?? { title: 'The gateway refused a request' });
        break;
      default:
        break;  // pong, unsubscribed, and what a newer gateway may add
    }
  }

  #snapshot(message) {
    const key = keyOf(message.topic, message.timeframe);
    if (!this.#wanted.has(key)) return;
    if (message.id !== null && message.id !== undefined) {
      const asked = this.#ids.get(message.id) === key;
      this.#ids.delete(message.id);
      // An answer to a request that a later one of the same topic replaced.
      if (!asked || this.#pending(key)) return;
    }
    this.#sequences.set(key, message.seq);
    this.#handlers.snapshot(message.topic, message.timeframe ?? null, message.items, message.complete ?? true);
  }

  #pending(key) {
    for (const waiting of this.#ids.values()) if (waiting === key) return true;
    return false;
  }

  #delta(message) {
    const key = keyOf(message.topic, message.timeframe);
    const last = this.#sequences.get(key);
    // Undefined: no longer wanted. Null: its snapshot is still to come, and will hold what this says.
    if (last === undefined || last === null) return;
    if (message.seq !== last + 1) {
      this.gaps += 1;
      this.#ask(key);
      return;
    }
    this.#sequences.set(key, message.seq);
    this.#handlers.delta(message.topic, message.timeframe ?? null, message.items, message.complete);
  }
}

function keyOf(topic, timeframe) {
  return topic === 'bars' ? `bars|${timeframe ?? 'M1'}` : topic;
}

function browserEnvironment() {
  return {
    now: () => performance.now(),
    later: (run, ms) => setTimeout(run, ms),
    cancel: (timer) => clearTimeout(timer),
  };
}
