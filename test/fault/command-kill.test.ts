import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCommand, startCommand } from "../support/command.js";
import { startCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { aPicture } from "../support/pictures.js";
import { runsByTask } from "../support/runs.js";
import { tempDir } from "../support/temp-dir.js";
import { startTestApp } from "../support/test-app.js";

const PICTURE_COUNT = 20;
const KILL_COUNT = 10;

test("tmlsr upscale of twenty pictures killed ten times: twenty results, twenty runs", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 4, stepMs: 40 } } });
  await using app = await startTestApp({ servers: [server.url] });
  const dir = await tempDir();
  const names = Array.from({ length: PICTURE_COUNT }, (_, index) => `picture-${index}.png`);
  for (const [index, name] of names.entries())
    await writeFile(join(dir, name), await aPicture(40, 20 + index));
  const args = ["upscale", ...names, "-o", "results/"];
  for (let kills = 0; kills < KILL_COUNT; kills += 1) {
    const command = startCommand(args, dir, app.url);
    // Each time it comes a little further: from the reading of the first to the results of some.
    await eventually(() => command.output().stdout.split("\n").length > 1 + kills * 6);
    command.child.kill("SIGKILL");
    await command.ended;
  }
  expect(await runCommand(args, dir, app.url)).toMatchObject({ code: 0, stderr: "" });
  expect(await readdir(join(dir, "results"))).toHaveLength(PICTURE_COUNT);
  expect([...(await runsByTask([server])).values()]).toEqual(Array(PICTURE_COUNT).fill(1));
  expect((await app.rest("GET", "/tasks")).body.tasks).toHaveLength(PICTURE_COUNT);
});
