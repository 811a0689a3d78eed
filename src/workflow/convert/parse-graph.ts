import { z } from "zod";
import type { Json } from "../../domain/task.js";
import { defined } from "../../lib/defined.js";
import { invalidWorkflow } from "../invalid-workflow.js";
import { firstIssue } from "../read/first-issue.js";
import { withEverywhereLinks } from "./everywhere-links.js";
import type { Graph, GraphBody, GraphLink, GraphNode, Subgraph } from "./graph.js";

/** Whether a file is in the UI format. */
export function isGraph(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return "nodes" in value && "links" in value && Array.isArray(value.nodes);
}

/** Reads a file in the UI format, of either schema. @throws TaskError WORKFLOW_INVALID */
export function parseGraph(file: string, value: unknown): Graph {
  const result = graph.safeParse(value);
  if (!result.success) throw invalidWorkflow(file, firstIssue(result.error));
  const { definitions, ...root } = result.data;
  const subgraphs = (definitions?.subgraphs ?? []).map(toSubgraph);
  return { ...toBody(root), subgraphs: new Map(subgraphs.map((one) => [one.id, one])) };
}

const json: z.ZodType<Json> = z.json();
const id = z.union([z.string(), z.number()]).transform(String);

// In older files a combo's type is its list, and 0 stands for any type.
const slotType = z
  .union([z.string(), z.number(), z.array(json)])
  .nullish()
  .transform((type) => (Array.isArray(type) ? "COMBO" : typeof type === "string" ? type : "*"));

const input = z.object({
  name: z.string(),
  type: slotType,
  link: id.nullish(),
  widget: z.unknown().optional(),
});

const values = z.union([z.array(json), z.record(z.string(), json)]);
const proxyWidgets = z.array(
  z.tuple([id, z.string()], z.unknown()).transform(([node, widget]) => [node, widget] as const),
);

const node = z.object({
  id,
  type: z.string(),
  title: z.string().nullish(),
  mode: z.number().nullish(),
  inputs: z.array(input).nullish(),
  outputs: z.array(z.object({ type: slotType })).nullish(),
  widgets_values: values.nullish(),
  widgets_values_named: z.record(z.string(), json).nullish(),
  properties: z
    .object({
      "Node name for S&R": z.string().nullish().catch(null),
      proxyWidgets: z.unknown().optional(),
    })
    .nullish()
    .catch(null),
});

// The older of the two link formats: [id, origin, slot, target, slot, type].
const linkRow = z
  .tuple([id, id, z.number(), id, z.number()], z.unknown())
  .transform(([id, originId, originSlot, targetId, targetSlot]) => ({
    id,
    originId,
    originSlot,
    targetId,
    targetSlot,
  }));

const linkObject = z
  .object({ id, origin_id: id, origin_slot: z.number(), target_id: id, target_slot: z.number() })
  .transform((link) => ({
    id: link.id,
    originId: link.origin_id,
    originSlot: link.origin_slot,
    targetId: link.target_id,
    targetSlot: link.target_slot,
  }));

const everywhereLink = z.object({
  upstream: id,
  upstream_slot: z.number(),
  downstream: id,
  downstream_slot: z.number(),
  controller: id,
});

const body = z.object({
  nodes: z.array(node),
  // Removed links leave holes.
  links: z.array(z.union([linkRow, linkObject, z.null()])),
  extra: z
    .object({ ue_links: z.array(everywhereLink) })
    .nullish()
    .catch(null),
});

const subgraph = body.extend({
  id: z.string(),
  name: z.string().default(""),
  inputs: z.array(z.object({ name: z.string() })).nullish(),
});

const graph = body.extend({
  definitions: z.object({ subgraphs: z.array(subgraph).nullish() }).nullish(),
});

function toSubgraph(parsed: z.infer<typeof subgraph>): Subgraph {
  const { id, name, inputs } = parsed;
  return { ...toBody(parsed), id, name, inputNames: (inputs ?? []).map((one) => one.name) };
}

function toBody({ nodes, links, extra }: z.infer<typeof body>): GraphBody {
  const present = links.filter((link): link is GraphLink => link !== null);
  const drawn = {
    nodes: new Map(nodes.map((one) => [one.id, toNode(one)])),
    links: new Map(present.map((link) => [link.id, link])),
  };
  return withEverywhereLinks(drawn, extra?.ue_links ?? []);
}

function toNode(parsed: z.infer<typeof node>): GraphNode {
  const className = parsed.properties?.["Node name for S&R"];
  return {
    id: parsed.id,
    type: parsed.type,
    mode: parsed.mode ?? 0,
    inputs: (parsed.inputs ?? []).map(({ name, type, link, widget }) => ({
      name,
      type,
      isWidget: widget !== undefined && widget !== null,
      ...defined({ link: link ?? undefined }),
    })),
    outputTypes: (parsed.outputs ?? []).map(({ type }) => type),
    values: parsed.widgets_values ?? [],
    namedValues: parsed.widgets_values_named ?? {},
    proxyWidgets: proxyWidgets.catch([]).parse(parsed.properties?.proxyWidgets),
    ...defined({ className: className || undefined, title: parsed.title || undefined }),
  };
}
