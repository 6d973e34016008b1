// What the host calls. A script runs as the body of a strict async function, so `await` and `return` work at its top.
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
  const staticImport = /^[ \t]*import\s+(?:([\w$]+)\s*,?\s*)?(?:\*\s*as\s+([\w$]+)|\{([^}]*)\})?\s*(?:from\s*)?(["'])([^"'\n]+)\4[ \t]*;?/gm;
  const rewriteImports = (source) =>
    source.replace(staticImport, (whole, single, space, named, quote, url) => {
      const load = `await import(${JSON.stringify(url)})`;
      if (space) return single ? `const ${space} = ${load}, ${single} = ${space}.default;` : `const ${space} = ${load};`;
      const names = (named ?? "").split(",").map((part) => part.trim()).filter(Boolean).map((part) => part.replace(/\s+as\s+/, ": "));
      if (single) names.unshift(`default: ${single}`);
      const lines = "\n".repeat(whole.split("\n").length - 1);
      return names.length ? `const { ${names.join(", ")} } = ${load};${lines}` : `${load};${lines}`;
    });

  globalThis.__begin = (json) => {
    const input = JSON.parse(json);
    Object.assign(__state, { input, selected: input.selected, global: input.global, chain: Promise.resolve() });
    seedRandom(input.seed);
    const pw = __makePw(input);
    globalThis.pw = pw;
    let run;
    try {
      const body = `"use strict";${rewriteImports(input.source)}\n`;
      run = new AsyncFunction(body);
      // The engine joins the body into a function before it parses: a body that closes it and opens another would pass.
      if (Function.prototype.toString.call(run) !== `async function anonymous(\n) {\n${body}\n}`) throw new SyntaxError("unexpected token: '}'");
    } catch (error) {
      __state.failure = { ...__describe(error), syntax: true };
      return;
    }
    __state.main = "running";
    run.call(undefined).then(() => { __state.main = "done"; }, (error) => { __fail(error); __state.main = "done"; });
  };

  // [operations for the host, whether the script waits for anything]
  globalThis.__drain = () => {
    const operations = __state.operations;
    __state.operations = [];
    return JSON.stringify([operations, __state.waiting.size]);
  };

  globalThis.__settle = (json) => {
    const [id, ok, value] = JSON.parse(json);
    const entry = __state.waiting.get(id);
    if (!entry) return;
    __state.waiting.delete(id);
    if (ok) entry.resolve(value); else entry.reject(new TypeError(value));
  };

  globalThis.__finish = () => JSON.stringify({
    failure: __state.failure,
    stuck: __state.main === "running",
    selected: __state.selected,
    global: __state.global,
    tests: __state.tests,
    console: __state.console,
  });
}
