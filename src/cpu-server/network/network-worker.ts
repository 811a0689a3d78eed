import { parentPort } from "node:worker_threads";
import { loadNetwork, type Network } from "./esrgan.js";
import { crop, type Frame } from "./frame.js";
import type { TileReply, TileRequest } from "./network-thread.js";

// The entry of a worker thread, which keeps one network loaded and enlarges one tile after the
// other.

let network: Network | undefined;

parentPort?.on("message", (request: TileRequest) => {
  void answer(request).then((reply) => {
    const buffers = "rgb" in reply ? [reply.rgb.buffer as ArrayBuffer] : [];
    parentPort?.postMessage(reply, buffers);
  });
});

async function answer(request: TileRequest): Promise<TileReply> {
  try {
    if (network?.scale !== request.scale) {
      network?.dispose();
      network = await loadNetwork(request.scale);
    }
    return request.tile === undefined ? { loaded: true } : enlarge(network, request.tile);
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** Enlarges a tile with its margin, then cuts the margin off. */
function enlarge(network: Network, { context, keep }: NonNullable<TileRequest["tile"]>): Frame {
  const { left, top, width, height } = keep;
  const { scale } = network;
  const output = network.upscale(context);
  return crop(output, left * scale, top * scale, width * scale, height * scale);
}
