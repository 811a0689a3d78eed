import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { submitChecked, times } from "../support/checked-tasks.js";
import { startCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { startTestApp } from "../support/test-app.js";

test.each(["silent", "junk"] as const)(
  "a socket that is %s: nothing lost, nothing run twice, no more delay than by polling",
  async (ws) => {
    await using server = await startCpuServer({
      switches: { simulate: { steps: 4, stepMs: 10 }, ws },
    });
    await using app = await startTestApp({ servers: [server.url] });
    const tasks = await submitChecked(app, times(5));
    await tasks.completed(app);
    expect(await tasks.ranOnce([server])).toBe(0);
  },
);

test("a socket that is cut again and again: nothing lost, nothing run twice", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 10, stepMs: 50 } } });
  await using app = await startTestApp({ servers: [server.url] });
  const tasks = await submitChecked(app, times(4));
  const stop = new AbortController();
  const cutting = (async () => {
    while (!stop.signal.aborted) {
      await server.set({ dropSockets: true });
      await sleep(200, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  try {
    await tasks.completed(app);
  } finally {
    stop.abort();
    await cutting;
  }
  expect(await tasks.ranOnce([server])).toBe(0);
});

test("a stall is noticed on a server whose socket is silent too, if later", async () => {
  await using server = await startCpuServer({
    switches: {
      simulate: { steps: 4, stepMs: 10 },
      ws: "silent",
      nodes: [{ classType: "ImageUpscaleWithModel", fault: "hang", count: 1 }],
    },
  });
  await using app = await startTestApp({
    servers: [server.url],
    env: { TMLSR_STALL_SECONDS: "1" },
  });
  const tasks = await submitChecked(app, times(1));
  await eventually(() => app.app.pool.servers[0]?.health.stuckPromptIds.size === 1);
  await server.restart({ simulate: { steps: 4, stepMs: 10 } });
  await tasks.completed(app);
});
