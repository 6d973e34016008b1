// URL and URLSearchParams (WHATWG URL, for the schemes that requests use).
{
  const encode = (text, keep) => Array.from(text.toWellFormed(), (c) => (keep.test(c) ? c : encodeURIComponent(c).replace(/[!'()*~]/g, (s) => `%${s.charCodeAt(0).toString(16).toUpperCase()}`))).join("");
  const PATH = /[\w\-.~!$&'()*+,;=:@/%|[\]^\\]/;
  const QUERY = /[\w\-.~!$&()*+,;=:@/%?|[\]^\\{}`]/;
  const HASH = /[\w\-.~!$&'()*+,;=:@/%?|[\]^\\{}#]/;
  const USER = /[\w\-.~!$&'()*+,%]/;
  const ports = { "http:": "80", "https:": "443", "ws:": "80", "wss:": "443", "ftp:": "21" };
  const invalid = () => { throw new TypeError("Invalid URL"); };
  const form = (text) => encodeURIComponent(text.toWellFormed()).replace(/%20/g, "+").replace(/[!'()~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const unform = (text) => __fromUtf8(Uint8Array.from(unescape(unescape(encodeURIComponent(text.replace(/\+/g, " ")))), (c) => c.charCodeAt(0)));

  class URLSearchParams {
    #list = [];
    #changed = () => {};
    constructor(init = "", changed) {
      if (changed === changedKey) return;
      if (typeof init === "string") this.#parse(init);
      else if (init && typeof init[Symbol.iterator] === "function") for (const [key, value] of init) this.#list.push([String(key), String(value)]);
      else if (init && typeof init === "object") for (const key of Object.keys(init)) this.#list.push([key, String(init[key])]);
      else this.#parse(String(init));
    }
    static _of(text, changed) { const params = new URLSearchParams("", changedKey); params.#parse(text); params.#changed = changed; return params; }
    #parse(text) {
      this.#list = text.replace(/^\?/, "").split("&").filter(Boolean).map((pair) => {
        const at = pair.indexOf("=");
        return at < 0 ? [unform(pair), ""] : [unform(pair.slice(0, at)), unform(pair.slice(at + 1))];
      });
    }
    _reset(text) { this.#parse(text); }
    get size() { return this.#list.length; }
    append(key, value) { this.#list.push([String(key), String(value)]); this.#changed(); }
    delete(key, value) { this.#list = this.#list.filter(([k, v]) => k !== String(key) || (value !== undefined && v !== String(value))); this.#changed(); }
    get(key) { return this.#list.find(([k]) => k === String(key))?.[1] ?? null; }
    getAll(key) { return this.#list.filter(([k]) => k === String(key)).map(([, v]) => v); }
    has(key, value) { return this.#list.some(([k, v]) => k === String(key) && (value === undefined || v === String(value))); }
    set(key, value) {
      const at = this.#list.findIndex(([k]) => k === String(key));
      if (at < 0) this.#list.push([String(key), String(value)]);
      else this.#list = this.#list.filter(([k], i) => i === at || k !== String(key)).map((pair, i) => (i === at ? [pair[0], String(value)] : pair));
      this.#changed();
    }
    sort() { this.#list.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)); this.#changed(); }
    forEach(callback, self) { for (const [key, value] of [...this.#list]) callback.call(self, value, key, this); }
    *keys() { for (const [key] of this.#list) yield key; }
    *values() { for (const [, value] of this.#list) yield value; }
    *entries() { for (const [key, value] of this.#list) yield [key, value]; }
    [Symbol.iterator]() { return this.entries(); }
    toString() { return this.#list.map(([key, value]) => `${form(key)}=${form(value)}`).join("&"); }
  }
  const changedKey = Symbol("of a URL");

  const dots = (path) => {
    const out = [];
    const parts = path.split("/");
    parts.forEach((part, i) => {
      const plain = part.replace(/%2e/gi, ".");
      const last = i === parts.length - 1;
      if (plain === "..") { if (out.length > 1) out.pop(); if (last) out.push(""); } else if (plain === ".") { if (last) out.push(""); } else out.push(part);
    });
    return out.join("/");
  };

  const parse = (text, base) => {
    const input = text.trim().replace(/[\t\n\r]/g, "");
    const absolute = /^([A-Za-z][A-Za-z0-9+.-]*):(.*)$/s.exec(input);
    if (absolute) {
      const protocol = `${absolute[1].toLowerCase()}:`;
      if (!(protocol in ports)) {
        const [, path, search, hash] = /^([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(absolute[2]);
        return { protocol, username: "", password: "", hostname: "", port: "", pathname: path, search: search ?? "", hash: hash ?? "", opaque: true };
      }
      const found = /^[/\\]{2,}([^/\\?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(absolute[2]) ?? invalid();
      const at = found[1].lastIndexOf("@");
      const [username = "", ...password] = at < 0 ? [] : found[1].slice(0, at).split(":");
      const host = /^(\[[0-9A-Fa-f:.]+\]|[^:\s<>^`{|}%]+)(?::(\d*))?$/.exec(found[1].slice(at + 1)) ?? invalid();
      if (host[2] && Number(host[2]) > 65535) invalid();
      const port = host[2] && String(Number(host[2])) !== ports[protocol] ? String(Number(host[2])) : "";
      return {
        protocol, username: encode(username, USER), password: encode(password.join(":"), USER), hostname: host[1].toLowerCase(), port,
        pathname: encode(dots(found[2].replace(/\\/g, "/") || "/"), PATH), search: found[3] && found[3] !== "?" ? encode(found[3], QUERY) : "", hash: found[4] && found[4] !== "#" ? encode(found[4], HASH) : "",
      };
    }
    if (base === undefined) invalid();
    const start = parse(base);
    if (start.opaque) invalid();
    if (/^[/\\]{2}/.test(input)) return parse(start.protocol + input);
    const [, path, search, hash] = /^([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(input);
    const joined = path === "" ? start.pathname : /^[/\\]/.test(path) ? path : start.pathname.replace(/[^/]*$/, "") + path;
    return {
      ...start, pathname: encode(dots(joined.replace(/\\/g, "/")), PATH),
      search: search !== undefined ? encode(search === "?" ? "" : search, QUERY) : path === "" ? start.search : "", hash: hash && hash !== "#" ? encode(hash, HASH) : "",
    };
  };

  class URL {
    #parts;
    #params;
    constructor(url, base) {
      this.#parts = parse(String(url), base === undefined ? undefined : String(base));
      this.#params = URLSearchParams._of(this.#parts.search, () => { const text = this.#params.toString(); this.#parts.search = text ? `?${text}` : ""; });
    }
    static canParse(url, base) { try { new URL(url, base); return true; } catch { return false; } }
    static parse(url, base) { try { return new URL(url, base); } catch { return null; } }
    #set(text) { this.#parts = parse(text); this.#params._reset(this.#parts.search); }
    get href() {
      const p = this.#parts;
      if (p.opaque) return p.protocol + p.pathname + p.search + p.hash;
      const user = p.username || p.password ? `${p.username}${p.password ? `:${p.password}` : ""}@` : "";
      return `${p.protocol}//${user}${this.host}${p.pathname}${p.search}${p.hash}`;
    }
    set href(value) { this.#set(String(value)); }
    get origin() { return this.#parts.opaque ? "null" : `${this.#parts.protocol}//${this.host}`; }
    get protocol() { return this.#parts.protocol; }
    set protocol(value) { const name = `${String(value).replace(/:.*$/, "").toLowerCase()}:`; if (name in ports) { this.#parts.protocol = name; if (this.#parts.port === ports[name]) this.#parts.port = ""; } }
    get username() { return this.#parts.username; }
    set username(value) { this.#parts.username = encode(String(value), USER); }
    get password() { return this.#parts.password; }
    set password(value) { this.#parts.password = encode(String(value), USER); }
    get host() { return this.#parts.hostname + (this.#parts.port ? `:${this.#parts.port}` : ""); }
    set host(value) { const [name, port] = String(value).split(/:(?=\d*$)/); this.hostname = name; if (port) this.port = port; }
    get hostname() { return this.#parts.hostname; }
    set hostname(value) { if (/^(\[[0-9A-Fa-f:.]+\]|[^:\s<>^`{|}%/?#@]+)$/.test(String(value))) this.#parts.hostname = String(value).toLowerCase(); }
    get port() { return this.#parts.port; }
    set port(value) { const text = String(value); if (/^\d{0,5}$/.test(text)) this.#parts.port = text === ports[this.#parts.protocol] ? "" : text; }
    get pathname() { return this.#parts.pathname; }
    set pathname(value) { this.#parts.pathname = encode(dots(`/${String(value).replace(/^\//, "")}`), PATH); }
    get search() { return this.#parts.search; }
    set search(value) { const text = String(value).replace(/^\?/, ""); this.#parts.search = text ? `?${encode(text, QUERY)}` : ""; this.#params._reset(this.#parts.search); }
    get searchParams() { return this.#params; }
    get hash() { return this.#parts.hash; }
    set hash(value) { const text = String(value).replace(/^#/, ""); this.#parts.hash = text ? `#${encode(text, HASH)}` : ""; }
    toString() { return this.href; }
    toJSON() { return this.href; }
  }
  globalThis.URL = URL;
  globalThis.URLSearchParams = URLSearchParams;
}
