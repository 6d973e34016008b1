// Blob, File and FileReader (W3C File API), FormData.
{
  class Blob {
    #bytes;
    #type;
    constructor(parts = [], { type = "" } = {}) {
      const pieces = [...parts].map((part) => (part instanceof Blob ? part.#bytes : part instanceof ArrayBuffer || ArrayBuffer.isView(part) ? __bytes(part) : __utf8(String(part))));
      this.#bytes = new Uint8Array(pieces.reduce((total, piece) => total + piece.length, 0));
      let at = 0;
      for (const piece of pieces) { this.#bytes.set(piece, at); at += piece.length; }
      this.#type = String(type).toLowerCase();
    }
    get size() { return this.#bytes.length; }
    get type() { return this.#type; }
    async text() { return __fromUtf8(this.#bytes); }
    async arrayBuffer() { return this.#bytes.slice().buffer; }
    async bytes() { return this.#bytes.slice(); }
    slice(start = 0, end = this.size, type = "") { return new Blob([this.#bytes.slice(start, end)], { type }); }
    static _bytes(blob) { return blob.#bytes; }
  }
  const bytesOf = Blob._bytes;
  delete Blob._bytes;
  globalThis.Blob = Blob;
  globalThis.File = class File extends Blob {
    #name;
    #modified;
    constructor(parts, name, options = {}) { super(parts, options); this.#name = String(name); this.#modified = options.lastModified ?? Date.now(); }
    get name() { return this.#name; }
    get lastModified() { return this.#modified; }
  };
  globalThis.FileReader = class FileReader {
    constructor() { this.readyState = 0; this.result = null; this.error = null; this.onload = this.onloadend = this.onerror = null; }
    #read(blob, make) {
      if (!(blob instanceof Blob)) throw new TypeError("FileReader reads a Blob");
      this.readyState = 1;
      Promise.resolve().then(() => {
        this.result = make(bytesOf(blob), blob);
        this.readyState = 2;
        const event = { target: this, type: "load" };
        this.onload?.(event);
        this.onloadend?.({ ...event, type: "loadend" });
      });
    }
    readAsText(blob) { this.#read(blob, (bytes) => __fromUtf8(bytes)); }
    readAsArrayBuffer(blob) { this.#read(blob, (bytes) => bytes.slice().buffer); }
    readAsDataURL(blob) { this.#read(blob, (bytes) => `data:${blob.type || "application/octet-stream"};base64,${__toBase64(bytes)}`); }
    readAsBinaryString(blob) { this.#read(blob, (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")); }
    addEventListener(type, listener) { this[`on${type}`] = listener; }
    abort() { this.readyState = 2; }
  };
  // What a request's body holds: bytes and the content type that belongs to them, or null.
  globalThis.__bodyOf = (body) => {
    if (body === undefined || body === null) return null;
    if (typeof body === "string") return { bytes: __utf8(body), type: "text/plain;charset=UTF-8" };
    if (body instanceof URLSearchParams) return { bytes: __utf8(body.toString()), type: "application/x-www-form-urlencoded;charset=UTF-8" };
    if (body instanceof Blob) return { bytes: bytesOf(body), type: body.type || null };
    if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return { bytes: __bytes(body).slice(), type: null };
    if (typeof body === "object") return { bytes: __utf8(JSON.stringify(body)), type: "application/json" };
    return { bytes: __utf8(String(body)), type: "text/plain;charset=UTF-8" };
  };
}
const __bodyOf = globalThis.__bodyOf;
delete globalThis.__bodyOf;
