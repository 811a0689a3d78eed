import type { FastifyInstance } from "fastify";
import { sendRefusal } from "../calls/send-refusal.js";
import type { Identity } from "./identity.js";
import { needOfRoute } from "./needs.js";

/** The route of all RPCs over REST. */
const REST_ROUTE = "/*";

/**
 * Has every request judged before anything of it is read. Register it before all routes. A route without
 * an entry in the table of needs throws: the service does not start.
 */
export function registerIdentity(app: FastifyInstance, identity: Identity): void {
  app.addHook("onRoute", ({ url }) => {
    // CORS answers for every path.
    if (url !== REST_ROUTE && url !== "*" && needOfRoute(url) === undefined)
      throw new Error(`The route ${url} does not say which scope it needs`);
  });
  app.addHook("onRequest", async (request, reply) => {
    try {
      await identity.admit(request, reply, REST_ROUTE);
    } catch (error) {
      await sendRefusal(request, reply, error);
    }
  });
}
