import { openPlaces, type Place } from "./open-places.js";

/** What leasing needs to know of a server that is up. */
export interface ServerPlaces {
  readonly id: string;
  /** Slots that a task could take now. */
  readonly freeSlotCount: number;
  /** Tasks that may be at hand for the server: for those slots, and those fetched ahead. */
  readonly placeCount: number;
  /** The workflow whose models the server has loaded. */
  readonly loadedWorkflow?: string | undefined;
}

/** Where a workflow, or one task of it, can run: ids of servers that are up. */
export interface Reach {
  readonly workflow: string;
  /** The servers that have what the workflow needs. */
  readonly servers: readonly string[];
  /** Those of `servers` where it may take a free slot now: not behind a prompt that may be long. */
  readonly startsOn: readonly string[];
}

/** A task that this process holds and that has no slot yet. */
export interface RunAtHand extends Reach {
  /** Its input does not come, so its place goes to another. */
  readonly isStalled: boolean;
}

/** One try to lease a task. */
export interface LeaseStep {
  /** Names of the workflows whose tasks may be leased. */
  readonly workflows: readonly string[];
  /** Those of `workflows` that a server has loaded and has too few inputs of at hand. */
  readonly prefer: readonly string[];
}

/** What to lease next. */
export interface LeasePlan {
  /** Tried in their order until one finds a task. Without steps there is nothing to lease. */
  readonly steps: readonly LeaseStep[];
  /** Whether a server has a place for one more task, of whatever workflow. */
  readonly hasPlace: boolean;
}

/** Inputs of a workflow that are fetched at once for each place it can use, stalled ones too. */
const RUNS_PER_PLACE = 4;

/**
 * Says what to lease next, so that no server waits for work that it could have: first what
 * could take a free slot now, then what is fetched ahead. A run at hand takes a place only of a server that
 * can run it, and no place while all such servers are down. A workflow is worth leasing if one more
 * of its tasks would find a place.
 *
 * @param workflows those that may be leased. Tasks of a workflow that no server can run are
 *   leased too, a few at once, so that they fail.
 */
export function planLeases(
  servers: readonly ServerPlaces[],
  atHand: readonly RunAtHand[],
  workflows: readonly Reach[],
): LeasePlan {
  const slots = servers.map((server) => placeOf(server, server.freeSlotCount, true));
  const places = servers.map((server) => placeOf(server, server.placeCount, false));
  const bounded = workflows.filter((workflow) => !isCrowded(workflow, places, atHand));
  const moving = atHand.filter(({ isStalled }) => !isStalled);
  const now = stepFor(slots, moving, bounded);
  const ahead = stepFor(places, moving, bounded);
  const hopeless = bounded.filter((one) => one.servers.length === 0).map((one) => one.workflow);
  const later = { ...ahead, workflows: [...ahead.workflows, ...hopeless] };
  const isMore = later.workflows.some((name) => !now.workflows.includes(name));
  return {
    steps: [...(now.workflows.length > 0 ? [now] : []), ...(isMore ? [later] : [])],
    hasPlace: now.workflows.length + ahead.workflows.length > 0,
  };
}

/** The places of one server: its free slots, or all. */
interface ServerPlace extends Place {
  readonly serverId: string;
  readonly isSlot: boolean;
  readonly loadedWorkflow: string | undefined;
}

function placeOf(server: ServerPlaces, count: number, isSlot: boolean): ServerPlace {
  const { id: serverId, loadedWorkflow } = server;
  return { serverId, isSlot, count, loadedWorkflow };
}

function fits({ servers, startsOn }: Reach, { serverId, isSlot }: ServerPlace): boolean {
  return (isSlot ? startsOn : servers).includes(serverId);
}

/**
 * Whether a workflow has too many inputs at hand: a slow or dead origin must not keep servers idle,
 * nor be asked for more and more.
 */
function isCrowded(
  workflow: Reach,
  places: readonly ServerPlace[],
  atHand: readonly RunAtHand[],
): boolean {
  // One that is held to servers which are down, while others could run the workflow, is in nobody's way.
  const isInTheWay = (run: RunAtHand): boolean =>
    run.servers.length > 0 || workflow.servers.length === 0;
  const runs = atHand.filter((run) => run.workflow === workflow.workflow && isInTheWay(run));
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
