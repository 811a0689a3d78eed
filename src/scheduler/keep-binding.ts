import type { SlotBook } from "../pool/pool.js";
import type { TaskQueue } from "../store/task-queue.js";
import { persist } from "./persist.js";

/** A task that has come this far waits for a database that does not answer. */
export function keepBinding(store: Pick<TaskQueue, "bindSlot">): SlotBook & Disposable {
  const stop = new AbortController();
  return {
    bindSlot: (fence, slot) => persist(() => store.bindSlot(fence, slot), stop.signal),
    [Symbol.dispose]: () => stop.abort(),
  };
}
