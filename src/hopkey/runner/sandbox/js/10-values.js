// Values as texts, as the official runner writes them in messages.
const __text = (value) => {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp || value instanceof Map || value instanceof Set || value instanceof Promise) return "[object Object]";
  return String(value);
};

// Texts that look like code or name one of the language's own types stand without quotes.
const __typeName = /^(?:[A-Z][a-zA-Z0-9]*Error|Error|Array|Boolean|Date|Function|Map|Number|Object|Promise|RegExp|Set|String|Symbol|WeakMap|WeakSet)$/;
const __looksLikeCode = /^(?:function|\([^\n\r]*\)\s*=>|[a-zA-Z_$][\w$]*\s*\()/;
const __quoted = (text) => {
  const line = text.trim();
  if (line.startsWith("new Set(") || line.startsWith("new Map(") || /^\/.*\/[gimsuvy]*$/.test(line)) return text;
  if (__looksLikeCode.test(line) || __typeName.test(line)) return line;
  return (line.includes("[native code]") && /function\s+([A-Z][a-zA-Z0-9]*)\s*\(/.exec(line)?.[1]) || `'${text}'`;
};

// A value in the message of an expectation: {a: 1, b: ['x', null]}. The first ten items and the first five names are shown.
const __shown = (value, { regexes = false, depth = 0 } = {}) => {
  switch (typeof value) {
    case "string": return __quoted(value);
    case "bigint": return `${value}n`;
    case "function": return __quoted(String(value));
    case "object": break;
    // As in JSON, what is no finite number is null inside of others.
    case "number": if (depth > 0 && !Number.isFinite(value)) return "null"; if (value === Math.PI || value === Math.E) return value === Math.E ? "Math.E" : "Math.PI"; // falls through
    default: return Object.is(value, -0) ? "0" : String(value);
  }
  if (value === null) return "null";
  if (value instanceof Date) return `'${__text(value)}'`;
  if (value instanceof RegExp) return regexes ? String(value) : "{}";
  if (value instanceof Error) return `{name: ${value.name}, message: '${value.message}'}`;
  if (depth > 8) return Array.isArray(value) ? "[...]" : "{...}";
  const inner = { depth: depth + 1 };
  const missing = (item) => item === undefined || typeof item === "function" || typeof item === "symbol";
  if (Array.isArray(value)) return `[${Array.from(value.slice(0, 10), (item) => (missing(item) ? "null" : __shown(item, inner))).join(", ")}]`;
  if (typeof value.toJSON === "function") return __shown(value.toJSON(), inner);
  const keys = Object.keys(value).filter((key) => !missing(value[key])).slice(0, 5);
  return `{${keys.map((key) => `${key}: ${__shown(value[key], inner)}`).join(", ")}}`;
};

// A value for the console: close to what people know from Node, bounded in depth and length.
const __inspect = (value, depth = 0, seen = []) => {
  if (typeof value === "string") return depth === 0 ? value : JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `[Function: ${value.name || "anonymous"}]`;
  if (value === null || typeof value !== "object") return String(value);
  if (value instanceof Error) return value.stack ? `${value.name}: ${value.message}` : String(value);
  if (value instanceof Date) return __text(value);
  if (value instanceof RegExp) return String(value);
  if (seen.includes(value)) return "[Circular]";
  if (depth > 4) return Array.isArray(value) ? "[Array]" : "[Object]";
  const inner = [...seen, value];
  const show = (item) => __inspect(item, depth + 1, inner);
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    const rest = value.length > 100 ? [`... ${value.length - 100} more items`] : [];
    return `[ ${[...value.slice(0, 100).map(show), ...rest].join(", ")} ]`;
  }
  if (value instanceof Map) return `Map(${value.size}) { ${[...value].map(([k, v]) => `${show(k)} => ${show(v)}`).join(", ")} }`;
  if (value instanceof Set) return `Set(${value.size}) { ${[...value].map(show).join(", ")} }`;
  const keys = Object.keys(value);
  if (keys.length === 0) return "{}";
  const name = (key) => (/^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key));
  return `{ ${keys.slice(0, 100).map((key) => `${name(key)}: ${show(value[key])}`).join(", ")} }`;
};

// Equality by content. Properties that are undefined count as absent, as they do in JSON.
const __same = (one, two, depth = 0) => {
  if (Object.is(one, two)) return true;
  if (typeof one === "function" && typeof two === "function") return String(one) === String(two);
  if (one === null || two === null || typeof one !== "object" || typeof two !== "object") {
    return depth > 0 && ((one ?? null) === (two ?? null));
  }
  if (depth > 500) throw new RangeError("nested too deeply to compare");
  const tag = (value) => Object.prototype.toString.call(value);
  if (tag(one) !== tag(two)) return false;
  if (one instanceof Date) return one.getTime() === two.getTime();
  if (one instanceof RegExp) return String(one) === String(two);
  if (one instanceof Error) return one.name === two.name && one.message === two.message;
  if (one instanceof Map || one instanceof Set) return one.size === two.size && __same([...one], [...two], depth + 1);
  if (ArrayBuffer.isView(one) || Array.isArray(one)) {
    if (one.length !== two.length) return false;
    for (let i = 0; i < one.length; i++) if (!__same(one[i], two[i], depth + 1)) return false;
    return true;
  }
  const keys = (value) => Object.keys(value).filter((key) => value[key] !== undefined);
  const names = keys(one);
  return names.length === keys(two).length && names.every((key) => two[key] !== undefined && __same(one[key], two[key], depth + 1));
};

// Bytes and base64. `__bytes` takes what web interfaces take as binary data.
const __alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const __toBase64 = (bytes) => {
  let out = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const bits = (bytes[i] << 16) | ((left > 1 ? bytes[i + 1] : 0) << 8) | (left > 2 ? bytes[i + 2] : 0);
    out += __alphabet[bits >> 18] + __alphabet[(bits >> 12) & 63] + (left > 1 ? __alphabet[(bits >> 6) & 63] : "=") + (left > 2 ? __alphabet[bits & 63] : "=");
  }
  return out;
};
const __fromBase64 = (text) => {
  const clean = text.replace(/=+$/, "");
  const bytes = new Uint8Array(Math.floor((clean.length * 3) / 4));
  let bits = 0, held = 0, at = 0;
  for (let i = 0; i < clean.length; i++) {
    bits = ((bits << 6) | __alphabet.indexOf(clean[i])) & 0xffffff;
    held += 6;
    if (held >= 8) { held -= 8; bytes[at++] = (bits >> held) & 255; }
  }
  return bytes;
};
const __bytes = (value) => {
  if (typeof value === "string") return __utf8(value);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return Uint8Array.from(value);
  throw new TypeError("expected an ArrayBuffer, a typed array or an array of bytes");
};
const __utf8 = (value) => {
  const text = unescape(encodeURIComponent(value.toWellFormed()));
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
};
const __fromUtf8 = (bytes) => {
  const out = [];
  let part = "";
  for (let i = 0; i < bytes.length; ) {
    const first = bytes[i];
    const length = first < 0x80 ? 1 : first >> 5 === 6 ? 2 : first >> 4 === 14 ? 3 : first >> 3 === 30 ? 4 : 0;
    let point = length === 1 ? first : first & (0xff >> (length + 1));
    let good = length > 0 && i + length <= bytes.length;
    for (let j = 1; good && j < length; j++) { good = bytes[i + j] >> 6 === 2; point = (point << 6) | (bytes[i + j] & 63); }
    if (good && point <= 0x10ffff) { part += String.fromCodePoint(point); i += length; } else { part += "\ufffd"; i += 1; }
    if (part.length > 4096) { out.push(part); part = ""; }
  }
  return out.join("") + part;
};
