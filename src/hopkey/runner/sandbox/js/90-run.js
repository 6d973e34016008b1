// What the host calls. Scripts run one after another, each as the body of a strict async function, so `await` and `return`
// work at its top.
{
  const AsyncFunction = (async () => {}).constructor;

  const seedRandom = (seed) => {
    // xorshift128+: a snapshot would repeat the engine's own sequence in every script.
    let a = BigInt(seed[0]) | 1n, b = BigInt(seed[1]) | 1n;
    const mask = (1n << 64n) - 1n;
    Math.random = function random() {
      let x = a;
      const y = b;
      a = y;
      x ^= (x << 23n) & mask;
      x ^= x >> 17n;
      x ^= y ^ (y >> 26n);
      b = x & mask;
      return Number(((a + b) & mask) >> 11n) / 2 ** 53;
    };
  };

  // Static imports become dynamic ones: the body of a function can hold no others.
  const staticImport = /^[ \t]*import\s+(?:([\w$]+)\s*,?\s*)?(?:\*\s*as\s+([\w$]+)|\{([^}]*)\})?\s*(?:from\s*)?(?:"([^"\n]+)"|'([^'\n]+)')[ \t]*;?/gm;
  const sources = new Map();
  const imported = (name, url) => {
    if ((sources.get(name) ?? url) !== url) throw new SyntaxError(`[Hoppscotch] '${name}' is imported from different sources across scripts in this request's chain. Please import it from a single source, or rename one of the imports to resolve the conflict.`);
    sources.set(name, url);
  };
  const rewriteImports = (source) =>
    source.replace(staticImport, (whole, single, space, named, one, two) => {
      const url = one ?? two;
      for (const name of [single, space, ...(named ?? "").split(",").map((part) => part.trim().split(/\s+as\s+/).at(-1))]) if (name) imported(name, url);
      const load = `await import(${JSON.stringify(url)})`;
      if (space) return single ? `const ${space} = ${load}, ${single} = ${space}.default;` : `const ${space} = ${load};`;
      const names = (named ?? "").split(",").map((part) => part.trim()).filter(Boolean).map((part) => part.replace(/\s+as\s+/, ": "));
      if (single) names.unshift(`default: ${single}`);
      const lines = "\n".repeat(whole.split("\n").length - 1);
      return names.length ? `const { ${names.join(", ")} } = ${load};${lines}` : `${load};${lines}`;
    });

  // All that the older sandbox of the official runner offers besides pw.
  const legacy = ["atob", "btoa", "console"];
  const offered = ["array2base64", "AbortController", "AbortSignal", "atob", "Blob", "btoa", "clearInterval", "clearTimeout", "console", "crypto", "fetch", "File", "FileReader", "Headers", "Request", "Response", "setInterval", "setTimeout", "TextDecoder", "TextEncoder", "URL", "URLSearchParams"];

  // A global that is made when a script first looks at it: few use both of the large namespaces.
  const lazily = (name, make) => {
    const settle = (value) => Object.defineProperty(globalThis, name, { value, configurable: true, enumerable: true, writable: true });
    Object.defineProperty(globalThis, name, { configurable: true, enumerable: true, get() { const value = make(); settle(value); return value; }, set: settle });
  };

  const compile = (source, old) => {
    // A legacy script is a plain function: no `await`, and assigning to an unknown name makes it.
    const [Kind, start] = old ? [Function, ""] : [AsyncFunction, `"use strict";`];
    const body = `${start}${old ? source : rewriteImports(source)}\n`;
    const run = new Kind(body);
    // The engine joins the body into a function before it parses: a body that closes it and opens another would pass.
    if (Function.prototype.toString.call(run) !== `${old ? "" : "async "}function anonymous(\n) {\n${body}\n}`) throw new SyntaxError("unexpected token: '}'");
    return run;
  };

  globalThis.__begin = (json) => {
    const input = JSON.parse(json);
    const { selected, global, collection, data, request } = input;
    Object.assign(__state, { input, selected, global, collection, data, request, chain: Promise.resolve() });
    seedRandom(input.seed);
    globalThis.pw = __makePw(input);
    if (input.legacy) for (const name of offered) { if (!legacy.includes(name)) delete globalThis[name]; }
    else { lazily("hopp", () => __makeHopp(input)); lazily("pm", () => __makePm(input)); }
    const runs = [];
    for (const source of input.sources) {
      try {
        runs.push(compile(source, input.legacy));
      } catch (error) {
        __state.failure = { ...__describe(error), syntax: !String(error.message).startsWith("[Hoppscotch]"), part: runs.length };
        return;
      }
    }
    __state.main = "running";
    const ended = (error) => { if (error !== undefined) __fail(error.value); __state.main = "done"; };
    const all = async () => { for (let part = 0; part < runs.length; part++) { __at(part); await runs[part].call(undefined); } };
    const allNow = () => { for (let part = 0; part < runs.length; part++) { __at(part); runs[part].call(undefined); } };
    try { Promise.resolve(input.legacy ? allNow() : all()).then(() => ended(), (error) => ended({ value: error })); }
    catch (error) { ended({ value: error }); }
  };

  // [operations for the host, whether the script waits for anything, what it has left behind once it has ended]
  globalThis.__drain = () => {
    const operations = __state.operations;
    __state.operations = [];
    const ended = (__state.waiting.size === 0 && operations.length === 0) || __state.failure?.name === "LimitError";
    return JSON.stringify([operations, __state.waiting.size, ended ? finish() : null]);
  };

  globalThis.__settle = (json) => {
    const [id, ok, value] = JSON.parse(json);
    const entry = __state.waiting.get(id);
    if (!entry) return;
    __state.waiting.delete(id);
    if (ok) entry.resolve(value);
    else { const error = new Error(`Fetch failed: ${value}`); error.name = "FetchError"; entry.reject(error); }
  };

  // What the next script finds is text, whatever a script has put there.
  const left = (list) => list.map((entry) => ({ ...entry, initialValue: __variables.plain(entry.initialValue ?? ""), currentValue: __variables.plain(entry.currentValue) }));

  const finish = () => ({
    failure: __state.skip ? null : __state.failure,
    stuck: __state.main === "running" && !__state.skip,
    selected: left(__state.selected),
    global: left(__state.global),
    collection: left(__state.collection),
    data: __state.dataChanged ? __state.data : null,
    request: __state.requestChanged ? __state.request : null,
    next: __state.next === undefined ? false : __state.next,
    skip: __state.skip,
    tests: __state.tests,
    console: __state.console,
  });
  globalThis.__finish = () => JSON.stringify(finish());
}
