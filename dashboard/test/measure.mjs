// SPDX-License-Identifier: Apache-2.0
// `npm run measure [-- options]`: what the page costs at 500 messages a second in a headless Chromium, as JSON. Figures, and no test: they depend
// on the machine and on what else it does.
//   --seconds N    length of each window (15)        --repeat N   windows, of which medians are shown (3)
//   --view A,B     views by address                  --dist A,B   built pages to compare, measured in turn (dist)
//   --extra N      so many more instruments (28)     --heap N     instead: the heap after a collection, each 30 s for N minutes, and its slope
// CPU is user and system time of every process of the browser by /proc, in shares of one core; `control_ms` is what the same piece of arithmetic
// took of the CPU meanwhile: where it differs, the machine did, and not the page. An event is a tick of the mock's market; it is
// painted when the first frame that shows it, or something newer, has been drawn (the display adds its own frame). `chart` is its canvas.
import { readFileSync, readdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { startGateway } from '../mock/gateway.mjs';
import { enter, launch, openPage } from './browser.mjs';
import { kProbe } from './probe.mjs';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '15' }, repeat: { type: 'string', default: '3' }, view: { type: 'string', default: 'trading/XAUUSD@oanda,overview' },
                                          dist: { type: 'string', default: '' }, extra: { type: 'string', default: '28' }, heap: { type: 'string', default: '0' } } });
const seconds = Number(values.seconds);
const kTicksPerSecond = 100;  // of /proc, on every Linux
const kStepMs = 50;
const kWarmUpMs = 4000;

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const rank = (sorted, share) => (sorted.length === 0 ? null : Number(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))].toFixed(1)));
const mib = (bytes) => Number((bytes / 1_048_576).toFixed(2));

// A few milliseconds of the same work each time.
function control() {
  const begin = process.cpuUsage();
  let sum = 0;
  for (let i = 1; i < 1_500_000; i += 1) sum = (sum + Math.imul(i, 2_654_435_761)) | 0;
  const { user, system } = process.cpuUsage(begin);
  return sum === 0.5 ? NaN : (user + system) / 1000;
}
for (let i = 0; i < 60; i += 1) control();  // compiled before it counts

function processes() {
  const all = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const fields = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1).split(' ');
      all.set(Number(name), { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) });
    } catch {
      // It ended while we looked.
    }
  }
  return all;
}

/** CPU ticks so far of each kind of process below `root`: browser, renderer, gpu-process, utility. */
function cpuOf(root) {
  const all = processes();
  const within = (pid) => pid === root || (all.has(pid) && all.get(pid).parent > 1 && within(all.get(pid).parent));
  const kinds = {};
  for (const [pid, { ticks }] of all) {
    if (!within(pid)) continue;
    let kind = 'browser';
    try {
      kind = /--type=([\w-]+)/.exec(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))?.[1] ?? 'browser';
    } catch {
      continue;
    }
    kinds[kind] = (kinds[kind] ?? 0) + ticks;
  }
  return kinds;
}

/** A browser of its own with the page open on `view`; `root` is its first process. */
async function open({ view, dist, probe = false }) {
  const gateway = await startGateway({ stepMs: kStepMs, split: true, stamp: true, extra: Number(values.extra), hours: Number(values.extra) > 100 ? 2 : 26, dist: dist || undefined });
  const before = new Set(processes().keys());
  const browser = await launch();
  const root = [...processes()].find(([pid, { parent }]) => !before.has(pid) && parent === process.pid)[0];
  const { page, complaints } = await openPage(browser);
  if (probe) await page.addInitScript(kProbe);
  await enter(page, gateway, { view });
  await page.waitForTimeout(kWarmUpMs);
  const session = await page.context().newCDPSession(page);
  const heap = async () => {
    await session.send('HeapProfiler.collectGarbage');
    return (await session.send('Runtime.getHeapUsage')).usedSize;
  };
  return { gateway, root, page, complaints, session, heap, async close() {
    await browser.close();
    await gateway.close();
  } };
}

async function window(view, dist) {
  const target = await open({ view, dist });
  await target.session.send('Performance.enable');
  const frames = async () => (await target.session.send('Performance.getMetrics')).metrics.find((item) => item.name === 'LayoutCount').value;
  const heapBefore = await target.heap();
  await target.page.waitForTimeout(500);
  const sentBefore = target.gateway.sent();
  const layoutsBefore = await frames();
  const before = cpuOf(target.root);
  const begin = performance.now();
  const controls = [];
  while (performance.now() - begin < seconds * 1000) {
    await target.page.waitForTimeout(500);
    controls.push(control());
  }
  const after = cpuOf(target.root);
  const elapsed = (performance.now() - begin) / 1000;
  const messages = (target.gateway.sent() - sentBefore) / elapsed;
  const layouts = ((await frames()) - layoutsBefore) / elapsed;
  const cpu = {};
  for (const kind of Object.keys(after)) cpu[kind] = (after[kind] - (before[kind] ?? 0)) / kTicksPerSecond / elapsed;
  const result = { total: Object.values(cpu).reduce((sum, share) => sum + share, 0), cpu, control: median(controls), messages, layouts, heap: [heapBefore, await target.heap()], complaints: target.complaints };
  await target.close();
  return result;
}

// Another page than the one whose CPU is measured: looking costs too.
async function paints(view, dist) {
  const target = await open({ view, dist, probe: true });
  await target.page.evaluate(() => globalThis.thintailProbe.start());
  await target.page.waitForTimeout(seconds * 1000);
  const seen = await target.page.evaluate(() => globalThis.thintailProbe.stop());
  await target.close();
  const figures = (list) => {
    const sorted = [...list].sort((a, b) => a - b);
    return { p50: rank(sorted, 0.5), p99: rank(sorted, 0.99), max: rank(sorted, 1), n: sorted.length };
  };
  return { touch: figures(seen.touch), chart: figures(seen.chart) };
}

async function soak(view, dist, minutes) {
  const target = await open({ view, dist });
  const points = [];
  const begin = performance.now();
  const sentBefore = target.gateway.sent();
  for (let at = 0; at <= minutes * 2; at += 1) {
    await target.page.waitForTimeout(Math.max(0, begin + at * 30_000 - performance.now()));
    points.push([(performance.now() - begin) / 60_000, mib(await target.heap())]);
    process.stderr.write(`${points.at(-1)[0].toFixed(1)} min ${points.at(-1)[1]} MiB\n`);
  }
  const messages = (target.gateway.sent() - sentBefore) / ((performance.now() - begin) / 1000);
  // Least squares; the first minute fills what is bounded.
  const late = points.filter(([at]) => at >= 1);
  const meanX = late.reduce((sum, [x]) => sum + x, 0) / late.length;
  const meanY = late.reduce((sum, [, y]) => sum + y, 0) / late.length;
  const slope = late.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / late.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const complaints = target.complaints;
  await target.close();
  return { view, minutes, messages_per_s: Math.round(messages), heap_mib: points.map(([, size]) => size), slope_mib_per_minute: Number(slope.toFixed(4)), complaints };
}

const dists = values.dist === '' ? [''] : values.dist.split(',');
const views = values.view.split(',');
const out = { schema: 'thintail-dashboard-measure/1', load_1m: Number(loadavg()[0].toFixed(2)), node: process.version, results: [] };
if (Number(values.heap) > 0) {
  for (const view of views) out.results.push(await soak(view, dists[0], Number(values.heap)));
} else {
  for (const view of views) {
    const windows = new Map(dists.map((dist) => [dist, []]));
    // In turn, so that what else the machine does meets each of them alike.
    for (let turn = 0; turn < Number(values.repeat); turn += 1) for (const dist of dists) windows.get(dist).push(await window(view, dist));
    for (const dist of dists) {
      const list = windows.get(dist);
      const share = (pick) => Number(median(list.map(pick)).toFixed(3));
      out.results.push({
        view, dist: dist || 'dist', seconds, messages_per_s: Math.round(median(list.map((item) => item.messages))), cpu_share_of_one_core: share((item) => item.total), cpu_each: list.map((item) => Number(item.total.toFixed(3))),
        by_process: Object.fromEntries(Object.keys(list[0].cpu).map((kind) => [kind, share((item) => item.cpu[kind] ?? 0)]).filter(([, value]) => value >= 0.001)),
        control_ms: share((item) => item.control), layouts_per_s: share((item) => item.layouts), heap_mib: list.at(-1).heap.map(mib), event_to_paint_ms: view.startsWith('trading') ? await paints(view, dist) : undefined, complaints: list.flatMap((item) => item.complaints),
      });
    }
  }
}
console.log(JSON.stringify(out, null, 1));
