// crypto (W3C Web Cryptography): the host computes, keys are handles that show no material.
{
  const material = new WeakMap();
  class CryptoKey {
    constructor(type, extractable, algorithm, usages) {
      Object.assign(this, { type, extractable, algorithm: Object.freeze(algorithm), usages: Object.freeze([...usages]) });
      Object.freeze(this);
    }
  }
  const plain = (value) => {
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return { $bytes: __toBase64(__bytes(value)) };
    if (value instanceof CryptoKey) return { $key: { type: value.type, algorithm: value.algorithm, material: material.get(value) } };
    if (Array.isArray(value)) return value.map(plain);
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
    return value;
  };
  // Bytes may be given as plain arrays, as in the official runner.
  const binary = ["iv", "salt", "info", "label", "counter", "additionalData", "publicExponent"];
  const name = (algorithm) => {
    if (typeof algorithm === "string") return { name: algorithm };
    const made = { ...algorithm };
    for (const key of binary) if (Array.isArray(made[key])) made[key] = Uint8Array.from(made[key]);
    return made;
  };
  const data = (value) => ({ $bytes: __toBase64(__bytes(value)) });
  const ask = (operation, argument) => {
    try { return __call("crypto", [operation, plain(argument)]); }
    catch (error) { const failure = new Error(error.message); failure.name = "CryptoError"; throw failure; }
  };
  // An ArrayBuffer that can also be read like a list, as results can be there.
  const buffer = (text) => {
    const bytes = __fromBase64(text);
    const made = bytes.buffer;
    Object.defineProperty(made, "length", { value: bytes.length });
    if (bytes.length <= 65536) for (let i = 0; i < bytes.length; i++) Object.defineProperty(made, i, { value: bytes[i] });
    return made;
  };
  const needs = (key, usage, algorithm) => {
    const failed = (message) => { const error = new Error(message); error.name = "InvalidAccessError"; throw error; };
    if (!(key instanceof CryptoKey)) failed("a CryptoKey is needed");
    if (!key.usages.includes(usage)) failed(`the key may not be used to ${usage}`);
    if (algorithm && name(algorithm).name.toUpperCase() !== key.algorithm.name.toUpperCase()) failed(`the key is for ${key.algorithm.name}, not for ${name(algorithm).name}`);
  };
  const keyOf = (made, extractable, usages) => {
    const key = new CryptoKey(made.type, made.type === "public" ? true : Boolean(extractable), made.algorithm, usages);
    material.set(key, made.material);
    return key;
  };
  const of = (usages, ...allowed) => usages.filter((usage) => allowed.includes(usage));

  const subtle = {
    digest: async (algorithm, value) => buffer(ask("digest", { algorithm: name(algorithm), data: data(value) })),
    encrypt: async (algorithm, key, value) => { needs(key, "encrypt", algorithm); return buffer(ask("encrypt", { algorithm: name(algorithm), key, data: data(value) })); },
    decrypt: async (algorithm, key, value) => { needs(key, "decrypt", algorithm); return buffer(ask("decrypt", { algorithm: name(algorithm), key, data: data(value) })); },
    sign: async (algorithm, key, value) => { needs(key, "sign", algorithm); return buffer(ask("sign", { algorithm: name(algorithm), key, data: data(value) })); },
    verify: async (algorithm, key, signature, value) => { needs(key, "verify", algorithm); return ask("verify", { algorithm: name(algorithm), key, signature: data(signature), data: data(value) }); },
    generateKey: async (algorithm, extractable, usages) => {
      const made = ask("generateKey", { algorithm: name(algorithm) });
      if (!made.privateKey) return keyOf(made, extractable, usages);
      return {
        publicKey: keyOf(made.publicKey, true, of(usages, "verify", "encrypt", "wrapKey")),
        privateKey: keyOf(made.privateKey, extractable, of(usages, "sign", "decrypt", "unwrapKey", "deriveKey", "deriveBits")),
      };
    },
    importKey: async (format, value, algorithm, extractable, usages) =>
      keyOf(ask("importKey", { format, data: format === "jwk" ? value : data(value), algorithm: name(algorithm) }), extractable, usages),
    exportKey: async (format, key) => {
      if (!(key instanceof CryptoKey) || !key.extractable) { const error = new Error("key is not extractable"); error.name = "InvalidAccessError"; throw error; }
      const made = ask("exportKey", { format, key });
      return format === "jwk" ? { ...made, key_ops: [...key.usages], ext: key.extractable } : buffer(made);
    },
    deriveBits: async (algorithm, key, length) => { needs(key, "deriveBits", algorithm); return buffer(ask("deriveBits", { algorithm: name(algorithm), key, length })); },
    deriveKey: async (algorithm, key, wanted, extractable, usages) => {
      needs(key, "deriveKey", algorithm);
      const target = name(wanted);
      const length = target.length ?? 256;
      return subtle.importKey("raw", buffer(ask("deriveBits", { algorithm: name(algorithm), key, length })), target, extractable, usages);
    },
    wrapKey: async (format, key, wrapping, algorithm) => {
      needs(wrapping, "wrapKey", algorithm);
      const made = await subtle.exportKey(format, key);
      const value = format === "jwk" ? __utf8(JSON.stringify(made)) : made;
      return buffer(ask("encrypt", { algorithm: name(algorithm), key: wrapping, data: data(value) }));
    },
    unwrapKey: async (format, wrapped, unwrapping, algorithm, target, extractable, usages) => {
      needs(unwrapping, "unwrapKey", algorithm);
      const bytes = buffer(ask("decrypt", { algorithm: name(algorithm), key: unwrapping, data: data(wrapped) }));
      return subtle.importKey(format, format === "jwk" ? JSON.parse(__fromUtf8(new Uint8Array(bytes))) : bytes, target, extractable, usages);
    },
  };
  const random = (count) => __fromBase64(__call("random", count));
  globalThis.crypto = {
    getRandomValues: (array) => {
      if (Array.isArray(array) && array.length <= 65536) {
        random(array.length).forEach((byte, index) => { array[index] = byte; });
        return array;
      }
      if (!ArrayBuffer.isView(array) || array instanceof Float32Array || array instanceof Float64Array || array instanceof DataView) throw new TypeError("getRandomValues fills an integer typed array");
      if (array.byteLength > 65536) throw new RangeError("getRandomValues fills at most 65536 bytes");
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(random(array.byteLength));
      return array;
    },
    randomUUID: () => {
      const bytes = random(16);
      bytes[6] = (bytes[6] & 15) | 64;
      bytes[8] = (bytes[8] & 63) | 128;
      const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    },
    subtle,
  };
}
