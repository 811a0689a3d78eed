import { addAdminKey } from "./access/first-key.js";
import { openStore } from "./app.js";
import type { Config } from "./config/config.js";
import type { Logger } from "./lib/logger.js";

/**
 * Makes a key with all scopes for whoever has lost the last one, and writes it into the file
 * `first-admin-key` of the data directory. Replicas that run on a shared database know it at once.
 *
 * @throws TaskError STORE_UNAVAILABLE while the service has the embedded store open.
 */
export async function recoverAccess(config: Config, logger: Logger): Promise<void> {
  await using store = await openStore(config, logger);
  const { dataDir } = config;
  await addAdminKey({ store, dataDir, logger }, "made by --new-admin-key");
}
