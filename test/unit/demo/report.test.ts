import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { expect, test, vi } from "vitest";
import { printReport } from "../../../src/demo/report.js";
import { TaskSchema } from "../../../src/gen/tmlsr/v1/task_pb.js";
import { makeClip } from "../../support/clips.js";
import { tempDir } from "../../support/temp-dir.js";

test("the demo's report tells the size of a video before and after", async () => {
  const result = join(await tempDir(), "result.mp4");
  await writeFile(result, await makeClip({ width: 64, hasAudio: false }));
  const lines = vi.spyOn(console, "log").mockImplementation(() => undefined);
  using _ = { [Symbol.dispose]: () => lines.mockRestore() };
  const input = { width: 32, height: 24, sizeBytes: 1024n };
  const task = create(TaskSchema, { input, output: { sizeBytes: 2048n } });
  const facts = { type: "video", result, picture: undefined, models: [], devices: [] } as const;
  await printReport(task, facts);
  expect(lines.mock.calls.flat()).toContainEqual(
    expect.stringMatching(/^size {7}32x24, 1\.0 KiB {2}-> {2}64x\d+, 2\.0 KiB$/),
  );
});
