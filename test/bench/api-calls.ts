import { toBinary } from "@bufbuild/protobuf";
import { createGrpcClients, GetTaskResponseSchema, TaskType } from "../../src/client/client.js";
import { defined } from "../../src/lib/defined.js";
import { startCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { startBareServers } from "./bare-process.js";
import { measureCommits } from "./commit-pair.js";
import { makeDirectory } from "./directory.js";
import type { Figure, Goal, Subject } from "./figure.js";
import { runLoad } from "./load.js";
import { serveContent, smallPicture } from "./origin.js";
import { connectRest, type RestClient } from "./rest-client.js";
import { seedStore } from "./seed-store.js";
import { startService } from "./service.js";

const STORED_COUNT = 10_000;
const CLIENT_COUNTS = [1, 32] as const;
const DURATION_MS = 2_500;
/** A service that runs for long has compiled what is called often: so long many clients call before it counts. */
const WARM_MS = 4_000;
const WORKFLOW = "cpu_image_2x";

interface Call {
  readonly what: string;
  run(): Promise<unknown>;
  /** The same call to a server that does nothing but answer. */
  bare?(): Promise<unknown>;
  /** What is wanted with one client and with many: calls per second, or their share of the bare ones. */
  readonly goals: readonly [one: Goal | undefined, many: Goal];
  readonly isShare?: boolean;
}

/**
 * Create and get over REST and gRPC, with one client and with many; service and clients share the machine.
 * The one ComfyUI server is known and busy, so that tasks are accepted and wait.
 */
export const apiCalls: Subject = {
  name: "api-calls",
  async measure({ say }) {
    await using directory = await makeDirectory();
    const ids = await seedStore(directory.path, { count: STORED_COUNT, status: "completed" });
    await using cpu = await startCpuServer({ switches: { nodes: [{ fault: "hang" }] } });
    await using origin = await serveContent(await smallPicture());
    await using service = await startService({ dataDir: directory.path, servers: [cpu.url] });
    await using rest = connectRest(service.url);
    using grpc = createGrpcClients(service.url);
    const anyId = () => ids[Math.floor(Math.random() * ids.length)] ?? "";
    const create = { url: origin.url, type: "image", workflow: WORKFLOW };
    await keepBusy(rest, create);
    await using bare = await startBareServers(
      JSON.stringify(await rest.get(`/tasks/${anyId()}`)),
      toBinary(GetTaskResponseSchema, await grpc.tasks.getTask({ taskId: anyId() })),
    );
    await using bareRest = connectRest(bare.restUrl);
    using bareGrpc = createGrpcClients(bare.grpcUrl);
    const grpcCreate = { ...create, type: TaskType.IMAGE };
    const calls: Call[] = [
      {
        what: "get over REST",
        run: () => rest.get(`/tasks/${anyId()}`),
        bare: () => bareRest.get(`/tasks/${anyId()}`),
        ...{ goals: [undefined, { atLeast: 0.25 }], isShare: true },
      },
      {
        what: "get over gRPC",
        run: () => grpc.tasks.getTask({ taskId: anyId() }),
        bare: () => bareGrpc.tasks.getTask({ taskId: anyId() }),
        goals: [{ atLeast: 740 }, { atLeast: 1236 }],
      },
      {
        what: "create over REST",
        run: () => rest.post("/tasks", create),
        goals: [{ atLeast: 800 }, { atLeast: 1500 }],
      },
      {
        what: "create over gRPC",
        run: () => grpc.tasks.createTask(grpcCreate),
        goals: [{ atLeast: 624 }, { atLeast: 1430 }],
      },
    ];
    const shares: Figure[] = [];
    const figures: Figure[] = [];
    for (const call of calls)
      for (const index of [0, 1] as const) {
        say(`${call.what}, ${CLIENT_COUNTS[index]} clients`);
        const measured = await measure(call, index);
        shares.push(...measured.shares);
        figures.push(...measured.figures);
      }
    say("writes that share commits");
    return [...shares, ...(await measureCommits()), ...figures];
  },
};

/** Tasks that are at hand take the server's places; those created later wait. */
async function keepBusy(rest: RestClient, create: object): Promise<void> {
  for (let count = 0; count < 3; count += 1) await rest.post("/tasks", create);
  await eventually(async () => (await rest.get("/monitor/stats")).stats.processing === 3);
}

async function warmUp(run: Call["run"], bare: Call["bare"]): Promise<void> {
  await runLoad(CLIENT_COUNTS[1], WARM_MS, run);
  if (bare !== undefined) await runLoad(CLIENT_COUNTS[1], WARM_MS, () => bare());
}

async function measure(call: Call, index: 0 | 1): Promise<{ shares: Figure[]; figures: Figure[] }> {
  const { what, run, bare, goals, isShare = false } = call;
  const count = CLIENT_COUNTS[index];
  const title = `${what}, ${count} client${count === 1 ? "" : "s"}`;
  if (index === 0) await warmUp(run, bare);
  const { perSecond, p99Ms } = await runLoad(count, DURATION_MS, run);
  const goal = defined({ goal: goals[index] });
  const figures: Figure[] = [
    { what: title, value: perSecond, unit: "/s", ...(!isShare && goal) },
    { what: `${title}: p99`, value: p99Ms, unit: "ms" },
  ];
  if (bare === undefined) return { shares: [], figures };
  const { perSecond: bareCount } = await runLoad(count, DURATION_MS, () => bare());
  const share = `${title}: share of the calls of a bare server`;
  return {
    shares: [{ what: share, value: perSecond / bareCount, unit: "", ...(isShare && goal) }],
    figures: [...figures, { what: `${title}: bare server`, value: bareCount, unit: "/s" }],
  };
}
