// Values as texts, as the official runner writes them.
const __text = (value) => {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp || value instanceof Map || value instanceof Set || value instanceof Promise) return "[object Object]";
  return String(value);
};

// A value for the console: close to what people know from Node, bounded in depth and length.
const __inspect = (value, depth = 0, seen = []) => {
  if (typeof value === "string") return depth === 0 ? value : JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `[Function: ${value.name || "anonymous"}]`;
  if (value === null || typeof value !== "object") return String(value);
  if (value instanceof Error) return value.stack ? `${value.name}: ${value.message}` : String(value);
  if (value instanceof Date) return __text(value);
  if (value instanceof RegExp) return String(value);
  if (seen.includes(value)) return "[Circular]";
  if (depth > 4) return Array.isArray(value) ? "[Array]" : "[Object]";
  const inner = [...seen, value];
  const show = (item) => __inspect(item, depth + 1, inner);
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    const rest = value.length > 100 ? [`... ${value.length - 100} more items`] : [];
    return `[ ${[...value.slice(0, 100).map(show), ...rest].join(", ")} ]`;
  }
  if (value instanceof Map) return `Map(${value.size}) { ${[...value].map(([k, v]) => `${show(k)} => ${show(v)}`).join(", ")} }`;
  if (value instanceof Set) return `Set(${value.size}) { ${[...value].map(show).join(", ")} }`;
  const keys = Object.keys(value);
  if (keys.length === 0) return "{}";
  const name = (key) => (/^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key));
  return `{ ${keys.slice(0, 100).map((key) => `${name(key)}: ${show(value[key])}`).join(", ")} }`;
};
