import { openPlaces, type Place } from "./open-places.js";

/** A server that is up, as far as leasing goes. */
export interface ServerPlaces {
  readonly id: string;
  /** Slots that a task could take now. */
  readonly freeSlotCount: number;
  /** Inputs that are fetched ahead for it beyond those. */
  readonly aheadCount: number;
  /** The workflow whose models it has loaded. */
  readonly loadedWorkflow?: string | undefined;
}

/** Where a workflow or one task of it can run, by the ids of servers that are up. */
export interface Reach {
  readonly workflow: string;
  /** Those that have what it needs. */
  readonly servers: readonly string[];
  /** Those of them where it may take a free slot now: not behind a prompt that may be long. */
  readonly startsOn: readonly string[];
}

/** A task that this process holds and that has no slot yet. */
export interface RunAtHand extends Reach {
  /** Its input does not come: its place is another's. */
  readonly isStalled: boolean;
}

/** One try to lease a task. */
export interface LeaseStep {
  /** Names of the workflows whose tasks may be leased. */
  readonly workflows: readonly string[];
  /** Those of them that a server has loaded and has too few inputs of at hand. */
  readonly prefer: readonly string[];
}

/** What to lease next. */
export interface LeasePlan {
  /** In their order, until one finds a task; with none there is nothing to lease. */
  readonly steps: readonly LeaseStep[];
  /** Whether a server has a place for more, whatever is in it. */
  readonly hasPlace: boolean;
}

/** How many inputs of a workflow are fetched at once for each place that it can use, however many of them are stalled. */
const RUNS_PER_PLACE = 4;

/**
 * Says what to lease next, so that no server waits for work that it could have: first for free slots,
 * then ahead for places behind them. A run at hand takes a place only of a server that can run it,
 * and none while all such servers are down; a workflow is worth leasing if one more of its tasks
 * would find a place.
 *
 * @param workflows those that may be leased. Of one that no server can run tasks are leased all the
 *   same, a few at once: to be failed.
 */
export function planLeases(
  servers: readonly ServerPlaces[],
  atHand: readonly RunAtHand[],
  workflows: readonly Reach[],
): LeasePlan {
  const slots = servers.map((server): ServerPlace => placeOf(server, true));
  const places = [...slots, ...servers.map((server) => placeOf(server, false))];
  const bounded = workflows.filter((workflow) => !isCrowded(workflow, places, atHand));
  const moving = atHand.filter(({ isStalled }) => !isStalled);
  const now = stepFor(slots, moving, bounded);
  const ahead = stepFor(places, moving, bounded);
  const hopeless = bounded.filter((one) => one.servers.length === 0).map((one) => one.workflow);
  const isMore = ahead.workflows.length + hopeless.length > now.workflows.length;
  const later = { ...ahead, workflows: [...ahead.workflows, ...hopeless] };
  return {
    steps: [...(now.workflows.length > 0 ? [now] : []), ...(isMore ? [later] : [])],
    hasPlace: ahead.workflows.length > 0,
  };
}

/** A server's free slots, or its places ahead. */
interface ServerPlace extends Place {
  readonly serverId: string;
  readonly isSlot: boolean;
  readonly loadedWorkflow: string | undefined;
}

function placeOf(server: ServerPlaces, isSlot: boolean): ServerPlace {
  const { id: serverId, freeSlotCount, aheadCount, loadedWorkflow } = server;
  return { serverId, isSlot, count: isSlot ? freeSlotCount : aheadCount, loadedWorkflow };
}

function fits({ servers, startsOn }: Reach, { serverId, isSlot }: ServerPlace): boolean {
  return (isSlot ? startsOn : servers).includes(serverId);
}

/** An origin that is slow or gone must not keep servers idle, nor be asked for ever more. */
function isCrowded(
  workflow: Reach,
  places: readonly ServerPlace[],
  atHand: readonly RunAtHand[],
): boolean {
  const runs = atHand.filter((run) => run.workflow === workflow.workflow);
  const count = countOf(places.filter(({ serverId }) => workflow.servers.includes(serverId)));
  return runs.length >= RUNS_PER_PLACE * Math.max(1, count);
}

function stepFor(
  places: readonly ServerPlace[],
  moving: readonly RunAtHand[],
  workflows: readonly Reach[],
): LeaseStep {
  const open = [...openPlaces(places, moving, fits)];
  const worth = workflows.filter((workflow) => open.some((place) => fits(workflow, place)));
  const prefer = worth.filter((workflow) => {
    const own = places.filter((place) => place.loadedWorkflow === workflow.workflow);
    const runs = moving.filter((run) => run.workflow === workflow.workflow);
    return runs.length < countOf(own.filter((place) => fits(workflow, place)));
  });
  const names = (reaches: readonly Reach[]): string[] => reaches.map(({ workflow }) => workflow);
  return { workflows: names(worth), prefer: names(prefer) };
}

function countOf(places: readonly Place[]): number {
  return places.reduce((sum, { count }) => sum + count, 0);
}
