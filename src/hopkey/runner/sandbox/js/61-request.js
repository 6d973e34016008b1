// The request as scripts see and change it: with what it inherits, templates as they are written.
const __request = (() => {
  const contentTypes = [null, "application/json", "application/ld+json", "application/hal+json", "application/vnd.api+json", "application/xml", "text/xml", "application/x-www-form-urlencoded", "multipart/form-data", "application/octet-stream", "text/html", "text/plain"];
  const authTypes = ["none", "inherit", "basic", "bearer", "oauth-2", "api-key", "aws-signature", "digest", "hawk", "akamai-eg", "jwt"];
  const copy = (value) => JSON.parse(JSON.stringify(value));
  const get = (key) => copy(__state.request[key]);
  const put = (key, value) => { __state.request[key] = value; __state.requestChanged = true; };
  const row = (item) => ({ key: __variables.plain(item.key ?? ""), value: __variables.plain(item.value ?? ""), active: item.active !== false && item.disabled !== true, description: item.description ?? "" });
  const rows = (items, what = "headers") => { if (!Array.isArray(items)) throw new Error(`Invalid ${what} object`); return listed(items); };
  const listed = (items) => items.filter((item) => item && item.key !== undefined).map(row);
  const upsert = (field, key, value, caseless) => {
    const fold = (text) => (caseless ? String(text).toLowerCase() : String(text));
    const list = get(field);
    const found = list.find((item) => fold(item.key) === fold(key));
    if (found) { found.value = __variables.plain(value); found.active = true; } else list.push(row({ key, value }));
    put(field, list);
  };
  const remove = (field, key, caseless) => {
    const fold = (text) => (caseless ? String(text).toLowerCase() : String(text));
    put(field, get(field).filter((item) => fold(item.key) !== fold(key)));
  };
  const guess = (body) => { try { JSON.parse(body); return "application/json"; } catch { return "text/plain"; } };
  const setBody = (body) => {
    const good = body !== null && typeof body === "object" && !Array.isArray(body) && Object.keys(body).length > 0 && (body.contentType === undefined || contentTypes.includes(body.contentType));
    if (!good) throw new Error("Invalid body object. Expected a non-empty object with valid body properties.");
    const merged = { ...get("body"), ...copy(body) };
    if (merged.contentType === null && typeof merged.body === "string" && body.contentType === undefined) merged.contentType = guess(merged.body);
    put("body", merged);
  };
  const setAuth = (auth) => {
    if (auth === null || auth === undefined) return put("auth", { authType: "none", authActive: false });
    const good = typeof auth === "object" && !Array.isArray(auth) && (auth.authType === undefined || authTypes.includes(auth.authType));
    if (!good) throw new Error("Invalid auth object");
    const before = get("auth");
    return put("auth", { ...(auth.authType === undefined || auth.authType === before.authType ? before : { authActive: before.authActive ?? true }), ...copy(auth) });
  };
  const variable = (key) => __state.request.requestVariables.find((item) => item.key === key && item.active !== false)?.value ?? null;
  const setVariable = (key, value) => {
    const list = get("requestVariables");
    const found = list.find((item) => item.key === key);
    if (found) { found.value = value; found.active = true; } else list.push({ key, value, active: true });
    put("requestVariables", list);
  };
  return { get, put, row, rows, upsert, remove, setBody, setAuth, variable, setVariable, copy };
})();
