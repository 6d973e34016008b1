// The console: 19 methods, bounded output.
const __write = (level, values) => {
  const line = values.map((value) => __inspect(value)).join(" ");
  __state.written += line.length + 1;
  if (__state.written > __state.input.limits.output) throw new __LimitError("too much console output");
  __state.console.push([level, line]);
};
{
  const counts = new Map();
  const timers = new Map();
  const console = {};
  for (const level of ["log", "info", "warn", "error", "debug", "trace"]) console[level] = (...values) => __write(level, values);
  console.count = (label = "default") => { counts.set(label, (counts.get(label) ?? 0) + 1); __write("log", [`${label}: ${counts.get(label)}`]); };
  console.countReset = (label = "default") => { counts.delete(label); };
  console.time = (label = "default") => { timers.set(label, Date.now()); };
  console.timeLog = (label = "default", ...values) => __write("log", [`${label}: ${Date.now() - (timers.get(label) ?? Date.now())}ms`, ...values]);
  console.timeEnd = (label = "default") => { console.timeLog(label); timers.delete(label); };
  console.group = (...values) => { if (values.length) __write("log", values); };
  console.groupCollapsed = console.group;
  console.groupEnd = () => {};
  console.clear = () => {};
  console.assert = (condition, ...values) => { if (!condition) __write("error", ["Assertion failed:", ...values]); };
  console.dir = (value) => __write("log", [value]);
  console.dirxml = (...values) => __write("log", values);
  console.table = (value) => __write("log", [value]);
  globalThis.console = console;
}
