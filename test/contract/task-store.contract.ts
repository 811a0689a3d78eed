import { describe } from "vitest";
import type { TaskStore } from "../../src/store/task-store.js";
import { describeAudit } from "./task-store.audit.js";
import { describeCanceling } from "./task-store.cancel.js";
import { describeCreating } from "./task-store.create.js";
import { describeFilmOrder } from "./task-store.film-order.js";
import { describeFilmRaces } from "./task-store.film-races.js";
import { describeFilms } from "./task-store.films.js";
import { describeFollowing } from "./task-store.follow.js";
import { describeHistory } from "./task-store.history.js";
import { describeHolding } from "./task-store.hold.js";
import { describeKeeping } from "./task-store.keep.js";
import { describeKeys } from "./task-store.keys.js";
import { describeLearning } from "./task-store.learn.js";
import { describeLeasing } from "./task-store.lease.js";
import { describeModel } from "./task-store.model.js";
import { describeOutbox } from "./task-store.outbox.js";
import { describeRetention } from "./task-store.retention.js";
import { describeSettling } from "./task-store.settle.js";
import { describeTelling } from "./task-store.tell.js";
import { describeTenants } from "./task-store.tenants.js";

/** An empty store with what a test may do to it; disposing it closes every handle. */
export interface StoreFixture extends AsyncDisposable {
  readonly store: TaskStore;
  /** Another client of the same data; the same object where the adapter allows but one. */
  readonly rival: TaskStore;
  /** Lets time pass for the store: moves its clock, or really waits. */
  advance(ms: number): Promise<void>;
  /** Whether its time stands still but for {@link advance}. */
  readonly isClockSteady: boolean;
}

export type OpenStore = () => Promise<StoreFixture>;

/** How thoroughly to test an adapter. */
export interface ContractOptions {
  /** Random histories to compare with the model. @default 50 */
  readonly modelRunCount?: number;
}

/** What every TaskStore must do, whatever it is made of. */
export function describeTaskStore(
  name: string,
  open: OpenStore,
  { modelRunCount = 50 }: ContractOptions = {},
): void {
  describe(`TaskStore on ${name}`, () => {
    describeCreating(open);
    describeKeeping(open);
    describeLearning(open);
    describeTelling(open);
    describeFollowing(open);
    describeHistory(open);
    describeKeys(open);
    describeAudit(open);
    describeLeasing(open);
    describeHolding(open);
    describeSettling(open);
    describeCanceling(open);
    describeRetention(open);
    describeFilms(open);
    describeFilmOrder(open);
    describeFilmRaces(open);
    describeOutbox(open);
    describeTenants(open);
    describeModel(open, modelRunCount);
  });
}
