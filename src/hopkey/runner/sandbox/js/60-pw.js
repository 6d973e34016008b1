// The pw namespace.
const __pwExpect = (value, negated = false) => {
  const shown = __text(value);
  const not = negated ? "not " : "";
  const check = (condition, message) => __report(negated ? !condition : condition, message);
  const level = (first) => () => {
    const number = parseInt(value);
    if (Number.isNaN(number)) return __report("error", `Expected ${first}-level status but could not parse value '${shown}'`);
    check(number >= first && number < first + 100, `Expected '${number}' to ${not}be ${first}-level status`);
  };
  const types = ["string", "boolean", "number", "object", "undefined", "bigint", "symbol", "function"];
  const isSequence = typeof value === "string" || Array.isArray(value);
  return {
    toBe: (other) => check(value === other, `Expected '${shown}' to ${not}be '${__text(other)}'`),
    toBeLevel2xx: level(200),
    toBeLevel3xx: level(300),
    toBeLevel4xx: level(400),
    toBeLevel5xx: level(500),
    toBeType: (type) => {
      if (!types.includes(type)) return __report("error", 'Argument for toBeType should be "string", "boolean", "number", "object", "undefined", "bigint", "symbol" or "function"');
      check(typeof value === type, `Expected '${shown}' to ${not}be type '${type}'`);
    },
    toHaveLength: (length) => {
      if (!isSequence) return __report("error", "Expected toHaveLength to be called for an array or string");
      if (typeof length !== "number" || Number.isNaN(length)) return __report("error", "Argument for toHaveLength should be a number");
      check(value.length === length, `Expected the array to ${not}be of length '${length}'`);
    },
    toInclude: (needle) => {
      if (!isSequence) return __report("error", "Expected toInclude to be called for an array or string");
      if (needle === null) return __report("error", "Argument for toInclude should not be null");
      if (needle === undefined) return __report("error", "Argument for toInclude should not be undefined");
      check(value.includes(needle), `Expected ${JSON.stringify(value)} to ${not}include ${JSON.stringify(needle)}`);
    },
    get not() { return __pwExpect(value, !negated); },
  };
};

const __makePw = (input) => {
  const { text } = __variables;
  const env = {
    get: (key) => __variables.raw(text(key, "key")),
    getResolve: (key) => { const value = __variables.raw(text(key, "key")); return value === undefined ? undefined : __variables.resolve(value); },
    set: (key, value) => { __variables.set(text(key, "key"), text(value, "value")); },
    unset: (key) => { __variables.unset(text(key, "key")); },
    resolve: (value) => __variables.resolve(text(value, "value")),
  };
  if (input.phase !== "test") return { env };
  const { status, headers } = input.response;
  const response = { status, body: null, headers };
  __response.lazy(response, "body");
  return { env, expect: (value) => __pwExpect(value), test: __test, response };
};
