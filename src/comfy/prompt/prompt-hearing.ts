import type { ComfyServer } from "../comfy-server.js";
import type { PromptListener } from "../events/comfy-events.js";
import type { PromptSighting } from "./look-for-prompt.js";

/**
 * Listens for one prompt's events under the client id that submitted it. That id may belong to
 * another process or to a closed connection. If a socket is silent for long while it should hear
 * something, it may be deaf, and no other sign shows that. So it is connected anew.
 */
export class PromptHearing implements Disposable {
  readonly #server: ComfyServer;
  readonly #listening: Disposable;
  #clientId: string | undefined;
  #hearing: Disposable | undefined;
  #silentSinceMs = performance.now();

  constructor(server: ComfyServer, promptId: string, listener: PromptListener) {
    this.#server = server;
    this.#listening = server.events.listen(promptId, listener);
  }

  /**
   * Takes the answer of a poll and makes sure that the prompt's events are heard.
   *
   * @param isInDoubt makes the connection anew.
   * @returns since when the events can be heard; undefined: they cannot, so that silence means nothing.
   */
  check(sighting: PromptSighting, isInDoubt: boolean): number | undefined {
    if (sighting.state !== "pending" && sighting.state !== "running") return undefined;
    const { clientId } = sighting;
    if (clientId === undefined) return undefined;
    const { events } = this.#server;
    if (clientId !== this.#clientId || events.socketOf(clientId) === undefined)
      this.#hearAs(clientId);
    const socket = events.socketOf(clientId);
    if (socket === undefined || !socket.isHearing) return undefined;
    if (sighting.state === "running") this.#renewIfSilent(socket, isInDoubt);
    return socket.isHearing ? socket.hearingSinceMs : undefined;
  }

  [Symbol.dispose](): void {
    this.#hearing?.[Symbol.dispose]();
    this.#listening[Symbol.dispose]();
  }

  #hearAs(clientId: string): void {
    this.#hearing?.[Symbol.dispose]();
    this.#hearing = this.#server.events.hearAs(clientId);
    this.#clientId = clientId;
  }

  #renewIfSilent(
    socket: { readonly heardAtMs: number; reconnect(reason: string): void },
    isInDoubt: boolean,
  ): void {
    this.#silentSinceMs = Math.max(this.#silentSinceMs, socket.heardAtMs);
    const nowMs = performance.now();
    if (!isInDoubt && nowMs - this.#silentSinceMs < this.#server.limits.deafMs) return;
    this.#silentSinceMs = nowMs;
    socket.reconnect("silent while a prompt runs");
  }
}
