// JSON Schemas of messages, as REST reads and prints them.
import { getOption, hasOption, ScalarType } from "@bufbuild/protobuf";
import { getComments } from "@bufbuild/protoplugin";
import { FIELD_EXAMPLES } from "./openapi-plain.mjs";

/** The comment above an element, without the indent of its lines. */
export function commentOf(desc) {
  return (getComments(desc).leading ?? "").replace(/^ /gm, "").trim();
}

/**
 * Collects the schemas of messages and enums. A message belongs to requests or to responses: of a
 * response every field is printed, of a request null is the same as left out.
 */
export class SchemaBuilder {
  /** The schemas that are referred to, by name. */
  components = {};
  #sides = new Map();
  #rulesExtension;

  /** @param rulesExtension The extension buf.validate.field. */
  constructor(rulesExtension) {
    this.#rulesExtension = rulesExtension;
  }

  /** @param {"request" | "response"} side */
  message(desc, side) {
    const known = WELL_KNOWN[desc.typeName];
    if (known !== undefined) return known;
    const seen = this.#sides.get(desc.name);
    if (seen !== undefined && seen !== side) {
      throw new Error(`Cannot write OpenAPI: ${desc.typeName} is in requests and in responses`);
    }
    if (seen === undefined) this.#add(desc, side);
    return { $ref: `#/components/schemas/${desc.name}` };
  }

  /** A field as part of a message. */
  field(desc, side) {
    const isNullable =
      side === "request" ? !this.isRequired(desc) : desc.proto.proto3Optional === true;
    return describe(isNullable ? nullable(this.#value(desc, side)) : this.#value(desc, side), desc);
  }

  /** A field as a parameter of path or query, which cannot be null. */
  parameter(desc) {
    return this.#value(desc, "request");
  }

  /** Whether a rule says that a field must be given: `required`, a `min_len`, or one named `....required`. */
  isRequired(desc) {
    const rules = this.#rules(desc);
    if (rules === undefined || desc.proto.proto3Optional === true) return false;
    const { required, cel, type } = rules;
    const isNamed = cel.some(({ id }) => id.endsWith(".required"));
    return required || isNamed || (type.case === "string" && type.value.minLen > 0n);
  }

  #add(desc, side) {
    this.#sides.set(desc.name, side);
    const schema = { type: "object", description: commentOf(desc) };
    // Known by name before its fields are looked at, since one may lead back to it.
    this.components[desc.name] = schema;
    schema.properties = Object.fromEntries(
      desc.fields.map((field) => [field.name, this.field(field, side)]),
    );
    const required = desc.fields.filter((field) => side === "response" || this.isRequired(field));
    if (required.length > 0) schema.required = required.map(({ name }) => name);
  }

  #value(desc, side) {
    const rules = this.#rules(desc);
    if (desc.fieldKind === "map") {
      return { type: "object", additionalProperties: this.#item(desc, side) };
    }
    if (desc.fieldKind === "list") {
      return { type: "array", items: this.#item(desc, side), ...listLimits(rules) };
    }
    return { ...this.#item(desc, side), ...limits(rules) };
  }

  #item(desc, side) {
    if (desc.enum !== undefined) return this.#enum(desc.enum);
    return desc.message === undefined ? SCALARS[desc.scalar] : this.message(desc.message, side);
  }

  #enum(desc) {
    const values = desc.values.filter(({ number }) => number !== 0);
    const word = ({ name }) => name.slice(desc.sharedPrefix?.length ?? 0).toLowerCase();
    const meanings = values.map((value) => `* \`${word(value)}\`: ${commentOf(value)}`);
    this.components[desc.name] = {
      type: "string",
      description: `${commentOf(desc)}\n\n${meanings.join("\n")}`,
      enum: values.map(word),
    };
    return { $ref: `#/components/schemas/${desc.name}` };
  }

  #rules(desc) {
    return hasOption(desc, this.#rulesExtension)
      ? getOption(desc, this.#rulesExtension)
      : undefined;
  }
}

function describe(schema, desc) {
  const isDeprecated = desc.proto.options?.deprecated === true;
  const example = desc.fieldKind === "scalar" ? FIELD_EXAMPLES[desc.name] : undefined;
  return {
    ...schema,
    description: commentOf(desc),
    ...(example === undefined ? {} : { examples: [example] }),
    ...(isDeprecated ? { deprecated: true } : {}),
  };
}

function nullable(schema) {
  if ("$ref" in schema) return { oneOf: [schema, { type: "null" }] };
  return "type" in schema ? { ...schema, type: [schema.type, "null"] } : schema;
}

function limits(rules) {
  const { case: kind, value } = rules?.type ?? {};
  if (kind === "string") return stringLimits(value);
  const { greaterThan, lessThan } = value ?? {};
  return {
    ...(greaterThan?.case === "gte" ? { minimum: Number(greaterThan.value) } : {}),
    ...(greaterThan?.case === "gt" ? { exclusiveMinimum: Number(greaterThan.value) } : {}),
    ...(lessThan?.case === "lte" ? { maximum: Number(lessThan.value) } : {}),
    ...(lessThan?.case === "lt" ? { exclusiveMaximum: Number(lessThan.value) } : {}),
  };
}

function stringLimits({ minLen, maxLen, pattern }) {
  return {
    ...(minLen > 0n ? { minLength: Number(minLen) } : {}),
    ...(maxLen > 0n ? { maxLength: Number(maxLen) } : {}),
    ...(pattern === "" ? {} : { pattern }),
  };
}

function listLimits(rules) {
  const { case: kind, value } = rules?.type ?? {};
  if (kind !== "repeated") return {};
  return {
    ...(value.minItems > 0n ? { minItems: Number(value.minItems) } : {}),
    ...(value.maxItems > 0n ? { maxItems: Number(value.maxItems) } : {}),
  };
}

const INT32 = { type: "integer", format: "int32" };
const INT64 = { type: "integer", format: "int64" };
const UINT32 = { type: "integer", format: "int64", minimum: 0, maximum: 4294967295 };
const UINT64 = { type: "integer", minimum: 0 };

const SCALARS = {
  [ScalarType.STRING]: { type: "string" },
  [ScalarType.BOOL]: { type: "boolean" },
  [ScalarType.BYTES]: { type: "string", contentEncoding: "base64" },
  [ScalarType.DOUBLE]: { type: "number", format: "double" },
  [ScalarType.FLOAT]: { type: "number", format: "float" },
  [ScalarType.INT32]: INT32,
  [ScalarType.SINT32]: INT32,
  [ScalarType.SFIXED32]: INT32,
  [ScalarType.INT64]: INT64,
  [ScalarType.SINT64]: INT64,
  [ScalarType.SFIXED64]: INT64,
  [ScalarType.UINT32]: UINT32,
  [ScalarType.FIXED32]: UINT32,
  [ScalarType.UINT64]: UINT64,
  [ScalarType.FIXED64]: UINT64,
};

const WELL_KNOWN = {
  "google.protobuf.Timestamp": {
    type: "string",
    format: "date-time",
    examples: ["2026-01-02T14:14:34.789000Z"],
  },
  "google.protobuf.Duration": { type: "string", pattern: "^-?[0-9]+(\\.[0-9]+)?s$" },
  "google.protobuf.Struct": { type: "object", additionalProperties: true },
  "google.protobuf.ListValue": { type: "array", items: {} },
  "google.protobuf.Value": {},
  "google.protobuf.FieldMask": { type: "string" },
};
