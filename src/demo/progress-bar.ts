import { StageName, StageStatus, type Task } from "../client/client.js";

const WIDTH = 30;

/**
 * Shows a task's progress on one line of the terminal. Without a terminal it prints plain lines.
 */
export class ProgressBar implements Disposable {
  #lastLine = "";

  show(task: Task): void {
    const filled = Math.round((task.progress / 100) * WIDTH);
    const bar = "█".repeat(filled) + "░".repeat(WIDTH - filled);
    const percent = `${task.progress.toFixed(0).padStart(3)} %`;
    const line = `${bar} ${percent}  ${activity(task)}`;
    if (line === this.#lastLine) return;
    this.#lastLine = line;
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[2K${line}`);
    else process.stdout.write(`${line}\n`);
  }

  end(): void {
    if (process.stdout.isTTY && this.#lastLine !== "") process.stdout.write("\n");
    this.#lastLine = "";
  }

  [Symbol.dispose](): void {
    this.end();
  }
}

function activity({ stages, runningNode, output }: Task): string {
  const last = stages.at(-1);
  if (output !== undefined) return "done";
  if (last === undefined) return "waiting for its turn";
  const name = StageName[last.name].toLowerCase();
  if (last.status !== StageStatus.RUNNING) return `${name} done`;
  return runningNode === undefined ? name : `${name}: ${runningNode}`;
}
