import { statSync } from "node:fs";
import type { ComfyServer } from "../comfy/comfy-server.js";
import type { SeenInput } from "./download-stage.js";
import { inputPlace } from "./send-input.js";

/** An input on its way to a server, or there. */
interface Sent {
  readonly input: SeenInput;
  /** Tells the file from one that was written in its place. */
  readonly file: string | undefined;
  readonly comfy: ComfyServer;
  /** {@link ComfyServer.restartSignCount} when it was sent. */
  readonly since: number;
  readonly atMs: number;
  /** How the server named it; undefined where sending it failed. */
  readonly name: Promise<string | undefined>;
  readonly stop: AbortController;
}

/** How long what was done counts, in milliseconds. */
interface SentFor {
  /** It is not looked anew which server will probably run the task. */
  readonly chosenForMs: number;
  /** What was sent counts as there. Operators have old files of a server removed; none does so within minutes. */
  readonly leftAloneMs: number;
}

const SENT_FOR: SentFor = { chosenForMs: 20, leftAloneMs: 300_000 };

/**
 * Sends an input to the server that its task will probably run on, before it has a slot there: no GPU waits
 * for it then. A failure is no news, since the input is sent again by whoever needs it.
 */
export class SentAhead implements AsyncDisposable {
  readonly #taskId: string;
  readonly #for: SentFor;
  #sent: Sent | undefined;

  constructor(taskId: string, sentFor: Partial<SentFor> = {}) {
    this.#taskId = taskId;
    this.#for = { ...SENT_FOR, ...sentFor };
  }

  /** Begins to send it, unless it is on its way there already. What is transparent is left for {@link sendInput}. */
  begin(input: SeenInput, comfy: ComfyServer, signal: AbortSignal): void {
    if (input.facts.hasAlpha === true || this.#find(input, comfy) !== undefined) return;
    this.#leaveOther(comfy);
    const stop = new AbortController();
    const place = inputPlace(input, this.#taskId);
    const until = AbortSignal.any([signal, stop.signal]);
    const name = comfy.uploadInput(input.path, place, until).catch(() => undefined);
    const since = comfy.restartSignCount;
    const file = fileMark(input.path);
    this.#sent = { input, file, comfy, since, atMs: performance.now(), name, stop };
  }

  /** Whether it is on its way to a server that was chosen a moment ago: hardly another one would be by now. */
  hasJustBegun(input: SeenInput): boolean {
    const sent = this.#sent;
    if (sent === undefined || performance.now() - sent.atMs > this.#for.chosenForMs) return false;
    return this.#find(input, sent.comfy) !== undefined;
  }

  /** Whether it is on its way to a server, or there. */
  isOn(comfy: ComfyServer, input: SeenInput): boolean {
    return input.facts.hasAlpha !== true && this.#find(input, comfy) !== undefined;
  }

  /** How the server that runs the task named it; undefined where it is not there. */
  async nameOn(comfy: ComfyServer, input: SeenInput): Promise<string | undefined> {
    this.#leaveOther(comfy);
    // What is still on its way would come over what is sent in its place.
    const name = await this.#sent?.name;
    return this.isOn(comfy, input) ? name : undefined;
  }

  /** Ends what is still on its way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#sent?.stop.abort(new Error("The run has ended"));
    await this.#sent?.name;
  }

  #leaveOther(comfy: ComfyServer): void {
    if (this.#sent?.comfy !== comfy) this.#sent?.stop.abort(new Error("Another server runs it"));
  }

  /** A server that was started anew may have lost it; a file that was changed when it was judged is another one. */
  #find({ name, path }: SeenInput, comfy: ComfyServer): Sent | undefined {
    const sent = this.#sent;
    if (sent?.comfy !== comfy || sent.since !== comfy.restartSignCount) return undefined;
    if (performance.now() - sent.atMs > this.#for.leftAloneMs) return undefined;
    return sent.input.name === name && sent.file === fileMark(path) ? sent : undefined;
  }
}

function fileMark(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.ino} ${found.size} ${found.mtimeMs}`;
}
