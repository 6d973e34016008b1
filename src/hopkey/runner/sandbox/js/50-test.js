// test(): blocks run one after another on a promise chain; a throw inside any of them ends the script.
const __test = (name, callback) => {
  const block = { name: __text(name), expectations: [], part: __state.part };
  if (typeof callback !== "function") throw new TypeError("not a function");
  if (__state.input.legacy) return __testNow(block, callback);
  __state.tests.push(block);
  __state.chain = __state.chain.then(async () => {
    if (__state.failure !== null) return;
    __at(block.part);
    __state.current = block;
    try { await callback(); } catch (error) { __fail(error); } finally { __state.current = null; }
  });
};

// In the older sandbox a block runs where it stands, is told of when it has ended, and cannot wait.
const __testNow = (block, callback) => {
  const result = __within(block, callback);
  __state.tests.push(block);
  if (result && typeof result.then === "function") throw new TypeError("#<Promise> could not be cloned.");
};

// A callback that belongs to a test is counted to it, even where it is called after the test has ended.
const __within = (block, callback) => {
  const before = __state.current;
  __state.current = block ?? before;
  try { return callback(); } finally { __state.current = before; }
};

// `ok` is true, false, or "error" for what could not be judged.
const __report = (ok, message) => {
  if (++__state.results > __state.input.limits.results) throw new __LimitError("too many expectations");
  if (__state.current) __state.current.expectations.push([ok === "error" ? ok : Boolean(ok), message]);
};
