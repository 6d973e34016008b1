// The hopp namespace.
const __makeHopp = (input) => {
  const { text } = __variables;
  const pre = input.phase !== "test";
  const scope = (lists) => ({
    get: (key) => { const value = __variables.raw(text(key, "key"), lists()); return value === undefined ? null : __variables.resolve(value); },
    getRaw: (key) => __variables.raw(text(key, "key"), lists()) ?? null,
    set: (key, value) => { __variables.set(text(key, "key"), text(value, "value"), lists().length === 1 ? lists()[0] : null); },
    delete: (key) => { __variables.unset(text(key, "key"), lists()); },
    reset: (key) => { const entry = __variables.find(text(key, "key"), lists()); if (entry) entry.currentValue = entry.initialValue; },
    getInitialRaw: (key) => __variables.find(text(key, "key"), lists())?.initialValue ?? null,
    setInitial: (key, value) => {
      const entry = __variables.find(text(key, "key"), lists());
      if (entry) entry.initialValue = text(value, "value");
      else __variables.set(key, text(value, "value"), lists()[0]);
    },
  });
  const env = scope(__variables.lists);
  env.active = scope(() => [__state.selected]);
  env.global = scope(() => [__state.global]);

  const request = {};
  const readings = { url: () => __request.get("endpoint"), method: () => __request.get("method"), params: () => __request.get("params"), headers: () => __request.get("headers"), body: () => __request.get("body"), auth: () => __request.get("auth") };
  for (const [name, get] of Object.entries(readings)) {
    Object.defineProperty(request, name, { enumerable: true, get, set() { throw new TypeError(`hopp.request.${name} is read-only`); } });
  }
  request.variables = { get: (key) => __request.variable(text(key, "key")) };
  if (pre) {
    request.variables.set = (key, value) => { __request.setVariable(text(key, "key"), __variables.plain(value)); };
    Object.assign(request, {
      setUrl: (url) => __request.put("endpoint", __variables.plain(url)),
      setMethod: (method) => { if (__variables.plain(method) !== "") __request.put("method", __variables.plain(method)); },
      setHeader: (key, value) => __request.upsert("headers", key, value, true),
      setHeaders: (headers) => __request.put("headers", __request.rows(headers)),
      removeHeader: (key) => __request.remove("headers", key, true),
      setParam: (key, value) => __request.upsert("params", key, value, true),
      setParams: (params) => __request.put("params", __request.rows(params, "params")),
      removeParam: (key) => __request.remove("params", key, false),
      setBody: __request.setBody,
      setAuth: __request.setAuth,
    });
  }

  const domain = (value) => text(value, "domain");
  const cookies = {
    get: (host, name) => __cookies.all(domain(host)).find((cookie) => cookie.name === text(name, "name")) ?? null,
    set: (host, cookie) => {
      if (cookie === null || typeof cookie !== "object" || typeof cookie.name !== "string") throw new Error("Expected cookie to be an object with a name");
      __cookies.set(domain(host), cookie);
    },
    has: (host, name) => cookies.get(host, name) !== null,
    getAll: (host) => __cookies.all(domain(host)),
    delete: (host, name) => { __cookies.delete(domain(host), text(name, "name")); },
    clear: (host) => { __cookies.clear(domain(host)); },
  };
  const hopp = { env, request, cookies, fetch: globalThis.fetch };
  if (pre) return hopp;

  hopp.test = __test;
  hopp.expect = __expect;
  const raw = __response.raw();
  hopp.response = Object.freeze({
    statusCode: raw.status,
    statusText: raw.statusText,
    headers: raw.headers,
    responseTime: raw.duration,
    body: Object.freeze({ asJSON: () => __response.json(), asText: () => __response.text(), bytes: () => __response.listed() }),
    text: () => __response.text(),
    json: () => __response.json(),
    reason: () => raw.statusText,
    dataURI: () => __response.dataURI(),
    jsonp: (name) => __response.jsonp(name),
  });
  return hopp;
};

// The cookies of the run, which the host keeps. A place is a host name or an address.
const __cookies = {
  all: (place) => __call("cookies", ["all", String(place)]),
  set: (place, cookie) => __call("cookies", ["set", String(place), __request.copy(cookie)]),
  delete: (place, name) => __call("cookies", ["delete", String(place), name]),
  clear: (place) => __call("cookies", ["clear", String(place)]),
};
