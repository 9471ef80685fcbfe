// SPDX-License-Identifier: Apache-2.0
// The page's colours, read from its style sheet, for what is drawn on a canvas.

export function palette() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return { up: of('up'), down: of('down'), ok: of('ok'), warn: of('warn'), bad: of('bad'), replay: of('replay'), panel: of('panel'), line: of('line'), line2: of('line-2'), text: of('text'),
           muted: of('muted'), faint: of('faint'), font: of('font') };
}

/** A palette colour (#rrggbb) with an opacity. */
export function faded(colour, opacity) {
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(colour);
  const full = short === null ? colour : `#${short[1]}${short[1]}${short[2]}${short[2]}${short[3]}${short[3]}`;
  return full + Math.round(opacity * 255).toString(16).padStart(2, '0');
}

/** Of states that have no names. Not the colours of up and down, which a regime is neither of; neighbours differ in lightness too. */
export function regimeColours(colours) {
  return [faded(colours.faint, 0.6), faded(colours.replay, 0.9), faded(colours.warn, 0.9), faded(colours.ok, 0.9), faded(colours.bad, 0.9), faded(colours.muted, 0.9)];
}
