import type { FastifyInstance, RouteHandlerMethod } from "fastify";
import { methodNotAllowed } from "../calls/framework-problems.js";
import { ProblemError } from "../calls/problem.js";

/**
 * Serves a path that is no RPC, with or without a slash at its end, as REST serves the others: HEAD
 * like GET, and 405 for every other method.
 *
 * @param url Static, or with Fastify's parameters.
 */
export function registerGet(app: FastifyInstance, url: string, handler: RouteHandlerMethod): void {
  for (const each of url === "/" ? [url] : [url, `${url}/`]) {
    app.get(each, handler);
    refuseOtherMethods(app, each, ["GET", "HEAD"]);
  }
}

/** Answers 405 to every method of a path but those allowed. */
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
