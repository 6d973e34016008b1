// expect(): the chain of the hopp and pm namespaces. Its words gather in `words`, which is also the middle of the message:
// "Expected {subject} {words} {what}". `to` starts them anew, so that, as in the official runner, a `not` counts only behind it.
const __expect = (() => {
  const dropped = ["which", "but", "does"];
  const kept = { be: "be", been: "been", is: "be", that: "that", and: "and", with: "with", at: "at", of: "of", same: "same", itself: "itself", deep: "deep", own: "own", nested: "nested", ordered: "ordered", all: "all", any: "any" };
  const hidden = new WeakMap();
  const of = (chain) => hidden.get(chain);
  const make = (value, words = "to") => { const chain = new Expectation(); hidden.set(chain, { value, words }); return chain; };

  const has = (state, word) => ` ${state.words} `.includes(` ${word} `);
  // Records one outcome; the chain goes on with the same subject, and with `words` where they are given.
  const settle = (state, ok, what, after = {}) => {
    const { subject = __shown(state.value), words } = after;
    __report(has(state, "not") ? !ok : ok, `Expected ${subject} ${state.words}${what ? ` ${what}` : ""}`);
    return make("value" in after ? after.value : state.value, words ?? state.words);
  };
  // Whatever was said before: the official runner's match() begins its message anew.
  const plainly = (state) => ({ ...state, words: has(state, "not") ? "to not" : "to" });
  const behind = (state, word) => (state.words.endsWith(word) ? "" : `${word} `);
  const list = (items, options) => items.map((item) => __shown(item, options)).join(", ");
  const isNumber = (value) => typeof value === "number";
  // The names of properties are texts, whatever they were written as.
  const named = (key) => __shown(typeof key === "symbol" ? key : String(key));
  // What a callback throws makes an expectation false, as in the official runner, and ends nothing.
  const attempt = (action, otherwise) => { try { return action(); } catch { return otherwise; } };

  // The names in a.b[0].c; a dot or bracket behind a backslash belongs to its name.
  const parts = (path) => (String(path).match(/(?:\\.|[^.[\]\\])+/g) ?? []).map((part) => part.replace(/\\(.)/g, "$1"));
  const reach = (value, path) => parts(path).reduce(([found, current], part) => (found && current !== null && current !== undefined && part in Object(current) ? [true, current[part]] : [false, undefined]), [true, value]);

  const contains = (state, wanted) => {
    const { value } = state;
    const equal = has(state, "deep") ? __same : (one, two) => one === two;
    if (typeof value === "string") return value.includes(wanted);
    if (Array.isArray(value)) return value.some((item) => equal(item, wanted));
    if (value === null || typeof value !== "object" || value instanceof Map || value instanceof Set || wanted === null || typeof wanted !== "object") return false;
    return Object.keys(wanted).every((key) => {
      const [found, current] = has(state, "nested") ? reach(value, key) : [key in value, value[key]];
      return found && equal(current, wanted[key]);
    });
  };
  const asJson = (value) => (typeof value === "string" ? JSON.stringify(value) : __shown(value));
  const include = (state) => (wanted) => settle(state, contains(state, wanted), `include ${__shown(wanted)}`, { words: `${state.words} include ${asJson(wanted)}` });

  const members = (state, including) => (wanted) => {
    const equal = has(state, "deep") ? __same : (one, two) => one === two;
    let ok = Array.isArray(state.value) && Array.isArray(wanted);
    if (ok && has(state, "ordered")) {
      ok = (including || state.value.length === wanted.length) && wanted.every((item, i) => equal(state.value[i], item));
    } else if (ok) {
      const left = [...state.value];
      ok = (including || left.length === wanted.length) && wanted.every((item) => { const at = left.findIndex((other) => equal(other, item)); if (at >= 0) left.splice(at, 1); return at >= 0; });
    }
    return settle(state, ok, `members ${__shown(wanted)}`);
  };
  const keys = (state, including) => (...wanted) => {
    const single = wanted.length === 1 ? wanted[0] : null;
    const names = (Array.isArray(single) ? single : single !== null && typeof single === "object" ? Object.keys(single) : wanted).map(String);
    const present = state.value !== null && typeof state.value === "object" ? Object.keys(state.value) : [];
    const among = (name) => present.includes(name);
    const ok = has(state, "any") ? names.some(among) : names.every(among) && (including || names.length === present.length);
    return settle(state, ok && names.length > 0, `keys ${single !== null && typeof single === "object" && !Array.isArray(single) ? __shown(single) : names.map(named).join(", ")}`.trimEnd());
  };
  const oneOf = (state, including) => (wanted) => {
    const equal = has(state, "deep") ? __same : (one, two) => one === two;
    const ok = Array.isArray(wanted) && wanted.some((item) => (including ? contains(state, item) : equal(item, state.value)));
    return settle(state, ok, `oneOf ${__shown(wanted)}`);
  };
  const included = (chain) => {
    const state = of(chain);
    const more = (word) => ({ ...state, words: `${state.words} include${word}` });
    const call = include(state);
    call.members = members(more(""), true);
    call.keys = keys(more(""), true);
    call.all = { keys: keys(more(" all"), true), members: members(more(" all"), true) };
    call.any = { keys: keys(more(" any"), true) };
    call.oneOf = oneOf(more(""), true);
    call.property = (...rest) => property(more(""), ...rest);
    const inner = (word) => { const deep = { ...state, words: `${state.words} ${word}` }; const called = include(deep); called.members = members({ ...deep, words: `${state.words} include ${word}` }, true); called.property = (...rest) => property(deep, ...rest); return called; };
    call.deep = inner("deep");
    call.ordered = inner("ordered");
    call.nested = inner("nested");
    return call;
  };

  const property = (state, key, ...rest) => {
    const { value } = state;
    const [found, current] = has(state, "nested") ? reach(value, key)
      : value === null || value === undefined ? [false, undefined]
        : [has(state, "own") ? Object.prototype.hasOwnProperty.call(value, key) : key in Object(value), value[key]];
    const ok = found && (rest.length === 0 || (has(state, "deep") ? __same(current, rest[0]) : current === rest[0]));
    return settle(state, ok, `property ${[named(key), ...rest.slice(0, 1).map((item) => __shown(item))].join(", ")}`, { value: current, words: state.words.endsWith("have") ? state.words : "to have" });
  };

  // Comparisons, also behind `lengthOf`, where the subject is the length and what follows goes on with the whole.
  const comparisons = {
    above: [(a, b) => a > b, "above"], gt: [(a, b) => a > b, "above"], greaterThan: [(a, b) => a > b, "above"],
    greaterThanOrEqual: [(a, b) => a >= b, "at least"], gte: [(a, b) => a >= b, "at least"],
    below: [(a, b) => a < b, "below"], lt: [(a, b) => a < b, "below"], lessThan: [(a, b) => a < b, "below"],
    lessThanOrEqual: [(a, b) => a <= b, "at most"], lte: [(a, b) => a <= b, "at most"],
  };
  const compare = (state, [test, word], other, after) => {
    const ok = isNumber(state.value) && isNumber(other) && test(state.value, other);
    return settle(state, ok, `${word} ${__shown(other)}`, after ?? { words: `${state.words} ${word} ${__shown(other)}` });
  };
  const within = (state, low, high, after) => settle(state, [state.value, low, high].every(isNumber) && state.value >= low && state.value <= high, `within ${list([low, high])}`, after);
  const least = (state, after) => (other) => compare(state, comparisons.gte, other, after);
  const most = (state, after) => (other) => compare(state, comparisons.lte, other, after);
  const lengthOf = (word) => function () {
    const state = of(this);
    const size = state.value instanceof Map || state.value instanceof Set ? state.value.size : state.value?.length;
    const words = `${state.words}${state.words.endsWith("have") ? "" : " have"}`;
    const call = (wanted) => settle({ ...state, words }, size === wanted, `${word} ${__shown(wanted)}`, { words: `${words} ${word} ${__shown(wanted)}` });
    const measured = { value: size, words };
    const after = { value: state.value, words };
    for (const name of Object.keys(comparisons)) call[name] = (other) => compare(measured, comparisons[name], other, after);
    call.within = (low, high) => within(measured, low, high, after);
    call.least = least(measured, after);
    call.most = most(measured, after);
    call.at = { least: call.least, most: call.most };
    call.of = call;
    call.equal = call.equals = call.eq = (other) => settle(measured, size === other, `equal ${__shown(other)}`, after);
    return call;
  };

  const changes = (word, test) => function (target, key) {
    const state = of(this);
    const read = typeof target === "function" ? target : () => target[key];
    const before = read();
    attempt(() => state.value());
    const delta = read() - before;
    const changed = read() !== before;
    const what = `${word} {}.'${key ?? "value"}'`;
    const subject = "[Function]";
    const ok = test(delta, changed);
    const report = (good, more) => __report(has(state, "not") ? !good : good, `Expected ${subject} ${state.words} ${what}${more}`);
    const block = __state.current;
    report(ok, "");
    const at = block ? block.expectations.length - 1 : -1;
    const chain = make(state.value, state.words);
    // `by` says more about the same expectation: it takes its place.
    chain.by = (amount) => {
      if (at >= 0) block.expectations.splice(at, 1);
      report(ok && Math.abs(delta) === Math.abs(amount), ` by ${__shown(amount)}`);
      return make(state.value, state.words);
    };
    return chain;
  };

  const thrown = (state, args) => {
    const [first, second] = args;
    let ok = false, error;
    if (typeof state.value === "function") {
      try { state.value(); } catch (caught) { ok = true; error = caught; }
    }
    const message = () => String(error?.message ?? error);
    const fits = (wanted) => (wanted instanceof RegExp ? wanted.test(message()) : typeof wanted === "string" ? message().includes(wanted) : true);
    if (ok && typeof first === "function") ok = error instanceof first && fits(second);
    else if (ok && first instanceof Error) ok = __same(error, first);
    else if (ok) ok = fits(first);
    const names = args.map((item) => (typeof item === "function" ? item.name : __shown(item, { regexes: true })));
    return settle(state, ok, `throw${names.length ? ` ${names.join(", ")}` : ""}`, ok ? { value: error } : {});
  };

  const typed = (chain) => {
    const state = of(chain);
    const call = (name) => {
      const wanted = String(name);
      const { value } = state;
      const type = __typeOf(value);
      const ok = type === wanted && !(value instanceof Date);
      const what = `${/^[aeiou]/.test(wanted) ? "an" : "a"} ${wanted}`;
      return settle(state, ok, what, { words: `${state.words} ${what}` });
    };
    call.instanceof = call.instanceOf = (constructor) => instance(state, constructor);
    return call;
  };
  const instance = (state, constructor) => {
    const ok = typeof constructor === "function" && state.value instanceof constructor;
    const { value } = state;
    const subject = value instanceof Set ? `new Set(${value.size ? `[${[...value].slice(0, 10).join(", ")}]` : ""})`
      : value instanceof Map ? `new Map(${value.size ? `[${[...value].slice(0, 3).map(([k, v]) => `['${k}', ${v}]`).join(", ")}]` : ""})` : undefined;
    return settle(state, ok, `${behind(state, "be")}an instanceof ${typeof constructor === "function" ? __quoted(constructor.name) : __shown(constructor)}`, { subject });
  };

  const equality = (word, test) => function (other) {
    const state = of(this);
    const isObject = (value) => value !== null && typeof value === "object";
    const quoted = word !== "eql" && !has(state, "deep") && isObject(state.value) && isObject(other);
    const show = (value) => (quoted ? `'${__shown(value)}'` : __shown(value, { regexes: word === "eql" }));
    return settle(state, test(state, other), `${word} ${show(other)}`, { subject: show(state.value) });
  };
  const strictly = (state, other) => (has(state, "deep") ? __same(state.value, other) : state.value === other);

  class Expectation {
    get to() { return make(of(this).value, "to"); }
    get not() { return make(of(this).value, "to not"); }
    get a() { return typed(this); }
    get an() { return typed(this); }
    get include() { return included(this); }
    get contain() { return included(this); }
    includes(wanted) { return include(of(this))(wanted); }
    contains(wanted) { return include(of(this))(wanted); }
    least(other) { return least(of(this))(other); }
    most(other) { return most(of(this))(other); }
    members(wanted) { return members(of(this), false)(wanted); }
    keys(...wanted) { return keys(of(this), false)(...wanted); }
    key(...wanted) { return keys(of(this), false)(...wanted); }
    oneOf(wanted) { return oneOf(of(this), false)(wanted); }
    property(key, ...rest) { return property(of(this), key, ...rest); }
    ownProperty(key, ...rest) {
      const state = of(this);
      const found = state.value !== null && state.value !== undefined && Object.prototype.hasOwnProperty.call(state.value, key);
      const ok = found && (rest.length === 0 || state.value[key] === rest[0]);
      return settle(state, ok, `own property ${named(key)}${found && !ok ? `, ${__shown(rest[0])}` : ""}`, { value: found ? state.value[key] : undefined, words: "to have" });
    }
    ownPropertyDescriptor(key, wanted) {
      const state = of(this);
      const found = Object.getOwnPropertyDescriptor(Object(state.value), key);
      return settle(state, found !== undefined && (wanted === undefined || __same(found, wanted)), `ownPropertyDescriptor ${__shown(key)}`, { subject: "{}", value: found });
    }
    within(low, high) { return within(of(this), low, high); }
    closeTo(other, delta) { const state = of(this); return settle(state, [state.value, other, delta].every(isNumber) && Math.abs(state.value - other) <= delta, `closeTo ${list([other, delta])}`); }
    approximately(other, delta) { const state = of(this); return settle(state, [state.value, other, delta].every(isNumber) && Math.abs(state.value - other) <= delta, `approximately ${list([other, delta])}`); }
    match(regex) { const state = plainly(of(this)); return settle(state, new RegExp(regex).test(state.value), `match ${String(regex)}`, { subject: __shown(String(state.value)) }); }
    matches(regex) { return this.match(regex); }
    string(wanted) { const state = of(this); return settle(state, String(state.value).includes(wanted), `${behind(state, "have")}string '${__shown(wanted)}'`); }
    throw(...args) { return thrown(of(this), args); }
    throws(...args) { return thrown(of(this), args); }
    Throw(...args) { return thrown(of(this), args); }
    respondTo(method) {
      const state = of(this);
      const { value } = state;
      const ok = typeof value?.[method] === "function" || (typeof value === "function" && !has(state, "itself") && typeof value.prototype?.[method] === "function");
      return settle(state, ok, `respondTo ${__shown(method)}`, { subject: typeof value === "function" ? `'${String(value)}'` : Array.isArray(value) ? "[]" : "{}" });
    }
    respondsTo(method) { return this.respondTo(method); }
    satisfy(test) { const state = of(this); return settle(state, attempt(() => test(state.value), false), `satisfy ${__shown(test)}`); }
    satisfies(test) { return this.satisfy(test); }
    instanceof(constructor) { return instance(of(this), constructor); }
    instanceOf(constructor) { return instance(of(this), constructor); }
    jsonSchema(schema) {
      const state = of(this);
      const fault = __schemaFault(state.value, schema);
      if (has(state, "not") ? fault === null : fault !== null) throw new Error(fault === null ? "Expected JSON Schema validation to fail" : `JSON Schema validation failed: ${fault}`);
      return this;
    }
    charset(wanted) {
      const { value } = of(this);
      if (typeof value !== "string") throw new Error("charset() expects a string value (typically Content-Type header)");
      if (!new RegExp(`charset=["']?${String(wanted).replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`, "i").test(value)) throw new Error(`Expected charset "${wanted}" not found in "${value}"`);
      return this;
    }
    cookie(name, wanted) {
      const { value } = of(this);
      if (typeof value?.cookies?.has !== "function") throw new Error("cookie() assertion requires a response object with cookies");
      if (!value.cookies.has(name)) throw new Error(`Expected cookie "${name}" not found`);
      if (wanted !== undefined && value.cookies.get(name) !== wanted) throw new Error(`Expected cookie "${name}" to be "${wanted}", got "${value.cookies.get(name)}"`);
      return this;
    }
    jsonPath(path, ...rest) {
      const state = of(this);
      const [found, value] = __path(state.value, path);
      return settle(state, found && (rest.length === 0 || __same(value, rest[0])), `jsonPath ${list([path, ...rest])}`, { value });
    }
  }
  const define = (name, get) => Object.defineProperty(Expectation.prototype, name, { get, configurable: true });
  for (const word of dropped) define(word, function () { return make(of(this).value, of(this).words); });
  define("has", function () { const { value, words } = of(this); return make(value, words.endsWith(" have") ? words : `${words} ${words.endsWith("that") ? "has" : "have"}`); });
  define("have", function () { const { value, words } = of(this); return make(value, words.endsWith(" have") ? words : `${words} have`); });
  for (const [word, text] of Object.entries(kept)) if (word !== "at") define(word, function () { return make(of(this).value, `${of(this).words} ${text}`); });
  define("at", function () {
    const state = of(this);
    const chain = make(state.value, `${state.words} at`);
    chain.least = least(state);
    chain.most = most(state);
    return chain;
  });
  const lengths = lengthOf("lengthOf"), sizes = lengthOf("length");
  define("lengthOf", lengths);
  define("length", sizes);
  const facts = {
    ok: Boolean, true: (v) => v === true, false: (v) => v === false, null: (v) => v === null, undefined: (v) => v === undefined, NaN: (v) => Number.isNaN(v),
    exist: (v) => v !== null && v !== undefined, finite: (v) => isNumber(v) && Number.isFinite(v),
    empty: (v) => (v instanceof Map || v instanceof Set ? v.size === 0 : typeof v === "string" || Array.isArray(v) ? v.length === 0 : v !== null && typeof v === "object" && Object.keys(v).length === 0),
  };
  for (const [word, test] of Object.entries(facts)) define(word, function () { const state = of(this); return settle(state, test(state.value), word, { subject: state.value instanceof Map ? "'{}'" : undefined }); });
  for (const word of ["arguments", "Arguments"]) define(word, function () { const state = of(this); return settle(state, Object.prototype.toString.call(state.value) === "[object Arguments]", word); });
  for (const [word, test] of [["extensible", Object.isExtensible], ["sealed", Object.isSealed], ["frozen", Object.isFrozen]]) define(word, function () { const state = of(this); return settle(state, test(state.value), word, { subject: state.value !== null && typeof state.value === "object" && Object.keys(state.value).length ? "'[object Object]'" : "'{}'" }); });
  for (const name of Object.keys(comparisons)) Expectation.prototype[name] = function (other) { return compare(of(this), comparisons[name], other); };
  for (const word of ["equal", "equals", "eq"]) Expectation.prototype[word] = equality(word, strictly);
  Expectation.prototype.eql = equality("eql", (state, other) => __same(state.value, other));
  for (const [word, test] of [["change", (delta, changed) => changed], ["increase", (delta) => delta > 0], ["decrease", (delta) => delta < 0]]) Expectation.prototype[word] = changes(word, test);
  for (const name of ["toBe", "toBeLevel2xx", "toBeLevel3xx", "toBeLevel4xx", "toBeLevel5xx", "toBeType", "toHaveLength", "toInclude"]) {
    Expectation.prototype[name] = function (...args) { const state = of(this); return __pwExpect(state.value, has(state, "not"))[name](...args); };
  }

  const expect = (value) => make(value);
  expect.fail = (...args) => {
    const [actual, expected, message] = args;
    const text = args.length === 0 ? "expect.fail()" : args.length === 1 ? __text(actual) : message !== undefined ? __text(message) : `expected ${__shown(actual)} to equal ${__shown(expected)}`;
    __report(false, text);
  };
  return expect;
})();
