// SPDX-License-Identifier: Apache-2.0
// The page in a real browser against the mock gateway, served under the gateway's own policy.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startGateway } from '../../mock/gateway.mjs';
import { browserPath, enter, launch, openPage } from '../browser.mjs';

const built = existsSync(fileURLToPath(new URL('../../dist/index.html', import.meta.url)));
const skip = browserPath() === null ? 'no chromium here' : built ? false : 'not built: run ./build.sh first';
const options = { skip, timeout: 60_000 };

let browser;
before(async () => {
  if (!skip) browser = await launch();
});
after(() => browser?.close());

/** Runs `body` on a page of its own and afterwards wants no complaint of the browser's: no error, no breach of the policy. */
async function onPage(body, { gateway: gatewayOptions = {}, page: pageOptions = {}, view = '', login = true, ignore = /^$/ } = {}) {
  const gateway = await startGateway(gatewayOptions);
  const { context, page, complaints } = await openPage(browser, pageOptions);
  try {
    if (login) await enter(page, gateway, { view });
    await body({ page, gateway, context });
    assert.deepEqual(complaints.filter((text) => !ignore.test(text)), []);
  } finally {
    await context.close();
    await gateway.close();
  }
}

const freshness = (page, level) => page.waitForSelector(`.frame[data-freshness="${level}"]`);
const textOf = async (page, selector) => (await page.locator(selector).first().textContent()).trim();

test('a one-use code lets in, leaves the address bar at once, and works once', options, () => onPage(async ({ page, gateway }) => {
  gateway.addCode('s3cret');
  await page.goto(`${gateway.url}#code=s3cret`);
  await page.waitForSelector('.frame');
  assert.ok(!page.url().includes('s3cret'));
  assert.equal(await page.evaluate(() => history.length), 2, 'about:blank and the page: no entry holds the code');
  await page.getByRole('button', { name: 'Log out' }).first().click();
  await page.waitForSelector('form');
  await page.goto('about:blank');
  await page.goto(`${gateway.url}#code=s3cret`);
  await page.getByText('one-use code was not accepted').waitFor();
}, { login: false }));

test('a wrong password says so and the right one lets in', options, () => onPage(async ({ page, gateway }) => {
  await page.goto(gateway.url);
  await page.getByLabel('User').fill('demo');
  await page.getByLabel('Password').fill('wrong');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('alert').waitFor();
  assert.equal(await page.getByLabel('Password').inputValue(), '', 'a password that failed is not kept');
  await page.getByLabel('Password').fill('demo');
  await page.getByRole('button', { name: 'Log in' }).click();
  await freshness(page, 'fresh');
}, { login: false }));

test('a session that ends brings the login page back', options, () => onPage(async ({ page, gateway }) => {
  await freshness(page, 'fresh');
  gateway.endSessions();
  await page.getByText('The session has ended').waitFor();
}));

test('the chart moves with the market and its times are bars of the gateway', options, () => onPage(async ({ page, gateway }) => {
  await page.waitForSelector('.canvas canvas');
  await page.waitForFunction(() => document.querySelector('.legend b')?.textContent.includes('.'));
  const shot = () => page.locator('.canvas[data-instrument]').screenshot();
  await page.waitForTimeout(600);
  const before = await shot();
  const bid = await textOf(page, '.touch .price');
  await page.waitForFunction((old) => document.querySelector('.touch .price').textContent.trim() !== old, bid);
  await page.waitForTimeout(600);
  assert.notDeepEqual(await shot(), before);
  const row = gateway.market.rows[0];
  const shown = Number((await textOf(page, '.touch .price')).replace('−', '-'));
  assert.ok(Math.abs(shown - row.bid) < 1, `${shown} beside ${row.bid}`);
  // History is asked for once; what follows is streamed.
  assert.equal(gateway.requests.filter((line) => line.includes('/history/XAUUSD')).length, 1);
}, { view: 'trading/XAUUSD@oanda', gateway: { speed: 5 } }));

test('another timeframe reads its own history and follows it', options, () => onPage(async ({ page, gateway }) => {
  const request = page.waitForResponse((response) => response.url().includes('/api/v1/history/XAUUSD%40oanda/M15'));
  await page.getByRole('button', { name: 'M15', exact: true }).click();
  const { items } = await (await request).json();
  assert.ok(items.every((bar) => BigInt(bar.end_ns) - BigInt(bar.start_ns) === 900_000_000_000n));
  const shown = Number((await textOf(page, '.legend b')).replace('−', '-'));
  assert.ok(Math.abs(shown - Number(items.at(-1).open)) < 5 && gateway.clients.size === 1, `${shown}`);
}, { view: 'trading/XAUUSD@oanda' }));

test('thousands of instruments are a few dozen rows of the document', options, () => onPage(async ({ page }) => {
  await page.waitForSelector('.watchlist .item');
  assert.ok((await page.locator('.watchlist .item').count()) < 60);
  await page.keyboard.press('/');
  await page.keyboard.type('SYN2999');
  await page.waitForFunction(() => document.querySelectorAll('.watchlist .item').length === 1);
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('h1').textContent.startsWith('SYN2999'));
}, { view: 'trading', gateway: { extra: 3000, hours: 2 } }));

test('thousands of snapshots that come in parts are shown as they come, and are not called stale', options, () => onPage(async ({ page, gateway }) => {
  await page.waitForSelector('.watchlist .item');
  const known = () => page.evaluate(() => [...document.querySelectorAll('.watchlist .item')].filter((row) => /\d/.test(row.querySelector('.price').textContent)).length);
  // 100 parts of 30 rows and 80 ms, of a market that stands still: the list is full of prices long before the last has come.
  await page.waitForFunction(() => [...document.querySelectorAll('.watchlist .item')].some((row) => /\d/.test(row.querySelector('.price').textContent)));
  assert.equal(await page.locator('.frame').getAttribute('data-freshness'), 'fresh');
  await page.keyboard.press('/');
  await page.keyboard.type('SYN2999');
  await page.waitForFunction(() => document.querySelectorAll('.watchlist .item').length === 1);
  assert.equal(await known(), 0, 'the last part has not come yet');
  await page.waitForFunction(() => /\d/.test(document.querySelector('.watchlist .item .price').textContent), null, { timeout: 30_000 });
  assert.equal(await page.locator('.frame').getAttribute('data-freshness'), 'fresh');
  await page.keyboard.press('Escape');
  const elements = () => page.evaluate(() => document.querySelectorAll('*').length);
  const first = await elements();
  await page.evaluate(() => { document.querySelector('.watchlist .view').scrollTop = 60_000; });
  await page.waitForFunction(() => !document.querySelector('.watchlist').textContent.includes('AUDUSD'));
  assert.ok(Math.abs(await elements() - first) < 250 && first < 3000, `${first} and ${await elements()} elements`);
  assert.equal(gateway.clients.size, 1);
}, { view: 'trading/XAUUSD@oanda', gateway: { extra: 3000, hours: 2, partRows: 30, partMs: 80, still: true } }));

test('bars come of the instrument that is looked at alone', options, () => onPage(async ({ page, gateway }) => {
  const wanted = async (name) => {
    for (let i = 0; i < 100; i += 1) {
      const [client] = gateway.clients;
      const topic = client === undefined ? undefined : [...client.topics.values()].find((item) => item.topic === 'bars');
      if (name === null ? topic === undefined : topic?.only?.size === 1 && topic.only.has(name)) return true;
      await page.waitForTimeout(50);
    }
    return false;
  };
  assert.ok(await wanted('XAUUSD@oanda'));
  await page.goto(`${gateway.url}#/trading/EURUSD@oanda`);
  assert.ok(await wanted('EURUSD@oanda'));
  await page.keyboard.press('1');
  assert.ok(await wanted(null));
}, { view: 'trading/XAUUSD@oanda' }));

test('figures change in place: their boxes keep their width', options, () => onPage(async ({ page }) => {
  await page.waitForSelector('.touch .price .big');
  const widths = new Set();
  const shown = new Set();
  for (let i = 0; i < 25; i += 1) {
    const [width, text] = await page.evaluate(() => {
      const price = document.querySelector('.touch .price');
      return [Math.round(price.getBoundingClientRect().width * 10), price.textContent];
    });
    widths.add(width);
    shown.add(text);
    await page.waitForTimeout(60);
  }
  assert.ok(shown.size > 3, 'the price moved');
  assert.equal(widths.size, 1, `widths ${[...widths]}`);
}, { view: 'trading/EURUSD@oanda', gateway: { speed: 20 } }));

test('kill takes two steps, refuses, and re-arming wants its phrase', options, () => onPage(async ({ page, gateway }) => {
  await page.getByRole('button', { name: 'Kill…' }).click();
  assert.equal(gateway.market.gate.killed, false, 'one press does nothing');
  await page.getByRole('button', { name: 'Kill: refuse every order' }).click();
  await page.getByText('every order is refused until').waitFor();
  assert.equal(gateway.market.gate.killed, true);
  assert.equal(gateway.requests.filter((line) => line === 'POST /api/v1/commands').length, 1);

  await page.getByRole('button', { name: 'Re-arm…' }).click();
  const confirm = page.getByRole('button', { name: 'Re-arm', exact: true });
  assert.equal(await confirm.isDisabled(), true);
  await page.getByLabel('Type RE-ARM default').fill('re-arm default');
  assert.equal(await confirm.isDisabled(), true, 'the phrase is exact');
  await page.getByLabel('Type RE-ARM default').press('Enter');
  assert.equal(gateway.market.gate.killed, true);
  await page.getByLabel('Type RE-ARM default').fill('RE-ARM default');
  await confirm.click();
  await page.getByRole('button', { name: 'Kill…' }).waitFor();
  assert.equal(gateway.market.gate.killed, false);
}, { view: 'risk' }));

test('a first step that nobody follows goes back, and Escape takes it back', options, () => onPage(async ({ page, gateway }) => {
  await page.getByRole('button', { name: 'Flatten…' }).click();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Flatten…' }).waitFor();
  await page.getByRole('button', { name: 'Kill…' }).click();
  await page.getByRole('button', { name: 'Kill…' }).waitFor({ timeout: 12_000 });
  assert.ok(!gateway.requests.includes('POST /api/v1/commands'));
}, { view: 'risk' }));

test('a limit that is not set is said where health is', options, () => onPage(async ({ page, gateway }) => {
  gateway.market.unlimited = 6;
  await page.reload();
  await page.getByText('not all set, so nothing passes: BTCUSD').waitFor();
  await page.keyboard.press('6');
  await page.getByText('not set', { exact: true }).waitFor();
}));

test('pause, resume and flatten do what they say', options, () => onPage(async ({ page, gateway }) => {
  await page.getByRole('button', { name: 'Pause…' }).click();
  await page.getByRole('button', { name: 'Pause now' }).click();
  await page.locator('.banner.paused').waitFor();
  assert.equal(gateway.market.gate.paused, true);
  await page.getByRole('button', { name: 'Resume…' }).click();
  await page.getByRole('button', { name: 'Resume trading' }).click();
  await page.getByRole('button', { name: 'Pause…' }).waitFor();
  await page.getByRole('button', { name: 'Flatten…' }).click();
  await page.getByRole('button', { name: 'Flatten: close at market' }).click();
  await page.locator('.banner.paused').waitFor();
  assert.deepEqual(gateway.market.commands.map((item) => item.command), ['pause', 'resume', 'flatten']);
}, { view: 'risk' }));

test('a viewer is told that commands are not theirs', options, () => onPage(async ({ page, gateway }) => {
  await page.getByText('Your role is viewer').waitFor();
  for (const name of ['Pause…', 'Flatten…', 'Kill…']) assert.equal(await page.getByRole('button', { name }).isDisabled(), true, name);
  assert.ok(!gateway.requests.includes('POST /api/v1/commands'));
}, { view: 'risk', gateway: { role: 'viewer' } }));

test('a command whose answer is lost is asked for again under the same key and done once', options, () => onPage(async ({ page, gateway }) => {
  let attempts = 0;
  await page.route('**/api/v1/commands', async (route) => {
    if (route.request().method() !== 'POST') return route.continue();
    attempts += 1;
    if (attempts > 1) return route.continue();
    await route.fetch();  // it arrives and is done
    return route.abort('connectionreset');
  });
  await page.getByRole('button', { name: 'Kill…' }).click();
  await page.getByRole('button', { name: 'Kill: refuse every order' }).click();
  await page.getByText('kill: applied at').waitFor();
  assert.equal(attempts, 2);
  assert.deepEqual(gateway.market.commands.map((item) => item.command), ['kill']);
}, { view: 'risk', ignore: /ERR_CONNECTION_RESET/ }));

test('a core that dies turns the page stale, and its restart makes it fresh with the new epoch', options, () => onPage(async ({ page, gateway }) => {
  await freshness(page, 'fresh');
  gateway.die();
  await freshness(page, 'stale');
  await page.getByText('STALE: Core dead').waitFor();
  assert.match(await page.title(), /⚠/);
  const opacity = await page.evaluate(() => Number(getComputedStyle(document.querySelector('main')).opacity));
  assert.ok(opacity < 0.9, 'the page looks stale');
  const trades = gateway.requests.filter((line) => line === 'GET /api/v1/portfolio').length;
  gateway.revive();
  await freshness(page, 'fresh');
  await page.getByText('epoch 4', { exact: false }).first().waitFor();
  await page.waitForTimeout(300);
  assert.ok(gateway.requests.filter((line) => line === 'GET /api/v1/portfolio').length > trades, 'snapshots are read again');
}));

test('a dead core can still be killed: the latch is on disk', options, () => onPage(async ({ page, gateway }) => {
  await freshness(page, 'fresh');
  gateway.die();
  await freshness(page, 'stale');
  assert.equal(await page.getByRole('button', { name: 'Pause…' }).isDisabled(), true);
  await page.getByRole('button', { name: 'Kill…' }).click();
  await page.getByRole('button', { name: 'Kill: refuse every order' }).click();
  await page.getByText('it was written to disk').waitFor();
  assert.equal(gateway.market.gate.latch_file, true);
}, { view: 'risk' }));

test('a feed that falls silent with its socket open is noticed', options, () => onPage(async ({ page, gateway }) => {
  await freshness(page, 'fresh');
  gateway.faults.silent = true;
  await freshness(page, 'stale');
  await page.getByText('STALE: Feed silent').waitFor();
  gateway.faults.silent = false;
  await freshness(page, 'fresh');
}));

test('a lost line is stale at once, comes back by itself, and shows whole data again', options, () => onPage(async ({ page, gateway }) => {
  await freshness(page, 'fresh');
  gateway.faults.refuseSockets = true;
  gateway.dropSockets();
  await freshness(page, 'stale');
  await page.getByText('STALE: Not connected').waitFor();
  gateway.faults.refuseSockets = false;
  await freshness(page, 'fresh');
}));

test('messages that are missing are asked for again', options, () => onPage(async ({ page, gateway }) => {
  await freshness(page, 'fresh');
  gateway.faults.lose.add('quotes');
  await page.waitForTimeout(400);
  gateway.faults.lose.delete('quotes');
  await page.getByText('gaps mended').waitFor();
  const bid = await textOf(page, '.touch .price');
  await page.waitForFunction((old) => document.querySelector('.touch .price').textContent.trim() !== old, bid);
}, { view: 'trading/XAUUSD@oanda' }));

test('a view that meets nonsense says so, and the others and the frame go on', options, () => onPage(async ({ page, gateway }) => {
  await freshness(page, 'fresh');
  const system = gateway.market.system.bind(gateway.market);
  gateway.market.system = () => ({ ...system(), streams: [{ name: 'events', gates: null }] });
  await page.getByText('met something that it cannot show').waitFor();
  await page.keyboard.press('6');
  await page.getByRole('button', { name: 'Kill…' }).waitFor();
  assert.equal(await page.locator('.frame').getAttribute('data-freshness'), 'fresh');
}, { view: 'infrastructure' }));

test('what threads take of a core and whether upstreams are waited for is shown', options, () => onPage(async ({ page, gateway }) => {
  await freshness(page, 'fresh');
  const status = gateway.market.status.bind(gateway.market);
  gateway.market.status = () => ({ ...status(), breakers: [{ upstream: 'core', state: 'half_open', failures: 3, opened: '2', refused: '9' }] });
  await page.getByRole('columnheader', { name: 'CPU' }).waitFor();
  await page.getByRole('row', { name: 'core ▲ half open 3 2 9' }).waitFor();
}, { view: 'infrastructure' }));

test('a veto that compares nothing shows its rule alone', options, () => onPage(async ({ page, gateway }) => {
  await freshness(page, 'fresh');
  for (const signal of gateway.market.signals) signal.veto = { rule: 'kill_latched', limit: null, observed: null, unit: null };
  gateway.dropSockets();
  await page.getByRole('tab', { name: 'Signals' }).click();
  await page.getByText('vetoed: kill latched', { exact: true }).first().waitFor();
  assert.equal(await page.getByText('null').count(), 0);
}, { view: 'trading/XAUUSD@oanda' }));

test('a replay has its badge, and finished is not stale', options, () => onPage(async ({ page, gateway }) => {
  await page.getByText('REPLAY 60x').waitFor();
  gateway.finish();
  await freshness(page, 'finished');
  await page.getByText('Replay finished').first().waitFor();
  assert.equal(await page.locator('.stale-banner').count(), 0);
}, { gateway: { mode: 'replay' } }));

test('a replay is halted, goes on and changes its speed', options, () => onPage(async ({ page, gateway }) => {
  await page.getByRole('button', { name: 'Pause replay' }).click();
  await page.getByText('REPLAY PAUSED').waitFor();
  assert.equal(gateway.market.paused, true);
  await page.waitForTimeout(3500);
  assert.equal(await page.locator('.frame').getAttribute('data-freshness'), 'fresh', 'what is halted is not stale');
  await page.getByRole('button', { name: 'Play' }).click();
  await page.getByRole('button', { name: 'Pause replay' }).waitFor();
  await page.getByLabel('Replay speed').selectOption('300');
  await page.getByText('REPLAY 300x').waitFor();
  assert.equal(gateway.market.speed, 300);
}, { gateway: { mode: 'replay' } }));

test('what is no replay has no replay control', options, () => onPage(async ({ page, gateway }) => {
  await freshness(page, 'fresh');
  assert.equal(await page.getByRole('group', { name: 'Replay' }).count(), 0);
  assert.ok(!gateway.requests.includes('GET /api/v1/replay'));
}));

test('the gaps of the machine lie beside the latencies, and none measured is said', options, () => onPage(async ({ page, gateway }) => {
  await page.waitForSelector('.gaps canvas');
  await page.getByText('p99 65.5 µs').waitFor();
  gateway.market.gaps = () => null;
  await page.reload();
  await page.getByText('Not measured yet.').waitFor();
}, { view: 'technical' }));

test('training is followed, and an administrator ends it in two steps', options, () => onPage(async ({ page, gateway }) => {
  await page.getByText('train-3', { exact: true }).waitFor();
  const share = Number(await page.getByRole('meter', { name: 'train-3 progress' }).getAttribute('aria-valuenow'));
  assert.ok(share > 30 && share < 98, `${share}`);
  await page.getByRole('button', { name: 'Cancel…' }).click();
  assert.ok(!gateway.requests.some((line) => line.includes('/cancel')), 'one press does nothing');
  await page.getByRole('button', { name: 'Cancel it' }).click();
  await page.getByText('cancelled').waitFor();
}, { view: 'technical/models', gateway: { role: 'admin' } }));

test('a gateway that trains nothing is not asked again and again', options, () => onPage(async ({ page, gateway }) => {
  await page.route('**/api/v1/jobs', (route) => route.fulfill({ status: 404, contentType: 'application/problem+json', body: '{"title":"no such route","status":404}' }));
  await page.goto(`${gateway.url}#/technical/models`);
  await page.getByText('scalper.ttm').waitFor();
  let asked = 0;
  page.on('request', (request) => { if (request.url().endsWith('/jobs')) asked += 1; });
  await page.waitForTimeout(2500);
  assert.ok(asked <= 1, `${asked}`);
  assert.equal(await page.getByText('Training', { exact: true }).count(), 0);
}, { ignore: /404/ }));

test('a live core shows its bar on every view', options, () => onPage(async ({ page, gateway }) => {
  for (const view of ['overview', 'trading', 'technical', 'infrastructure', 'trades', 'risk']) {
    await page.goto(`${gateway.url}#/${view}`);
    await page.getByText('real orders are sent').waitFor();
  }
}, { gateway: { mode: 'live' } }));

test('one setting changes the zone of every time', options, () => onPage(async ({ page }) => {
  await page.waitForSelector('.cell.close');
  const first = () => page.evaluate(() => document.querySelector('.rows .cell.close:not(:empty)').textContent);
  await page.getByLabel('Time zone').selectOption('utc');
  const row = await page.evaluate(() => [...document.querySelectorAll('.rows .cell.close')].findIndex((cell) => /^\d{4}/.test(cell.textContent)));
  const read = () => page.evaluate((at) => document.querySelectorAll('.rows .cell.close')[at].textContent, row);
  const utc = Date.parse(`${(await read()).replace(' ', 'T')}Z`);
  await page.getByLabel('Time zone').selectOption('broker');
  const broker = Date.parse(`${(await read()).replace(' ', 'T')}Z`);
  assert.ok([2, 3].includes((broker - utc) / 3_600_000), `${await first()}`);
  await page.reload();
  assert.equal(await page.getByLabel('Time zone').inputValue(), 'broker', 'it is remembered');
}, { view: 'trades', gateway: { stepMs: 2000 } }));

test('the trades filter narrows the list, the sums and the CSV', options, () => onPage(async ({ page }) => {
  await page.waitForSelector('.rows .cell.pnl');
  const all = await textOf(page, '.stats .stat:nth-child(2) .value');
  await page.getByRole('searchbox', { name: 'Instrument' }).fill('EURUSD');
  await page.getByLabel('Side').selectOption('buy');
  await page.waitForFunction((old) => document.querySelector('.stats .stat:nth-child(2) .value').textContent.trim() !== old, all);
  const count = Number((await textOf(page, '.stats .stat:nth-child(2) .value')).replace(',', ''));
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export CSV' }).click()]);
  const lines = (await readFile(await download.path(), 'utf8')).trim().split('\r\n');
  assert.ok(lines[0].startsWith('id,instrument,side,quantity'));
  const closed = lines.slice(1).filter((line) => /\d{4}-\d\d-\d\dT/.test(line));
  assert.equal(closed.length, count);
  assert.ok(lines.slice(1).every((line) => line.includes('EURUSD@oanda,buy')));
}, { view: 'trades', gateway: { stepMs: 2000 } }));

test('every view fits a phone without sideways scrolling', options, () => onPage(async ({ page, gateway }) => {
  for (const view of ['overview', 'trading/XAUUSD@oanda', 'technical', 'technical/models', 'technical/log', 'infrastructure', 'trades', 'risk']) {
    await page.goto(`${gateway.url}#/${view}`);
    await page.waitForTimeout(500);
    const [inner, wide] = await page.evaluate(() => {
      const main = document.querySelector('main');
      return [main.clientWidth, main.scrollWidth];
    });
    assert.ok(wide <= inner, `${view}: ${wide} of ${inner}`);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), view);
    assert.ok(await page.locator('nav a').last().isVisible());
  }
  // A thumb finds the controls.
  for (const name of ['Pause…', 'Flatten…', 'Kill…']) assert.ok((await page.getByRole('button', { name }).boundingBox()).height >= 26);
}, { page: { width: 390, height: 844, phone: true } }));

test('the keyboard reaches every view, and the watchlist', options, () => onPage(async ({ page }) => {
  for (const [key, view] of [['2', 'trading'], ['3', 'technical'], ['4', 'infrastructure'], ['5', 'trades'], ['6', 'risk'], ['1', 'overview']]) {
    await page.keyboard.press(key);
    await page.waitForFunction((wanted) => location.hash.startsWith(`#/${wanted}`), view);
  }
  await page.keyboard.press('2');
  await page.waitForSelector('.watchlist .item');
  await page.keyboard.press('ArrowDown');
  await page.waitForFunction(() => /trading\/.+/.test(location.hash));
  await page.keyboard.press('?');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}));

test('dark and light keep text readable on its ground', options, () => onPage(async ({ page }) => {
  const contrast = () => page.evaluate(() => {
    const parse = (text) => text.match(/[\d.]+/g).slice(0, 3).map(Number);
    const light = (rgb) => {
      const [r, g, b] = rgb.map((value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const panel = parse(getComputedStyle(document.querySelector('.stat')).backgroundColor);
    return ['.stat .value', '.stat .label', '.stat .under'].map((selector) => {
      const a = light(parse(getComputedStyle(document.querySelector(selector)).color));
      const b = light(panel);
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    });
  });
  await page.waitForSelector('.stat .value');
  for (const theme of ['dark', 'light']) {
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), theme);
    for (const ratio of await contrast()) assert.ok(ratio >= 4.5, `${theme}: ${ratio}`);
    await page.keyboard.press('t');
  }
}));

test('the attribution of the chart library is on the page', options, () => onPage(async ({ page }) => {
  const link = page.getByRole('link', { name: /TradingView Lightweight Charts/ }).first();
  await link.waitFor();
  assert.equal(await link.getAttribute('href'), 'https://www.tradingview.com/');
}));

test('the manifest lets it be installed', options, () => onPage(async ({ page, gateway }) => {
  const manifest = await page.evaluate(async () => (await fetch('manifest.webmanifest')).json());
  assert.equal(manifest.display, 'standalone');
  for (const icon of manifest.icons) {
    const status = await page.evaluate(async (src) => (await fetch(src)).status, icon.src);
    assert.equal(status, 200, icon.src);
  }
  assert.ok(gateway.url.startsWith('http://127.0.0.1'));
}));
