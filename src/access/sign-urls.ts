import type { LinkSigner } from "./link-signer.js";

/** As much of a storage as is needed to show its objects. */
export interface ShowsObjects {
  url(key: string): Promise<{ readonly url: string; readonly expiresAt?: Date }>;
}

/** A URL holds for an hour at least. */
const HOLDS_MS = 3_600_000;
/** One that is asked for again soon is the same: whoever watches stats or a task sees no news in it. */
const STEP_MS = 600_000;

/** The same storage, whose URLs are signed links: the service serves its objects to nobody else without a key. */
export function signUrls(storage: ShowsObjects, signer: LinkSigner): ShowsObjects {
  return {
    url: async (key) => {
      const { url } = await storage.url(key);
      const expiresAt = linkEnd();
      return { url: signer.sign(url, expiresAt), expiresAt };
    },
  };
}

/** Makes the query of links to what shows a task. */
export function signTasks(signer: LinkSigner): (taskId: string) => string {
  return (taskId) => signer.queryOf(taskId, linkEnd());
}

function linkEnd(): Date {
  return new Date(Math.ceil(Date.now() / STEP_MS) * STEP_MS + HOLDS_MS);
}
