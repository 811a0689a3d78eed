import { type GraphBody, type GraphLink, type GraphNode, isOff } from "./graph.js";

/**
 * A link without a line that the pack cg-use-everywhere writes into a file: what its node `controller` gets goes to an
 * input that nothing is linked to.
 */
export interface EverywhereLink {
  readonly upstream: string;
  readonly upstream_slot: number;
  readonly downstream: string;
  readonly downstream_slot: number;
  readonly controller: string;
}

/** Makes them links like all others, but those of a node that takes no part in a run. */
export function withEverywhereLinks(
  { nodes, links }: GraphBody,
  everywhere: readonly EverywhereLink[],
): GraphBody {
  const body = { nodes: new Map(nodes), links: new Map(links) };
  for (const [index, link] of everywhere.entries()) {
    const target = body.nodes.get(link.downstream);
    const controller = nodes.get(link.controller);
    const input = target?.inputs[link.downstream_slot];
    const isIdle = controller === undefined || isOff(controller);
    if (target === undefined || isIdle || input === undefined || input.link !== undefined) continue;
    const id = `everywhere-${index}`;
    body.links.set(id, toLink(id, link));
    body.nodes.set(target.id, withLink(target, link.downstream_slot, id));
  }
  return body;
}

function toLink(id: string, link: EverywhereLink): GraphLink {
  return {
    ...{ id, originId: link.upstream, originSlot: link.upstream_slot },
    ...{ targetId: link.downstream, targetSlot: link.downstream_slot },
  };
}

function withLink(node: GraphNode, slot: number, link: string): GraphNode {
  const inputs = node.inputs.map((input, index) => (index === slot ? { ...input, link } : input));
  return { ...node, inputs };
}
