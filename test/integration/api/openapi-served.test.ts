import { describe, expect, it } from "vitest";
import { openapi } from "../../../src/gen/openapi.js";
import { startTestServer } from "../../support/test-server.js";

describe("the API", () => {
  it("serves its documentation", async () => {
    const { url } = await startTestServer();
    const page = await fetch(`${url}/docs`);
    expect(page.status).toBe(200);
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(await page.text()).toContain("<!doctype html>");
    const document = await fetch(`${url}/openapi.json`);
    expect(await document.json()).toEqual(openapi);
  });

  it.each(["/ready", "/docs", "/openapi.json"])("serves %s/ and HEAD of it too", async (path) => {
    const { url } = await startTestServer();
    const response = await fetch(`${url}${path}/`, { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  it.each(["/", "/ready", "/docs/", "/openapi.json"])(
    "answers another method of %s with 405",
    async (path) => {
      const { url } = await startTestServer();
      const response = await fetch(url + path, { method: "POST", body: "x" });
      expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
      expect(await response.json()).toMatchObject({ detail: "Method Not Allowed" });
    },
  );

  it("refuses a request by the rules of the proto and by its types, in one form", async () => {
    const { url } = await startTestServer();
    const post = async (body: unknown) => {
      const headers = { "content-type": "application/json" };
      const init = { method: "POST", headers, body: JSON.stringify(body) };
      const response = await fetch(`${url}/tasks`, init);
      return { status: response.status, body: await response.json() };
    };
    expect(await post({ url: "ftp://x", priority: 3 })).toMatchObject({
      status: 400,
      body: { code: "INVALID_REQUEST", errors: [{ field: "url" }, { field: "priority" }] },
    });
    expect(await post({ url: 1, type: "audio" })).toMatchObject({
      status: 400,
      body: { code: "INVALID_REQUEST", errors: [{ field: "url" }, { field: "type" }] },
    });
  });
});
