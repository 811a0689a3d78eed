import {
  type DescField,
  type DescMessage,
  type DescMethod,
  getOption,
  hasOption,
  type Message,
} from "@bufbuild/protobuf";
import type { MethodImplSpec, ServiceImplSpec } from "@connectrpc/connect";
import { http } from "../../gen/google/api/annotations_pb.js";
import type { HttpRule } from "../../gen/google/api/http_pb.js";
import { perObject } from "../../lib/per-object.js";
import { resolveFieldPath } from "./field-path.js";
import { type PathTemplate, parsePathTemplate } from "./path-template.js";
import { responseText } from "./response-text.js";

/** A method that REST can serve. */
export type RestMethod = Extract<MethodImplSpec, { kind: "unary" | "server_streaming" }>;

/** One http rule of a method, with all names resolved to descriptors. */
export interface HttpBinding {
  readonly method: RestMethod;
  /** In upper case. `*` for any method. */
  readonly httpMethod: string;
  readonly template: PathTemplate;
  /** For each variable of the template in order, the field that it fills. */
  readonly variables: readonly (readonly DescField[])[];
  /** Where the body goes: into the whole message, into one field, or nowhere. */
  readonly body: "message" | "none" | DescField;
  /** The JSON text of a response; made once of a message that is the response of several calls. */
  readonly textOf: (response: Message) => Promise<string>;
}

/**
 * Reads the http rules of all methods, including additional bindings. Methods without a rule are
 * not part of REST and are left out.
 *
 * @throws Error for a rule that cannot be served: a name that is not a field, a variable that is
 *   not a single value, or a method with a stream of requests.
 */
export function createHttpBindings(services: readonly ServiceImplSpec[]): HttpBinding[] {
  return services
    .flatMap(({ methods }) => Object.values(methods))
    .filter(({ method }) => hasOption(method, http))
    .flatMap((spec) => {
      const method = requireRestMethod(spec);
      const rule = getOption(spec.method, http);
      return [rule, ...rule.additionalBindings].map((each) => createBinding(method, each));
    });
}

function requireRestMethod(spec: MethodImplSpec): RestMethod {
  if (spec.kind === "unary" || spec.kind === "server_streaming") return spec;
  return fail(spec.method, "a stream of requests has no REST form");
}

function createBinding(method: RestMethod, rule: HttpRule): HttpBinding {
  const desc: DescMethod = method.method;
  const { httpMethod, path } = readPattern(desc, rule);
  const template = parsePathTemplate(path);
  const { responseBody } = rule;
  const only = responseBody === "" ? undefined : requireField(desc, desc.output, responseBody);
  return {
    method,
    httpMethod,
    template,
    variables: template.variables.map(({ fieldPath }) => requireVariable(desc, fieldPath)),
    body: requireBody(desc, rule.body),
    textOf: perObject((response) => responseText(desc.output, response, only)),
  };
}

function readPattern(desc: DescMethod, rule: HttpRule): { httpMethod: string; path: string } {
  const { pattern } = rule;
  if (pattern.case === undefined) return fail(desc, "its http rule has no pattern");
  if (pattern.case !== "custom") {
    return { httpMethod: pattern.case.toUpperCase(), path: pattern.value };
  }
  return { httpMethod: pattern.value.kind.toUpperCase(), path: pattern.value.path };
}

function requireVariable(desc: DescMethod, path: string): readonly DescField[] {
  const fields = resolveFieldPath(desc.input, path);
  if (fields === undefined) return fail(desc, `"${path}" is no field of ${desc.input.typeName}`);
  const kind = fields.at(-1)?.fieldKind;
  if (kind !== "scalar" && kind !== "enum") {
    return fail(desc, `variable "${path}" is no single value`);
  }
  return fields;
}

function requireBody(desc: DescMethod, name: string): HttpBinding["body"] {
  if (name === "") return "none";
  return name === "*" ? "message" : requireField(desc, desc.input, name);
}

function requireField(desc: DescMethod, message: DescMessage, name: string): DescField {
  const field = message.fields.find((each) => each.name === name);
  return field ?? fail(desc, `"${name}" is no field of ${message.typeName}`);
}

function fail(desc: DescMethod, problem: string): never {
  throw new Error(`Cannot serve ${desc.parent.typeName}.${desc.name} over REST: ${problem}`);
}
