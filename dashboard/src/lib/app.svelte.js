// SPDX-License-Identifier: Apache-2.0
// The page's one state: who is logged in, what is looked at, how fresh it is. Figures live in `tables`; a view that reads them also reads
// `frames.<topic>`, which moves once an animation frame when they changed.
import { Api, ApiError, freshKey } from './api.js';
import { browserEnvironment, Coalescer } from './coalesce.js';
import { nsToMs } from './decimal.js';
import { Feed } from './feed.js';
import { freshness } from './freshness.js';
import { Tables } from './tables.js';
import { parseRoute, routeHash } from './route.js';

export const kTopics = ['quotes', 'bars', 'predictions', 'signals', 'orders', 'positions', 'trades', 'equity', 'latency', 'system', 'log'];

export const tables = new Tables();

export const frames = $state({ ...Object.fromEntries(kTopics.map((topic) => [topic, 0])), chart: 0, slow: 0 });

export const app = $state({
  auth: 'unknown',  // unknown, out, in
  loginNote: '',
  role: '',
  user: '',
  connection: 'closed',
  connectionNote: '',
  core: null,
  coreAt: 0,  // performance.now() when it came
  messageAt: 0,
  serverAheadMs: 0,  // the gateway's wall clock against this computer's
  now: 0,  // performance.now(), four times a second
  generation: 0,  // rises when every snapshot must be read again: a new epoch, or a line that was down
  gaps: 0,
  route: parseRoute(''),
  zone: 'utc',
  theme: 'dark',
  timeframe: 'M1',
  instruments: [],
  byInstrument: {},
  toasts: [],
  help: false,
});

// Prices follow at 20 a second. Everything else on the page five times a second, charts among it, since drawing costs more than all that the
// page computes; lines that move by the second twice.
const kSteadyPauseMs = 200;
const kSlowPauseMs = 500;
const bump = (dirty) => {
  for (const key of dirty) frames[key] += 1;
};
const quick = new Coalescer(bump);
const steady = new Coalescer(bump, browserEnvironment(), kSteadyPauseMs);
const slow = new Coalescer(bump, browserEnvironment(), kSlowPauseMs);

function changed(topic) {
  (topic === 'quotes' ? quick : steady).mark(topic);
  steady.mark('chart');
  slow.mark('slow');
}

export const api = new Api(document.baseURI, { onUnauthorised: () => loggedOut('') });

let messageAt = 0;
let wasOpen = false;

const feed = new Feed(
  () => new WebSocket(api.socketUrl(), ['thintail.v1.json']),
  {
    state(name, note) {
      app.connection = name;
      app.connectionNote = note;
      if (name === 'open') {
        // What came while the line was down is only in the snapshots.
        if (wasOpen) renew();
        wasOpen = true;
      }
    },
    message() {
      messageAt = performance.now();
    },
    core(core, serverTimeNs) {
      setCore(core);
      const ahead = nsToMs(serverTimeNs) - Date.now();
      if (Number.isFinite(ahead)) app.serverAheadMs = ahead;
    },
    snapshot(topic, timeframe, items) {
      tables.snapshot(topic, timeframe, items);
      changed(topic);
    },
    delta(topic, timeframe, items) {
      tables.delta(topic, timeframe, items);
      changed(topic);
    },
    unauthorised() {
      loggedOut('The session has ended.');
    },
    problem(problem) {
      toast('bad', problem.detail ?? problem.title ?? 'The gateway reported a problem');
    },
  },
);

export function setCore(core) {
  if (core === null || core === undefined) return;
  const before = app.core;
  app.core = core;
  app.coreAt = performance.now();
  if (before !== null && (before.epoch !== core.epoch || (before.stale && !core.stale))) renew();
}

// Everything that was read once is read again; a new epoch may have other instruments too.
function renew() {
  app.generation += 1;
  readInstruments().catch(() => {});  // the next renewal, or a reload, tries again; what is known stays
}

/** Reads a route of the API and keeps what it says of the core. */
export async function read(path, query, options) {
  const reply = await api.get(path, query, options);
  if (reply?.core) setCore(reply.core);
  return reply;
}

export async function boot() {
  app.zone = recall('zone', 'utc');
  app.theme = recall('theme', matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark');
  app.timeframe = recall('timeframe', 'M1');
  applyTheme();
  const code = takeCode();
  app.route = parseRoute(location.hash);
  addEventListener('hashchange', () => {
    app.route = parseRoute(location.hash);
  });
  addEventListener('online', () => feed.retryNow());
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) feed.retryNow();
  });
  setInterval(() => {
    app.now = performance.now();
    app.messageAt = messageAt;
    app.gaps = feed.gaps;
  }, 250);
  if (code !== null) {
    try {
      await login({ code });
      return;
    } catch (error) {
      app.loginNote = `The one-use code was not accepted: ${error.message}`;
    }
  }
  try {
    await enter();
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      app.auth = 'out';
    } else {
      app.auth = 'out';
      app.loginNote = app.loginNote || `The gateway does not answer: ${error.message}`;
    }
  }
}

// The code is a secret that works once: out of the address bar and the history before anything else happens.
function takeCode() {
  const match = /[#&]code=([^&]+)/.exec(location.hash);
  if (match === null) return null;
  history.replaceState(null, '', location.pathname + location.search);
  return decodeURIComponent(match[1]);
}

export async function login(credentials) {
  await api.post('login', credentials);
  await enter();
}

async function enter() {
  const session = await api.get('session');
  app.user = session.user;
  app.role = session.role;
  await readInstruments();
  app.auth = 'in';
  app.loginNote = '';
  for (const topic of kTopics) feed.subscribe({ topic, maxRateHz: 20, timeframe: topic === 'bars' ? app.timeframe : undefined });
  feed.start();
}

async function readInstruments() {
  const reply = await read('instruments');
  app.instruments = reply.items;
  app.byInstrument = Object.fromEntries(reply.items.map((item) => [item.instrument, item]));
}

export async function logout() {
  try {
    await api.post('logout', {});
  } finally {
    loggedOut('');
  }
}

function loggedOut(note) {
  feed.stop();
  app.auth = 'out';
  if (note !== '') app.loginNote = note;
}

/** Sends a command once, however often the network makes us try. */
export async function command(name, more = {}) {
  const key = freshKey();
  const body = { command: name, ...more };
  try {
    return await api.post('commands', body, { key });
  } catch (error) {
    // The request may have arrived and its answer been lost: the same key asks again without doing it again.
    if (error instanceof ApiError) throw error;
    return api.post('commands', body, { key });
  }
}

export function go(view, argument = '') {
  location.hash = routeHash(view, argument);
}

export function setZone(zone) {
  app.zone = zone;
  keep('zone', zone);
}

export function setTimeframe(timeframe) {
  if (timeframe === app.timeframe) return;
  feed.unsubscribe('bars', app.timeframe);
  app.timeframe = timeframe;
  keep('timeframe', timeframe);
  feed.subscribe({ topic: 'bars', timeframe, maxRateHz: 20 });
}

export function toggleTheme() {
  app.theme = app.theme === 'dark' ? 'light' : 'dark';
  keep('theme', app.theme);
  applyTheme();
}

function applyTheme() {
  document.documentElement.dataset.theme = app.theme;
  document.querySelector('meta[name="theme-color"]')?.setAttribute('content', app.theme === 'dark' ? '#0b0e14' : '#eef1f5');
}

export function toast(kind, text) {
  const id = freshKey();
  app.toasts = [...app.toasts.slice(-3), { id, kind, text }];
  setTimeout(() => {
    app.toasts = app.toasts.filter((item) => item.id !== id);
  }, kind === 'bad' ? 12_000 : 6_000);
}

export function dismiss(id) {
  app.toasts = app.toasts.filter((item) => item.id !== id);
}

/** How fresh what is shown is: live, finished, stale or offline, with its age and why. */
export function currentFreshness() {
  return freshness({ connection: app.connection, note: app.connectionNote, core: app.core, coreAt: app.coreAt, messageAt: app.messageAt, now: app.now });
}

export function digitsOf(instrument) {
  return app.byInstrument[instrument]?.digits ?? 5;
}

function recall(name, otherwise) {
  try {
    return localStorage.getItem(`thintail.${name}`) ?? otherwise;
  } catch {
    return otherwise;  // storage is switched off: settings last as long as the page
  }
}

function keep(name, value) {
  try {
    localStorage.setItem(`thintail.${name}`, value);
  } catch {
    // As above.
  }
}
