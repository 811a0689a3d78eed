import type { Page } from "playwright-core";
import { createGrpcClients, TaskType } from "../../src/client/client.js";
import { launchChromium } from "../support/chromium.js";
import { eventually } from "../support/eventually.js";
import { makeDirectory } from "./directory.js";
import type { Subject } from "./figure.js";
import { quantile } from "./quantile.js";
import { startService } from "./service.js";

const BATCH = 500;
const BATCHES = 2;
const LABELS = { bench: "frames" };
const LIMIT_MS = 120_000;

/** The page's list while 1,000 tasks come, and while all of them change, scrolled through meanwhile. */
export const pageFrames: Subject = {
  name: "page-frames",
  async measure({ say }) {
    await using directory = await makeDirectory();
    await using service = await startService({ dataDir: directory.path });
    using clients = createGrpcClients(service.url);
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      await page.goto(`${service.url}/dashboard`);
      await page.getByText("No tasks here yet").waitFor();
      await page.evaluate(COUNT_FRAMES);
      for (let batch = 0; batch < BATCHES; batch += 1)
        await clients.tasks.batchCreateTasks({ tasks: aBatch(batch) });
      await untilCounted(page, "Waiting");
      const coming = await takeFrames(page);
      say(`${BATCH * BATCHES} tasks are listed`);
      const { canceled } = await clients.tasks.cancelTasks({ label: "bench:frames" });
      say(`${canceled} are canceled`);
      for (let at = 0; at < 20; at += 1) await page.mouse.wheel(0, 2_000);
      await untilCounted(page, "Canceled");
      const changing = await takeFrames(page);
      return [
        { what: "1,000 tasks come: longest frame", value: Math.max(...coming), unit: "ms" },
        { what: "1,000 tasks change: longest frame", value: Math.max(...changing), unit: "ms" },
        {
          what: "the same: p99",
          value: quantile(changing, 0.99),
          unit: "ms",
          goal: { atMost: 50 },
        },
      ];
    } finally {
      await browser.close();
    }
  },
};

function aBatch(batch: number) {
  return Array.from({ length: BATCH }, (_, index) => ({
    ...{ url: `https://example.com/${batch}-${index}.png`, labels: LABELS },
    type: TaskType.IMAGE,
  }));
}

/** Notes the time between each two frames. */
const COUNT_FRAMES = `
globalThis.frames_ = [];
let last = performance.now();
const frame = (now) => { globalThis.frames_.push(now - last); last = now; requestAnimationFrame(frame); };
requestAnimationFrame(frame);`;

async function takeFrames(page: Page): Promise<readonly number[]> {
  return await page.evaluate<readonly number[]>("globalThis.frames_.splice(0)");
}

async function untilCounted(page: Page, status: string): Promise<void> {
  const chip = page.getByRole("button", { name: `${status} 1,000` });
  await eventually(() => chip.isVisible(), { limitMs: LIMIT_MS, intervalMs: 100 });
}
