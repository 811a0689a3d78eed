import type { Logger } from "../lib/logger.js";
import type { ObjectStorage } from "./object-storage.js";

/** Time limit of the check. */
const PROBE_LIMIT_MS = 30_000;

/**
 * Checks the storage at the start, and reports a problem early. Without this check it would show
 * only with the first result, which is then kept and stored later.
 */
export function reportStorage(storage: Pick<ObjectStorage, "probe">, logger: Logger): void {
  storage.probe(AbortSignal.timeout(PROBE_LIMIT_MS)).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    logger.error(
      { reason },
      "results cannot be stored as things are; they are kept and tried again",
    );
  });
}
