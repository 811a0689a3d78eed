import type { Command } from "commander";
import { CommandFailure, EXIT, type ExitCode } from "../failure.js";
import { documents, type TaskDocument } from "../service/documents.js";
import { follow, watchTask } from "../service/watch.js";
import type { Session } from "../session.js";
import { printAll, printOne } from "../show/table.js";
import { collectLabel, labelQuery, parseCount } from "./options.js";
import type { Run } from "./upscale.js";

interface Filter {
  readonly label: Readonly<Record<string, string>>;
  readonly status?: string;
}

/** `tmlsr get`, `list`, `watch` and `cancel`. */
export function addTaskCommands(program: Command, run: Run): void {
  program
    .command("get")
    .description("show a task")
    .argument("<task>", "its id")
    .action((taskId: string) => run(async (session) => await get(taskId, session)));
  withFilter(program.command("list"))
    .description("show the newest tasks")
    .option("-n, --limit <n>", "how many at most, up to 500", parseCount, 20)
    .action((filter: Filter & { limit: number }) =>
      run(async (session) => await list(filter, session)),
    );
  withFilter(program.command("watch"))
    .description(
      "follow tasks until they have ended; without ids: all that the filter lets through",
    )
    .argument("[tasks...]", "their ids")
    .action((taskIds: readonly string[], filter: Filter) =>
      run(async (session) =>
        taskIds.length > 0 ? await watchEach(taskIds, session) : await watchAll(filter, session),
      ),
    );
  program
    .command("cancel")
    .description("cancel tasks by their ids or by a label")
    .argument("[tasks...]", "their ids")
    .option("-l, --label <key=value>", "all tasks with this label", collectLabel, {})
    .action((taskIds: readonly string[], { label }: Filter) =>
      run(async (session) => await cancel(taskIds, label, session)),
    );
}

function withFilter(command: Command): Command {
  return command
    .option(
      "-l, --label <key=value>",
      "only tasks with this label; may be repeated",
      collectLabel,
      {},
    )
    .option("-s, --status <status>", "only tasks of this status");
}

function queryOf({ label, status }: Filter): readonly string[] {
  return [
    ...labelQuery(label),
    ...(status === undefined ? [] : [`status=${encodeURIComponent(status)}`]),
  ];
}

async function get(taskId: string, { service, terminal, signal }: Session): Promise<ExitCode> {
  const path = `/tasks/${encodeURIComponent(taskId)}`;
  printOne(terminal, await service.call(path, documents.task, { signal }));
  return EXIT.done;
}

async function list(
  { limit, ...filter }: Filter & { readonly limit: number },
  { service, terminal, signal }: Session,
): Promise<ExitCode> {
  const query = [`page_size=${Math.min(limit, 500)}`, ...queryOf(filter)].join("&");
  const { tasks } = await service.call(`/tasks?${query}`, documents.tasks, { signal });
  printAll(terminal, tasks, ["TASK", "STATUS", "", "WORKFLOW", "CREATED", "INPUT"], rowOf);
  return EXIT.done;
}

function rowOf(task: TaskDocument): readonly string[] {
  const { task_id: taskId, status, progress, workflow, created_at: createdAt, params } = task;
  return [
    taskId,
    status,
    `${Math.floor(progress)} %`,
    workflow,
    createdAt.slice(0, 19),
    params.url,
  ];
}

async function watchEach(taskIds: readonly string[], session: Session): Promise<ExitCode> {
  const { service, signal } = session;
  const ends = taskIds.map(async (taskId) => {
    let last: TaskDocument | undefined;
    for await (const task of watchTask(service, encodeURIComponent(taskId), signal)) {
      last = task;
      show(session, task);
    }
    return last?.status === "completed";
  });
  return (await Promise.all(ends)).every(Boolean) ? EXIT.done : EXIT.taskFailed;
}

/** Until Ctrl-C. */
async function watchAll(filter: Filter, session: Session): Promise<ExitCode> {
  const query = queryOf(filter).join("&");
  const path = query === "" ? "/tasks:watch" : `/tasks:watch?${query}`;
  for await (const { task, gone } of follow(session.service, path, session.signal))
    if (!gone) show(session, task);
  return EXIT.done;
}

function show({ terminal }: Session, task: TaskDocument): void {
  if (!terminal.isTerminal) {
    terminal.write(`${JSON.stringify(task)}\n`);
    return;
  }
  const { task_id: taskId, status, progress, stages } = task;
  const detail = stages.at(-1)?.detail ?? "";
  terminal.write(
    `${taskId}  ${status.padEnd(10)} ${`${Math.floor(progress)} %`.padStart(5)}  ${detail}\n`,
  );
}

async function cancel(
  taskIds: readonly string[],
  label: Readonly<Record<string, string>>,
  { service, terminal, signal }: Session,
): Promise<ExitCode> {
  const [pair, ...others] = Object.entries(label);
  if (others.length > 0 || (pair !== undefined && taskIds.length > 0))
    throw new CommandFailure(EXIT.usage, "Give ids or one label: several are not combined");
  const body = pair === undefined ? { task_ids: taskIds } : { label: pair.join(":") };
  const call = { method: "POST", body, signal } as const;
  printOne(terminal, await service.call("/tasks:cancel", documents.canceled, call));
  return EXIT.done;
}
