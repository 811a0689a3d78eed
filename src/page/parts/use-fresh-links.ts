import { effect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Task } from "../../client/gen/tmlsr/v1/task_pb.js";
import { useModel } from "../use-model.js";

/** A task is read again so long before its signed links end. */
const EARLY_MS = 60_000;
const AGAIN_MS = 60_000;

/**
 * Reads a task again when its signed links are about to end, for as long as the task is shown: of one
 * that does not change, nothing else would bring new ones.
 */
export function useFreshLinks({ taskId, linkQuery }: Task): void {
  const { clients, table, nowMs } = useModel();
  useEffect(() => {
    const stop = new AbortController();
    let askAtMs = endMs(linkQuery) - EARLY_MS;
    const ask = async (): Promise<void> => {
      try {
        const { task } = await clients.tasks.getTask({ taskId }, { signal: stop.signal });
        if (task !== undefined) table.merge([task]);
      } catch {
        // Without the service the pictures would not come either: it is asked again.
      }
    };
    const end = effect(() => {
      if (nowMs.value < askAtMs) return;
      askAtMs = nowMs.value + AGAIN_MS;
      void ask();
    });
    return () => {
      end();
      stop.abort();
    };
  }, [taskId, linkQuery]);
}

/** When signed links end; those of a service without keys never do. */
function endMs(linkQuery = ""): number {
  const [, seconds] = /(?:^|&)expires=(\d+)/.exec(linkQuery) ?? [];
  return seconds === undefined ? Number.POSITIVE_INFINITY : Number(seconds) * 1000;
}
