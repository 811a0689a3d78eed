import { randomBytes } from "node:crypto";
import sharp from "sharp";
import { expect, test } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { serve } from "../../support/pictures.js";
import { startTestApp } from "../../support/test-app.js";

test("no further task is begun while the work directories are full, and all complete one after the other", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 20, stepMs: 50 } } });
  const env = { TMLSR_WORK_MAX_MB: "1", TMLSR_PREFETCH: "4" };
  await using app = await startTestApp({ servers: [server.url], env });
  const url = await serve(await overOneMegabyte());
  const request = { url, type: "image", workflow: "cpu_image_2x" };
  const first = await app.submit(request);
  await eventually(async () => (await server.log()).some(({ event }) => event === "started"));
  const others = await Promise.all([app.submit(request), app.submit(request)]);
  const isFirstUnderWay = async () =>
    (await app.rest("GET", `/tasks/${first}`)).body.status === "processing";
  for (;;) {
    const { processing } = (await app.rest("GET", "/monitor/stats")).body.stats;
    if (!(await isFirstUnderWay())) break;
    expect(processing).toBe(1);
  }
  for (const id of [first, ...others])
    expect(await app.ended(id)).toMatchObject({ status: "completed", retries: 0 });
});

async function overOneMegabyte(): Promise<Buffer> {
  const raw = { width: 700, height: 600, channels: 3 } as const;
  const pixels = randomBytes(raw.width * raw.height * 3);
  return await sharp(pixels, { raw }).png({ compressionLevel: 0 }).toBuffer();
}
