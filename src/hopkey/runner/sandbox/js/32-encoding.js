// Base64 and text encoding (WHATWG HTML 8.3, Encoding 7 and 8).
{
  const invalid = () => { const error = new Error("Invalid character"); error.name = "InvalidCharacterError"; return error; };
  globalThis.btoa = (value) => {
    const text = String(value);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) {
      if (text.charCodeAt(i) > 255) throw invalid();
      bytes[i] = text.charCodeAt(i);
    }
    return __toBase64(bytes);
  };
  globalThis.atob = (value) => {
    const text = String(value).replace(/[\t\n\f\r ]/g, "").replace(/={1,2}$/, "");
    if (text.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(text)) throw invalid();
    return Array.from(__fromBase64(text), (byte) => String.fromCharCode(byte)).join("");
  };
  globalThis.array2base64 = (value) => __toBase64(__bytes(value));

  globalThis.TextEncoder = class TextEncoder {
    get encoding() { return "utf-8"; }
    encode(value = "") { return __utf8(String(value)); }
    encodeInto(value, target) {
      const bytes = this.encode(value);
      const written = Math.min(bytes.length, target.length);
      target.set(bytes.subarray(0, written));
      return { read: __fromUtf8(bytes.subarray(0, written)).length, written };
    }
  };
  const labels = { "utf8": "utf-8", "utf-8": "utf-8", "utf-16le": "utf-16le", "utf-16": "utf-16le", "latin1": "windows-1252", "iso-8859-1": "windows-1252", "ascii": "windows-1252", "us-ascii": "windows-1252", "windows-1252": "windows-1252" };
  globalThis.TextDecoder = class TextDecoder {
    #encoding;
    #fatal;
    constructor(label = "utf-8", { fatal = false } = {}) {
      this.#encoding = labels[String(label).trim().toLowerCase()];
      if (!this.#encoding) throw new RangeError(`The encoding label provided ('${label}') is invalid.`);
      this.#fatal = fatal;
    }
    get encoding() { return this.#encoding; }
    get fatal() { return this.#fatal; }
    decode(value = new Uint8Array()) {
      const bytes = __bytes(value);
      if (this.#encoding === "windows-1252") return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
      if (this.#encoding === "utf-16le") {
        let out = "";
        for (let i = 0; i + 1 < bytes.length; i += 2) out += String.fromCharCode(bytes[i] | (bytes[i + 1] << 8));
        return out;
      }
      const text = __fromUtf8(bytes);
      if (this.#fatal && text.includes("\ufffd")) throw new TypeError("The encoded data was not valid.");
      return text.startsWith("\ufeff") ? text.slice(1) : text;
    }
  };
}
