import { StageName, type Task } from "../client/client.js";
import { probeInput } from "../input/probe/probe-input.js";

/** Facts that the report shows in addition to the task. */
export interface ReportFacts {
  readonly type: "image" | "video";
  /** Path of the result, and of the picture that compares it with a plain resize. */
  readonly result: string;
  readonly picture: string | undefined;
  readonly models: readonly string[];
  /** Names of the devices that the server computes on. */
  readonly devices: readonly string[];
}

/** Prints the result of a task: its location, sizes, times, and the server that did the work. */
export async function printReport(task: Task, facts: ReportFacts): Promise<void> {
  const { input, output, stages } = task;
  const before = `${input?.width}x${input?.height}, ${kilobytes(input?.sizeBytes)}`;
  const pixels = await pixelSize(facts.result, facts.type);
  const seconds = stages.map(
    (stage) => `${StageName[stage.name].toLowerCase()} ${stage.duration.toFixed(2)} s`,
  );
  console.log(`\nresult     ${facts.result}`);
  if (facts.picture !== undefined)
    console.log(`compare    ${facts.picture}  (plain resize | result)`);
  console.log(`size       ${before}  ->  ${pixels}, ${kilobytes(output?.sizeBytes)}`);
  console.log(`stages     ${seconds.join(", ")}`);
  console.log(`server     ${task.server} (${facts.devices.join(", ")})`);
  console.log(`workflow   ${task.workflow}, model ${facts.models.join(", ")}`);
}

async function pixelSize(path: string, type: "image" | "video"): Promise<string> {
  const limits = { maxPixels: Number.MAX_SAFE_INTEGER };
  const { width, height } = await probeInput(path, type, limits, AbortSignal.timeout(60_000));
  return `${width}x${height}`;
}

function kilobytes(bytes: bigint | undefined): string {
  return `${(Number(bytes ?? 0n) / 1024).toFixed(1)} KiB`;
}
