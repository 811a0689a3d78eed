import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { openEmbeddedStore } from "../../../src/store/embedded/open-embedded-store.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { describeWithMongod } from "../../support/mongo.js";
import { TestMongod } from "../../support/mongod-process.js";
import { ossEnv, startOss } from "../../support/oss-server-fixture.js";
import { mountDisk } from "../../support/small-disk.js";
import { tempDir } from "../../support/temp-dir.js";
import { NOBODY, startTestApp, type TestApp } from "../../support/test-app.js";

vi.setConfig({ testTimeout: 240_000 });

/** One of the findings, once it is there. */
async function finding(app: TestApp, code: string, subject: string): Promise<object> {
  const look = async () => {
    const { body } = await app.rest("GET", "/monitor/doctor");
    const [found = false] = body.findings.filter(
      (one: Record<string, unknown>) => one["code"] === code && one["subject"] === subject,
    );
    return found;
  };
  return await eventually(look, { limitMs: 150_000, intervalMs: 100 });
}

const HOUR_MS = 3_600_000;
const NOTHING_KNOWN = {
  path: "/object_info/*",
  fault: "answer",
  status: 200,
  contentType: "application/json",
  body: "{}",
} as const;

test("the doctor finds what is wrong with each server, with the clock and with the disk", async () => {
  await using bare = await startCpuServer({ switches: { http: [NOTHING_KNOWN] } });
  await using dying = await startCpuServer();
  const dataDir = join(await tempDir(), "data");
  const isMounted = await mountDisk(dataDir, 64);
  const clock = () => Date.now() + HOUR_MS;
  const store = await openEmbeddedStore({ directory: await tempDir(), clock });
  const servers = [bare.url, dying.url, NOBODY];
  await using app = await startTestApp({ servers, store, dataDir });
  await dying.kill();
  expect(await finding(app, "SERVER_WITHOUT_WORKFLOWS", bare.url)).toMatchObject({
    ...{ blocks: false, problem: expect.stringMatching(/^The server can run no workflow; .+: /) },
    advice: expect.stringContaining("GET /monitor/stats"),
  });
  for (const url of [dying.url, NOBODY])
    expect(await finding(app, "SERVER_UNREACHABLE", url)).toMatchObject({
      ...{ blocks: false, problem: expect.stringMatching(/^The server does not answer: ./) },
      advice: expect.stringContaining("Check that it runs"),
    });
  expect(await finding(app, "CLOCK_OFF", "clock")).toMatchObject({
    problem: "The clocks of this machine and of the database differ by 3600 s",
  });
  if (isMounted)
    expect(await finding(app, "DISK_FULL", "disk")).toMatchObject({
      ...{ blocks: true, problem: "The disk of the data directory has 0.1 GiB left" },
    });
});

test("the doctor finds a data directory that cannot be written to", async () => {
  await using server = await startCpuServer();
  const dataDir = join(await tempDir(), "data");
  const store = await openEmbeddedStore({ directory: await tempDir() });
  await using app = await startTestApp({ servers: [server.url], store, dataDir });
  await rm(dataDir, { recursive: true });
  await writeFile(dataDir, "in its place");
  expect(await finding(app, "DISK_REFUSED", "disk")).toMatchObject({ blocks: true });
  expect(await finding(app, "STORAGE_REFUSED", "storage")).toMatchObject({ blocks: true });
});

test("the doctor tells a bucket out of reach from a clock that is off", async () => {
  const oss = await startOss();
  await using app = await startTestApp({ env: ossEnv(oss) });
  const effect = { kind: "answer", statusCode: 403, code: "RequestTimeTooSkewed" } as const;
  oss.inject({ operation: "UploadPart", effect, times: 1_000 });
  expect(await finding(app, "CLOCK_OFF", "clock")).toMatchObject({
    ...{ blocks: true, advice: "Set the clock of this machine by NTP" },
  });
  oss.clearFaults();
  await oss.goDown();
  expect(await finding(app, "STORAGE_UNREACHABLE", "storage")).toMatchObject({ blocks: true });
});

await describeWithMongod("the doctor of a service on MongoDB", (binary) => {
  test("finds a standalone server, and one that is gone", async () => {
    await using mongod = await TestMongod.start(binary, { memberCount: 0 });
    await using app = await startTestApp({ env: { MONGODB_URI: `${mongod.uri}doctor` } });
    expect(await finding(app, "STORE_WITHOUT_TRANSACTIONS", "database")).toMatchObject({
      ...{ blocks: false, advice: expect.stringContaining("--replSet") },
    });
    await Promise.all(mongod.members.map((member) => member.kill()));
    expect(await finding(app, "DATABASE_UNREACHABLE", "database")).toMatchObject({ blocks: true });
    await Promise.all(mongod.members.map((member) => member.start()));
  });
});
