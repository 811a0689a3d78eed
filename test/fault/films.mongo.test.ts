import { expect, test, vi } from "vitest";
import { startCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { expectRunOnce, storedOf } from "../support/films/film-runs.js";
import { expectSameFilm, fetchResult, serveFilm } from "../support/films/served-film.js";
import { describeWithMongo, uriOf } from "../support/mongo.js";
import { startService } from "../support/service-process.js";
import { tempDir } from "../support/temp-dir.js";

vi.setConfig({ testTimeout: 400_000, hookTimeout: 120_000 });
const END_MS = 300_000;
const PACED = { simulate: { steps: 2, stepMs: 20 } };

await describeWithMongo("films of several chunks on replicas that share a database", (take) => {
  test("a replica is lost in mid-film: the other one ends it, each chunk run once", async () => {
    await using database = await take();
    await using server = await startCpuServer({ switches: PACED });
    const env = {
      MONGODB_URI: uriOf(database),
      TMLSR_DATA_DIR: await tempDir(),
      TMLSR_LEASE_SECONDS: "5",
      TMLSR_CHUNK_FRAMES: "24",
    };
    await using lost = await startService([server.url], env);
    await using left = await startService([server.url], env);
    const film = await serveFilm();
    const taskId = await lost.submit({ url: film.url, workflow: "cpu_video_2x" });
    await left.until(taskId, ({ chunks }) => chunks?.completed >= 1, END_MS);
    await lost.kill();
    const task = await left.ended(taskId, END_MS);
    await expectSameFilm(await fetchResult(task, left.url), film.path);
    expect((await expectRunOnce([server], taskId)).lostCount).toBe(0);
    // The scratch files of the lost replica go later: it might come back.
    await eventually(async () => (await storedOf(env.TMLSR_DATA_DIR, taskId)).length === 0);
  });
});
