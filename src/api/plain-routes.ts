import type { FastifyInstance } from "fastify";
import { askReadiness, type Readiness } from "./readiness.js";

/** The HTTP routes that are no RPCs: `GET /ready` answers 200 or 503, `GET /` leads to the documentation. */
export function registerPlainRoutes(app: FastifyInstance, ready: () => Promise<Readiness>): void {
  app.get("/ready", async (_request, reply) => {
    const readiness = await askReadiness(ready);
    return reply.code(readiness.ready ? 200 : 503).send(readiness);
  });
  app.get("/", (_request, reply) => reply.redirect("/docs"));
}
