// Operations: one for each http rule of a method.
import { HEADERS_OF_FIELDS, REQUEST_EXAMPLES } from "./openapi-plain.mjs";
import { commentOf } from "./openapi-schemas.mjs";

/** @returns the method in lower case and the path as OpenAPI writes it. */
export function pathOf({ pattern }) {
  const isCustom = pattern.case === "custom";
  const template = isCustom ? pattern.value.path : pattern.value;
  return {
    httpMethod: isCustom ? pattern.value.kind.toLowerCase() : pattern.case,
    path: template.replace(/\{([\w.]+)=[^}]*\}/g, "{$1}"),
  };
}

/** The operation of one http rule. */
export function createOperation(method, rule, schemas) {
  const { text, errors } = splitErrors(commentOf(method));
  const [summary, ...description] = text.split(/(?<=\.)\s+/);
  const parameters = parametersOf(method, rule, schemas);
  const requestBody = requestBodyOf(method, rule, schemas);
  return {
    operationId: method.name,
    tags: [method.parent.name],
    summary: summary.replace(/\.$/, ""),
    ...(description.length > 0 ? { description: description.join(" ") } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(requestBody === undefined ? {} : { requestBody }),
    responses: {
      200: successOf(method, rule, schemas),
      ...problemsOf(errors, parameters.length > 0, requestBody !== undefined),
      default: problem("Any other error"),
    },
  };
}

/** HTTP status of the gRPC codes that a method's comment may name. */
const STATUS_OF_CODE = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  RESOURCE_EXHAUSTED: 429,
  UNAVAILABLE: 503,
};

/** Takes `Errors: CODE (when), CODE (when).` out of a comment, as meanings by HTTP status. */
function splitErrors(comment) {
  const [text, list = ""] = comment.split(/\s*\bErrors:\s*/);
  const errors = {};
  for (const [, code, meaning] of list.matchAll(/([A-Z_]+)\s*\(([^)]*)\)/g)) {
    const status = STATUS_OF_CODE[code];
    if (status === undefined) throw new Error(`Cannot write OpenAPI: no HTTP status for ${code}`);
    errors[status] = [...(errors[status] ?? []), meaning.replace(/\s+/g, " ")];
  }
  return { text: text.replace(/\s+/g, " "), errors };
}

function parametersOf(method, rule, schemas) {
  const pathFields = [...pathOf(rule).path.matchAll(/\{([\w.]+)\}/g)].map(([, path]) => path);
  const inPath = pathFields.map((path) => {
    const field = findField(method.input, path);
    return parameter("path", path, field, schemas);
  });
  const isInQuery = ({ name }) => rule.body !== "*" && rule.body !== name;
  const inQuery = leaves(method.input, "")
    .filter(({ path, root }) => !pathFields.includes(path) && isInQuery(root))
    .map(({ path, field }) => parameter("query", path, field, schemas));
  const headers = method.input.fields
    .filter(({ name }) => name in HEADERS_OF_FIELDS)
    .map((field) => parameter("header", HEADERS_OF_FIELDS[field.name], field, schemas));
  return [...inPath, ...inQuery, ...headers];
}

function parameter(place, name, field, schemas) {
  const isRequired = place === "path" || (place === "query" && schemas.isRequired(field));
  return {
    name,
    in: place,
    ...(isRequired ? { required: true } : {}),
    description: commentOf(field),
    schema: schemas.parameter(field),
  };
}

function findField(message, path) {
  const [name, ...rest] = path.split(".");
  const field = message.fields.find((each) => each.name === name);
  if (field === undefined) throw new Error(`Cannot write OpenAPI: no field ${path}`);
  return rest.length === 0 ? field : findField(field.message, rest.join("."));
}

const TEXT_MESSAGES = new Set([
  "google.protobuf.Timestamp",
  "google.protobuf.Duration",
  "google.protobuf.FieldMask",
]);

/** The fields that a query can give, those of messages with their dotted path. */
function leaves(message, prefix, root) {
  return message.fields.flatMap((field) => {
    const leaf = { path: prefix + field.name, field, root: root ?? field };
    const { fieldKind, message: type } = field;
    if (type === undefined || TEXT_MESSAGES.has(type.typeName))
      return fieldKind === "map" ? [] : [leaf];
    const isNested = fieldKind === "message" && !type.typeName.startsWith("google.protobuf.");
    return isNested ? leaves(type, `${leaf.path}.`, leaf.root) : [];
  });
}

function requestBodyOf(method, { body }, schemas) {
  if (body === "") return undefined;
  const schema =
    body === "*"
      ? schemas.message(method.input, "request")
      : schemas.field(findField(method.input, body), "request");
  const examples = REQUEST_EXAMPLES[method.name];
  const content = { schema, ...(examples === undefined ? {} : { examples }) };
  return { required: true, content: { "application/json": content } };
}

function successOf(method, { responseBody }, schemas) {
  const { output } = method;
  const field = responseBody === "" ? undefined : findField(output, responseBody);
  const schema =
    field === undefined ? schemas.message(output, "response") : schemas.field(field, "response");
  const description = commentOf(field ?? output);
  if (method.methodKind !== "server_streaming") {
    return { description, content: { "application/json": { schema } } };
  }
  return {
    description: `${description} ${STREAM_DESCRIPTION}`,
    content: { "text/event-stream": { schema }, "application/x-ndjson": { schema } },
  };
}

const STREAM_DESCRIPTION =
  "Server-sent events: the `data` of each is one message in JSON, the last event is `end`, or `error` with a problem. With `Accept: application/x-ndjson` each line is one message; a problem is the last line.";

function problemsOf(errors, hasParameters, hasBody) {
  const problems = { ...errors };
  if (hasParameters || hasBody) problems[400] ??= ["a bad parameter"];
  if (hasBody) {
    problems[413] = ["the body is too large"];
    problems[415] = ["the body is not JSON"];
  }
  return Object.fromEntries(
    Object.entries(problems).map(([status, meanings]) => [
      status,
      {
        ...problem(meanings.map(capitalize).join("; ")),
        ...(status === "429" ? { headers: RETRY_AFTER } : {}),
      },
    ]),
  );
}

const RETRY_AFTER = {
  "Retry-After": {
    description: "Seconds to wait before the next try",
    schema: { type: "integer" },
  },
};

function problem(description) {
  const schema = { $ref: "#/components/schemas/Problem" };
  return { description, content: { "application/problem+json": { schema } } };
}

function capitalize(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
