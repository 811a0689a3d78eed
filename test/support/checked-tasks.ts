import sharp from "sharp";
import { expect } from "vitest";
import type { TestCpuServer } from "./cpu-server.js";
import { LIMIT_MS } from "./eventually.js";
import { startOrigin } from "./http-origin.js";
import { judgeRuns } from "./judge-runs.js";
import type { RestTask } from "./test-app.js";

/**
 * The parts of a service that the checks need. The service may run in this process or in another.
 */
export interface CheckedService {
  readonly url: string;
  submit(request: object): Promise<string>;
  ended(taskId: string, limitMs?: number): Promise<RestTask>;
}

/** Tasks that each have a different input, so that a wrong result is noticed. */
export interface CheckedTasks {
  readonly ids: readonly string[];
  /**
   * Waits until all tasks have completed, and checks every result. @returns the tasks as REST shows
   * them.
   */
  completed(service: CheckedService, limitMs?: number): Promise<RestTask[]>;
  /**
   * Checks by the servers' logs that each task was run successfully, and only once. @returns how
   * many runs were lost with a server.
   */
  ranOnce(servers: readonly TestCpuServer[]): Promise<number>;
}

const WIDTH = 8;
const HEIGHT = 6;

/**
 * Submits tasks. Their servers must `simulate`, which doubles every pixel.
 *
 * @param workflows one for each task.
 */
export async function submitChecked(
  service: CheckedService,
  workflows: readonly string[],
  request: object = {},
): Promise<CheckedTasks> {
  const origin = await startOrigin((incoming, response) => {
    const seed = Number(/(\d+)\.png/.exec(incoming.url ?? "")?.[1] ?? 0);
    void pictureOf(seed).then((content) => {
      response.writeHead(200, { "content-length": content.length });
      response.end(content);
    });
  });
  const ids: string[] = [];
  for (const [seed, workflow] of workflows.entries())
    ids.push(
      await service.submit({
        type: "image",
        workflow,
        url: `${origin.url}/${seed}.png`,
        ...request,
      }),
    );
  return {
    ids,
    completed: async (now, limitMs = LIMIT_MS) => {
      const tasks: RestTask[] = [];
      for (const [seed, taskId] of ids.entries()) {
        const task = await now.ended(taskId, limitMs);
        expect(task).toMatchObject({ status: "completed", error: null });
        await expectEnlarged(
          `${now.url}/outputs/${taskId}/result.png`,
          seed,
          scaleOf(workflows[seed]),
        );
        tasks.push(task);
      }
      return tasks;
    },
    ranOnce: async (servers) => {
      const logs = await Promise.all(servers.map((server) => server.log().catch(() => [])));
      const { neverRun, runTwice, lostWithServerCount } = judgeRuns(logs, ids);
      expect({ neverRun, runTwice }).toEqual({ neverRun: [], runTwice: [] });
      return lostWithServerCount;
    },
  };
}

/** The same workflow repeated `count` times. */
export function times(count: number, workflow = "cpu_image_2x"): string[] {
  return Array.from({ length: count }, () => workflow);
}

function scaleOf(workflow = ""): number {
  return workflow.includes("4x") ? 4 : 2;
}

function pixelsOf(seed: number): Buffer {
  const pixels = Buffer.alloc(WIDTH * HEIGHT * 3);
  for (let index = 0; index < pixels.length; index += 1)
    pixels[index] = (index * 37 + seed * 101 + ((index * seed) % 7) * 11) % 256;
  return pixels;
}

async function pictureOf(seed: number): Promise<Buffer> {
  const raw = { width: WIDTH, height: HEIGHT, channels: 3 } as const;
  return await sharp(pixelsOf(seed), { raw }).png().toBuffer();
}

async function expectEnlarged(url: string, seed: number, scale: number): Promise<void> {
  const response = await fetch(url);
  const result = sharp(await response.arrayBuffer()).removeAlpha();
  const { data, info } = await result.raw().toBuffer({ resolveWithObject: true });
  const expected = pixelsOf(seed);
  const wanted = Buffer.alloc(data.length);
  for (let y = 0; y < info.height; y += 1)
    for (let x = 0; x < info.width; x += 1) {
      const from = (Math.floor(y / scale) * WIDTH + Math.floor(x / scale)) * 3;
      expected.copy(wanted, (y * info.width + x) * 3, from, from + 3);
    }
  expect([info.width, info.height]).toEqual([WIDTH * scale, HEIGHT * scale]);
  expect(data.equals(wanted), "the result is another's").toBe(true);
}
