import { once } from "node:events";
import { createServer } from "node:net";
import { startCpuServer } from "../support/cpu-server.js";
import { makeDirectory } from "./directory.js";
import type { Figure, Subject } from "./figure.js";
import { serveContent, smallPicture } from "./origin.js";
import { connectRest, type RestClient } from "./rest-client.js";
import { busyShare, runsOf } from "./server-logs.js";
import { startService } from "./service.js";
import { completed, submit } from "./tasks.js";

const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const WORKFLOW = "cpu_image_2x";
const SWITCHES = { simulate: { steps: 10, stepMs: 52 } };
const RUN_COUNT = 40;
const ENDING_COUNT = 10_000;
const BATCH_COUNT = 500;
const LIMIT_MS = 120_000;

/** What 10,000 tasks that end at once cost the others where their webhook's receiver is dead. */
export const webhooks: Subject = {
  name: "webhooks",
  async measure({ say }) {
    say("without webhooks");
    const without = await share(undefined);
    say("with a receiver that takes calls and never answers");
    await using receiver = await startSilentReceiver();
    const withThem = await share(receiver.url);
    return [...figures("no webhook", without), ...figures("a dead receiver", withThem)];
  },
};

interface Share {
  readonly busy: number;
  readonly cancelMs: number;
}

function figures(name: string, { busy, cancelMs }: Share): readonly Figure[] {
  const note = `${RUN_COUNT} prompts of 0.52 s; ${ENDING_COUNT} others end meanwhile`;
  return [
    { what: `GPU busy share, ${name}`, value: busy, unit: "", goal: { atLeast: 0.95 }, note },
    { what: `canceling ${ENDING_COUNT} tasks, ${name}`, value: cancelMs / 1000, unit: "s" },
  ];
}

/** @param hookUrl of the tasks that are canceled while others run; undefined: they have no webhook. */
async function share(hookUrl: string | undefined): Promise<Share> {
  await using server = await startCpuServer({ switches: SWITCHES });
  await using directory = await makeDirectory();
  await using origin = await serveContent(await smallPicture());
  const env = { TMLSR_WEBHOOK_SECRETS: SECRET, TMLSR_WEBHOOK_ALLOW_PRIVATE: "127.0.0.1" };
  const options = { dataDir: directory.path, servers: [server.url], env };
  await using service = await startService(options);
  await using rest = connectRest(service.url);
  const batches = await submitDelayed(rest, origin.url, hookUrl);
  for (let i = 0; i < RUN_COUNT; i++) await submit(rest, origin.url, WORKFLOW);
  const startedAtMs = performance.now();
  for (const task_ids of batches) await rest.post("/tasks:cancel", { task_ids });
  const cancelMs = performance.now() - startedAtMs;
  await completed(rest, RUN_COUNT, LIMIT_MS);
  return { busy: busyShare(await runsOf(server)), cancelMs };
}

async function submitDelayed(
  rest: RestClient,
  url: string,
  hookUrl: string | undefined,
): Promise<readonly (readonly string[])[]> {
  const task = {
    ...{ url, type: "image", workflow: WORKFLOW },
    not_before: new Date(Date.now() + 86_400_000).toISOString(),
    ...(hookUrl !== undefined && { webhook: { url: hookUrl } }),
  };
  const tasks = Array.from({ length: BATCH_COUNT }, () => task);
  const batches: (readonly string[])[] = [];
  for (let count = 0; count < ENDING_COUNT; count += BATCH_COUNT)
    batches.push((await rest.post("/tasks:batch", { tasks })).task_ids);
  return batches;
}

async function startSilentReceiver(): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((socket) => socket.on("error", () => {}).resume());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/`,
    [Symbol.asyncDispose]: async () => {
      server.close();
    },
  };
}
