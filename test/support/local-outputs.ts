import { join } from "node:path";
import fastify from "fastify";
import { onTestFinished } from "vitest";
import { registerOutputs } from "../../src/api/http/outputs-route.js";
import { createLocalStorage, type LocalStorage } from "../../src/storage/local/local-storage.js";
import { tempDir } from "./temp-dir.js";

/** Results on the local disk, served on a free port. */
export interface LocalOutputs {
  readonly storage: LocalStorage;
  readonly directory: string;
  /** Base of the URLs. */
  readonly url: string;
}

/** Serves an empty local storage. The server is closed when the test has finished. */
export async function serveLocalOutputs(directory?: string): Promise<LocalOutputs> {
  const app = fastify({ forceCloseConnections: true });
  onTestFinished(() => app.close());
  let storage: LocalStorage | undefined;
  registerOutputs(app, { open: async (key) => await storage?.open(key) });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  const kept = directory ?? join(await tempDir(), "results");
  storage = createLocalStorage({ directory: kept, publicUrl: url });
  return { storage, directory: kept, url };
}
