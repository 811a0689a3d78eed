/**
 * One ratio for a whole prompt, computed from the events of its nodes. ComfyUI 0.3.64 sends the map
 * of all nodes that have begun (`progress_state`), the steps of the running node (`progress`), and
 * the names of nodes that start, end or were cached. Older servers send no map.
 */

import { defined } from "../../lib/defined.js";
import type { NodeProgress, PromptEvent } from "../events/comfy-event.js";
import type { Prompt } from "./prompt.js";

/** The progress of a prompt. */
export interface PromptUpdate {
  /** 0 to 1. It never falls. */
  readonly ratio: number;
  /** The title of the running node, or its class if it has no title. */
  readonly runningNode?: string;
  /** The progress of the running node, in its own steps. */
  readonly step?: { readonly value: number; readonly max: number };
}

/** Keeps account of a prompt's nodes. It does no I/O: it takes events and computes the progress. */
export class PromptProgress {
  readonly #prompt: Prompt;
  readonly #weights: ReadonlyMap<string, number>;
  /** By node id, 0 to 1. */
  readonly #ratios = new Map<string, number>();
  #runningId: string | undefined;
  #step: PromptUpdate["step"];
  #ratio = 0;
  #hasMap = false;

  /**
   * @param weights the share of the time that each node takes, by node id, in any unit; the default
   *   depends on the class
   */
  constructor(prompt: Prompt, weights: { readonly [nodeId: string]: number } = {}) {
    this.#prompt = prompt;
    this.#weights = new Map(
      Object.entries(prompt).map(([id, { class_type }]) => [
        id,
        weights[id] ?? classWeight(class_type),
      ]),
    );
  }

  /** The node that runs, as far as is known. */
  get runningId(): string | undefined {
    return this.#runningId;
  }

  get update(): PromptUpdate {
    const node = this.#runningId === undefined ? undefined : this.#prompt[this.#runningId];
    return defined({
      ratio: this.#ratio,
      runningNode: node?._meta?.title ?? node?.class_type,
      step: node && this.#step,
    });
  }

  /** Takes an event. @returns whether the update changed */
  apply(event: PromptEvent): boolean {
    const before = JSON.stringify(this.update);
    this.#take(event);
    this.#ratio = Math.max(this.#ratio, this.#sum());
    return JSON.stringify(this.update) !== before;
  }

  #take(event: PromptEvent): void {
    switch (event.type) {
      case "execution_cached":
        for (const id of event.nodeIds) this.#raise(id, 1);
        break;
      case "progress_state":
        this.#takeNodes(event.nodes);
        break;
      case "progress":
        this.#takeStep(event.nodeId, event.value, event.max);
        break;
      case "executing":
        this.#run(event.nodeId);
        break;
      case "executed":
        this.#raise(event.nodeId, 1);
        break;
      case "execution_success":
        for (const id of this.#weights.keys()) this.#raise(id, 1);
        this.#run(undefined);
        break;
      case "execution_start":
      case "execution_interrupted":
      case "execution_error":
        break;
    }
  }

  #takeNodes(nodes: ReadonlyMap<string, NodeProgress>): void {
    this.#hasMap = true;
    for (const [id, { value, max, isFinished, displayNodeId }] of nodes) {
      if (isFinished) this.#raise(id, 1);
      else if (id === displayNodeId) this.#takeStep(id, value, max);
      else this.#run(displayNodeId);
    }
  }

  #takeStep(nodeId = this.#runningId, value: number, max: number): void {
    if (nodeId === undefined) return;
    this.#run(nodeId);
    if (max <= 0) return;
    // Every node begins with 0 of 1, even if it has no steps.
    if (max > 1) this.#step = { value, max };
    this.#raise(nodeId, Math.min(1, value / max));
  }

  #run(nodeId: string | undefined): void {
    const isStranger = nodeId !== undefined && !this.#weights.has(nodeId);
    if (nodeId === this.#runningId || isStranger) return;
    // Without the map, no other event tells that a node has ended.
    if (!this.#hasMap && this.#runningId !== undefined) this.#raise(this.#runningId, 1);
    this.#runningId = nodeId;
    this.#step = undefined;
  }

  // A node may count its steps several times, e.g. when it tries again with smaller tiles.
  #raise(nodeId: string, ratio: number): void {
    this.#ratios.set(nodeId, Math.max(this.#ratios.get(nodeId) ?? 0, ratio));
  }

  #sum(): number {
    let done = 0;
    let all = 0;
    for (const [id, weight] of this.#weights) {
      done += weight * (this.#ratios.get(id) ?? 0);
      all += weight;
    }
    return all === 0 ? 0 : done / all;
  }
}

/**
 * Nodes that run a network take nearly all of a prompt's time. Reading and writing videos takes
 * most of the rest.
 */
function classWeight(classType: string): number {
  if (NETWORK_CLASS.test(classType)) return 100;
  return MEDIA_CLASS.test(classType) ? 5 : 1;
}

const NETWORK_CLASS =
  /UpscaleWithModel|SeedVR2VideoUpscaler|FlashVSR|Sampler|^VAE(De|En)code|^VSRDecode/;
const MEDIA_CLASS = /Video|Animated|WEBM/;
