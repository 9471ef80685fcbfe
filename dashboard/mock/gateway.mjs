// SPDX-License-Identifier: Apache-2.0
// A gateway that speaks docs/api.md over a made-up market: for developing the page and for its tests. It also does what a real one does
// when things go wrong, on request: die, fall silent, lose messages, drop its sockets.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import { kTimeframes, Market } from './market.mjs';

const kDist = fileURLToPath(new URL('../dist/', import.meta.url));
const kTypes = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml', '.png': 'image/png',
                 '.webmanifest': 'application/manifest+json' };
// As strict as the gateway's: a page that needs more than this does not work there.
export const kPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const kSubProtocol = 'thintail.v1.json';
const kCommands = ['pause', 'resume', 'flatten', 'kill', 'reset_kill'];

export async function startGateway({ port = 0, password = 'demo', code = null, mode = 'paper', extra = 0, stepMs = 100, speed = mode === 'replay' ? 60 : 1, seed = 7, role = 'trader', nowS,
                                     heartbeatMs = 5000, instance = 'default', hours = 26, split = false, stamp = false, partRows = Infinity, partMs = 20, still = false, dist = kDist } = {}) {
  const market = new Market({ seed, extra, mode, instance, hours, ...(nowS === undefined ? {} : { nowS }) });
  market.speed = speed;
  market.paused = still;
  const sessions = new Set();
  const codes = new Set(code === null ? [] : [code]);
  const replies = new Map();  // Idempotency-Key -> [body, status, reply]
  const clients = new Set();
  let sent = 0;
  const requests = [];
  const faults = { silent: false, lose: new Set(), refuseSockets: false };

  const server = createServer((request, response) => {
    handle(request, response).catch((error) => problem(response, 500, 'TT-0999', String(error)));
  });

  async function handle(request, response) {
    const url = new URL(request.url, 'http://mock');
    const path = url.pathname;
    requests.push(`${request.method} ${path}`);
    if (path === '/healthz') return text(response, 200, 'ok');
    if (path === '/api/v1/login' && request.method === 'POST') return login(request, response);
    if (!path.startsWith('/api/')) return asset(response, dist, path);
    if (!sessions.has(cookieOf(request))) return problem(response, 401, 'TT-0601', 'log in first');
    if (request.method === 'POST') return post(request, response, path);
    return get(response, path, url.searchParams);
  }

  async function login(request, response) {
    const body = await bodyOf(request);
    if (codes.has(body.code) || (body.password === password && body.code === undefined)) {
      codes.delete(body.code);
      const id = Math.random().toString(36).slice(2);
      sessions.add(id);
      response.setHeader('Set-Cookie', `thintail_mock=${id}; HttpOnly; SameSite=Strict; Path=/; Max-Age=43200`);
      return json(response, 200, { user: 'demo', role, accounts: [`paper:${market.instance}`], expires_ns: `${Date.now() + 43_200_000}000000` });
    }
    return problem(response, 401, 'TT-0602', body.code === undefined ? 'user or password is wrong' : 'this code was used, or is older than 5 minutes');
  }

  async function post(request, response, path) {
    if (request.headers['x-thintail-csrf'] === undefined) return problem(response, 403, 'TT-0603', 'X-Thintail-CSRF is missing');
    if (path === '/api/v1/logout') {
      sessions.delete(cookieOf(request));
      return json(response, 200, {});
    }
    const isCancel = /^\/api\/v1\/jobs\/[\w-]+\/cancel$/.test(path);
    if (!isCancel && path !== '/api/v1/commands' && path !== '/api/v1/replay') return problem(response, 404, 'TT-0201', 'no such route');
    if (isCancel) {
      const job = market.jobs().find((item) => item.id === path.split('/')[4]);
      if (role !== 'admin') return problem(response, 403, 'TT-0604', 'this needs the role admin');
      if (job === undefined) return problem(response, 404, 'TT-0201', 'no job of that id is known');
      market.cancelJob(job.id);
      return json(response, 202, market.jobs().find((item) => item.id === job.id));
    }
    if (role === 'viewer') return problem(response, 403, 'TT-0604', 'this needs the role trader');
    const key = request.headers['idempotency-key'];
    if (key === undefined) return problem(response, 400, 'TT-0605', 'Idempotency-Key is missing');
    const body = await bodyOf(request);
    const stored = replies.get(key);
    if (stored !== undefined) return JSON.stringify(body) === stored[0] ? json(response, 200, stored[1]) : problem(response, 422, 'TT-0606', 'the key was used for another body');
    if (path === '/api/v1/replay') {
      if (market.mode !== 'replay') return problem(response, 409, 'TT-0209', 'this core plays no replay that can be steered');
      if (body.action === 'speed') market.speed = body.speed;
      else market.paused = body.action === 'pause';
      const answer = { core: market.core(), ...market.replay() };
      replies.set(key, [JSON.stringify(body), answer]);
      return json(response, 200, answer);
    }
    if (!kCommands.includes(body.command)) return problem(response, 422, 'TT-0607', 'command: one of pause, resume, flatten, kill, reset_kill');
    if (body.command === 'reset_kill' && body.confirm !== `RE-ARM ${market.instance}`) return problem(response, 422, 'TT-0608', `confirm: expected "RE-ARM ${market.instance}"`);
    let reply;
    if (market.state !== 'running') {
      if (body.command !== 'kill') return problem(response, 503, 'TT-0303', 'no running core');
      market.gate.latch_file = true;
      reply = { command_id: '1', command: 'kill', state: 'latched', sequence: null, durable: true, detail: 'written to the latch file; venue orders are not cancelled' };
    } else {
      reply = market.command(body.command, 'demo');
    }
    replies.set(key, [JSON.stringify(body), reply]);
    return json(response, 200, reply);
  }

  function get(response, path, query) {
    const limit = Math.min(10_000, Number(query.get('limit') ?? 500));
    const core = market.core();
    const parts = path.split('/').slice(3).map(decodeURIComponent);
    const row = parts[1] === undefined ? undefined : findRow(parts[1]);
    const missing = () => problem(response, 404, 'TT-0210', `no instrument ${parts[1]}`);
    const page = (items, more = {}) => json(response, 200, { core, items: items.slice(-limit), next_cursor: null, ...more });
    const ofSymbol = (items) => (query.get('symbol') ? items.filter((item) => item.symbol === query.get('symbol') || item.instrument === query.get('symbol')) : items);
    switch (parts[0]) {
      case 'session': return json(response, 200, { user: 'demo', role, accounts: [`paper:${market.instance}`], expires_ns: `${Date.now() + 43_200_000}000000` });
      case 'instruments': return json(response, 200, { core, items: market.rows.map((item) => market.instrument(item)) });
      case 'quotes': return json(response, 200, { core, items: market.rows.map((item) => market.quote(item, true)) });
      case 'history': {
        if (row === undefined) return missing();
        if (!(parts[2] in kTimeframes)) return problem(response, 422, 'TT-0211', `no timeframe ${parts[2]}`);
        const items = market.history(row, parts[2], limit);
        return json(response, 200, { core, instrument: row.instrument, timeframe: parts[2], side: 'bid', items, next_cursor: null,
                                     coverage: { from_ns: items[0]?.start_ns ?? null, to_ns: items.at(-1)?.end_ns ?? null, complete: true } });
      }
      case 'predictions': {
        if (row === undefined) return missing();
        if (parts[2] !== 'history') return json(response, 200, { core, instrument: row.instrument, prediction: market.prediction(row), reason: row.prediction === null ? 'no_model' : null });
        return json(response, 200, { core, instrument: row.instrument, items: market.predictionHistory(row, limit), next_cursor: null, summary: { count: 512, judged: 500, right: 262, hit_rate: 0.524 } });
      }
      case 'regime': {
        if (row === undefined) return missing();
        const items = row.regimes.map((item) => ({ state: item.state, from: item.from, probability: item.probability, start_ns: nsOf(item.startS), end_ns: item.endS === null ? null : nsOf(item.endS) }));
        return json(response, 200, { core, instrument: row.instrument, regime: { ...items.at(-1), since_ns: items.at(-1).start_ns, sequence: '1' }, items });
      }
      case 'signals': return page(ofSymbol(market.signals));
      case 'orders': return page(ofSymbol(market.orders));
      case 'fills': return page(ofSymbol(market.fills));
      case 'trades': {
        const items = ofSymbol([...market.trades, ...market.openTrades()]);
        return page(items, { summary: market.tradeSummary(items) });
      }
      case 'positions': return json(response, 200, { core, items: market.positions() });
      case 'portfolio': return json(response, 200, { core, ...market.portfolio() });
      case 'equity': return json(response, 200, { core, currency: 'USD', items: market.equity.slice(-limit).map(({ timeS, currency, ...point }) => point), next_cursor: null });
      case 'risk': return json(response, 200, { core, gate: market.gateRow(), items: market.risk() });
      case 'models': return json(response, 200, { core, items: market.models() });
      case 'latency': return json(response, 200, { core, items: market.latency(true), series: market.latencySeries, gaps: market.gaps() });
      case 'jobs': return json(response, 200, { items: market.jobs(), next_cursor: null });
      case 'replay': return market.mode === 'replay' ? json(response, 200, { core, ...market.replay() }) : problem(response, 409, 'TT-0209', 'this core plays no replay that can be steered');
      case 'system': return json(response, 200, { core, ...market.status() });
      case 'sessions': return json(response, 200, { core, items: [{ epoch: market.epoch, session_id: `${market.instance}-${market.epoch}`, account: `paper:${market.instance}`, mode: market.mode, state: 'running', started_ns: nsOf(market.startS),
                                                   ended_ns: null, events: String(market.sequence) }], next_cursor: null });
      case 'commands': return page(market.commands);
      case 'log': return page(market.log);
      default: return problem(response, 404, 'TT-0201', 'no such route');
    }
  }

  function findRow(name) {
    const wanted = name.toUpperCase();
    return market.rows.find((row) => row.symbol === wanted || row.instrument.toUpperCase() === wanted);
  }

  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => (offered.has(kSubProtocol) ? kSubProtocol : false) });
  server.on('upgrade', (request, socket, head) => {
    if (faults.refuseSockets || new URL(request.url, 'http://mock').pathname !== '/ws') {
      socket.destroy();
      return;
    }
    sockets.handleUpgrade(request, socket, head, (client) => {
      if (!sessions.has(cookieOf(request))) client.close(4401, 'not authorised');
      else welcome(client);
    });
  });

  function welcome(socket) {
    const client = { socket, topics: new Map() };
    clients.add(client);
    socket.on('close', () => clients.delete(client));
    socket.on('message', (data) => listen(client, JSON.parse(String(data))));
    send(client, { type: 'hello', schema: kSubProtocol, server_time_ns: nsOf(Date.now() / 1000), heartbeat_s: 5, topics: Object.keys(kSnapshots), core: market.core() });
  }

  function listen(client, message) {
    if (message.type === 'subscribe') {
      const key = message.topic === 'bars' ? `bars|${message.timeframe ?? 'M1'}` : message.topic;
      const snapshot = kSnapshots[message.topic];
      if (snapshot === undefined) {
        send(client, { type: 'error', id: message.id, problem: { title: `no topic ${message.topic}`, status: 404, code: 'TT-0212' } });
        return;
      }
      const topic = { topic: message.topic, timeframe: message.topic === 'bars' ? (message.timeframe ?? 'M1') : null, seq: 40,
                      only: message.instruments ? new Set(message.instruments.map((name) => findRow(name)?.instrument)) : null };
      client.topics.set(key, topic);
      whole(client, topic, message.id, filtered(topic, snapshot(market, topic)));
    } else if (message.type === 'unsubscribe') {
      client.topics.delete(message.topic === 'bars' ? `bars|${message.timeframe ?? 'M1'}` : message.topic);
      send(client, { type: 'unsubscribed', id: message.id, topic: message.topic });
    } else if (message.type === 'ping') {
      send(client, { type: 'pong', id: message.id });
    }
  }

  // A snapshot; one of many rows in parts, as the client takes them, with deltas between.
  function whole(client, topic, id, items) {
    const isWhole = items.length <= partRows;
    send(client, { type: 'snapshot', id, topic: topic.topic, timeframe: topic.timeframe, seq: topic.seq, ...(isWhole ? {} : { complete: false }), items: isWhole ? items : items.slice(0, partRows) });
    const more = (from) => {
      if (from >= items.length || ![...client.topics.values()].includes(topic)) return;
      topic.seq += 1;
      send(client, { type: 'delta', topic: topic.topic, timeframe: topic.timeframe, seq: topic.seq, ...(from + partRows >= items.length ? { complete: true } : {}), items: items.slice(from, from + partRows) });
      setTimeout(more, partMs, from + partRows);
    };
    if (!isWhole) setTimeout(more, partMs, partRows);
  }

  function filtered(topic, items) {
    return topic.only === null ? items : items.filter((item) => item.instrument === undefined || topic.only.has(item.instrument));
  }

  function send(client, message) {
    if (faults.silent || client.socket.readyState !== 1) return;
    sent += 1;
    client.socket.send(JSON.stringify(message));
  }

  function publish(name, timeframe, items) {
    if (items.length === 0) return;
    if (split && items.length > 1) {
      for (const item of items) publish(name, timeframe, [item]);
      return;
    }
    for (const client of clients) {
      const topic = client.topics.get(name === 'bars' ? `bars|${timeframe}` : name);
      if (topic === undefined) continue;
      const chosen = filtered(topic, items);
      if (chosen.length === 0) continue;
      topic.seq += 1;
      if (faults.lose.has(name)) continue;
      send(client, { type: 'delta', topic: name, timeframe, seq: topic.seq, items: chosen, ...(stamp ? { event_ms: eventMs } : {}) });
    }
  }

  let turns = 0;
  let eventMs = 0;  // when what is being sent happened; for measuring
  function turn() {
    eventMs = performance.timeOrigin + performance.now();
    market.step((stepMs / 1000) * (market.mode === 'replay' ? market.speed : speed));
    turns += 1;
    const changed = market.takeChanges();
    publish('quotes', null, [...changed.quotes].map((row) => market.quote(row, false)));
    const bars = new Map();
    for (const [row, name, bar] of changed.bars) bars.set(`${name}|${row.id}|${bar.start}`, [row, name, bar]);
    for (const name of Object.keys(kTimeframes)) publish('bars', name, [...bars.values()].filter((entry) => entry[1] === name).map(([row, , bar]) => market.bar(row, name, bar, true)));
    publish('predictions', null, [...changed.predictions].map((row) => market.prediction(row)));
    publish('signals', null, changed.signals);
    publish('orders', null, changed.orders);
    publish('trades', null, [...changed.trades, ...(turns % 5 === 0 ? market.openTrades() : [])]);
    publish('log', null, changed.log);
    const held = market.rows.filter((row) => changed.positions.has(row) || row.position !== null);
    publish('positions', null, held.map((row) => market.position(row)).filter((item) => item !== null));
    if (changed.equity !== null) publish('equity', null, [withoutTime(changed.equity)]);
    if (turns % Math.max(1, Math.round(500 / stepMs)) === 0) publish('system', null, [market.system()]);
    if (turns % Math.max(1, Math.round(1000 / stepMs)) === 0 && market.state === 'running') {
      market.latencySecond(Date.now() / 1000);
      publish('latency', null, market.latency(false));
    }
  }

  const timer = setInterval(turn, stepMs);
  const beat = setInterval(heartbeat, heartbeatMs);
  function heartbeat() {
    for (const client of clients) send(client, { type: 'heartbeat', server_time_ns: nsOf(Date.now() / 1000), core: market.core() });
  }

  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  return {
    market, clients, requests, faults, url: `http://127.0.0.1:${server.address().port}/`,
    die() { market.die(); heartbeat(); },
    finish() { market.finish(); heartbeat(); },
    revive() {
      market.revive();
      heartbeat();
      for (const client of clients) {
        for (const topic of client.topics.values()) {
          topic.seq = 7;
          whole(client, topic, null, filtered(topic, kSnapshots[topic.topic](market, topic)));
        }
      }
    },
    sent: () => sent,
    dropSockets() { for (const client of clients) client.socket.terminate(); },
    endSessions() {
      sessions.clear();
      for (const client of clients) client.socket.close(4401, 'the session ended');
    },
    addCode(value) { codes.add(value); },
    async close() {
      clearInterval(timer);
      clearInterval(beat);
      for (const client of clients) client.socket.terminate();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

const kSnapshots = {
  quotes: (market) => market.rows.map((row) => market.quote(row, true)),
  bars: (market, topic) => market.rows.flatMap((row) => market.history(row, topic.timeframe, 2).map((bar) => ({ instrument: row.instrument, symbol: row.symbol, timeframe: topic.timeframe, ...bar }))),
  predictions: (market) => market.rows.map((row) => market.prediction(row)).filter((item) => item !== null),
  signals: (market) => market.signals.slice(-200),
  orders: (market) => market.orders.slice(-200),
  positions: (market) => market.positions(),
  trades: (market) => [...market.trades.slice(-200), ...market.openTrades()],
  equity: (market) => market.equity.slice(-1).map(withoutTime),
  latency: (market) => market.latency(false),
  system: (market) => [market.system()],
  log: (market) => market.log.slice(-200),
};

function withoutTime({ timeS, ...point }) {
  return point;
}

function nsOf(seconds) {
  return `${Math.floor(seconds)}${String(Math.floor((seconds % 1) * 1e9)).padStart(9, '0')}`;
}

async function asset(response, dist, path) {
  const name = normalize(path === '/' ? 'index.html' : path.slice(1));
  if (name.startsWith('..')) return problem(response, 404, 'TT-0201', 'no such file');
  let body;
  try {
    body = await readFile(join(dist, name));
  } catch {
    return problem(response, 404, 'TT-0201', 'no such file');
  }
  response.writeHead(200, { 'Content-Type': kTypes[extname(name)] ?? 'application/octet-stream', 'Content-Security-Policy': kPolicy, 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer' });
  response.end(body);
}

function cookieOf(request) {
  return /thintail_mock=(\w+)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
}

async function bodyOf(request) {
  let body = '';
  for await (const part of request) body += part;
  return JSON.parse(body);
}

function json(response, status, value) {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(JSON.stringify(value));
}

function text(response, status, value) {
  response.writeHead(status, { 'Content-Type': 'text/plain' });
  response.end(value);
}

function problem(response, status, code, detail) {
  response.writeHead(status, { 'Content-Type': 'application/problem+json' });
  response.end(JSON.stringify({ type: `urn:thintail:${code}`, title: detail, status, detail, code }));
}
