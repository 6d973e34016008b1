// Timers: the host waits, the callbacks run here. What a callback throws is told on the console, as an uncaught error.
{
  const cleared = new Set();
  const intervals = new Map();
  const uncaught = (error) => {
    if (error instanceof __LimitError || error instanceof __Skip) __fail(error);
    else __write("error", [`Uncaught ${error instanceof Error ? `${error.name}: ${error.message}` : __text(error)}`]);
  };
  const start = (callback, delay, values, again) => {
    if (typeof callback !== "function") throw new TypeError("not a function");
    const milliseconds = Math.min(Math.max(Number(delay) || 0, again ? 1 : 0), 2147483647);
    const { id, promise } = __ask("timer", milliseconds);
    const block = __state.current;
    const fire = () => {
      try {
        const result = __within(block, () => callback(...values));
        if (result && typeof result.then === "function") result.then(undefined, uncaught);
      } catch (error) { uncaught(error); }
    };
    promise.then((live) => {
      if (!live) return;
      fire();
      if (again && !cleared.has(id)) intervals.set(id, start(callback, delay, values, true));
    });
    return id;
  };
  const stop = (id) => {
    cleared.add(id);
    let live = id;
    while (intervals.has(live)) live = intervals.get(live);
    cleared.add(live);
    const entry = __state.waiting.get(live);
    if (entry) { __state.waiting.delete(live); __state.operations.push([live, "cancel", null]); entry.resolve(false); }
  };
  globalThis.setTimeout = (callback, delay, ...values) => start(callback, delay, values, false);
  globalThis.setInterval = (callback, delay, ...values) => start(callback, delay, values, true);
  globalThis.clearTimeout = globalThis.clearInterval = (id) => { if (id !== undefined && id !== null) stop(Number(id)); };
}
