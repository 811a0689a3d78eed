import { expect, test } from "vitest";
import { ServerUrl } from "../../../src/comfy/server-url.js";

test("ServerUrl applies prefix, credentials, query and headers to HTTP and WebSocket alike", () => {
  const url = new ServerUrl("https://user:p%40ss@gate.example/gpu1/?token=t", { "X-Key": "k" });
  expect(url.address).toBe("https://gate.example/gpu1");
  expect(url.http("/view", { filename: "a b.png" }).href).toBe(
    "https://gate.example/gpu1/view?token=t&filename=a+b.png",
  );
  expect(url.socket("c1").href).toBe("wss://gate.example/gpu1/ws?token=t&clientId=c1");
  expect(url.headers).toEqual({
    authorization: `Basic ${Buffer.from("user:p@ss").toString("base64")}`,
    "x-key": "k",
  });
});

test("ServerUrl lets a configured header win over credentials in the URL", () => {
  const url = new ServerUrl("http://a:b@h", { Authorization: "Bearer x" });
  expect(url.headers).toEqual({ authorization: "Bearer x" });
});

test.each([
  ["http://h:8188", "http://h:8188", "ws://h:8188/ws?clientId=c"],
  ["http://h:8188/", "http://h:8188", "ws://h:8188/ws?clientId=c"],
  ["http://h//", "http://h", "ws://h/ws?clientId=c"],
  ["http://[::1]:8188/x#y", "http://[::1]:8188/x", "ws://[::1]:8188/x/ws?clientId=c"],
])("ServerUrl of %s has address %s", (text, address, socket) => {
  const url = new ServerUrl(text);
  expect(url.address).toBe(address);
  expect(url.socket("c").href).toBe(socket);
});

test.each([
  ["no URL", "secret host", {}],
  ["another scheme", "ftp://secret@h", {}],
  ["a broken escape", "http://u:secret%zz@h", {}],
  ["a header that cannot be sent", "http://h", { "x-key": "secret\nx" }],
])("ServerUrl refuses %s without telling secrets", (_, text, headers) => {
  const make = () => new ServerUrl(text, headers as Record<string, string>);
  expect(make).toThrow(expect.objectContaining({ code: "INVALID_REQUEST" }));
  expect(make).not.toThrow(/secret/);
});
