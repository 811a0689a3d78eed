import { createHash } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { openapi } from "../../gen/openapi.js";
import { registerGet } from "../http/get-route.js";
import { renderDocsPage } from "./docs-page.js";
import { DOCS_STYLE } from "./docs-style.js";

/** Serves the OpenAPI document at `/openapi.json` and a page made from it at `/docs`. */
export function registerDocs(app: FastifyInstance): void {
  // Made when somebody asks, so that the service starts more quickly.
  let json: string | undefined;
  let page: string | undefined;
  const styleHash = createHash("sha256").update(DOCS_STYLE).digest("base64");
  registerGet(app, "/openapi.json", (_request, reply) => {
    json ??= JSON.stringify(openapi);
    return reply.type("application/json; charset=utf-8").send(json);
  });
  registerGet(app, "/docs", (_request, reply) => {
    page ??= renderDocsPage(openapi);
    return reply
      .type("text/html; charset=utf-8")
      .header("content-security-policy", contentSecurityPolicy(styleHash))
      .header("x-content-type-options", "nosniff")
      .send(page);
  });
}

/** Allows the page its own style and nothing else. */
function contentSecurityPolicy(styleHash: string): string {
  return [
    "default-src 'none'",
    `style-src 'sha256-${styleHash}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
