// SPDX-License-Identifier: Apache-2.0
// Which view the address names: #/trading/XAUUSD@oanda. Kept in the fragment, so that any prefix and any static server serves it.

export const kViews = [
  { id: 'overview', title: 'Overview', key: '1' },
  { id: 'trading', title: 'Trading', key: '2' },
  { id: 'technical', title: 'Technical', key: '3' },
  { id: 'infrastructure', title: 'Infrastructure', short: 'Infra', key: '4' },
  { id: 'trades', title: 'Trades', key: '5' },
  { id: 'risk', title: 'Risk', key: '6' },
];

export function parseRoute(hash) {
  const [view, argument = ''] = hash.replace(/^#\/?/, '').split('/');
  const known = kViews.some((item) => item.id === view);
  let decoded = '';
  try {
    decoded = decodeURIComponent(argument);
  } catch {
    // A mangled link shows the view without its instrument.
  }
  return { view: known ? view : 'overview', argument: known ? decoded : '' };
}

export function routeHash(view, argument = '') {
  return argument === '' ? `#/${view}` : `#/${view}/${encodeURIComponent(argument)}`;
}
