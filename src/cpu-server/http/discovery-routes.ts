import { freemem, totalmem } from "node:os";
import type { FastifyInstance } from "fastify";
import type { JsonObject } from "../json.js";
import { MODEL_NAMES } from "../network/upscaler.js";
import type { NodeClasses } from "../nodes/node-class.js";
import { objectInfo } from "../nodes/object-info.js";
import { addRoute } from "./http-server.js";

/** Adds the routes that tell clients what this server is and has. */
export function addDiscoveryRoutes(
  app: FastifyInstance,
  nodes: NodeClasses,
  features: JsonObject,
): void {
  addRoute(app, "/system_stats", { GET: async () => systemStats() });
  addRoute(app, "/features", { GET: async () => features });
  addRoute(app, "/object_info", {
    GET: async () => {
      const infos = [...nodes].map(async ([name, node]) => [name, await objectInfo(node)]);
      return Object.fromEntries(await Promise.all(infos));
    },
  });
  addRoute(app, "/object_info/:name", {
    GET: async ({ params }) => {
      const { name } = params as { name: string };
      const node = nodes.get(name);
      return node === undefined ? {} : { [name]: await objectInfo(node) };
    },
  });
  addRoute(app, "/models", { GET: async () => ["upscale_models"] });
  addRoute(app, "/models/:folder", {
    GET: async ({ params }, reply) => {
      const { folder } = params as { folder: string };
      if (folder !== "upscale_models") return await reply.code(404).send();
      return [...MODEL_NAMES];
    },
  });
  addRoute(app, "/ws", { GET: async (_request, reply) => await reply.code(400).send() });
}

/** Python's and PyTorch's versions are left out, since there are none. */
function systemStats(): JsonObject {
  const ramTotal = totalmem();
  const ramFree = freemem();
  return {
    system: {
      os: "posix",
      ram_total: ramTotal,
      ram_free: ramFree,
      comfyui_version: VERSION,
      embedded_python: false,
      argv: ["cpu-server", "--cpu", "--disable-metadata"],
    },
    devices: [
      {
        name: "cpu",
        type: "cpu",
        index: null,
        vram_total: ramTotal,
        vram_free: ramFree,
        torch_vram_total: ramTotal,
        torch_vram_free: ramFree,
      },
    ],
  };
}

// The version of ComfyUI that this server behaves like, with a mark that it is not ComfyUI.
const VERSION = "0.3.64+cpu-server";
