// SPDX-License-Identifier: Apache-2.0
// How the page is built: hashed files under dist/, addressed relatively, so that it works under any prefix (/, /i/desk/).
import { defineConfig } from 'vite';
import { svelte } from '@sveltejs/vite-plugin-svelte';

export default defineConfig({
  base: './',
  plugins: [svelte({ compilerOptions: { css: 'external' } })],
  build: {
    outDir: 'dist',
    target: 'es2022',
    cssCodeSplit: false,
    // Nothing is inlined as data: or as a script in the page: the gateway's Content-Security-Policy forbids both.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
