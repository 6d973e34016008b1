// Variables of the run: the selected environment and the globals, and <<templates>> in them.
const __variables = {
  value: (entry) => (entry.currentValue !== "" && entry.currentValue !== undefined && entry.currentValue !== null ? entry.currentValue : entry.initialValue ?? ""),
  find: (key, lists = [__state.selected, __state.global]) => {
    for (const list of lists) { const entry = list.find((item) => item.key === key); if (entry) return entry; }
    return undefined;
  },
  get: (key, lists) => { const entry = __variables.find(key, lists); return entry === undefined ? undefined : __variables.value(entry); },
  set: (key, value, list = null) => {
    const entry = list === null ? __variables.find(key) : list.find((item) => item.key === key);
    if (entry) entry.currentValue = value;
    else (list ?? __state.selected).push({ key, initialValue: value, currentValue: value, secret: false });
  },
  unset: (key, lists = [__state.selected, __state.global]) => {
    for (const list of lists) { const at = list.findIndex((item) => item.key === key); if (at >= 0) { list.splice(at, 1); return; } }
  },
  // Unknown names become nothing, and a circle leaves the text as it was: both as in the official runner.
  resolve: (text) => {
    let result = text;
    for (let depth = 0; depth <= 10 && /<<[^<>]*>>/.test(result); depth++) {
      result = result.replace(/<<([^<>]*)>>/g, (whole, name) => {
        const made = name.startsWith("$") ? JSON.parse(__host("predefined", name)) : null;
        return made ?? __variables.get(name) ?? "";
      });
    }
    return /<<[^<>]*>>/.test(result) ? text : result;
  },
  text: (value, what) => { if (typeof value !== "string") throw new Error(`Expected ${what} to be a string`); return value; },
};
