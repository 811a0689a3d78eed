import { expect, test } from "vitest";
import { startCpuServer } from "../../../support/cpu-server.js";
import { eventually } from "../../../support/eventually.js";
import { ossEnv, startOss } from "../../../support/oss-server-fixture.js";
import { aPicture, serve } from "../../../support/pictures.js";
import { NOBODY, startTestApp } from "../../../support/test-app.js";

// The last hour, and what is wrong.

test("GET /monitor/history tells what the servers did and what ended", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 4, stepMs: 50 } } });
  await using app = await startTestApp({ servers: [server.url] });
  const url = await serve(await aPicture());
  await app.ended(await app.submit({ url, type: "image", workflow: "cpu_image_2x" }));
  const { minutes } = await eventually(async () => {
    const { body } = await app.rest("GET", "/monitor/history");
    const busy = body.minutes.flatMap((each: { servers: object[] }) => each.servers);
    // The steps of the run alone take so long, whenever the recorder looks.
    return busy.some((each: { busy: number }) => each.busy >= 0.2) && body;
  });
  expect(minutes.at(-1)).toMatchObject({
    at: expect.stringMatching(/:00\.000000Z$/),
    ...{ completed: expect.any(Number), failed: 0, canceled: 0, queue_age: expect.any(Number) },
    servers: [{ address: server.url, idle: expect.any(Number), faults: 0 }],
  });
});

test("GET /monitor/doctor finds nothing where all is well, and says what is not", async () => {
  await using server = await startCpuServer();
  await using well = await startTestApp({ servers: [server.url] });
  const codes = async (app: typeof well) =>
    (await app.rest("GET", "/monitor/doctor")).body.findings.map(
      ({ code, subject, blocks }: Record<string, unknown>) => [code, subject, blocks],
    );
  await eventually(async () => {
    // The disk of a test's machine may be small.
    const found = (await codes(well)).filter(([, subject]: string[]) => subject !== "disk");
    expect(found).toEqual([]);
  });
  const oss = await startOss();
  await using ill = await startTestApp({ servers: [NOBODY], env: ossEnv(oss) });
  const effect = { kind: "answer", statusCode: 403, code: "AccessDenied" } as const;
  for (const operation of [
    "UploadPart",
    "PutObject",
    "HeadObject",
    "ListObjects",
    "AbortMultipartUpload",
  ] as const)
    oss.inject({ operation, effect, times: 100 });
  await eventually(async () => {
    const { findings } = (await ill.rest("GET", "/monitor/doctor")).body;
    const found = findings.map(({ code }: { code: string }) => code);
    expect(found).toEqual(expect.arrayContaining(["NO_SERVER", "STORAGE_REFUSED"]));
    expect(found).toContainEqual(expect.stringMatching(/^SERVER_(UNREACHABLE|QUARANTINED)$/));
    for (const finding of findings)
      expect(finding).toMatchObject({ problem: expect.any(String), advice: expect.any(String) });
  });
});
