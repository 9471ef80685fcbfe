// SPDX-License-Identifier: Apache-2.0
// `node mock/main.mjs [--port 8080] [--mode paper|replay|live] [--extra 2000]`: the page over a made-up market.
import { parseArgs } from 'node:util';
import { startGateway } from './gateway.mjs';

const { values } = parseArgs({ options: { port: { type: 'string', default: '8080' }, mode: { type: 'string', default: 'paper' }, extra: { type: 'string', default: '0' } } });
const gateway = await startGateway({ port: Number(values.port), mode: values.mode, extra: Number(values.extra), code: 'demo' });
console.log(`${gateway.url}#code=demo    (or the password "demo"; simulated data)`);
