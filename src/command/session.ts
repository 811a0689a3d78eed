import type { Service } from "./service/service.js";
import type { Terminal } from "./show/terminal.js";

/** What every command works with. */
export interface Session {
  readonly service: Service;
  readonly terminal: Terminal;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** The environment, for the service that `serve` starts. */
  readonly env: NodeJS.ProcessEnv;
}
