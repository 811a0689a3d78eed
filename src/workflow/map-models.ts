/**
 * Replaces every text inside a value that is a key of `names` by the text that it stands for. Model
 * file names differ from server to server; in a workflow they are always whole texts.
 */
export function mapModels<T>(value: T, names: { readonly [name: string]: string }): T {
  return Object.keys(names).length === 0 ? value : (replaceIn(value, names) as T);
}

function replaceIn(value: unknown, names: { readonly [name: string]: string }): unknown {
  if (typeof value === "string") return Object.hasOwn(names, value) ? names[value] : value;
  if (Array.isArray(value)) return value.map((item) => replaceIn(item, names));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, replaceIn(item, names)]),
  );
}
