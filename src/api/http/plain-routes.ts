import type { FastifyInstance } from "fastify";
import { askReadiness, type Readiness } from "../calls/readiness.js";
import { registerDocs } from "../docs/register-docs.js";
import { registerGet } from "./get-route.js";

/**
 * The HTTP routes that are not RPCs: `GET /ready` answers 200 or 503, `GET /docs` and `GET
 * /openapi.json` are the documentation, `GET /` leads to the page.
 */
export function registerPlainRoutes(app: FastifyInstance, ready: () => Promise<Readiness>): void {
  registerGet(app, "/ready", async (_request, reply) => {
    const readiness = await askReadiness(ready);
    return reply.code(readiness.ready ? 200 : 503).send(readiness);
  });
  registerDocs(app);
  registerGet(app, "/", (_request, reply) => reply.redirect("/dashboard"));
}
