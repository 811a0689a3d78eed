import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { eventually } from "../support/eventually.js";
import type { OssServer } from "../support/oss-server.js";
import { ossOptions, randomFile, startOss } from "../support/oss-server-fixture.js";
import type { UploadJob } from "../support/oss-server-upload-child.js";
import { tempDir } from "../support/temp-dir.js";

const MIB = 1024 * 1024;
const CHILD = fileURLToPath(new URL("../support/oss-server-upload-child.ts", import.meta.url));

test("kill -9 in mid-upload of 200 MiB: the next process sends only the parts that OSS does not have", async () => {
  const server = await startOss();
  const file = await randomFile(200 * MIB);
  const job: UploadJob = {
    ...{ options: ossOptions(server), file },
    checkpointPath: join(await tempDir(), "checkpoint.json"),
  };

  server.inject({
    operation: "UploadPart",
    effect: { kind: "stall", afterBytes: MIB },
    skip: 10,
    times: 1000,
  });
  const first = start(job);
  await eventually(() => server.storedParts().length === 10 && halfSent(server).length === 3);
  first.kill("SIGKILL");
  await once(first, "exit");
  const stored = new Set(server.storedParts());
  const requestCount = server.requests.length;

  server.clearFaults();
  const [exitCode] = await once(start(job), "exit");
  expect(exitCode).toBe(0);
  const sent = server.requests
    .slice(requestCount)
    .filter(({ operation }) => operation === "UploadPart");
  const missing = Array.from({ length: 25 }, (_, index) => index + 1).filter(
    (part) => !stored.has(part),
  );
  expect(sent.map(({ partNumber }) => partNumber ?? 0).sort((a, b) => a - b)).toEqual(missing);
  expect(sent.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0)).toBe(15 * 8 * MIB);
  expect(await md5Of(server, file.key)).toBe(file.md5);
  expect(server.uploads.size).toBe(0);
});

function start(job: UploadJob): ChildProcess {
  const child = spawn(process.execPath, ["--import", "tsx", CHILD, JSON.stringify(job)], {
    stdio: "inherit",
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}

function halfSent(server: OssServer) {
  return server
    .seen("UploadPart")
    .filter(({ statusCode, receivedBytes }) => statusCode === undefined && receivedBytes >= MIB);
}

async function md5Of(server: OssServer, key: string): Promise<string> {
  return createHash("md5")
    .update(await server.read(key))
    .digest("hex");
}
