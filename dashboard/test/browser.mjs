// SPDX-License-Identifier: Apache-2.0
// A headless Chromium with the page open and logged in. What the browser complains of (errors, policy violations, failed requests) is
// collected, since a page that works but breaks its policy does not work behind the real gateway.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const kPlaces = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The browser's path, or null where the machine has none: the tests that need it then say so and skip. */
export function browserPath() {
  return kPlaces.find((place) => place !== undefined && place !== '' && existsSync(place)) ?? null;
}

export async function launch() {
  return chromium.launch({ executablePath: browserPath(), args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--force-color-profile=srgb'] });
}

export async function openPage(browser, { width = 1440, height = 900, theme = 'dark', phone = false, scale = 1 } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, isMobile: phone, hasTouch: phone, deviceScaleFactor: scale, timezoneId: 'Europe/Berlin', locale: 'en-GB' });
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of 401|WebSocket connection/.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  return { context, page, complaints };
}

export async function enter(page, gateway, { code = 'once', view = '' } = {}) {
  gateway.addCode(code);
  await page.goto(`${gateway.url}#code=${code}`);
  await page.waitForSelector('.frame');
  if (view !== '') await page.goto(`${gateway.url}#/${view}`);
}
