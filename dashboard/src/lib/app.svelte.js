// SPDX-License-Identifier: Apache-2.0
// The page's one state: who is logged in, what is looked at, how fresh it is. Figures live in `tables`; a view that reads them also reads
// `frames.<topic>`, which moves once an animation frame when they changed.
import { Api, ApiError, freshKey } from './api.js';
import { Coalescer, kQuickMs } from './coalesce.js';
import { nsToMs } from './decimal.js';
import { Feed } from './feed.js';
import { freshness } from './freshness.js';
import { Tables } from './tables.js';
import { parseRoute, routeHash } from './route.js';

export const kTopics = ['quotes', 'bars', 'predictions', 'signals', 'orders', 'positions', 'trades', 'equity', 'latency', 'system', 'log'];

export const tables = new Tables();

export const frames = $state({ ...Object.fromEntries(kTopics.map((topic) => [topic, 0])), watch: 0, chart: 0, slow: 0 });

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
  replay: null,  // { state, share } of a replay that can be steered
  engineNs: null,  // engine time of the newest quote
});

// The price that is looked at follows at 20 a second, the watchlist at 10. Everything else on the page five times a second, charts among it, since
// drawing costs more than all that the page computes; lines that move by the second twice.
const kWatchMs = 95;
const kSteadyMs = 200;
const kSlowMs = 500;
const kClockMs = 250;
const kPauses = { quotes: kQuickMs, watch: kWatchMs, slow: kSlowMs, clock: kClockMs };
const painter = new Coalescer((due) => {
  for (const key of due) {
    if (key === 'clock') tick();
    else frames[key] += 1;
  }
}, (key) => kPauses[key] ?? kSteadyMs);

let followed = null;

/** The instrument whose price and chart are looked at; null for none. What nobody sees asks for no frame. */
export function follow(instrument) {
  followed = instrument;
}

function changed(topic, items = null) {
  painter.mark('slow');
  if (topic !== 'quotes') painter.mark(topic);
  if (followed === null) return;
  painter.mark('chart');
  if (topic !== 'quotes') return;
  painter.mark('watch');
  if (items === null || items.some((item) => item.instrument === followed)) painter.mark('quotes');
}

export const api = new Api(document.baseURI, { onUnauthorised: () => loggedOut('') });

let messageAt = 0;
let engineNs = null;
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
    snapshot(topic, timeframe, items, complete) {
      tables.snapshot(topic, timeframe, items, complete);
      changed(topic);
    },
    delta(topic, timeframe, items, complete) {
      tables.delta(topic, timeframe, items, complete);
      if (topic === 'quotes' && items.length > 0) engineNs = items.at(-1).time_ns;
      changed(topic, items);
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

function tick() {
  app.engineNs = engineNs;
  app.now = performance.now();
  app.messageAt = messageAt;
  app.gaps = feed.gaps;
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
    painter.visible();
    if (!document.hidden) feed.retryNow();
  });
  setInterval(() => painter.mark('clock'), kClockMs);
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
  for (const topic of kTopics) if (topic !== 'bars') feed.subscribe({ topic, maxRateHz: 20 });
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

/** { action: 'pause' | 'resume' } or { action: 'speed', speed }. */
export function steerReplay(body) {
  return api.post('replay', body, { key: freshKey() });
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
  const charted = barsOf;
  followBars(null);
  app.timeframe = timeframe;
  keep('timeframe', timeframe);
  followBars(charted);
}

let barsOf = null;

/** Bars come of the one instrument whose chart is open, and of none for null: a chart reads the history of another when it is opened. */
export function followBars(instrument) {
  if (instrument === barsOf) return;
  barsOf = instrument;
  if (instrument === null) feed.unsubscribe('bars', app.timeframe);
  else feed.subscribe({ topic: 'bars', timeframe: app.timeframe, instruments: [instrument], maxRateHz: 20 });
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
