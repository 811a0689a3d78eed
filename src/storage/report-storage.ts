import type { Logger } from "../lib/logger.js";
import type { ObjectStorage } from "./object-storage.js";

/** How long a storage is tried. */
const PROBE_LIMIT_MS = 30_000;

/** Says early what would otherwise be found out with the first result, which is then kept and tried again. */
export function reportStorage(storage: Pick<ObjectStorage, "probe">, logger: Logger): void {
  storage.probe(AbortSignal.timeout(PROBE_LIMIT_MS)).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    logger.error(
      { reason },
      "results cannot be stored as things are; they are kept and tried again",
    );
  });
}
