import type { FastifyInstance } from "fastify";
import { isJsonObject, type JsonObject } from "../json.js";
import type { Switches } from "./switches.js";

/** Adds the hook that carries out the `memory` switch on what `/system_stats` answers. */
export function addStatedMemory(app: FastifyInstance, switches: () => Switches): void {
  app.addHook("preSerialization", async ({ url }, _reply, payload) => {
    const { memory } = switches();
    const isStats = url.split("?")[0] === "/system_stats" && isJsonObject(payload);
    return memory === undefined || !isStats ? payload : withMemory(payload, memory);
  });
}

function withMemory(stats: JsonObject, memory: NonNullable<Switches["memory"]>): JsonObject {
  const { deviceBytes, machineBytes } = memory;
  const device = { name: "cuda:0 A Card", type: "cuda", index: 0, vram_total: deviceBytes };
  return {
    ...stats,
    system: { ...(stats["system"] as JsonObject), ram_total: machineBytes },
    devices: [device],
  };
}
