import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** A parameter, as the JSON schema of its workflow describes it. */
export interface Parameter {
  readonly name: string;
  readonly type: "integer" | "number" | "string" | "boolean";
  readonly description: string;
  /** Undefined: chosen by the service or the workflow. */
  readonly fallback: JsonValue | undefined;
  readonly minimum: number | undefined;
  readonly maximum: number | undefined;
  /** The only values; empty: any. */
  readonly options: readonly JsonValue[];
}

/** The parameters in the order of the schema. */
export function readSchema(schema: JsonObject | undefined): readonly Parameter[] {
  const properties = schema?.["properties"];
  if (!isObject(properties)) return [];
  return Object.entries(properties).flatMap(([name, property]) =>
    isObject(property) ? [toParameter(name, property)] : [],
  );
}

function toParameter(name: string, property: JsonObject): Parameter {
  const { type, description, default: fallback, minimum, maximum, enum: options } = property;
  return {
    ...{ name, fallback },
    type: type === "integer" || type === "number" || type === "boolean" ? type : "string",
    description: typeof description === "string" ? description : "",
    minimum: typeof minimum === "number" ? minimum : undefined,
    maximum: typeof maximum === "number" ? maximum : undefined,
    options: Array.isArray(options) ? options : [],
  };
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
