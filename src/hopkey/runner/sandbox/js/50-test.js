// test(): blocks run one after another on a promise chain; a throw inside any of them ends the script.
const __test = (name, callback) => {
  const block = { name: __text(name), expectations: [] };
  __state.tests.push(block);
  if (typeof callback !== "function") throw new TypeError("not a function");
  __state.chain = __state.chain.then(async () => {
    if (__state.failure !== null) return;
    __state.current = block;
    try { await callback(); } catch (error) { __fail(error); } finally { __state.current = null; }
  });
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
