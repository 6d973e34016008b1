// The state of one chain of scripts. Everything a script can reach is rebuilt from the host's input in __begin.
const __state = {
  input: null,
  selected: [],
  global: [],
  collection: [],
  data: {},
  dataChanged: false,
  request: null,
  requestChanged: false,
  next: undefined,
  skip: false,
  part: 0,
  tests: [],
  current: null,
  results: 0,
  console: [],
  written: 0,
  chain: null,
  failure: null,
  operations: [],
  waiting: new Map(),
  nextOperation: 1,
};

class __LimitError extends Error {}
class __Skip extends Error {}

// Asks the host for something that takes time; the promise is settled by __settle.
const __ask = (kind, argument) => {
  if (__state.waiting.size >= __state.input.limits.pending) throw new __LimitError("too many timers and requests at once");
  const id = __state.nextOperation++;
  __state.operations.push([id, kind, argument]);
  return { id, promise: new Promise((resolve, reject) => __state.waiting.set(id, { resolve, reject })) };
};

// Asks the host for something that it answers at once. An error of the host becomes one of the script.
const __call = (operation, argument) => {
  const [ok, value] = JSON.parse(__host(operation, JSON.stringify(argument)));
  if (!ok) { const error = new Error(value); error.name = "OperationError"; throw error; }
  return value;
};

const __fail = (error) => {
  if (error instanceof __Skip) { __state.skip = true; return; }
  if (__state.failure === null) __state.failure = { ...__describe(error), part: __state.part };
};

// Which script of the chain runs now: told to the host too, which has to name it where the engine stops.
const __at = (part) => {
  if (part === __state.part) return;
  __state.part = part;
  __call("part", part);
};

const __describe = (error) => {
  if (error instanceof __LimitError) return { name: "LimitError", message: error.message, stack: "" };
  if (error !== null && typeof error === "object" && "message" in error) {
    return { name: String(error.name ?? "Error"), message: String(error.message), stack: String(error.stack ?? "") };
  }
  return { name: "", message: __text(error), stack: "" };
};
