#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { CommanderError } from "commander";
import { packagePath } from "../lib/package-path.js";
import { CommandFailure, EXIT, type ExitCode } from "./failure.js";
import { buildProgram, type GlobalOptions } from "./program.js";
import { Service } from "./service/service.js";
import type { Session } from "./session.js";
import { openTerminal } from "./show/terminal.js";

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());

const program = buildProgram(run, versionOf(), process.env).exitOverride();
for (const command of program.commands) command.exitOverride();
program.parseAsync().catch((error: unknown) => {
  // Commander has printed what is wrong; help and version are no failure.
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
});

async function run(action: (session: Session) => Promise<ExitCode>): Promise<void> {
  const { url, json } = program.opts<GlobalOptions>();
  const session = {
    service: new Service(url, process.env["TMLSR_KEY"] || undefined),
    terminal: openTerminal(json),
    signal: stop.signal,
    env: process.env,
  };
  try {
    process.exitCode = await action(session);
  } catch (error) {
    process.exitCode = tell(error);
  }
}

/** Says why in one line, on standard error. @returns what the process ends with */
function tell(error: unknown): ExitCode {
  if (stop.signal.aborted) return EXIT.interrupted;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`tmlsr: ${message}\n`);
  return error instanceof CommandFailure ? error.exitCode : EXIT.taskFailed;
}

function versionOf(): string {
  const file = readFileSync(packagePath("package.json"), "utf8");
  return (JSON.parse(file) as { readonly version: string }).version;
}
