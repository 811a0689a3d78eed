import { expect, test } from "vitest";
import { startService } from "../../support/service-process.js";
import { NOBODY } from "../../support/test-app.js";

/** `length` and text of a field with this tag, as protobuf writes them. */
function field(tag: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from([tag, bytes.length]), bytes]);
}

/** The bytes of CreateTaskRequest { url, labels }. */
function requestWith(key: string): Buffer {
  const label = Buffer.concat([field(0x0a, key), field(0x12, "x")]);
  return Buffer.concat([field(0x0a, "https://example.com/image.jpg"), field(0x6a, label)]);
}

test("a label whose key is no key of a JavaScript object is refused, and not lost", async () => {
  await using service = await startService([NOBODY]);
  const create = async (key: string) =>
    await fetch(`${service.url}/tmlsr.v1.TaskService/CreateTask`, {
      method: "POST",
      headers: { "content-type": "application/proto" },
      body: requestWith(key),
    });
  const refused = await create("__proto__");
  expect(refused.status).toBe(400);
  expect(await refused.text()).toContain('labels[\\"__proto__\\"]');
  expect((await create("constructor")).status).toBe(200);
  const labels = '{"url": "https://example.com/image.jpg", "labels": {"__proto__": "x"}}';
  const rest = await service.rest("POST", "/tasks", labels);
  expect([rest.status, rest.body.detail]).toEqual([
    400,
    'Cannot read the request body as JSON: the key "__proto__" is not allowed',
  ]);
  const { body } = await service.rest("GET", "/tasks");
  expect(body.tasks).toMatchObject([{ labels: { constructor: "x" } }]);
});
