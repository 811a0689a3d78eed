import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  planLeases,
  type Reach,
  type RunAtHand,
  type ServerPlaces,
} from "../../../../src/scheduler/plan/lease-plan.js";

/** A server with one free slot, for which two more inputs are fetched ahead. */
function free(id: string, over: Partial<ServerPlaces> = {}): ServerPlaces {
  return { id, freeSlotCount: 1, placeCount: 3, ...over };
}

/** A server that runs a prompt. */
function busy(id: string, over: Partial<ServerPlaces> = {}): ServerPlaces {
  return free(id, { freeSlotCount: 0, placeCount: 2, ...over });
}

/** @param servers their names, a letter each. */
function reach(workflow: string, servers: string, startsOn = servers): Reach {
  return { workflow, servers: [...servers], startsOn: [...startsOn] };
}

function runs(count: number, workflow: string, servers: string, isStalled = false): RunAtHand[] {
  return Array.from({ length: count }, () => ({ ...reach(workflow, servers), isStalled }));
}

/** The steps as words, `x y (y)` for those that lease x and y and prefer y. */
function steps(...input: Parameters<typeof planLeases>): string[] {
  return planLeases(...input).steps.map(({ workflows, prefer }) =>
    [...workflows, ...(prefer.length > 0 ? [`(${prefer.join(" ")})`] : [])].join(" "),
  );
}

describe("planLeases()", () => {
  const large = reach("large", "A");
  const small = reach("small", "AB");

  type Case = [
    name: string,
    servers: readonly ServerPlaces[],
    atHand: readonly RunAtHand[],
    workflows: readonly Reach[],
    expected: readonly string[],
  ];
  test.each<Case>([
    ["nothing without servers", [], [], [reach("small", "")], ["small"]],
    [
      "in spite of runs that are held to servers which are down",
      [free("A")],
      runs(50, "small", ""),
      [reach("small", "A")],
      ["small"],
    ],
    ["everything while all is free", [free("A"), free("B")], [], [large, small], ["large small"]],
    [
      "for a free slot before places ahead",
      [busy("A"), free("B")],
      [],
      [large, small],
      ["small", "large small"],
    ],
    [
      "ahead only, once a run at hand will take the free slot",
      [busy("A"), free("B")],
      runs(1, "small", "B"),
      [large, small],
      ["large small"],
    ],
    [
      "for a free slot that the runs at hand leave to it by taking another",
      [free("A"), free("B")],
      runs(1, "small", "AB"),
      [large, small],
      ["large small"],
    ],
    [
      "nothing that only a server with all places taken can run",
      [busy("A"), busy("B")],
      runs(2, "large", "A"),
      [large, small],
      ["small"],
    ],
    ["nothing while all places are taken", [busy("A")], runs(2, "small", "A"), [small], []],
    [
      "as ever, whatever waits for a server that is down",
      [free("B")],
      runs(6, "large", ""),
      [reach("small", "B")],
      ["small"],
    ],
    [
      "for a free slot although runs at hand that could use it may not start there now",
      [free("A")],
      [{ ...reach("long", "A", ""), isStalled: false }],
      [reach("short", "A"), reach("long", "A", "")],
      ["short", "short long"],
    ],
    [
      "in place of inputs that do not come",
      [busy("A")],
      runs(2, "small", "A", true),
      [small],
      ["small"],
    ],
    [
      "no more than four for each place, however many inputs do not come",
      [busy("A")],
      runs(8, "small", "A", true),
      [small, large],
      ["large"],
    ],
    [
      "a few tasks that no server can run, to be failed",
      [busy("A")],
      runs(2, "small", "A"),
      [small, reach("gone", "")],
      ["gone"],
    ],
    [
      "no more than a few of those",
      [busy("A")],
      [...runs(2, "small", "A"), ...runs(4, "gone", "")],
      [small, reach("gone", "")],
      [],
    ],
    ["nothing ahead where it may not", [busy("A", { placeCount: 0 })], [], [small], []],
    [
      "for a free slot even where all places are taken by what may not start there now",
      [free("A", { placeCount: 1 }), busy("B")],
      runs(1, "long", "A").map((run) => ({ ...run, startsOn: [] })),
      [reach("short", "A"), reach("other", "B")],
      ["short", "other"],
    ],
  ])("leases %s", (_name, servers, atHand, workflows, expected) => {
    expect(steps(servers, atHand, workflows)).toEqual(expected);
  });

  test.each<Case>([
    [
      "what a free server has loaded",
      [free("A", { loadedWorkflow: "large" }), busy("B", { loadedWorkflow: "small" })],
      [],
      [large, small],
      ["large small (large)"],
    ],
    [
      "what a server has loaded and has too few inputs of",
      [busy("A", { loadedWorkflow: "large" }), busy("B", { loadedWorkflow: "small" })],
      runs(2, "large", "A"),
      [large, small],
      ["small (small)"],
    ],
    [
      "nothing that only a server has loaded that cannot run it",
      [busy("B", { loadedWorkflow: "large" }), busy("A")],
      [],
      [large, small],
      ["large small"],
    ],
  ])("prefers %s", (_name, servers, atHand, workflows, expected) => {
    expect(steps(servers, atHand, workflows)).toEqual(expected);
  });

  test("says whether there is a place: what no server can run needs none", () => {
    const gone = reach("gone", "");
    expect(planLeases([busy("A")], runs(2, "small", "A"), [small, gone]).hasPlace).toBe(false);
    expect(planLeases([busy("A")], runs(1, "small", "A"), [small, gone]).hasPlace).toBe(true);
  });
});

describe("leasing by plan, in any pool", () => {
  const SERVERS = [..."ABCD"];
  const anyServers = fc
    .uniqueArray(
      fc.record({
        id: fc.constantFrom(...SERVERS),
        freeSlotCount: fc.nat(2),
        aheadCount: fc.nat(2),
      }),
      { selector: ({ id }) => id },
    )
    .map((servers) =>
      servers.map(({ aheadCount, ...server }) => ({
        ...server,
        placeCount: server.freeSlotCount + aheadCount,
      })),
    );
  const anyWorkflows = fc.uniqueArray(
    fc.record({ workflow: fc.constantFrom(..."vwxyz"), servers: fc.subarray(SERVERS) }),
    { selector: ({ workflow }) => workflow },
  );
  /** By the places of their workflows in the list. */
  const anyQueue = fc.array(fc.nat(4), { maxLength: 20 });

  interface Pool {
    readonly servers: readonly ServerPlaces[];
    readonly workflows: readonly Reach[];
    /** Names of the workflows of due tasks, the oldest first. */
    readonly due: readonly string[];
  }

  const anyPool = fc
    .record({ servers: anyServers, workflows: anyWorkflows, queue: anyQueue })
    .map(({ servers, workflows, queue }): Pool => {
      const up = servers.map(({ id }) => id);
      const reaches = workflows.map((one) =>
        reach(one.workflow, one.servers.filter((id) => up.includes(id)).join("")),
      );
      const due = queue.flatMap((index) => reaches[index]?.workflow ?? []);
      return { servers, workflows: reaches, due };
    });

  /** Leases until nothing is found, as the scheduler does; each lease with what was at hand before it. */
  function leaseAll(
    pool: Pool,
    before: readonly RunAtHand[] = [],
  ): { readonly run: RunAtHand; readonly atHand: readonly RunAtHand[]; due: readonly string[] }[] {
    const leases: { run: RunAtHand; atHand: readonly RunAtHand[]; due: readonly string[] }[] = [];
    let atHand = before;
    let due = pool.due;
    for (;;) {
      const plan = planLeases(pool.servers, atHand, pool.workflows);
      const found = plan.steps.flatMap(
        ({ workflows }) => due.find((name) => workflows.includes(name)) ?? [],
      )[0];
      const workflow = pool.workflows.find((one) => one.workflow === found);
      if (workflow === undefined) return leases;
      const run = { ...workflow, isStalled: false };
      leases.push({ run, atHand, due });
      atHand = [...atHand, run];
      due = due.toSpliced(due.indexOf(workflow.workflow), 1);
    }
  }

  test("what a server with a free slot can run is leased next, while there is any", () => {
    const holds = fc.property(anyPool, (pool) => {
      const slots = pool.servers.map(({ id, freeSlotCount }) => ({ id, count: freeSlotCount }));
      for (const { run, atHand, due } of leaseAll(pool)) {
        const taken = mostPlaced(slots, atHand);
        const startsNow = (one: Reach): boolean => mostPlaced(slots, [...atHand, one]) > taken;
        const isAnyDue = pool.workflows.some((one) => due.includes(one.workflow) && startsNow(one));
        expect(startsNow(run)).toBe(isAnyDue);
      }
    });
    fc.assert(holds, { numRuns: 300 });
  });

  test("in the end each place is taken or of no use to what is due, and no run is without", () => {
    const holds = fc.property(anyPool, (pool) => {
      const places = pool.servers.map(({ id, placeCount }) => ({ id, count: placeCount }));
      const leased = leaseAll(pool).map(({ run }) => run);
      const placed = leased.filter(({ servers }) => servers.length > 0);
      expect(mostPlaced(places, placed)).toBe(placed.length);
      const rest = leased.reduce(
        (due, { workflow }) => due.toSpliced(due.indexOf(workflow), 1),
        pool.due,
      );
      for (const one of pool.workflows)
        if (rest.includes(one.workflow))
          expect(mostPlaced(places, [...placed, one])).toBe(placed.length);
    });
    fc.assert(holds, { numRuns: 300 });
  });

  test("what waits for servers that are down changes nothing", () => {
    const holds = fc.property(anyPool, fc.nat(20), (pool, count) => {
      const names = (before: readonly RunAtHand[]) =>
        leaseAll(pool, before).map(({ run }) => run.workflow);
      expect(names(runs(count, "elsewhere", ""))).toEqual(names([]));
    });
    fc.assert(holds);
  });
});

/** How many of the runs find a place at most, by trying all ways. */
function mostPlaced(
  places: readonly { readonly id: string; readonly count: number }[],
  some: readonly Reach[],
): number {
  const memo = new Map<string, number>();
  const most = (index: number, left: readonly number[]): number => {
    const run = some[index];
    if (run === undefined) return 0;
    const key = `${index} ${left.join()}`;
    const known = memo.get(key);
    if (known !== undefined) return known;
    const counts = places.flatMap(({ id }, at) =>
      run.servers.includes(id) && (left[at] ?? 0) > 0
        ? 1 + most(index + 1, left.with(at, (left[at] ?? 0) - 1))
        : [],
    );
    const best = Math.max(most(index + 1, left), ...counts);
    memo.set(key, best);
    return best;
  };
  return most(
    0,
    places.map(({ count }) => count),
  );
}
