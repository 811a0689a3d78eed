import { type App, openApp } from "../../src/app.js";
import { toConfig } from "../../src/config/config.js";
import { type ConfigFile, readSettings } from "../../src/config/read-settings.js";
import { createLogger } from "../../src/lib/logger.js";
import { type BenchServiceOptions, benchEnv } from "./service.js";

/** The service in this process, on a free port, so that its inside can be looked at. */
export interface BenchApp extends AsyncDisposable {
  readonly app: App;
  readonly url: string;
}

/** Opens the service. @param content of its configuration file. */
export async function openBenchApp(
  options: BenchServiceOptions,
  content?: ConfigFile["content"],
): Promise<BenchApp> {
  const file = content === undefined ? undefined : { name: "bench", content };
  const app = await openApp(
    toConfig(readSettings(benchEnv(options), file)),
    createLogger("silent"),
  );
  return {
    app,
    url: `http://127.0.0.1:${app.api.port}`,
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}
