import { extname } from "node:path";
import type { Command } from "commander";
import { CommandFailure, EXIT, type ExitCode, TaskEnded } from "../failure.js";
import type { Session } from "../session.js";
import { openReporter, type Reporter } from "../show/reporter.js";
import { inParallel } from "../upscale/in-parallel.js";
import { type Input, type Out, readInput, resultPath } from "../upscale/input.js";
import { type UpscaleOptions, upscale } from "../upscale/upscale.js";
import { type JobOptions, jobOf, jobOptions, outOf, parseCount } from "./options.js";

interface Options extends JobOptions {
  readonly out?: string;
  readonly parallel: number;
}

const PARALLEL = 8;

/** `tmlsr upscale`: submits, watches and fetches. Run again after a kill, it goes on where it was. */
export function addUpscale(program: Command, run: Run): void {
  const command = program
    .command("upscale")
    .description("upscale files or URLs and fetch the results; run again, it goes on where it was")
    .argument("<inputs...>", "files or URLs")
    .option("-o, --out <path>", "a file, or a directory; default: beside each input")
    .option("--parallel <n>", "how many inputs at once", parseCount, PARALLEL);
  for (const option of jobOptions()) command.addOption(option);
  command.action((given: readonly string[], options: Options) =>
    run(async (session) => await upscaleAll(given, options, session)),
  );
}

/** Runs an action of a command and sets what the process ends with. */
export type Run = (action: (session: Session) => Promise<ExitCode>) => Promise<void>;

async function upscaleAll(
  given: readonly string[],
  options: Options,
  { service, terminal, signal }: Session,
): Promise<ExitCode> {
  const read = await Promise.all(given.map(readInput));
  const out = await outOf(options.out, read.length);
  const inputs = withoutResults(read, out);
  using reporter = openReporter(
    inputs.map((input) => input.given),
    terminal,
  );
  const how = { service, job: jobOf(options), out, signal };
  let failedCount = 0;
  await inParallel([...inputs.entries()], options.parallel, async ([index, input]) => {
    const hasCompleted = await upscaleOne(index, input, how, reporter);
    if (!hasCompleted) failedCount += 1;
  });
  return failedCount > 0 ? EXIT.taskFailed : EXIT.done;
}

/** @returns whether its result is there; what concerns all inputs is thrown */
async function upscaleOne(
  index: number,
  input: Input,
  how: UpscaleOptions,
  reporter: Reporter,
): Promise<boolean> {
  try {
    await upscale(input, how, (step) => reporter.step(index, step));
    return true;
  } catch (error) {
    how.signal.throwIfAborted();
    if (error instanceof CommandFailure && error.exitCode === EXIT.unreachable) throw error;
    const message = error instanceof Error ? error.message : String(error);
    const task = error instanceof TaskEnded ? error.task : undefined;
    reporter.step(index, { kind: "failed", message, ...(task && { task }) });
    return false;
  }
}

/**
 * The inputs but for those that are results of others, as when `*.png` is given again.
 *
 * @throws CommandFailure (usage) where two results would get one name
 */
function withoutResults(inputs: readonly Input[], out: Out): readonly Input[] {
  const byResult = new Map<string, Input>();
  for (const input of inputs) {
    const path = resultPath(input, "", out);
    const other = byResult.get(path);
    if (other !== undefined && other.given !== input.given) {
      const message = `The results of "${other.given}" and "${input.given}" would get one name; run them apart`;
      throw new CommandFailure(EXIT.usage, message);
    }
    byResult.set(path, input);
  }
  return [...byResult.values()].filter(
    (input) =>
      input.kind === "url" || !byResult.has(input.path.slice(0, -extname(input.path).length)),
  );
}
