import fastifyStatic from "@fastify/static";
import type { FastifyInstance } from "fastify";
import { packagePath } from "../../lib/package-path.js";
import { refuseOtherMethods, registerGet } from "./get-route.js";

/**
 * Serves the page at `GET /dashboard`: files without any data, a client of the public API. The names
 * of its scripts and styles contain hashes of their content, so browsers keep them.
 *
 * @param mediaOrigin The origin of stored results, the only one besides the service's own that the
 *   page shows pictures and films from. It is asked for at each request.
 */
export async function registerDashboard(
  app: FastifyInstance,
  mediaOrigin: () => Promise<string>,
): Promise<void> {
  const pageDirectory = packagePath("dist/page");
  await app.register(fastifyStatic, {
    root: `${pageDirectory}/assets`,
    prefix: ASSETS_PREFIX,
    // A route for each file that is there at the start, so that nothing else can be asked for.
    wildcard: false,
    index: false,
    immutable: true,
    maxAge: "1y",
    setHeaders: (response) => {
      response.setHeader("x-content-type-options", "nosniff");
    },
  });
  refuseOtherMethods(app, `${ASSETS_PREFIX}*`, ["GET", "HEAD"]);
  registerGet(app, "/dashboard", async (_request, reply) =>
    reply
      .headers({
        "content-security-policy": contentSecurityPolicy(await mediaOrigin()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
      })
      .sendFile("index.html", pageDirectory, { cacheControl: false }),
  );
}

const ASSETS_PREFIX = "/dashboard/assets/";

/**
 * Nothing inline, nothing from elsewhere. `blob:` is where a film's preview comes from while it
 * renders: the page puts its segments together itself.
 */
function contentSecurityPolicy(mediaOrigin: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    // A film's segments are fetched by its player, from where the storage has them.
    `connect-src 'self' ${mediaOrigin}`,
    `img-src 'self' ${mediaOrigin}`,
    `media-src 'self' blob: ${mediaOrigin}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
