import { expect, test } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { aPicture, serve } from "../../support/pictures.js";
import { createOne } from "../../support/task-store-builders.js";
import { NOBODY, startTestApp, type TestApp } from "../../support/test-app.js";

const SUFFIX: Readonly<Record<string, RegExp>> = {
  counter: /_total$/,
  histogram: /_(seconds|bytes)$/,
  gauge: /^(?!.*_(total|ms|milliseconds|mb)$)/,
};
const OURS = /^tmlsr_[a-z]+(_[a-z]+)*$/;
const LABELS = ["call", "cause", "code", "le", "server", "stage", "state", "status", "stream"];

test("metrics have names of our own in base units, and labels of a few known kinds", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  await runTasks(app, 1);
  const { families, series } = await scrape(app);
  const ours = families.filter(({ name }) => !/^(process|nodejs)_/.test(name));
  expect(ours.length).toBeGreaterThan(10);
  for (const { name, type } of ours) {
    expect(name).toMatch(OURS);
    expect(name, `a ${type}`).toMatch(SUFFIX[type] ?? /^$/);
  }
  const labels = series
    .filter(({ name }) => name.startsWith("tmlsr_"))
    .flatMap((one) => one.labels);
  expect([...new Set(labels)].sort()).toEqual(
    expect.arrayContaining(["server", "stage", "status"]),
  );
  expect(labels.filter((label) => !LABELS.includes(label))).toEqual([]);
});

test("metrics tell what became of tasks and what the server did for them", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  await runTasks(app, 2);
  const { value } = await scrape(app);
  expect(value("tmlsr_tasks", 'status="completed"')).toBe(2);
  expect(value("tmlsr_tasks_ended_total", 'status="completed"')).toBe(2);
  expect(value("tmlsr_stage_duration_seconds_count", 'stage="process"')).toBe(2);
  expect(value("tmlsr_server_model_loads_total", server.url)).toBe(1);
  expect(value("tmlsr_server_busy_seconds_total", server.url)).toBeGreaterThan(0);
  expect(value("tmlsr_server_state", 'state="ready"')).toBe(1);
  expect(value("tmlsr_gpu_wasted_seconds_total", "")).toBeUndefined();
  expect(value("tmlsr_store_call_duration_seconds_count", 'call="settle"')).toBe(2);
  expect(value("tmlsr_queue_age_seconds", "")).toBe(0);
});

test("metrics tell of GPU time that a cancel wasted", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 500, stepMs: 20 } } });
  await using app = await startTestApp({ servers: [server.url] });
  const url = await serve(await aPicture());
  const taskId = await app.submit({ url, workflow: "cpu_image_2x" });
  await eventually(async () => {
    expect((await server.log()).map(({ event }) => event)).toContain("started");
  });
  await app.rest("DELETE", `/tasks/${taskId}`);
  await eventually(async () => {
    const { value } = await scrape(app);
    expect(value("tmlsr_gpu_wasted_seconds_total", 'cause="canceled"')).toBeGreaterThan(0);
  });
  const { value } = await scrape(app);
  expect(value("tmlsr_tasks_ended_total", 'status="canceled"')).toBe(1);
});

test("the queue's age grows while a due task waits", async () => {
  await using app = await startTestApp({ servers: [NOBODY] });
  await app.submit({ url: INPUT_URL, workflow: "cpu_image_2x" });
  await eventually(async () => {
    expect((await scrape(app)).value("tmlsr_queue_age_seconds", "")).toBeGreaterThan(0);
  });
});

test("streams are counted while they are open", async () => {
  await using app = await startTestApp({ servers: [NOBODY] });
  const taskId = await app.submit({ url: INPUT_URL, workflow: "cpu_image_2x" });
  const open = async () => (await scrape(app)).value("tmlsr_open_streams", 'stream="watch_task"');
  expect(await open()).toBe(0);
  const stop = new AbortController();
  const watch = app.grpc.tasks.watchTask({ taskId }, { signal: stop.signal });
  const iterator = watch[Symbol.asyncIterator]();
  await iterator.next();
  expect(await open()).toBe(1);
  stop.abort();
  await iterator.next().catch(() => undefined);
  await eventually(async () => expect(await open()).toBe(0));
});

test("the number of series is the same with ten tasks and with a thousand", async () => {
  await using app = await startTestApp({ servers: [NOBODY] });
  const { store } = app.app;
  const count = async () =>
    (await scrape(app)).series.filter(({ name }) => name.startsWith("tmlsr_")).length;
  for (let done = 0; done < 10; done += 1) {
    const taskId = await app.submit({ url: INPUT_URL, workflow: "cpu_image_2x" });
    await app.rest("GET", `/tasks/${taskId}`);
    await app.rest("DELETE", `/tasks/${taskId}`);
  }
  const withTen = await count();
  expect(withTen).toBeGreaterThan(50);
  for (let done = 10; done < 1_000; done += 1)
    await store.cancel((await createOne(store, { workflow: "cpu_image_2x" })).taskId);
  expect((await scrape(app)).value("tmlsr_tasks", 'status="canceled"')).toBe(1_000);
  expect(await count()).toBe(withTen);
});

test("/metrics answers HEAD, and 405 to what is no question", async () => {
  await using app = await startTestApp({ servers: [NOBODY] });
  const head = await fetch(`${app.url}/metrics`, { method: "HEAD" });
  expect(head.status).toBe(200);
  expect(head.headers.get("content-type")).toContain("text/plain");
  const post = await app.rest("POST", "/metrics");
  expect(post.status).toBe(405);
  expect(post.headers.get("allow")).toBe("GET, HEAD");
});

const INPUT_URL = "https://example.com/image.jpg";
const FAST = { simulate: { steps: 2, stepMs: 5 } };

async function runTasks(app: TestApp, count: number): Promise<void> {
  const url = await serve(await aPicture());
  for (let done = 0; done < count; done += 1)
    await app.ended(await app.submit({ url, workflow: "cpu_image_2x" }));
}

interface Series {
  readonly name: string;
  readonly labels: readonly string[];
}

/** Reads Prometheus' text format. */
async function scrape(app: TestApp) {
  const text = await (await fetch(`${app.url}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line !== "");
  const families = lines.flatMap((line) => {
    const [, name = "", type = ""] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    return name === "" ? [] : [{ name, type }];
  });
  const samples = lines.filter((line) => !line.startsWith("#"));
  const series = samples.map((line): Series => {
    const [, name = "", labels = ""] = /^([a-zA-Z_:]+)(?:\{(.*)\})? /.exec(line) ?? [];
    return { name, labels: [...labels.matchAll(/(\w+)="/g)].map(([, label = ""]) => label) };
  });
  /** The value of the first series of a name whose labels hold a text. */
  const value = (name: string, part: string): number | undefined => {
    const found = samples.find((line) => /^[^{ ]+/.exec(line)?.[0] === name && line.includes(part));
    return found === undefined ? undefined : Number(found.slice(found.lastIndexOf(" ") + 1));
  };
  return { families, series, value };
}
