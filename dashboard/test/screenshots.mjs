// SPDX-License-Identifier: Apache-2.0
// `node test/screenshots.mjs FOLDER [view...]`: a picture of each view over the made-up market.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startGateway } from '../mock/gateway.mjs';
import { enter, launch, openPage } from './browser.mjs';

const [folder = '/tmp/thintail-screenshots', ...only] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

const shots = [
  { name: 'login', view: null },
  { name: 'overview', view: 'overview', mode: 'replay' },
  { name: 'trading', view: 'trading/XAUUSD@oanda', wait: 1500, mode: 'replay' },
  { name: 'trades', view: 'trades' },
  { name: 'technical', view: 'technical' },
  { name: 'log', view: 'technical/log' },
  { name: 'models', view: 'technical/models' },
  { name: 'infrastructure', view: 'infrastructure' },
  { name: 'risk', view: 'risk' },
  { name: 'live', view: 'overview', mode: 'live' },
  { name: 'light', view: 'trading/EURUSD@oanda', wait: 1500, theme: 'light' },
  { name: 'light-overview', view: 'overview', theme: 'light' },
  { name: 'stale', view: 'trading/XAUUSD@oanda', act: (gateway) => gateway.die() },
  { name: 'killed', view: 'risk', act: (gateway) => gateway.market.command('kill', 'demo') },
  { name: 'phone-overview', view: 'overview', phone: true },
  { name: 'phone-trading', view: 'trading/XAUUSD@oanda', phone: true, wait: 1500 },
  { name: 'phone-technical', view: 'technical', phone: true },
  { name: 'phone-replay', view: 'overview', phone: true, mode: 'replay' },
  { name: 'phone-risk', view: 'risk', phone: true },
  { name: 'thousands', view: 'trading', extra: 3000, wait: 1500 },
];

const browser = await launch();
for (const shot of shots) {
  if (only.length > 0 && !only.includes(shot.name)) continue;
  const gateway = await startGateway({ mode: shot.mode ?? 'paper', extra: shot.extra ?? 0, instance: 'simulated' });
  const { context, page, complaints } = await openPage(browser, shot.phone ? { width: 390, height: 844, phone: true, scale: 2 } : { theme: shot.theme ?? 'dark' });
  if (shot.view === null) {
    await page.goto(gateway.url);
    await page.waitForSelector('form');
  } else {
    await enter(page, gateway, { view: shot.view });
    await page.waitForTimeout(1800 + (shot.wait ?? 0));
    if (shot.act) {
      shot.act(gateway);
      await page.waitForTimeout(1500);
    }
  }
  await page.screenshot({ path: join(folder, `${shot.name}.png`) });
  if (complaints.length > 0) console.log(shot.name, complaints.slice(0, 5));
  await context.close();
  await gateway.close();
}
await browser.close();
console.log(`pictures in ${folder}`);
