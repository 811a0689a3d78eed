import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Command } from "commander";
import { z } from "zod";
import { NODE_FLAGS } from "../../lib/node-flags.js";
import { packagePath } from "../../lib/package-path.js";
import { CommandFailure, EXIT, type ExitCode } from "../failure.js";
import type { Session } from "../session.js";
import { printAll } from "../show/table.js";
import type { Run } from "./upscale.js";

const text = z.string().nullish();
const workflow = z.looseObject({
  name: z.string(),
  type: z.string(),
  runnable: z.boolean(),
  title: z.string(),
});
const workflows = z.looseObject({ workflows: z.array(workflow) });
const server = z.looseObject({
  address: z.string(),
  status: z.string(),
  state: text,
  task_id: text,
});
const stats = z.looseObject({ pool_status: z.array(server) });
const finding = z.looseObject({
  code: z.string(),
  subject: z.string(),
  problem: z.string(),
  advice: z.string(),
});
const doctor = z.looseObject({ findings: z.array(finding) });

/** `tmlsr workflows`, `pool`, `doctor` and `serve`. */
export function addOperatorCommands(program: Command, run: Run): void {
  program
    .command("workflows")
    .description("show the workflows and whether a server can run them")
    .action(() => run(showWorkflows));
  program
    .command("pool")
    .description("show the servers")
    .action(() => run(showPool));
  program
    .command("doctor")
    .description("show what is wrong and what to do; ends with 1 if something is")
    .action(() => run(examine));
  program
    .command("serve")
    .description("start a service here; settings by the environment, see docs/configuration.md")
    .action(() => run(serve));
}

async function showWorkflows({ service, terminal, signal }: Session): Promise<ExitCode> {
  const answer = await service.call("/workflows", workflows, { signal });
  printAll(terminal, answer.workflows, ["WORKFLOW", "TYPE", "RUNNABLE", "TITLE"], (one) => [
    one.name,
    one.type,
    one.runnable ? "yes" : "no",
    one.title,
  ]);
  return EXIT.done;
}

async function showPool({ service, terminal, signal }: Session): Promise<ExitCode> {
  const { pool_status: servers } = await service.call("/monitor/stats", stats, { signal });
  printAll(terminal, servers, ["SERVER", "STATUS", "STATE", "TASK"], (one) => [
    one.address,
    one.status,
    one.state ?? "",
    one.task_id ?? "",
  ]);
  return EXIT.done;
}

async function examine({ service, terminal, signal }: Session): Promise<ExitCode> {
  const { findings } = await service.call("/monitor/doctor", doctor, { signal });
  if (findings.length === 0 && terminal.isTerminal) terminal.write("Nothing is wrong.\n");
  else
    printAll(terminal, findings, ["CODE", "ON", "WHAT", "WHAT TO DO"], (one) => [
      one.code,
      one.subject,
      one.problem,
      one.advice,
    ]);
  return findings.length === 0 ? EXIT.done : EXIT.taskFailed;
}

/**
 * The service is a process of its own, which gets the signals that end this one. Its workflows are the
 * package's, where no others are named.
 */
async function serve({ signal, env }: Session): Promise<ExitCode> {
  const child = spawn(process.execPath, [...NODE_FLAGS, packagePath("dist/main.js")], {
    stdio: "inherit",
    env: { TMLSR_WORKFLOWS_DIR: packagePath("workflows"), ...env },
  });
  signal.addEventListener("abort", () => child.kill("SIGTERM"));
  const [code] = (await once(child, "exit")) as [number | null];
  if (code === 0 || signal.aborted) return EXIT.done;
  throw new CommandFailure(EXIT.taskFailed, `The service ended with code ${code ?? "unknown"}`);
}
