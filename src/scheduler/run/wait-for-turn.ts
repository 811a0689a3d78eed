import { Deadline } from "../../lib/deadline.js";
import { untilAborted } from "../../lib/until-aborted.js";
import type { PoolServer, SlotHolder } from "../../pool/server/pool-server.js";

/** A GPU idles no longer than this for an input that is long in coming to its server. */
const TURN_MS = 2_000;

/**
 * Waits until the tasks that got slots of a server before have sent their prompts, so that prompts
 * come to it in that order; only for a moment, since the input of one before may be a large one.
 *
 * @throws the signal's reason when aborted.
 */
export async function waitForTurn(
  server: PoolServer,
  holder: SlotHolder,
  signal: AbortSignal,
): Promise<void> {
  const before = server.heldBefore(holder).map(({ sent }) => sent);
  if (before.length === 0) return;
  using moment = new Deadline(signal, TURN_MS);
  await untilAborted(Promise.all(before), moment.signal).catch(() => signal.throwIfAborted());
}
