// fetch, Headers, Request, Response, AbortController (WHATWG Fetch and DOM); the host sends.
{
  class Headers {
    #list = new Map();
    constructor(init) {
      if (init instanceof Headers) for (const [key, value] of init) this.append(key, value);
      else if (init && typeof init[Symbol.iterator] === "function") for (const [key, value] of init) this.append(key, value);
      else if (init && typeof init === "object") for (const key of Object.keys(init)) this.append(key, init[key]);
    }
    #key(name) { const key = String(name).toLowerCase(); if (!/^[!#$%&'*+\-.^_`|~\w]+$/.test(key)) throw new TypeError(`Invalid header name: ${name}`); return key; }
    append(name, value) { const key = this.#key(name); const text = String(value).trim(); this.#list.set(key, this.#list.has(key) ? `${this.#list.get(key)}, ${text}` : text); }
    set(name, value) { this.#list.set(this.#key(name), String(value).trim()); }
    get(name) { return this.#list.get(this.#key(name)) ?? null; }
    has(name) { return this.#list.has(this.#key(name)); }
    delete(name) { this.#list.delete(this.#key(name)); }
    forEach(callback, self) { for (const [key, value] of this) callback.call(self, value, key, this); }
    getSetCookie() { return this.#list.has("set-cookie") ? [this.#list.get("set-cookie")] : []; }
    keys() { return [...this.#list.keys()].sort()[Symbol.iterator](); }
    values() { return [...this].map(([, value]) => value)[Symbol.iterator](); }
    entries() { return this[Symbol.iterator](); }
    *[Symbol.iterator]() { for (const key of [...this.#list.keys()].sort()) yield [key, this.#list.get(key)]; }
  }

  const consumed = new WeakSet();
  const contents = new WeakMap();
  const take = async (holder) => {
    if (consumed.has(holder)) throw new TypeError("Body has already been consumed");
    const body = contents.get(holder);
    if (body) consumed.add(holder);
    return body ?? new Uint8Array();
  };
  class Body {
    get bodyUsed() { return consumed.has(this); }
    async text() { return __fromUtf8(await take(this)); }
    async json() { return JSON.parse(__fromUtf8(await take(this))); }
    async arrayBuffer() { return (await take(this)).slice().buffer; }
    async bytes() { return (await take(this)).slice(); }
    async blob() { return new Blob([await take(this)], { type: this.headers.get("content-type") ?? "" }); }
    async formData() { return new URLSearchParams(__fromUtf8(await take(this))); }
  }
  const fill = (holder, body) => {
    const made = __bodyOf(body);
    contents.set(holder, made ? made.bytes : null);
    if (made?.type && !holder.headers.has("content-type")) holder.headers.set("content-type", made.type);
  };

  class Request extends Body {
    constructor(input, init = {}) {
      super();
      const from = input instanceof Request ? input : null;
      this.url = from ? from.url : String(input);
      this.method = String(init.method ?? from?.method ?? "GET").toUpperCase();
      this.headers = new Headers(init.headers ?? from?.headers);
      this.redirect = init.redirect ?? from?.redirect ?? "follow";
      this.signal = init.signal ?? from?.signal ?? null;
      if (init.body === undefined && from) contents.set(this, contents.get(from)); else fill(this, init.body);
    }
    clone() { return new Request(this); }
  }
  class Response extends Body {
    constructor(body = null, init = {}) {
      super();
      this.status = init.status ?? 200;
      this.statusText = init.statusText ?? "";
      this.ok = this.status >= 200 && this.status < 300;
      this.headers = new Headers(init.headers);
      this.url = init.url ?? "";
      this.redirected = init.redirected ?? false;
      this.type = "default";
      fill(this, body);
    }
    clone() {
      if (consumed.has(this)) throw new TypeError("Body has already been consumed");
      return new Response(contents.get(this), { status: this.status, statusText: this.statusText, headers: this.headers, url: this.url, redirected: this.redirected });
    }
    static json(value, init = {}) { return new Response(JSON.stringify(value), { ...init, headers: { "content-type": "application/json", ...init.headers } }); }
    static error() { const answer = new Response(); answer.status = 0; answer.ok = false; return answer; }
    static redirect(url, status = 302) { return new Response(null, { status, headers: { location: String(url) } }); }
  }

  class AbortSignal {
    constructor() { this.aborted = false; this.reason = undefined; this.onabort = null; }
    #listeners = [];
    addEventListener(type, listener) { if (type === "abort") this.#listeners.push(listener); }
    removeEventListener(type, listener) { this.#listeners = this.#listeners.filter((item) => item !== listener); }
    throwIfAborted() { if (this.aborted) throw this.reason; }
    static _abort(signal, reason) {
      if (signal.aborted) return;
      signal.aborted = true;
      signal.reason = reason;
      const event = { type: "abort", target: signal };
      signal.onabort?.(event);
      for (const listener of signal.#listeners) listener(event);
    }
  }
  const abort = AbortSignal._abort;
  delete AbortSignal._abort;
  class AbortController {
    constructor() { this.signal = new AbortSignal(); }
    abort(reason) {
      const error = new Error("This operation was aborted");
      error.name = "AbortError";
      abort(this.signal, reason ?? error);
    }
  }

  const failed = (message) => { const error = new Error(`Fetch failed: ${message}`); error.name = "FetchError"; return error; };
  const fetch = async (input, init = {}) => {
    const request = new Request(input, init);
    if (request.signal?.aborted) throw failed("canceled");
    const body = contents.get(request);
    const { id, promise } = __ask("fetch", {
      method: request.method, url: request.url, headers: [...request.headers], body: body ? __toBase64(body) : null, redirect: request.redirect,
    });
    request.signal?.addEventListener("abort", () => {
      const entry = __state.waiting.get(id);
      if (entry) { __state.waiting.delete(id); __state.operations.push([id, "cancel", null]); entry.reject(failed("canceled")); }
    });
    const answer = await promise;
    return new Response(__fromBase64(answer.body), { status: answer.status, statusText: answer.statusText, headers: answer.headers, url: answer.url, redirected: answer.redirected });
  };
  Object.assign(globalThis, { Headers, Request, Response, AbortController, AbortSignal, fetch });
}
