// SPDX-License-Identifier: Apache-2.0
// `node test/load.mjs [seconds] [view]`: what the page costs at 500 messages a second: CPU of every process of the browser, as a share of one core,
// and the script heap after a collection, at five moments. A figure, and no test: it depends on the machine and its load.
import { readFileSync, readdirSync } from 'node:fs';
import { startGateway } from '../mock/gateway.mjs';
import { enter, launch, openPage } from './browser.mjs';

const seconds = Number(process.argv[2] ?? 30);
const kParts = 4;
const view = process.argv[3] ?? 'trading/XAUUSD@oanda';

// User and system time in ticks of 10 ms of a process and all that it started.
function cpuOf(root) {
  const parents = new Map();
  const ticks = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const fields = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1).split(' ');
      parents.set(Number(name), Number(fields[1]));
      ticks.set(Number(name), Number(fields[11]) + Number(fields[12]));
    } catch {
      // It ended while we looked.
    }
  }
  const within = (pid) => pid === root || (parents.has(pid) && parents.get(pid) > 1 && within(parents.get(pid)));
  return [...ticks].filter(([pid]) => within(pid)).reduce((sum, [, value]) => sum + value, 0);
}

const gateway = await startGateway({ stepMs: 50, split: true });
const before = new Set(readdirSync('/proc').filter((name) => /^\d+$/.test(name)));
const browser = await launch();
const { page, complaints } = await openPage(browser);
await enter(page, gateway, { view });
const session = await page.context().newCDPSession(page);
await page.waitForTimeout(4000);
const roots = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && !before.has(name)).map(Number)
  .filter((pid) => { try { return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ')[1]) === process.pid; } catch { return false; } });

async function heap() {
  await session.send('HeapProfiler.collectGarbage');
  return (await session.send('Runtime.getHeapUsage')).usedSize;
}

const heaps = [await heap()];
const sentBefore = gateway.sent();
const cpuBefore = roots.reduce((sum, pid) => sum + cpuOf(pid), 0);
const begin = Date.now();
for (let part = 0; part < kParts; part += 1) {
  await page.waitForTimeout((seconds * 1000) / kParts);
  if (part < kParts - 1) heaps.push(await heap());
}
const elapsed = (Date.now() - begin) / 1000;
const share = (roots.reduce((sum, pid) => sum + cpuOf(pid), 0) - cpuBefore) / 100 / elapsed;
console.log(JSON.stringify({ view, seconds: elapsed, messages_per_s: Math.round((gateway.sent() - sentBefore) / elapsed), cpu_share_of_one_core: Number(share.toFixed(3)),
                             heap_mib: [...heaps, await heap()].map((size) => Number((size / 1048576).toFixed(2))), complaints }));
await browser.close();
await gateway.close();
