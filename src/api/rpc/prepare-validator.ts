import { setImmediate, setTimeout } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import type { Validator } from "@bufbuild/protovalidate";
import { TMLSR_SERVICES } from "./services.js";

/** Whoever waits for the service to listen asks again and again, and is answered first. */
const PAUSE_MS = 250;

/**
 * Makes the validator compile the rules of all requests, a request in a turn of the event loop, so that
 * no client's first request waits for that. Ends without an error when `signal` is aborted.
 */
export async function prepareValidator(validator: Validator, signal: AbortSignal): Promise<void> {
  await setTimeout(PAUSE_MS, undefined, { signal, ref: false }).catch(() => undefined);
  for (const { methods } of TMLSR_SERVICES)
    for (const { input } of methods) {
      if (signal.aborted) return;
      validator.validate(input, create(input));
      await setImmediate();
    }
}
