// The pm namespace.
const __makePm = (input) => {
  const { text } = __variables;
  const pre = input.phase !== "test";
  // What a list holds that is nothing in JSON is null.
  const kept = (value) => (Array.isArray(value) ? Array.from(value, (item) => (item === undefined ? null : kept(item))) : value);
  const resolved = (lists) =>
    Object.fromEntries([...lists()].reverse().flat().map((entry) => [entry.key, __variables.resolve(__variables.value(entry))]).filter(([, value]) => value !== undefined && value !== null));
  const scope = (lists) => ({
    get: (key) => __variables.raw(text(key, "key"), lists()),
    set: (key, value) => { __variables.set(text(key, "key"), kept(value), lists()[0]); },
    unset: (key) => { __variables.unset(text(key, "key"), lists()); },
    has: (key) => __variables.find(text(key, "key"), lists()) !== undefined,
    clear: () => { for (const list of lists()) list.length = 0; },
    toObject: () => resolved(lists),
    replaceIn: (value) => __variables.replace(value, lists()),
  });
  const entry = (key, value) => ({ key, initialValue: value, currentValue: value });
  // Every list in which pm.variables looks, the strongest first.
  const everything = () => [
    __state.selected, __state.global,
    Object.entries(__state.data).map(([key, value]) => entry(key, value)),
    __state.request.requestVariables.filter((item) => item.active !== false).map((item) => entry(item.key, item.value)),
    __state.collection,
  ];
  const pm = {
    environment: Object.assign({ name: input.environment }, scope(() => [__state.selected])),
    globals: scope(() => [__state.global]),
    collectionVariables: scope(() => [__state.collection]),
    variables: {
      get: (key) => __variables.raw(text(key, "key"), everything()),
      set: (key, value) => { __variables.set(text(key, "key"), value, __state.selected); },
      has: (key) => __variables.find(text(key, "key"), everything()) !== undefined,
      replaceIn: (value) => __variables.replace(value, everything()),
      toObject: () => resolved(__variables.lists),
    },
    request: __pmRequest(pre),
    info: { eventName: pre ? "pre-request" : "test" },
    sendRequest: __sendRequest,
  };
  const info = { requestName: () => __state.request.name, requestId: () => __state.request.id ?? __state.request.name, iteration: () => input.iteration, iterationCount: () => input.iterationCount };
  for (const [name, get] of Object.entries(info)) Object.defineProperty(pm.info, name, { enumerable: true, get });

  const changed = (change) => { change(); __state.dataChanged = true; };
  pm.iterationData = {
    get: (key) => __state.data[text(key, "key")],
    set: (key, value) => changed(() => { __state.data[text(key, "key")] = __variables.plain(value); }),
    unset: (key) => changed(() => { delete __state.data[text(key, "key")]; }),
    has: (key) => Object.prototype.hasOwnProperty.call(__state.data, text(key, "key")),
    toObject: () => ({ ...__state.data }),
    toJSON: () => ({ ...__state.data }),
  };

  const stub = (name, why) => () => { throw new Error(`${name} is not supported in Hoppscotch (${why})`); };
  pm.vault = Object.fromEntries(["get", "set", "unset"].map((name) => [name, stub(`pm.vault.${name}()`, "Postman Vault feature")]));
  pm.visualizer = Object.fromEntries(["set", "clear"].map((name) => [name, stub(`pm.visualizer.${name}()`, "Postman Visualizer feature")]));
  pm.require = (name) => stub(`pm.require('${name}')`, "Package Library feature")();
  const location = Object.freeze(Object.assign(["Hoppscotch"], { current: "Hoppscotch" }));
  pm.execution = {
    location,
    setNextRequest: (name) => { __state.next = name === null || name === undefined ? null : String(name); },
    skipRequest: pre ? () => { __state.skip = true; throw new __Skip("skipped"); } : stub("pm.execution.skipRequest()", "in a test script: the request has been sent"),
    runRequest: stub("pm.execution.runRequest()", "Collection Runner feature"),
  };

  const here = () => input.url;
  const settled = (callback, work) => {
    let value, error = null;
    try { value = work(); } catch (caught) { error = caught; }
    if (typeof callback === "function") callback(error, value);
    return error && typeof callback !== "function" ? Promise.reject(error) : Promise.resolve(value);
  };
  const named = (place, name) => __cookies.all(place).find((cookie) => cookie.name === name);
  const jar = () => ({
    get: (place, name, callback) => settled(callback, () => named(place, name)?.value),
    getAll: (place, options, callback) => settled(callback ?? options, () => __cookies.all(place)),
    set: (place, cookie, value, callback) => settled(callback ?? value, () => __cookies.set(place, typeof cookie === "object" ? cookie : { name: String(cookie), value: String(typeof value === "function" ? "" : value) })),
    unset: (place, name, callback) => settled(callback, () => __cookies.delete(place, name)),
    clear: (place, callback) => settled(callback, () => __cookies.clear(place)),
  });
  pm.cookies = {
    get: (name) => named(here(), name)?.value,
    has: (name) => named(here(), name) !== undefined,
    toObject: () => Object.fromEntries(__cookies.all(here()).map((cookie) => [cookie.name, cookie.value])),
    set: (name, value) => { __cookies.set(here(), typeof name === "object" ? name : { name: String(name), value: String(value) }); },
    jar,
  };
  if (pre) return pm;
  pm.test = __test;
  pm.expect = __expect;
  pm.response = __pmResponse();
  return pm;
};

const __pmResponse = () => {
  const raw = __response.raw();
  const header = (name) => __response.header(name);
  const cookies = __response.cookies();
  const fields = {
    code: () => raw.status, status: () => raw.statusText, responseTime: () => raw.duration, responseSize: () => __response.bytes().length, stream: () => __response.listed(),
  };
  const response = {};
  for (const [name, get] of Object.entries(fields)) Object.defineProperty(response, name, { enumerable: true, get });
  Object.assign(response, {
    text: () => __response.text(),
    json: () => __response.json(),
    reason: () => raw.statusText,
    dataURI: () => __response.dataURI(),
    jsonp: (name) => __response.jsonp(name),
    headers: {
      get: (name) => header(name)?.value,
      has: (name) => header(name) !== undefined,
      all: () => Object.fromEntries(raw.headers.map((item) => [item.key, item.value])),
    },
    cookies: { get: (name) => cookies[name] ?? null, has: (name) => name in cookies, toObject: () => ({ ...cookies }) },
  });
  const expect = __expect;
  const status = (code) => () => { expect(raw.status).to.equal(code); };
  const between = (low, high) => () => { expect(raw.status >= low && raw.status < high).to.be.true; };
  const type = (part) => () => { expect(__response.type()).to.include(part); };
  const have = {
    status: (code) => { expect(raw.status).to.equal(code); },
    header: (name, ...value) => { if (value.length) expect(header(name)?.value).to.equal(value[0]); else expect(header(name)).to.exist; },
    body: (text) => { expect(__response.text()).to.equal(text); },
    jsonBody: (...args) => {
      const json = __response.json();
      if (args.length === 0) expect(json).to.be.an("object");
      else if (typeof args[0] === "string" && args.length === 1) expect(json).to.have.property(args[0]);
      else if (typeof args[0] === "string") expect(json?.[args[0]]).to.equal(args[1]);
      else expect(json).to.deep.equal(args[0]);
    },
    responseTime: { below: (limit) => { expect(raw.duration).to.be.below(limit); }, above: (limit) => { expect(raw.duration).to.be.above(limit); } },
    jsonSchema: (schema) => {
      const fault = __answerFault(__response.value(), schema);
      __report(fault === null, fault ?? "Response body matches JSON schema");
    },
    charset: (wanted) => {
      const found = /charset=["']?([^\s;"']+)/i.exec(__response.type())?.[1] ?? null;
      expect(found === null ? null : found.toLowerCase()).to.equal(String(wanted).toLowerCase());
    },
    cookie: (name, ...value) => { if (value[0] !== undefined && response.cookies.has(name)) expect(response.cookies.get(name)).to.equal(value[0]); else expect(response.cookies.has(name)).to.be.true; },
    jsonPath: (path, ...value) => {
      const [found, current, missing] = __path(__response.value(), path, false);
      if (!found) __report(false, missing);
      else if (value.length) expect(current).to.deep.equal(value[0]);
      else expect(current).to.exist;
    },
  };
  const be = {
    ok: between(200, 300), success: between(200, 300), accepted: status(202), badRequest: status(400), unauthorized: status(401), forbidden: status(403), notFound: status(404),
    rateLimited: status(429), clientError: between(400, 500), serverError: between(500, 600), json: type("application/json"), html: type("text/html"),
    xml: () => { expect(/(?:application|text)\/(?:[\w.+-]+\+)?xml/.test(__response.type())).to.be.true; }, text: type("text/plain"),
  };
  response.to = { have, be };
  return response;
};

// pm.sendRequest(address or request, callback): also a promise, for those who await.
const __sendRequest = (what, callback) => {
  const block = __state.current;
  const spec = typeof what === "string" ? { url: what } : what;
  const url = spec.url !== null && typeof spec.url === "object" ? spec.url.raw ?? String(spec.url) : String(spec.url);
  const headers = new Headers();
  const source = spec.header ?? spec.headers ?? {};
  if (typeof source === "string") for (const line of source.split(/\r?\n/)) { const at = line.indexOf(":"); if (at > 0) headers.append(line.slice(0, at).trim(), line.slice(at + 1)); }
  else for (const { key, value } of Array.isArray(source) ? source.filter((item) => !item.disabled) : Object.entries(source).map(([key, value]) => ({ key, value }))) headers.append(key, value);
  let body;
  const rows = (items) => (Array.isArray(items) ? items.filter((item) => !item.disabled).map((item) => [item.key, item.value ?? ""]) : Object.entries(items ?? {}));
  const given = spec.body;
  if (given?.mode === "urlencoded") {
    if (!headers.has("content-type")) headers.set("content-type", "application/x-www-form-urlencoded");
    body = new URLSearchParams(rows(given.urlencoded).map(([key, value]) => [key, __variables.plain(value)]));
  } else if (given?.mode === "formdata") {
    const boundary = `hopkey-${crypto.randomUUID()}`;
    headers.set("content-type", `multipart/form-data; boundary=${boundary}`);
    const quote = (name) => String(name).replace(/["\r\n]/g, (c) => encodeURIComponent(c));
    body = `${rows(given.formdata).map(([key, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${quote(key)}"\r\n\r\n${__variables.plain(value)}\r\n`).join("")}--${boundary}--\r\n`;
  } else if (given?.mode === "graphql") { body = JSON.stringify(given.graphql); headers.set("content-type", "application/json"); }
  else if (given?.mode === "raw" || typeof given === "string") {
    body = __variables.plain(given.raw ?? given);
    if (!headers.has("content-type") && given.options?.raw?.language === "json") headers.set("content-type", "application/json");
    if (!headers.has("content-type")) { try { JSON.parse(body); headers.set("content-type", "application/json"); } catch { headers.set("content-type", "text/plain"); } }
  }
  const start = Date.now();
  const answered = fetch(url, { method: spec.method ?? "GET", headers, body }).then(async (answer) => {
    const text = await answer.text();
    const size = __utf8(text).length;
    const cookies = __cookiesOf(answer.headers.get("set-cookie") ?? "");
    // A list of {key, value} that can also be asked by name.
    const names = [...answer.headers].map(([key, value]) => ({ key, value }));
    const methods = { get: (name) => answer.headers.get(name), has: (name) => answer.headers.has(name), all: () => Object.fromEntries(answer.headers), toObject: () => Object.fromEntries(answer.headers) };
    for (const [name, method] of Object.entries(methods)) Object.defineProperty(names, name, { value: method, configurable: true });
    return {
      code: answer.status, status: answer.statusText, headers: names, body: text, responseTime: Date.now() - start, responseSize: size,
      text: () => text,
      // As in the official runner: nothing, where the answer is no JSON.
      json: () => { try { return JSON.parse(text); } catch { return null; } },
      cookies: Object.defineProperties(cookies, { get: { value: (name) => cookies[name] ?? null }, has: { value: (name) => name in cookies }, toObject: { value: () => ({ ...cookies }) } }),
    };
  });
  if (typeof callback !== "function") { answered.catch(() => {}); return answered; }
  const call = (error, answer) => {
    try {
      const result = __within(block, () => callback(error, answer));
      return result && typeof result.then === "function" ? result.then(undefined, __fail) : undefined;
    } catch (error_) { __fail(error_); return undefined; }
  };
  return answered.then((answer) => call(null, answer), (error) => call(error, null)).then(() => undefined);
};
