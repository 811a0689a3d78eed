import { createHash } from "node:crypto";
import { create, type DescMessage } from "@bufbuild/protobuf";
import { createServiceImplSpec } from "@connectrpc/connect";
import { Validator } from "@seriousme/openapi-schema-validator";
import { type FastifyInstance, fastify } from "fastify";
import { describe, expect, it, onTestFinished } from "vitest";
import { toProblem } from "../../../src/api/calls/error-mapping.js";
import type { Schema } from "../../../src/api/docs/openapi-document.js";
import { registerDocs } from "../../../src/api/docs/register-docs.js";
import { createHttpBindings } from "../../../src/api/rest/http-binding.js";
import { printResponse } from "../../../src/api/rest/response-printer.js";
import { registerRest } from "../../../src/api/rest/rest-plugin.js";
import { openapi } from "../../../src/gen/openapi.js";
import { MonitorService } from "../../../src/gen/tmlsr/v1/monitor_service_pb.js";
import { TaskService } from "../../../src/gen/tmlsr/v1/task_service_pb.js";
import { WorkflowService } from "../../../src/gen/tmlsr/v1/workflow_service_pb.js";

const bindings = createHttpBindings(
  [TaskService, MonitorService, WorkflowService].map((service) =>
    createServiceImplSpec(service, {} as never),
  ),
);
const schemas: Readonly<Record<string, Schema>> = openapi.components.schemas;

function startDocs(): FastifyInstance {
  const app: FastifyInstance = fastify();
  registerDocs(app);
  registerRest(app, {
    services: [],
    interceptors: [],
    shutdownSignal: new AbortController().signal,
    maxBytesOf: () => 1_000,
    toProblem,
  });
  onTestFinished(() => app.close());
  return app;
}

describe("the OpenAPI document", () => {
  it("is valid OpenAPI 3.1", async () => {
    const result = await new Validator().validate(structuredClone(openapi));
    expect(result.errors).toBeUndefined();
    expect(result.valid).toBe(true);
  });

  it("has an operation for every http rule", () => {
    const operations = Object.entries(openapi.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const routes = bindings.map(({ httpMethod, template, variables }) => {
      const names = variables.map((fields) => `{${fields[0]?.name}}`);
      const segments = template.segments.map((segment) =>
        segment === "*" ? names.shift() : segment,
      );
      return `${httpMethod} /${segments.join("/")}${template.verb && `:${template.verb}`}`;
    });
    expect(routes.length).toBeGreaterThan(5);
    expect(operations).toEqual(expect.arrayContaining(routes));
  });

  it.each(bindings.map(({ method: { method } }) => [method.name, method.output] as const))(
    "describes the answers of %s as they are printed",
    (_name, output) => {
      for (const message of messagesIn(output)) {
        const printed = JSON.parse(printResponse(message, create(message))) as object;
        const schema = schemas[message.name];
        if (schema === undefined) continue;
        expect(Object.keys(schema.properties ?? {})).toEqual(Object.keys(printed));
        expect(schema.required).toEqual(Object.keys(printed));
      }
      expect(messagesIn(output).some(({ name }) => name in schemas)).toBe(true);
    },
  );

  it("says what a request needs, takes and limits", () => {
    const { CreateTaskRequest, TaskType } = openapi.components.schemas;
    expect(CreateTaskRequest.required).toEqual(["url"]);
    expect(CreateTaskRequest.properties.url).toMatchObject({ type: "string", maxLength: 8192 });
    expect(CreateTaskRequest.properties.priority).toMatchObject({
      type: ["integer", "null"],
      minimum: 0,
      maximum: 2,
    });
    expect(CreateTaskRequest.properties.model).toMatchObject({ deprecated: true });
    expect(TaskType.enum).toEqual(["video", "image"]);
  });

  it("makes optional fields of answers nullable, and 64-bit integers integers", () => {
    const { Task, Output } = openapi.components.schemas;
    expect(Task.properties.error.type).toEqual(["string", "null"]);
    expect(Task.properties.output.oneOf).toEqual([
      { $ref: "#/components/schemas/Output" },
      { type: "null" },
    ]);
    expect(Output.properties.size_bytes.type).toBe("integer");
  });

  it("is served at /openapi.json", async () => {
    const response = await startDocs().inject("/openapi.json");
    expect(response.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(response.json()).toEqual(openapi);
  });
});

describe("the page at /docs", () => {
  it("shows every operation and schema", async () => {
    const { body } = await startDocs().inject("/docs/");
    for (const methods of Object.values(openapi.paths)) {
      for (const { operationId } of Object.values(methods)) {
        expect(body).toContain(`<section id="operation-${operationId}">`);
      }
    }
    for (const name of Object.keys(schemas)) expect(body).toContain(`id="schema-${name}"`);
  });

  it("links to nothing that it does not have", async () => {
    const { body } = await startDocs().inject("/docs");
    const targets = [...body.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, target]) => target ?? "");
    expect(new Set(targets.filter((target) => !target.startsWith("#")))).toEqual(
      new Set(["/openapi.json"]),
    );
    for (const target of targets.filter((each) => each.startsWith("#"))) {
      expect(body).toContain(`id="${target.slice(1)}"`);
    }
  });

  it("needs no script, and its policy allows its own style alone", async () => {
    const { body, headers } = await startDocs().inject("/docs");
    expect(body).not.toMatch(/<script|<link|style="|@import|url\(/);
    const style = /<style>([\s\S]*)<\/style>/.exec(body)?.[1] ?? "";
    const hash = createHash("sha256").update(style).digest("base64");
    expect(headers["content-security-policy"]).toMatch(
      new RegExp(`^default-src 'none'; style-src 'sha256-${hash.replace(/[+]/g, "\\+")}';`),
    );
  });

  it.each(["/docs", "/openapi.json"])("answers any other method of %s with 405", async (url) => {
    const response = await startDocs().inject({ method: "POST", url, payload: "x" });
    expect([response.statusCode, response.headers.allow]).toEqual([405, "GET, HEAD"]);
  });
});

/** A message and all that it holds, well-known ones aside. */
function messagesIn(message: DescMessage, found = new Set<DescMessage>()): DescMessage[] {
  if (found.has(message) || message.typeName.startsWith("google.")) return [];
  found.add(message);
  for (const field of message.fields) {
    if (field.message !== undefined) messagesIn(field.message, found);
  }
  return [...found];
}
