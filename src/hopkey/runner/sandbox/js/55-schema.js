// JSON schemas and JSON paths, as far as the official runner knows them.
const __typeOf = (value) => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);

// The first fault of a value against a schema, or null.
const __schemaFault = (value, schema, depth = 0) => {
  // A schema that is not there checks nothing: the words of the engine for that, as in the official runner.
  if (schema === null || schema === undefined) throw new TypeError(`cannot read property 'type' of ${schema}`);
  if (depth > 200 || typeof schema !== "object") return null;
  const type = __typeOf(value);
  if (schema.type !== undefined && schema.type !== type) return `Expected type ${schema.type}, got ${type}`;
  if (Array.isArray(schema.required) && type === "object") {
    for (const key of schema.required) if (!(key in value)) return `Required property '${key}' is missing`;
  }
  if (schema.properties && type === "object") {
    for (const key of Object.keys(schema.properties)) {
      if (!(key in value)) continue;
      const fault = __schemaFault(value[key], schema.properties[key], depth + 1);
      if (fault) return `Property '${key}': ${fault}`;
    }
  }
  if (type === "array") {
    if (schema.minItems !== undefined && value.length < schema.minItems) return `Array length ${value.length} is below minimum ${schema.minItems}`;
    if (schema.maxItems !== undefined && value.length > schema.maxItems) return `Array length ${value.length} exceeds maximum ${schema.maxItems}`;
    if (schema.items && !Array.isArray(schema.items)) {
      for (let i = 0; i < value.length; i++) {
        const fault = __schemaFault(value[i], schema.items, depth + 1);
        if (fault) return `Item [${i}]: ${fault}`;
      }
    }
  }
  if (type === "string") {
    if (schema.minLength !== undefined && value.length < schema.minLength) return `String length ${value.length} is below minimum ${schema.minLength}`;
    if (schema.maxLength !== undefined && value.length > schema.maxLength) return `String length ${value.length} exceeds maximum ${schema.maxLength}`;
    if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value)) return `String does not match pattern ${schema.pattern}`;
  }
  if (type === "number") {
    if (schema.minimum !== undefined && value < schema.minimum) return `Value ${value} is below minimum ${schema.minimum}`;
    if (schema.maximum !== undefined && value > schema.maximum) return `Value ${value} exceeds maximum ${schema.maximum}`;
  }
  if (Array.isArray(schema.enum) && !schema.enum.some((item) => __same(item, value))) return `Value must be one of: ${schema.enum.join(", ")}`;
  return null;
};

// The same fault in the words of `pm.response.to.have.jsonSchema`, which name no property where its type is wrong.
const __answerFault = (value, schema) => __schemaFault(value, schema)?.replace(/^Property '[^']*': (Expected type \w+, got \w+)$/, "$1") ?? null;

// [found, value] or [false, undefined, what is missing] for $.a.b[1], a.b, $['a'], $.list[*].
const __path = (value, path, wildcards = true) => {
  let current = value;
  const steps = String(path).replace(/^\$/, "").match(/[^.[\]]+|\[(?:"[^"]*"|'[^']*'|[^\]]*)\]|\.\.?/g) ?? [];
  for (const step of steps) {
    if (step === "." || step === "..") continue;
    const inner = step.startsWith("[") ? step.slice(1, -1).replace(/^(["'])(.*)\1$/, "$2") : step;
    // All of them, whatever follows: so far the official runner goes.
    if (inner === "*" && wildcards) return current !== null && typeof current === "object" ? [true, Object.values(current)] : [false, undefined];
    if (current === null || current === undefined || typeof current !== "object" || !(inner in current)) {
      return [false, undefined, Array.isArray(current) ? `Array index '${inner}' out of bounds` : `Property '${inner}' not found`];
    }
    current = current[inner];
  }
  return [true, current];
};
