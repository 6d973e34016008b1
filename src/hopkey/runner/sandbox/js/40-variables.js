// Variables of the run: the selected environment and the globals, and <<templates>> in them.
const __variables = {
  // What a script has set to undefined is undefined, whatever the variable began with.
  value: (entry) => (entry.currentValue !== "" && "currentValue" in entry ? entry.currentValue : entry.initialValue),
  lists: () => [__state.selected, __state.global],
  find: (key, lists = __variables.lists()) => {
    for (const list of lists) { const entry = list.find((item) => item.key === key); if (entry) return entry; }
    return undefined;
  },
  raw: (key, lists) => { const entry = __variables.find(key, lists); return entry === undefined ? undefined : __variables.value(entry); },
  set: (key, value, list = null) => {
    const entry = list === null ? __variables.find(key) : list.find((item) => item.key === key);
    if (entry) entry.currentValue = value;
    else (list ?? __state.selected).push({ key, initialValue: value, currentValue: value, secret: false });
  },
  unset: (key, lists = __variables.lists()) => {
    for (const list of lists) { const at = list.findIndex((item) => item.key === key); if (at >= 0) { list.splice(at, 1); return; } }
  },
  // What a name stands for in a text that a script resolves: only environment and globals, as in the official runner.
  named: (name) => {
    const made = name.startsWith("$") ? __call("predefined", name) : null;
    return made ?? __variables.raw(name);
  },
  // Unknown names become nothing, and a circle leaves the text as it was: both as in the official runner.
  resolve: (text) => {
    if (typeof text !== "string" || !text.includes("<<")) return text;
    let result = text;
    for (let depth = 0; depth <= 10 && /<<[^<>]*>>/.test(result); depth++) {
      result = result.replace(/<<([^<>]*)>>/g, (whole, name) => __variables.plain(__variables.named(name) ?? ""));
    }
    return /<<[^<>]*>>/.test(result) ? text : result;
  },
  // A value as the text that the next script, or a template, finds.
  plain: (value) => {
    if (typeof value === "string") return value;
    if (value !== null && typeof value === "object") { try { return JSON.stringify(value) ?? "undefined"; } catch { return String(value); } }
    return String(value);
  },
  text: (value, what) => { if (typeof value !== "string") throw new Error(`Expected ${what} to be a string`); return value; },
  // {{name}}, filled in from the given lists; what is unknown stays.
  replace: (text, lists) => String(text).replace(/\{\{([^{}]*)\}\}/g, (whole, name) => {
    const key = name.trim();
    const made = key.startsWith("$") ? __call("predefined", key) : null;
    const value = made ?? __variables.raw(key, lists);
    return value === undefined ? whole : __variables.plain(__variables.resolve(value));
  }),
};
