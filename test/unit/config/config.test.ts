import { expect, test } from "vitest";
import { parse } from "yaml";
import { toConfig } from "../../../src/config/config.js";
import { readSettings } from "../../../src/config/read-settings.js";

const read = (environment: Record<string, string>, yaml?: string) =>
  toConfig(
    readSettings(
      environment,
      yaml === undefined ? undefined : { name: "config.yaml", content: parse(yaml) },
    ),
  );

test("configuration: without any it is standalone on loopback port 6008", () => {
  const config = read({});
  expect(config.api).toEqual({
    ...{ hosts: ["127.0.0.1", "::1"], port: 6008, corsOrigins: [], allowedHosts: [] },
    limits: { maxConnectionCount: 10_000 },
  });
  expect(config.servers).toEqual([]);
  expect(config.oss).toBeUndefined();
  expect(config.store).toEqual({ keepOutputs: true });
});

test("configuration: the environment wins over the file", () => {
  expect(read({ TMLSR_PORT: "7000" }, "server: {port: 7001, max_retries: 5}")).toMatchObject({
    api: { port: 7000 },
    scheduler: { maxRetries: 5 },
  });
});

test("configuration: the older service's file is accepted as it is, with one warning", () => {
  const config = read(
    {},
    `
oss: {endpoint: oss-cn-hangzhou.aliyuncs.com, access_key_id: a, access_key_secret: b, bucket_name: my-bucket}
server: {max_retries: 2, retry_delay: 7, max_workers: 4}
comfyui: {servers: ["127.0.0.1:8188", "http://gpu2:8188"]}
`,
  );
  expect(config.servers.map(({ url }) => url)).toEqual([
    "http://127.0.0.1:8188",
    "http://gpu2:8188",
  ]);
  expect(config.scheduler).toMatchObject({ maxRetries: 2, retryDelayMs: 7_000 });
  expect(config.oss).toMatchObject({
    bucket: "my-bucket",
    endpoint: "oss-cn-hangzhou.aliyuncs.com",
  });
  expect(config.warnings).toEqual(["The setting server.max_workers is ignored: the pool decides"]);
});

test("configuration: a single server_address of an older file is the pool", () => {
  expect(read({}, "comfyui: {server_address: 10.0.0.5:8188}").servers).toHaveLength(1);
});

test("configuration: all unknown keys and bad values are named with their source", () => {
  const start = () =>
    read({ TMLSR_PROT: "1", TMLSR_PORT: "many" }, "server: {prot: 1, retry_delay: soon}");
  expect(start).toThrow("unknown environment variable TMLSR_PROT");
  expect(start).toThrow('config.yaml: unknown key "server.prot"');
  expect(start).toThrow(/environment variable TMLSR_PORT: .*"many"/);
  expect(start).toThrow(/config.yaml: key "server.retry_delay": .*"soon"/);
});

test.each([
  ["TMLSR_PORT", "abc", "must be a whole number"],
  ["TMLSR_PORT", "70000", "must be at most 65535"],
  ["TMLSR_RETRY_DELAY", "-1", "must be 0 or more"],
  ["TMLSR_LEASE_SECONDS", "soon", "must be a number"],
])("configuration: %s=%s is refused in plain words", (name, value, words) => {
  expect(() => read({ [name]: value })).toThrow(
    `environment variable ${name}: ${words}, not "${value}"`,
  );
});

test.each([
  ["ftp://user:hunter2@gpu1", "ftp://gpu1"],
  ["http://", "http://"],
  ["http:///gpu1:8188", "http:///gpu1:8188"],
  ["//gpu1:8188", "//gpu1:8188"],
  ["user:hunter2@gpu1:port", "gpu1:port"],
  ["http://gpu 1/?token=hunter2", "http://gpu 1/"],
  ["http://user:hunter2%zz@gpu1", "http://gpu1"],
])("configuration: %s as a ComfyUI server stops the start", (value, shown) => {
  const words = `"${shown}" must be an http or https URL, or host:port`;
  const start = () => read({ COMFYUI_SERVERS: `gpu0:8188,${value}` });
  expect(start).toThrow(`environment variable COMFYUI_SERVERS: 1.url: ${words}`);
  expect(start).not.toThrow("hunter2");
  const fromFile = () => read({}, `comfyui: {servers: [{url: "${value}"}]}`);
  expect(fromFile).toThrow(`config.yaml: key "comfyui.servers": 0.url: ${words}`);
});

test("configuration: ComfyUI servers are taken with or without a scheme, as the gateway wants", () => {
  const urls = ["http://gpu1:8188", "HTTPS://u:p@gpu2/x?token=t", "http://[::1]:8188"];
  const { servers } = read({ COMFYUI_SERVERS: `gpu1:8188,${urls.join()}` });
  expect(servers.map(({ url }) => url)).toEqual(["http://gpu1:8188", ...urls]);
});

test("configuration: a secret's value is not printed when it is wrong", () => {
  expect(() => read({ MONGODB_URI: "postgres://user:hunter2@db" })).toThrow("(hidden)");
  expect(() => read({ MONGODB_URI: "postgres://user:hunter2@db" })).not.toThrow("hunter2");
});

test("configuration: OSS settings are needed together", () => {
  expect(() => read({ OSS_ENDPOINT: "oss-cn-hangzhou.aliyuncs.com" })).toThrow("OSS_BUCKET");
});

test("configuration: it is frozen", () => {
  expect(Object.isFrozen(read({}).scheduler)).toBe(true);
});

test("configuration: tenants are listed with their caps, and `default` is always there", () => {
  expect(read({}).tenants).toEqual([{ name: "default" }]);
  const file = "tenants: [{name: a, running: 2, pending: 0, upload_bytes: 5}, {name: default}]";
  expect(read({}, file).tenants).toEqual([
    { name: "a", maxRunningCount: 2, maxPendingCount: 0, maxUploadBytes: 5 },
    { name: "default" },
  ]);
  expect(read({}, "tenants: [{name: b}]").tenants.map(({ name }) => name)).toEqual([
    "default",
    "b",
  ]);
});

test.each([
  ["[{name: A/B}]", "0.name: must be 1 to 63 of"],
  ["[{name: a, running: 0}]", "0.running: must be 1 or more"],
  ["[{name: a}, {name: a}]", "must not name a tenant twice"],
  ["[{name: a, cap: 1}]", "Unrecognized key"],
])("configuration: tenants as %s stop the start", (tenants, words) => {
  expect(() => read({}, `tenants: ${tenants}`)).toThrow(words);
});
