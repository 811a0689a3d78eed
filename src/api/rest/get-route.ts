import type { FastifyInstance, RouteHandlerMethod } from "fastify";
import { methodNotAllowed } from "./framework-problems.js";
import { ProblemError } from "./problem.js";

/**
 * Serves a path that is no RPC, with or without a slash at its end, as REST serves the others: HEAD
 * like GET, and 405 for every other method.
 *
 * @param url Static, or with Fastify's parameters.
 */
export function registerGet(app: FastifyInstance, url: string, handler: RouteHandlerMethod): void {
  for (const each of url === "/" ? [url] : [url, `${url}/`]) {
    app.get(each, handler);
    refuseOtherMethods(app, each);
  }
}

/** Answers 405 to every method of a path but GET and HEAD. */
export function refuseOtherMethods(app: FastifyInstance, url: string): void {
  const refuse = async () => {
    throw new ProblemError(methodNotAllowed(["GET", "HEAD"]));
  };
  app.route({ method: OTHER_METHODS, url, onRequest: refuse, handler: refuse });
}

const OTHER_METHODS = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
