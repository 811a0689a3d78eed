import type { FastifyInstance, RouteHandlerMethod } from "fastify";
import { methodNotAllowed } from "../calls/framework-problems.js";
import { ProblemError } from "../calls/problem.js";

/**
 * Serves a path that is not an RPC, with or without a final slash. As for REST paths, HEAD works
 * like GET, and every other method gets 405.
 *
 * @param url Static, or with Fastify's parameters.
 */
export function registerGet(app: FastifyInstance, url: string, handler: RouteHandlerMethod): void {
  for (const each of url === "/" ? [url] : [url, `${url}/`]) {
    app.get(each, handler);
    refuseOtherMethods(app, each, ["GET", "HEAD"]);
  }
}

/** Answers 405 to every method of a path except the allowed ones. */
export function refuseOtherMethods(
  app: FastifyInstance,
  url: string,
  allowed: readonly string[],
): void {
  const refuse = async () => {
    throw new ProblemError(methodNotAllowed(allowed));
  };
  const method = METHODS.filter((each) => !allowed.includes(each));
  app.route({ method, url, exposeHeadRoute: false, onRequest: refuse, handler: refuse });
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
