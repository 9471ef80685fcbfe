// SPDX-License-Identifier: Apache-2.0
import { mount } from 'svelte';
import './app.css';
import App from './App.svelte';
import { boot } from './lib/app.svelte.js';

mount(App, { target: document.getElementById('app') });
boot();
