import { z } from "zod";
import type { ComfyHttp } from "../comfy/comfy-http.js";
import { nodeInfo } from "../comfy/node-info.js";
import type { NodeClasses } from "./node-info.js";

/**
 * Asks a server for node classes, one by one: all at once can be many megabytes. Classes that the
 * server does not have are not in the answer.
 *
 * @throws TaskError SERVER_UNREACHABLE or SERVER_FAULT
 */
export async function serverClasses(
  http: ComfyHttp,
  names: readonly string[],
  signal: AbortSignal,
): Promise<NodeClasses> {
  const classes = new Map<string, NonNullable<ReturnType<typeof nodeInfo>>>();
  for (const name of names) {
    const call = {
      action: "read the node classes of",
      path: `/object_info/${encodeURIComponent(name)}`,
      signal,
      limitMs: CLASS_LIMIT_MS,
    };
    const answer = await http.read(call, z.record(z.string(), z.unknown()));
    const info = nodeInfo(answer[name]);
    if (info !== undefined) classes.set(name, info);
  }
  return classes;
}

/** A long limit: to describe a class, a server may have to list the files of a slow disk. */
const CLASS_LIMIT_MS = 60_000;
