// SPDX-License-Identifier: Apache-2.0
// What every time chart shares: colours, and labels in the page's zone over times that stay UTC.
import { axisLabel, stamp } from '../lib/zones.js';
import { faded } from './theme.js';

const kTickKinds = ['year', 'month', 'day', 'minute', 'second'];

export function chartOptions(colours, zone) {
  return {
    autoSize: true,
    layout: {
      background: { color: colours.panel }, textColor: colours.muted, fontSize: 11, fontFamily: colours.font,
      // The library's own mark injects a style element, which the gateway's policy forbids: the footer names and links it instead.
      attributionLogo: false,
      panes: { separatorColor: colours.line, separatorHoverColor: faded(colours.up, 0.2), enableResize: true },
    },
    grid: { vertLines: { color: faded(colours.line, 0.7) }, horzLines: { color: faded(colours.line, 0.7) } },
    rightPriceScale: { borderColor: colours.line },
    timeScale: { borderColor: colours.line, timeVisible: true, secondsVisible: false, rightOffset: 6, ...zoneOptions(zone).timeScale },
    crosshair: { mode: 0, vertLine: { color: colours.faint, labelBackgroundColor: colours.line2 }, horzLine: { color: colours.faint, labelBackgroundColor: colours.line2 } },
    localization: zoneOptions(zone).localization,
  };
}

function zoneOptions(zone) {
  return {
    timeScale: { tickMarkFormatter: (time, kind) => axisLabel(time * 1000, zone, kTickKinds[kind]) },
    localization: { timeFormatter: (time) => stamp(time * 1000, zone).slice(0, 16) },
  };
}
