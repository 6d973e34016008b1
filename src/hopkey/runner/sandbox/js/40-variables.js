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
  resolve: (text) => {
    let result = text;
    for (let depth = 0; depth < 10 && /<<[^<>]*>>/.test(result); depth++) {
      const before = result;
      result = result.replace(/<<([^<>]*)>>/g, (whole, name) => {
        const value = __variables.get(name);
        if (value !== undefined) return value;
        if (!name.startsWith("$")) return whole;
        const made = JSON.parse(__host("predefined", name));
        return made === null ? whole : made;
      });
      if (result === before) break;
    }
    return result;
  },
  text: (value, what) => { if (typeof value !== "string") throw new Error(`Expected ${what} to be a string`); return value; },
};
