import type { Schema } from "./openapi-document.js";
import { refName } from "./schema-view.js";

/** The depth of an example. Objects below it are empty. */
const MAX_DEPTH = 5;

/** An example of a value, as JSON. Optional values are shown too. */
export function schemaExample(
  schema: Schema,
  schemas: Readonly<Record<string, Schema>>,
  depth = 0,
): unknown {
  const [example] = schema.examples ?? schema.enum ?? [];
  if (example !== undefined) return example;
  const target = schema.$ref === undefined ? schema.oneOf?.[0] : schemas[refName(schema.$ref)];
  if (target !== undefined) return schemaExample(target, schemas, depth);
  const [type] = [schema.type ?? "string"].flat();
  if (type === "array") return [schemaExample(schema.items ?? {}, schemas, depth + 1)];
  if (type !== "object") return SCALAR_EXAMPLES[type ?? "null"] ?? null;
  const properties = depth < MAX_DEPTH ? Object.entries(schema.properties ?? {}) : [];
  return Object.fromEntries(
    properties.map(([name, property]) => [name, schemaExample(property, schemas, depth + 1)]),
  );
}

const SCALAR_EXAMPLES: Readonly<Record<string, unknown>> = {
  string: "text",
  integer: 1,
  number: 1.5,
  boolean: true,
};
