import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { createGrpcClients, errorCodeOf } from "../../src/client/client.js";
import { bearer } from "../support/access-app.js";
import { eventually, LIMIT_MS } from "../support/eventually.js";
import { describeWithMongo, uriOf } from "../support/mongo.js";
import { startService, type TestService } from "../support/service-process.js";
import { tempDir } from "../support/temp-dir.js";
import { NOBODY } from "../support/test-app.js";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

const REPLICAS = 3;
const CALLERS = 4;
/** What is promised holds on a machine that is not overloaded. */
const END_LIMIT_MS = process.env["TMLSR_FAULT_FULL"] === "1" ? 1_000 : LIMIT_MS;

await describeWithMongo("replicas that share a database", (take) => {
  test("a key that one of three replicas revokes under load ends streams and is refused on each", async () => {
    await using database = await take();
    const dataDir = await tempDir();
    const env = { TMLSR_AUTH: "keys", MONGODB_URI: uriOf(database), TMLSR_DATA_DIR: dataDir };
    const replicas = await Promise.all(
      Array.from({ length: REPLICAS }, async () => {
        const replica = await startService([NOBODY], env);
        onTestFinished(() => replica[Symbol.asyncDispose]());
        return replica;
      }),
    );
    const admin = (await readFile(join(dataDir, "first-admin-key"), "utf8")).trim();
    const [first] = replicas;
    const send = async (url: string, key: string, method: string, path: string, body?: object) =>
      await fetch(url + path, {
        ...{ method, headers: { ...bearer(key), "content-type": "application/json" } },
        ...(body && { body: JSON.stringify(body) }),
      });
    const asked = { scopes: ["read", "submit"], title: "busy" };
    const made = await send(first?.url ?? "", admin, "POST", "/keys", asked);
    const { key, key_id: keyId } = (await made.json()) as { key: string; key_id: string };

    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const ended: string[] = [];
    const last = new Map<string, number>();
    for (const { url } of replicas) {
      const grpc = createGrpcClients(url, { key });
      onTestFinished(() => grpc[Symbol.dispose]());
      const streams = [grpc.monitor.watchStats({}), grpc.tasks.watchTasks({})];
      for (const stream of streams) void codeAtEnd(stream).then((code) => ended.push(code));
      for (let caller = 0; caller < CALLERS; caller += 1)
        void load(stop.signal, async () => {
          const task = { url: `${NOBODY}/input.png`, type: "image" };
          const { status } = await (caller === 0
            ? send(url, key, "POST", "/tasks", task)
            : send(url, key, "GET", "/tasks?page_size=1"));
          last.set(`${url} ${caller}`, status);
        });
    }
    const statuses = () => [...last.values()];
    const allAre = (status: number) =>
      last.size === REPLICAS * CALLERS && statuses().every((each) => each === status);
    await eventually(() => allAre(200));
    expect(ended).toEqual([]);
    const revoked = await send(first?.url ?? "", admin, "DELETE", `/keys/${keyId}`);
    expect(revoked.status).toBe(200);
    const isRefused = async ({ url }: TestService) =>
      (await send(url, key, "GET", "/tasks?page_size=1")).status === 401;
    await Promise.all([
      eventually(() => ended.length === 2 * REPLICAS, { limitMs: END_LIMIT_MS }),
      ...replicas.map((each) => eventually(() => isRefused(each), { limitMs: END_LIMIT_MS })),
    ]);
    await eventually(() => allAre(401));
    expect(new Set(ended)).toEqual(new Set(["UNAUTHENTICATED"]));
  });
});

async function codeAtEnd(stream: AsyncIterable<unknown>): Promise<string> {
  try {
    for await (const _ of stream);
    return "end";
  } catch (error) {
    return errorCodeOf(error) ?? "unknown";
  }
}

async function load(signal: AbortSignal, call: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    // A replica that is stopped at the end of the test answers no more.
    await call().catch(() => undefined);
    await sleep(5);
  }
}
