import { parentPort } from "node:worker_threads";
import { loadNetwork, type Network } from "./network.js";
import type { ThreadReply, ThreadRequest } from "./network-thread.js";

// The entry of a worker thread, which keeps the network loaded and enlarges one tile after the
// other.

let network: Promise<Network> | undefined;

parentPort?.on("message", (request: ThreadRequest) => {
  void answer(request).then((reply) => {
    const buffers = "rgb" in reply ? [reply.rgb.buffer as ArrayBuffer] : [];
    parentPort?.postMessage(reply, buffers);
  });
});

async function answer({ context }: ThreadRequest): Promise<ThreadReply> {
  try {
    network ??= loadNetwork();
    const loaded = await network;
    return context === undefined ? { loaded: true } : loaded.double(context);
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
