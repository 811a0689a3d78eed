import { setMaxListeners } from "node:events";
import { openApp } from "./app.js";
import { type Config, readConfig } from "./config/config.js";
import { collectGarbage } from "./lib/collect-garbage.js";
import { keepProtoKeys } from "./lib/keep-proto-keys.js";
import { createLogger, type Logger } from "./lib/logger.js";
import { recoverAccess } from "./recover-access.js";

keepProtoKeys();
const stop = new AbortController();
setMaxListeners(0, stop.signal);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});

async function main(): Promise<void> {
  const config = readConfig();
  const logger = createLogger(config.logLevel);
  if (process.argv.includes("--new-admin-key")) await recoverAccess(config, logger);
  else await serve(config, logger);
}

async function serve(config: Config, logger: Logger): Promise<void> {
  await using app = await openApp(config, logger);
  collectGarbage();
  await app.closed(stop.signal);
}
