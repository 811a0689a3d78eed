import { setMaxListeners } from "node:events";
import { openApp } from "./app.js";
import { readConfig } from "./config/config.js";
import { keepProtoKeys } from "./lib/keep-proto-keys.js";
import { createLogger } from "./lib/logger.js";

keepProtoKeys();
const stop = new AbortController();
setMaxListeners(0, stop.signal);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());

try {
  const config = readConfig();
  await using app = await openApp(config, createLogger(config.logLevel));
  await app.closed(stop.signal);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
