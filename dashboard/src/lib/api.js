// SPDX-License-Identifier: Apache-2.0
// REST calls to the gateway that served the page; errors come as RFC 9457 problems and are thrown as ApiError.

export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `the gateway answered ${status}`);
    this.status = status;
    this.code = problem.code ?? '';
    this.problem = problem;
  }
}

/** An id that no other request has. crypto.randomUUID needs a secure context, which a plain-HTTP phone on the LAN is not. */
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export class Api {
  #base;
  #fetch;
  #onUnauthorised;

  constructor(base, { fetch = globalThis.fetch.bind(globalThis), onUnauthorised = () => {} } = {}) {
    this.#base = base;
    this.#fetch = fetch;
    this.#onUnauthorised = onUnauthorised;
  }

  socketUrl() {
    const url = new URL('ws', this.#base);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    return url.toString();
  }

  get(path, query = {}, { signal } = {}) {
    const url = new URL(`api/v1/${path}`, this.#base);
    for (const [name, value] of Object.entries(query)) {
      if (value !== null && value !== undefined && value !== '') url.searchParams.set(name, String(value));
    }
    return this.#request('GET', url, { signal });
  }

  /** `key` makes a repeated POST harmless: the gateway answers it from its store. */
  post(path, body, { key } = {}) {
    const headers = { 'Content-Type': 'application/json', 'X-Thintail-CSRF': '1' };
    if (key !== undefined) headers['Idempotency-Key'] = key;
    return this.#request('POST', new URL(`api/v1/${path}`, this.#base), { headers, body: JSON.stringify(body) });
  }

  async #request(method, url, { headers = {}, body, signal } = {}) {
    const response = await this.#fetch(url.toString(), {
      method, body, signal, credentials: 'same-origin', cache: 'no-store', redirect: 'error',
      headers: { Accept: 'application/json', ...headers },
    });
    const text = await response.text();
    let data = null;
    if (text !== '') {
      try {
        data = JSON.parse(text);
      } catch {
        data = { detail: text.slice(0, 200) };
      }
    }
    if (response.ok) return data;
    // A wrong password is a 401 too, but says nothing of a session.
    if (response.status === 401 && !url.pathname.endsWith('/login')) this.#onUnauthorised();
    throw new ApiError(response.status, data ?? {});
  }
}
