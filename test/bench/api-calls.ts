import { createGrpcClients, TaskType } from "../../src/client/client.js";
import { makeDirectory } from "./directory.js";
import type { Figure, Subject } from "./figure.js";
import { runLoad } from "./load.js";
import { connectRest } from "./rest-client.js";
import { seedStore } from "./seed-store.js";
import { startService } from "./service.js";

const STORED_COUNT = 10_000;
const CLIENT_COUNTS = [1, 32];
const DURATION_MS = 2_500;
const INPUT_URL = "https://example.com/image.jpg";

interface Call {
  readonly what: string;
  run(): Promise<unknown>;
}

/** Create and get over REST and gRPC, with one client and with many; service and clients share the machine. */
export const apiCalls: Subject = {
  name: "api-calls",
  async measure({ say }) {
    await using directory = await makeDirectory();
    const ids = await seedStore(directory.path, { count: STORED_COUNT, status: "completed" });
    await using service = await startService({ dataDir: directory.path });
    await using rest = connectRest(service.url);
    using grpc = createGrpcClients(service.url);
    const anyId = () => ids[Math.floor(Math.random() * ids.length)] ?? "";
    const create = { url: INPUT_URL, type: "image", workflow: "cpu_image_2x" };
    const grpcCreate = { ...create, type: TaskType.IMAGE };
    const calls: Call[] = [
      { what: "get over REST", run: () => rest.get(`/tasks/${anyId()}`) },
      { what: "get over gRPC", run: () => grpc.tasks.getTask({ taskId: anyId() }) },
      { what: "create over REST", run: () => rest.post("/tasks", create) },
      { what: "create over gRPC", run: () => grpc.tasks.createTask(grpcCreate) },
    ];
    const figures: Figure[] = [];
    for (const { what, run } of calls)
      for (const count of CLIENT_COUNTS) {
        say(`${what}, ${count} clients`);
        const { perSecond, p99Ms } = await runLoad(count, DURATION_MS, run);
        const title = `${what}, ${count} client${count === 1 ? "" : "s"}, ${ids.length} stored`;
        figures.push(
          { what: title, value: perSecond, unit: "/s" },
          { what: `${title}: p99`, value: p99Ms, unit: "ms" },
        );
      }
    return figures;
  },
};
