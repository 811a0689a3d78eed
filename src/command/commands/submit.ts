import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { EXIT, type ExitCode } from "../failure.js";
import { documents } from "../service/documents.js";
import { uploadFile } from "../service/upload.js";
import type { Session } from "../session.js";
import { type Input, type Job, readInput, typeOf } from "../upscale/input.js";
import { type JobOptions, jobOf, jobOptions } from "./options.js";
import type { Run } from "./upscale.js";

/** `tmlsr submit`: creates tasks and prints their ids. */
export function addSubmit(program: Command, run: Run): void {
  const command = program
    .command("submit")
    .description("create tasks and print their ids, without waiting for them")
    .argument("<inputs...>", "files or URLs");
  for (const option of jobOptions()) command.addOption(option);
  command.action((given: readonly string[], options: JobOptions) =>
    run(async (session) => await submitAll(given, jobOf(options), session)),
  );
}

async function submitAll(given: readonly string[], job: Job, session: Session): Promise<ExitCode> {
  const inputs = await Promise.all(given.map(readInput));
  for (const input of inputs) {
    const taskId = await submit(input, job, session);
    const { terminal } = session;
    const line = terminal.isTerminal
      ? taskId
      : JSON.stringify({ input: input.given, task_id: taskId });
    terminal.write(`${line}\n`);
  }
  return EXIT.done;
}

async function submit(input: Input, job: Job, { service, signal }: Session): Promise<string> {
  const url =
    input.kind === "url"
      ? input.url
      : await uploadFile(service, input.path, signal, () => undefined);
  const body = { url, ...job, type: typeOf(input, job) };
  const headers = { "idempotency-key": randomUUID() };
  const call = { method: "POST", body, headers, signal } as const;
  return (await service.call("/tasks", documents.created, call)).task_id;
}
