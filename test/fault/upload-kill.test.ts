import { expect, test } from "vitest";
import { startCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { aPicture } from "../support/pictures.js";
import { rawClient } from "../support/raw-client.js";
import { startService } from "../support/service-process.js";
import { postUpload, uploadFiles } from "../support/uploads.js";

test("a service that is killed while it receives leaves nothing of it, and keeps what it took", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 1, stepMs: 1 } } });
  await using service = await startService([server.url]);
  const picture = await aPicture();
  const { body } = await postUpload(service.url, picture);
  const kept = await uploadFiles(service.dataDir);
  const notBefore = new Date(Date.now() + 3_000).toISOString();
  const task = { url: body.url, type: "image", workflow: "cpu_image_2x", not_before: notBefore };
  const taskId = await service.submit(task);

  const client = await rawClient(Number(new URL(service.url).port));
  client.socket.write(
    "POST /uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n",
  );
  client.socket.write(picture);
  await eventually(async () => (await uploadFiles(service.dataDir)).length === kept.length + 1);
  await service.kill();
  await service.start();

  expect(await uploadFiles(service.dataDir)).toEqual(kept);
  expect(await service.ended(taskId)).toMatchObject({ status: "completed", retries: 0 });
  expect((await postUpload(service.url, picture)).status).toBe(201);
});
