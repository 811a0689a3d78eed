import type { Config } from "./config/config.js";
import { type InputAgent, openInputAgent } from "./input/download-input.js";
import type { DisposalStack } from "./lib/disposal-stack.js";
import { type AddressGuard, createAddressGuard } from "./net/address-guard.js";

/** What inputs are fetched with. */
interface Inputs {
  readonly guard: AddressGuard;
  readonly inputAgent: InputAgent;
}

/** Opens what decides which addresses inputs may come from, and the connections to them. */
export function openInputs({ input }: Pick<Config, "input">, opened: DisposalStack): Inputs {
  const guard = createAddressGuard({ allow: input.allow });
  return { guard, inputAgent: opened.use(openInputAgent(guard)) };
}
