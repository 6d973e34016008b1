// Globals that every script finds: console, timers, base64, text encoding.
{
  const write = (level, values) => {
    const line = values.map((value) => __inspect(value)).join(" ");
    __state.written += line.length + 1;
    if (__state.written > __state.input.limits.output) throw new __LimitError("too much console output");
    __state.console.push([level, line]);
  };
  const counts = new Map();
  const timers = new Map();
  const console = {};
  for (const level of ["log", "info", "warn", "error", "debug"]) console[level] = (...values) => write(level, values);
  console.trace = (...values) => write("trace", values);
  console.dir = (value) => write("log", [value]);
  console.dirxml = (...values) => write("log", values);
  console.table = (value) => write("log", [value]);
  console.assert = (condition, ...values) => { if (!condition) write("error", ["Assertion failed:", ...values]); };
  console.clear = () => {};
  console.count = (label = "default") => { counts.set(label, (counts.get(label) ?? 0) + 1); write("log", [`${label}: ${counts.get(label)}`]); };
  console.countReset = (label = "default") => { counts.delete(label); };
  console.group = (...values) => { if (values.length) write("log", values); };
  console.groupCollapsed = console.group;
  console.groupEnd = () => {};
  console.time = (label = "default") => { timers.set(label, Date.now()); };
  console.timeLog = (label = "default", ...values) => write("log", [`${label}: ${Date.now() - (timers.get(label) ?? Date.now())}ms`, ...values]);
  console.timeEnd = (label = "default") => { console.timeLog(label); timers.delete(label); };
  globalThis.console = console;

  const start = (callback, delay, values, again) => {
    if (typeof callback !== "function") throw new TypeError("not a function");
    const milliseconds = Math.min(Math.max(Number(delay) || 0, again ? 1 : 0), 2147483647);
    const { id, promise } = __ask("timer", milliseconds);
    const fire = () => {
      try { const result = callback(...values); if (result && typeof result.then === "function") result.then(undefined, __fail); }
      catch (error) { __fail(error); }
    };
    promise.then((live) => {
      if (!live) return;
      fire();
      if (again && !cleared.has(id)) intervals.set(id, start(callback, delay, values, true));
    });
    return id;
  };
  const cleared = new Set();
  const intervals = new Map();
  const stop = (id) => {
    cleared.add(id);
    let live = id;
    while (intervals.has(live)) live = intervals.get(live);
    cleared.add(live);
    const entry = __state.waiting.get(live);
    if (entry) { __state.waiting.delete(live); __state.operations.push([live, "cancel", null]); entry.resolve(false); }
  };
  globalThis.setTimeout = (callback, delay, ...values) => start(callback, delay, values, false);
  globalThis.setInterval = (callback, delay, ...values) => start(callback, delay, values, true);
  globalThis.clearTimeout = globalThis.clearInterval = (id) => { if (id !== undefined && id !== null) stop(Number(id)); };

  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  globalThis.btoa = (value) => {
    const text = String(value);
    let out = "";
    for (let i = 0; i < text.length; i += 3) {
      const bytes = [text.charCodeAt(i), text.charCodeAt(i + 1), text.charCodeAt(i + 2)];
      if (bytes.some((byte) => byte > 255)) throw new Error("The string to be encoded contains characters outside of the Latin1 range.");
      const count = Math.min(3, text.length - i);
      const bits = (bytes[0] << 16) | ((count > 1 ? bytes[1] : 0) << 8) | (count > 2 ? bytes[2] : 0);
      for (let j = 0; j < 4; j++) out += j <= count ? alphabet[(bits >> (18 - 6 * j)) & 63] : "=";
    }
    return out;
  };
  globalThis.atob = (value) => {
    const text = String(value).replace(/[\t\n\f\r ]/g, "").replace(/={1,2}$/, "");
    if (text.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(text)) throw new Error("The string to be decoded is not correctly encoded.");
    let out = "", bits = 0, held = 0;
    for (const character of text) {
      bits = (bits << 6) | alphabet.indexOf(character);
      held += 6;
      if (held >= 8) { held -= 8; out += String.fromCharCode((bits >> held) & 255); bits &= (1 << held) - 1; }
    }
    return out;
  };

  globalThis.TextEncoder = class TextEncoder {
    get encoding() { return "utf-8"; }
    encode(value = "") {
      const text = unescape(encodeURIComponent(String(value).toWellFormed()));
      const bytes = new Uint8Array(text.length);
      for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
      return bytes;
    }
  };
  globalThis.TextDecoder = class TextDecoder {
    get encoding() { return "utf-8"; }
    decode(value = new Uint8Array()) {
      const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
      let out = "";
      for (let i = 0; i < bytes.length; ) {
        const first = bytes[i];
        const length = first < 0x80 ? 1 : first >> 5 === 6 ? 2 : first >> 4 === 14 ? 3 : first >> 3 === 30 ? 4 : 0;
        let point = length === 1 ? first : first & (0xff >> (length + 1));
        let good = length > 0 && i + length <= bytes.length;
        for (let j = 1; good && j < length; j++) { good = bytes[i + j] >> 6 === 2; point = (point << 6) | (bytes[i + j] & 63); }
        if (good) { out += String.fromCodePoint(Math.min(point, 0x10ffff)); i += length; } else { out += "\ufffd"; i += 1; }
      }
      return out;
    }
  };
}
