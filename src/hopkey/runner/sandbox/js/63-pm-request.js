// pm.request: addresses, headers and parameters as Postman's scripts know them, over the same request as hopp.request.
const __pmRequest = (() => {
  // An ordered list of {key, value} with Postman's methods over it.
  const list = (read, write, caseless) => {
    const fold = (text) => (caseless ? String(text).toLowerCase() : String(text));
    const is = (item, key) => fold(item.key) === fold(key);
    const matcher = (what) => (typeof what === "function" ? what : (item) => is(item, typeof what === "object" && what !== null ? what.key : what));
    // Of several with one name: all of them in a query, the last one in headers.
    const object = () => {
      const found = {};
      for (const { key, value } of read()) {
        const before = Object.prototype.hasOwnProperty.call(found, key) && !caseless ? [found[key]].flat() : [];
        Object.defineProperty(found, key, { value: before.length ? [...before, value] : value, configurable: true, enumerable: true, writable: true });
      }
      return found;
    };
    const methods = {
      get: (key) => read().find((item) => is(item, key))?.value ?? null,
      has: (key, value) => read().some((item) => is(item, key) && (value === undefined || item.value === value)),
      all: object,
      toObject: object,
      each: (callback) => read().forEach((item) => callback(item)),
      map: (callback) => read().map((item) => callback(item)),
      filter: (callback) => read().filter((item) => callback(item)),
      count: () => read().length,
      idx: (index) => read()[index] ?? null,
      find: (what) => read().find(matcher(what)) ?? null,
      indexOf: (what) => read().findIndex(matcher(what)),
    };
    if (!write) return methods;
    const made = (item) => {
      if (item === null || typeof item !== "object" || item.key === undefined) throw new Error(`${caseless ? "Header" : "Query parameter"} must be an object with 'key' and 'value' properties`);
      return { ...item, key: __variables.plain(item.key), value: __variables.plain(item.value ?? "") };
    };
    const items = (source) => (Array.isArray(source) ? source.map(made) : Object.entries(source ?? {}).map(([key, value]) => made({ key, value })));
    return Object.assign(methods, {
      add: (item) => write([...read(), made(item)]),
      remove: (what) => write(read().filter((item) => !matcher(what)(item))),
      upsert: (item) => {
        const all = read();
        const at = all.findIndex((other) => is(other, made(item).key));
        if (at < 0) all.push(made(item)); else all[at] = { ...all[at], ...made(item) };
        write(all);
      },
      clear: () => write([]),
      insert: (item, before) => {
        const all = read();
        const at = typeof before === "number" ? before : all.findIndex((other) => is(other, typeof before === "object" && before ? before.key : before));
        all.splice(at < 0 ? all.length : at, 0, made(item));
        write(all);
      },
      append: (item) => write([...read().filter((other) => !is(other, made(item).key)), made(item)]),
      assimilate: (source, prune = false) => {
        const wanted = items(source);
        const all = read().filter((item) => !prune || wanted.some((other) => is(other, item.key)));
        for (const item of wanted) {
          const at = all.findIndex((other) => is(other, item.key));
          if (at < 0) all.push(item); else all[at] = { ...all[at], ...item };
        }
        write(all);
      },
    });
  };

  const split = (address) => {
    const [, protocol, host, port, path, query, hash] = /^(?:([A-Za-z][\w+.-]*):\/\/)?([^/?#:]*)(?::([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(address) ?? [];
    return { protocol: protocol ?? "", host: host ?? "", port: port ?? "", path: path ?? "", query: query ?? null, hash: hash ?? "" };
  };
  const join = ({ protocol, host, port, path, query, hash }) =>
    `${protocol ? `${protocol}://` : ""}${host}${port ? `:${port}` : ""}${path && !path.startsWith("/") ? "/" : ""}${path}${query ? `?${query}` : ""}${hash ? `#${hash}` : ""}`;
  const decode = (text) => { try { return decodeURIComponent(text.replace(/\+/g, " ")); } catch { return text; } };
  const encode = (text) => encodeURIComponent(text).replace(/%3C%3C/g, "<<").replace(/%3E%3E/g, ">>");
  const pairs = (query) => (query ?? "").split("&").filter(Boolean).map((pair) => { const at = pair.indexOf("="); return at < 0 ? { key: decode(pair), value: "" } : { key: decode(pair.slice(0, at)), value: decode(pair.slice(at + 1)) }; });
  const queryOf = (items) => items.map((item) => `${encode(item.key)}=${encode(item.value)}`).join("&");

  const url = (pre) => {
    const address = () => __state.request.endpoint;
    const parts = () => split(address());
    const change = (changes) => __request.put("endpoint", join({ ...parts(), ...changes }));
    const segments = (value) => (Array.isArray(value) ? value.join("/") : String(value));
    const readings = {
      protocol: [() => parts().protocol, (value) => change({ protocol: String(value).replace(/:?(\/\/)?$/, "") })],
      host: [() => parts().host.split("."), (value) => change({ host: Array.isArray(value) ? value.join(".") : String(value) })],
      hostname: [() => parts().host, (value) => change({ host: String(value) })],
      port: [() => parts().port, (value) => change({ port: ["80", "443"].includes(String(value)) ? "" : String(value) })],
      path: [() => parts().path.split("/").filter(Boolean), (value) => change({ path: `/${segments(value).replace(/^\//, "")}` })],
      hash: [() => parts().hash, (value) => change({ hash: String(value).replace(/^#/, "") })],
    };
    const result = {};
    for (const [name, [get, set]] of Object.entries(readings)) Object.defineProperty(result, name, { enumerable: true, get, set: pre ? set : undefined });
    const query = list(() => pairs(parts().query), pre ? (items) => change({ query: queryOf(items) }) : null, false);
    Object.defineProperty(result, "query", { enumerable: true, get: () => query });
    const path = () => parts().path || "/";
    Object.assign(result, {
      toString: () => address(),
      getHost: () => parts().host,
      getPath: () => path(),
      getPathWithQuery: () => path() + (parts().query ? `?${parts().query}` : ""),
      getQueryString: () => parts().query ?? "",
      getRemote: (force = false) => { const { host, port, protocol } = parts(); return port || force ? `${host}:${port || (protocol === "https" ? "443" : "80")}` : host; },
    });
    if (pre) {
      const gone = (names) => { __request.put("params", __request.get("params").filter((item) => !names.includes(item.key))); query.remove((item) => names.includes(item.key)); };
      Object.assign(result, {
        update: updateUrl,
        addQueryParams: (items) => { if (!Array.isArray(items)) throw new Error("addQueryParams requires an array of parameters"); items.forEach((item) => query.add(item)); },
        removeQueryParams: (names) => gone((Array.isArray(names) ? names : [names]).map((item) => (typeof item === "object" && item ? item.key : String(item)))),
      });
      const clear = query.clear;
      query.clear = () => { __request.put("params", []); clear(); };
    }
    return result;
  };
  const updateUrl = (value) => __request.put("endpoint", typeof value === "object" && value !== null && typeof value.raw === "string" ? value.raw : String(value));
  // As in the official runner: an address that is assigned brings all of its query, with or without one; update() leaves the parameters.
  const setUrl = (value) => {
    updateUrl(value);
    __request.put("params", []);
  };

  const languages = { json: "application/json", xml: "application/xml", html: "text/html", text: "text/plain", javascript: "text/plain" };
  const bodyOf = (value) => {
    if (value === null || value === undefined) return { contentType: null, body: null };
    if (typeof value !== "object") return { contentType: "text/plain", body: String(value) };
    const rows = (items) => (Array.isArray(items) ? items : Object.entries(items ?? {}).map(([key, item]) => ({ key, value: item }))).filter((item) => !item.disabled);
    switch (value.mode) {
      case "raw": return { contentType: languages[value.options?.raw?.language] ?? "text/plain", body: __variables.plain(value.raw ?? "") };
      case "urlencoded": return { contentType: "application/x-www-form-urlencoded", body: rows(value.urlencoded).map((item) => `${item.key}: ${__variables.plain(item.value ?? "")}`).join("\n") };
      case "formdata": return { contentType: "multipart/form-data", body: rows(value.formdata).map((item) => ({ key: item.key, value: __variables.plain(item.value ?? ""), active: true, isFile: false })) };
      case "graphql": return { contentType: "application/json", body: JSON.stringify(value.graphql ?? {}) };
      case "file": return { contentType: "application/octet-stream", body: null };
      default: return null;
    }
  };

  return (pre) => {
    const request = {};
    const address = url(pre);
    const headers = list(() => __request.get("headers").filter((item) => item.active !== false || !pre), pre ? (items) => __request.put("headers", __request.rows(items)) : null, true);
    const body = () => {
      const made = __request.get("body");
      if (pre) Object.defineProperty(made, "update", { value: (value) => { __request.put("body", bodyOf(value) ?? (typeof value === "object" && value && "contentType" in value ? __request.copy(value) : { contentType: "application/json", body: JSON.stringify(value) })); } });
      return made;
    };
    const name = () => __state.request.name;
    const id = () => __state.request.id ?? __state.request.name;
    const fields = {
      id: [id], name: [name], certificate: [() => undefined], proxy: [() => undefined],
      url: [() => address, setUrl],
      method: [() => __request.get("method"), (value) => __request.put("method", __variables.plain(value))],
      headers: [() => headers],
      body: [body, (value) => __request.put("body", bodyOf(value) ?? { contentType: "application/json", body: JSON.stringify(value) })],
      auth: [() => __request.get("auth"), (value) => __request.setAuth(value)],
    };
    for (const [key, [get, set]] of Object.entries(fields)) Object.defineProperty(request, key, { enumerable: true, get, set: pre ? set : undefined });
    request.toJSON = () => ({
      id: id(), name: name(),
      url: { protocol: address.protocol, host: address.host, hostname: address.hostname, port: address.port, path: address.path, hash: address.hash, query: address.query.toObject() },
      method: request.method, headers: headers.toObject(), body: __request.get("body"), auth: request.auth,
    });
    request.toString = () => `Request { id: ${id()}, name: ${name()}, method: ${request.method}, url: ${address.toString()} }`;
    return request;
  };
})();
