import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { runCommand } from "../../support/command.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { aPicture } from "../../support/pictures.js";
import { tempDir } from "../../support/temp-dir.js";
import { NOBODY, startTestApp } from "../../support/test-app.js";

const MAIN = fileURLToPath(new URL("../../../dist/command/main.js", import.meta.url));

test("on a terminal a bar for each input and one for all, then a line for each result", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 8, stepMs: 50 } } });
  await using app = await startTestApp({ servers: [server.url] });
  const dir = await tempDir();
  await writeFile(join(dir, "a.png"), await aPicture());
  const printed = await onTerminal("upscale a.png", dir, app.url);
  expect(printed).toMatch(/a\.png +[█░]{24} +\d+ %/);
  expect(printed).toMatch(/1 of 1 done +█{24} +100 %/);
  expect(printed).toContain(`✔ a.png: ${join(dir, "a_upscaled.png")}`);
});

test("on a terminal lists are tables", async () => {
  await using app = await startTestApp();
  const taskId = await app.submit({ url: "https://example.com/a.jpg", workflow: "cpu_image_2x" });
  const printed = await onTerminal("list", await tempDir(), app.url);
  expect(printed).toMatch(/^TASK +STATUS +WORKFLOW +CREATED +INPUT\s*$/m);
  expect(printed).toMatch(new RegExp(`^${taskId} +pending +0 % +cpu_image_2x `, "m"));
});

test("a shell completes commands and their options", async () => {
  const dir = await tempDir();
  const commands = await runCommand(["complete", "--", "up"], dir, NOBODY);
  expect(commands.stdout).toMatch(/^upscale\t/m);
  const options = await runCommand(["complete", "--", "upscale", "--par"], dir, NOBODY);
  expect(options.stdout).toMatch(/^--parallel\t/m);
  const script = await runCommand(["complete", "bash"], dir, NOBODY);
  expect(script.stdout).toContain("tmlsr");
});

/** What the command prints on a terminal of 100 columns, as util-linux's `script` makes one. */
async function onTerminal(args: string, cwd: string, url: string): Promise<string> {
  const command = `stty cols 100 rows 24; ${process.execPath} ${MAIN} ${args}`;
  const { stdout } = await promisify(execFile)("script", ["-qefc", command, "/dev/null"], {
    cwd,
    env: { ...process.env, TMLSR_URL: url, TERM: "xterm" },
  });
  return stdout;
}
