import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type NodeInfo, nodeInfo } from "../../../src/comfy/node-info.js";
import type { NodeClasses } from "../../../src/workflow/node-info.js";

/** Node classes as servers describe them, a file each; its README says which were recorded and which are derived. */
export type RecordedPack =
  | "core"
  | "core-more"
  | "core-2026"
  | "core-0.28"
  | "core-0.30"
  | "core-0.46"
  | "seedvr2"
  | "flashvsr-ultra-fast"
  | "flashvsr-stable"
  | "vhs";

/** The classes of recorded packs, later ones replacing earlier ones of the same name. */
export function recordedClasses(...packs: readonly RecordedPack[]): NodeClasses {
  return new Map(packs.flatMap((pack) => Object.entries(readPack(pack))));
}

/** Classes made up for a test: as a server would describe them. */
export function madeUpClasses(classes: { readonly [name: string]: object }): NodeClasses {
  return new Map(Object.entries(parseAll(classes)));
}

function readPack(pack: RecordedPack): { readonly [name: string]: NodeInfo } {
  const url = new URL(`../../fixtures/object-info/${pack}.json`, import.meta.url);
  return parseAll(JSON.parse(readFileSync(fileURLToPath(url), "utf8")));
}

function parseAll(classes: object): { readonly [name: string]: NodeInfo } {
  return Object.fromEntries(
    Object.entries(classes).map(([name, value]) => {
      const info = nodeInfo(value);
      if (info === undefined) throw new Error(`Fixture class "${name}" is malformed`);
      return [name, info];
    }),
  );
}
