import { describe, expect, test } from "vitest";
import { chunkId } from "../../../../src/domain/film.js";
import type { Fence } from "../../../../src/store/task-queue.js";
import { someChunks } from "../../../support/film-builders.js";
import { aLease, COMPLETED, fenceOf } from "../../../support/task-store-builders.js";
import { expectProblem, INPUT_URL, useTestApp } from "../../../support/use-test-app.js";

// What clients see of films that run as several chunks.

const api = useTestApp();

/** A film of 300 frames that is cut into three chunks. */
async function cutFilm(): Promise<string> {
  const film = await api.submit({ type: "video" });
  const fence = await api.hold(film);
  await api.store.addChunks(fence, someChunks(film, 3), 300);
  await api.store.settle(fence, { kind: "cut" });
  return film;
}

/** Leases the next chunk of a film. */
async function holdChunk(film: string): Promise<Fence> {
  const { workflow } = await api.task(film);
  const leased = await api.store.lease(aLease({ workflows: [workflow] }));
  if (leased?.chunk?.film !== film) throw new Error("Leased something else");
  return fenceOf(leased);
}

async function endFilm(film: string): Promise<void> {
  await api.store.cancel(film);
  await api.store.endChunks(film, 10);
}

describe("a film of several chunks", () => {
  test("shows how many chunks there are, and how far they are", async () => {
    const film = await cutFilm();
    const first = await holdChunk(film);
    await api.store.bindSlot(first, "gpu-1#0");
    await api.store.updateStage(first, "process", { status: "running" });
    await api.store.settle(first, COMPLETED);
    const second = await holdChunk(film);
    const shown = await api.task(film);
    expect(shown).toMatchObject({
      ...{ status: "processing", server: null },
      preview_url: expect.stringMatching(new RegExp(`^http.*/tasks/${film}/preview\\.m3u8$`)),
      chunks: { total: 3, completed: 1, running: 1, failed: 0 },
      stages: [{ name: "process", status: "running", progress: 33.3, duration: 0 }],
    });
    expect((await api.get(`/tasks/${film}/chunks`)).body).toEqual({
      chunks: [
        {
          ...{ index: 0, first_frame: 0, frames: 100, start: 0, status: "completed" },
          server: "gpu-1",
          attempts: [
            {
              ...{ attempt: 1, server: "gpu-1", reason: "completed" },
              ...{ started_at: expect.any(String), ended_at: expect.any(String) },
            },
          ],
        },
        {
          ...{ index: 1, first_frame: 100, frames: 100, start: 4, status: "processing" },
          ...{ server: null, attempts: [expect.objectContaining({ ended_at: null })] },
        },
        {
          ...{ index: 2, first_frame: 200, frames: 100, start: 8, status: "pending" },
          ...{ server: null, attempts: [] },
        },
      ],
    });
    await api.store.settle(second, { kind: "handed_back" });
    await endFilm(film);
  });

  test("is what clients know: its chunks are not found, listed or counted", async () => {
    const film = await cutFilm();
    const chunk = chunkId(film, 0);
    const notFound = { status: 404, code: "TASK_NOT_FOUND", detail: "Task not found" };
    expectProblem(await api.get(`/tasks/${chunk}`), notFound);
    expectProblem(await api.get(`/tasks/${chunk}/chunks`), notFound);
    expectProblem(await api.get(`/tasks/${chunk}:watch`), notFound);
    expectProblem(await api.call("DELETE", `/tasks/${chunk}`), notFound);
    expectProblem(await api.call("POST", `/tasks/${chunk}:retry`), notFound);
    const many = await api.call("POST", "/tasks:cancel", { body: { task_ids: [chunk] } });
    expect(many.body).toEqual({ canceled: 0 });
    const { tasks } = (await api.get("/tasks?page_size=2")).body;
    expect(tasks[0].task_id).toBe(film);
    expect(tasks[1]?.task_id).not.toBe(chunk);
    const stats = (await api.get("/monitor/stats")).body;
    expect(stats.system.queue_size).toBe(stats.stats.pending);
    expect(stats.stats.pending).toBe((await api.get("/tasks?status=pending")).body.tasks.length);
    await endFilm(film);
  });

  test("names its frames and times when one of its chunks fails it", async () => {
    const film = await cutFilm();
    const error = { code: "PROMPT_FAILED", message: 'Node "ESRGAN" failed' } as const;
    await api.store.settle(await holdChunk(film), { kind: "failed", error });
    expect(await api.task(film)).toMatchObject({
      ...{ status: "failed", error_code: "PROMPT_FAILED" },
      error: 'Cannot process frames 0 to 99, 0.00 s to 4.00 s: Node "ESRGAN" failed',
      chunks: { total: 3, completed: 0, running: 0, failed: 1 },
    });
  });
});

describe("a task that runs as one prompt", () => {
  test("has no chunks", async () => {
    const taskId = await api.submit({ type: "video" });
    expect(await api.task(taskId)).toMatchObject({ chunks: null, preview_url: null });
    expect((await api.get(`/tasks/${taskId}/chunks`)).body).toEqual({ chunks: [] });
    await api.store.cancel(taskId);
  });
});

describe("chunking", () => {
  test("is kept with the task, and with the task that repeats it", async () => {
    const taskId = await api.submit({ type: "video", chunking: "off" });
    expect((await api.store.get(taskId))?.chunking).toBe("off");
    await api.store.cancel(taskId);
    const again = (await api.call("POST", `/tasks/${taskId}:retry`)).body.task_id;
    expect((await api.store.get(again))?.chunking).toBe("off");
    await api.store.cancel(again);
  });

  test("auto is the same request as one that leaves it out; anything else is refused", async () => {
    const body = { url: INPUT_URL, type: "video", idempotency_key: "chunking-1" };
    const first = await api.post(body);
    const second = await api.post({ ...body, chunking: "auto" });
    expect(second.body).toEqual(first.body);
    expect((await api.post({ ...body, chunking: "off" })).body.code).toBe("IDEMPOTENCY_CONFLICT");
    const refused = await api.post({ url: INPUT_URL, chunking: "sometimes" });
    expect([refused.status, refused.body.errors[0].field]).toEqual([400, "chunking"]);
    await api.store.cancel(first.body.task_id);
  });
});
