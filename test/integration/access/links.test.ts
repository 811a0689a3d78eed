import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { addKey, bearer, callWithKey, startAccessApp } from "../../support/access-app.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";

const PICTURE = new URL("../../fixtures/photographs/rocket.png", import.meta.url);

test("shows a task by its signed links, and nothing else", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 1, stepMs: 0 } } });
  await using app = await startAccessApp({ servers: [server.url] });
  const key = await addKey(app.app.store);
  const body = new Uint8Array(await readFile(PICTURE));
  const init = { method: "POST", headers: bearer(key), body };
  const upload = (await (await fetch(`${app.url}/uploads`, init)).json()) as { url: string };
  const asked = { url: upload.url, type: "image", workflow: "cpu_image_2x" };
  const create = async () => {
    const answer = await callWithKey(app, key, "POST", "/tasks", asked);
    return ((await answer.json()) as { readonly task_id: string }).task_id;
  };
  const [id, other] = [await create(), await create()];
  const task = await eventually(async () => {
    const answer = await callWithKey(app, key, "GET", `/tasks/${id}`);
    const shown = (await answer.json()) as Readonly<Record<string, string>>;
    return shown["status"] === "completed" && shown;
  });
  const query = task["link_query"] ?? "";
  expect(query).toMatch(/^expires=\d+&signature=[\w-]+$/);
  const statusOf = async (path: string) => {
    const answer = await fetch(`${app.url}${path}${path.includes("?") ? "&" : "?"}${query}`);
    await answer.body?.cancel();
    return [path, answer.status];
  };
  const shown = ["preview/input?w=320", "preview/output", "input"];
  for (const path of shown)
    expect(await statusOf(`/tasks/${id}/${path}`)).toEqual([`/tasks/${id}/${path}`, 200]);
  const hidden = [
    ...["", "/chunks", "/deliveries", ":watch"].map((path) => `/tasks/${id}${path}`),
    ...[...shown, "preview.m3u8"].map((path) => `/tasks/${other}/${path}`),
    ...["/tasks", "/audit", `/outputs/${id}/rocket_2x.png`],
  ];
  for (const path of hidden) expect(await statusOf(path)).toEqual([path, 401]);
  expect((await fetch(`${app.url}/tasks/${id}/preview/input`)).status).toBe(401);
});
