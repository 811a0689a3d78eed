import pino from "pino";
import { expect, test } from "vitest";
import { ComfyServer } from "../../../src/comfy/comfy-server.js";
import { createLogger } from "../../../src/lib/logger.js";
import { Pool } from "../../../src/pool/pool.js";
import { PoolServer } from "../../../src/pool/server/pool-server.js";
import { ServerProber } from "../../../src/pool/server-prober.js";
import type { WorkflowCatalog } from "../../../src/workflow/catalog/catalog.js";
import { eventually } from "../../support/eventually.js";
import { startOrigin } from "../../support/http-origin.js";

const logger = createLogger("silent");
const ANSWERS: Readonly<Record<string, object>> = {
  "/system_stats": { system: { comfyui_version: "0.3.64" }, devices: [] },
  "/prompt": { exec_info: { queue_remaining: 0 } },
};

test("a server taken out for a fault is asked at once, then now and then, not all the time", async () => {
  const origin = await startOrigin((request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(ANSWERS[request.url ?? ""] ?? {}));
  });
  await using comfy = new ComfyServer({ url: origin.url, logger });
  const server = new PoolServer({ id: "gpu1", comfy, queueDepth: "auto" });
  using pool = new Pool({ servers: [server], logger, maxBypassCount: 8, maxBypassMs: 1 });
  const catalog = { list: () => [], graphs: () => [] } as unknown as WorkflowCatalog;
  await using _ = new ServerProber({ server, pool, catalog, logger });
  await eventually(() => server.state === "ready");
  const askedBefore = origin.requests.length;
  pool.noteFault(server, "fault", "it failed");
  await eventually(() => origin.requests.length > askedBefore);
  await eventually(() => server.state === "half_open");
  expect(origin.requests.length - askedBefore).toBeLessThan(50);
});

test("a server is logged once when it does not answer, when it does, and when it is lost", async () => {
  let isUp = false;
  const origin = await startOrigin((request, response) => {
    if (!isUp) {
      request.socket.destroy();
      return;
    }
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(ANSWERS[request.url ?? ""] ?? {}));
  });
  const lines: string[] = [];
  const heard = pino({ level: "info" }, { write: (line) => lines.push(line) });
  const askedTwice = async () => {
    const before = origin.requests.length;
    await eventually(() => origin.requests.length > before + 4);
  };
  await using comfy = new ComfyServer({ url: origin.url, logger });
  const server = new PoolServer({ id: "gpu1", comfy, queueDepth: "auto" });
  const limits = { maxBypassCount: 8, maxBypassMs: 1 };
  using pool = new Pool({ servers: [server], logger: heard, ...limits });
  const catalog = { list: () => [], graphs: () => [] } as unknown as WorkflowCatalog;
  await using _ = new ServerProber({ server, pool, catalog, logger: heard, intervalMs: 20 });
  await askedTwice();
  isUp = true;
  await eventually(() => server.state === "ready");
  await askedTwice();
  isUp = false;
  await eventually(() => server.state === "quarantined");
  await askedTwice();
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ level: 40, server: "gpu1", reason: expect.any(String) }),
    expect.objectContaining({ level: 30, server: "gpu1", state: "ready", workflowCount: 0 }),
    expect.objectContaining({ level: 40, server: "gpu1", reason: expect.any(String) }),
  ]);
});
