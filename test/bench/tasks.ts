import { eventually } from "../support/eventually.js";
import type { RestClient } from "./rest-client.js";

/** Submits a picture. @returns the task's id. */
export async function submit(rest: RestClient, url: string, workflow: string): Promise<string> {
  return (await rest.post("/tasks", { url, type: "image", workflow })).task_id;
}

/** Waits until so many tasks have completed. @throws Error if one has failed. */
export async function completed(rest: RestClient, count: number, limitMs: number): Promise<void> {
  await eventually(
    async () => {
      const { stats } = await rest.get("/monitor/stats");
      if (stats.completed + stats.failed < count) return false;
      if (stats.failed > 0) throw new Error(`${stats.failed} tasks have failed`);
      return true;
    },
    { limitMs, intervalMs: 100 },
  );
}
