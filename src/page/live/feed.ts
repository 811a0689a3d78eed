import { batch, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Task } from "../../client/gen/tmlsr/v1/task_pb.js";
import type { Clients } from "../clients.js";
import { type Link, StreamKeeper } from "./stream-keeper.js";
import type { TaskChange, TaskSource } from "./task-source.js";
import { hasEnded, type TaskTable } from "./task-table.js";

/** What tabs tell each other. */
type Word =
  | { readonly kind: "hello" | "hurry" | "restart" }
  | { readonly kind: "changes"; readonly changes: readonly TaskChange[] }
  | { readonly kind: "all"; readonly tasks: readonly Task[]; readonly cursor: string }
  | { readonly kind: "link"; readonly link: Link };

/** What a feed is made of. */
export interface FeedOptions {
  readonly clients: Clients;
  readonly source: TaskSource;
  /** What the feed fills. */
  readonly table: TaskTable;
  /** Tabs of the same name share one stream: those that may see the same tasks. */
  readonly name: string;
}

/** The leading tab says this often that it leads. */
const SAY_MS = 4_000;
/** A tab that is looked at and hears nothing for so long takes the lead. */
const SILENCE_MS = 15_000;
/** Changes are taken in together, about once a frame, in a hidden tab less often. */
const FRAME_MS = 16;
const HIDDEN_MS = 250;
/** Changes that one frame takes in, so that it stays short. */
const MOST_A_FRAME = 100;

/**
 * The changes of tasks in this tab. Of all tabs of a browser one leads: it holds a lock, has the
 * only stream, and tells the others through a channel. When it goes, the next takes the lock and
 * goes on from the last cursor, which all know. Where the browser has no locks, which it has not for
 * a page over plain http from another machine, each tab leads itself.
 */
export class Feed {
  readonly #table: TaskTable;
  readonly #keeper: StreamKeeper;
  readonly #name: string;
  readonly #channel: BroadcastChannel;
  readonly #link: Signal<Link> = signal("connecting");
  readonly #generation = signal(0);
  #isLeader = false;
  #steals = false;
  #turn = new AbortController();
  #cursor = "";
  #heardAt = Date.now();
  readonly #waiting: TaskChange[] = [];

  constructor({ clients, source, table, name }: FeedOptions) {
    this.#table = table;
    this.#name = `tmlsr-tasks ${name}`;
    this.#channel = new BroadcastChannel(this.#name);
    this.#keeper = new StreamKeeper(clients, source, {
      changed: (change) => this.#take(change),
      linked: (link) => this.#say(link),
      restarted: () => this.#restart(),
    });
  }

  get link(): ReadonlySignal<Link> {
    return this.#link;
  }

  /** Grows each time the feed has become live: what else was read should be read again. */
  get generation(): ReadonlySignal<number> {
    return this.#generation;
  }

  /** Tries again now, in whichever tab leads. */
  hurry(): void {
    this.#keeper.hurry();
    this.#post({ kind: "hurry" });
  }

  /** Runs until the signal is aborted. */
  async run(stop: AbortSignal): Promise<void> {
    this.#channel.addEventListener("message", ({ data }) => this.#hear(data as Word));
    const timer = setInterval(() => this.#beat(), SAY_MS);
    stop.addEventListener("abort", () => {
      clearInterval(timer);
      this.#channel.close();
    });
    this.#post({ kind: "hello" });
    await this.#lead(stop);
  }

  /** Waits for the lock and leads while it has it, again and again. */
  async #lead(stop: AbortSignal): Promise<void> {
    if (!("locks" in navigator)) return await this.#stream(stop);
    while (!stop.aborted) {
      this.#turn = new AbortController();
      const ended = new AbortController();
      const options = this.#steals
        ? { steal: true }
        : { signal: AbortSignal.any([stop, this.#turn.signal]) };
      this.#steals = false;
      try {
        const until = AbortSignal.any([stop, ended.signal]);
        await navigator.locks.request(this.#name, options, async () => await this.#stream(until));
      } catch {
        // This tab stops waiting in order to steal, or another tab has stolen the lock.
      }
      ended.abort();
      this.#isLeader = false;
    }
  }

  async #stream(until: AbortSignal): Promise<void> {
    this.#isLeader = true;
    this.#say("connecting");
    await this.#keeper.run(this.#cursor, until);
  }

  /** The leading tab says that it leads. One that is looked at takes the lead from a silent one. */
  #beat(): void {
    if (this.#isLeader) this.#post({ kind: "link", link: this.#link.peek() });
    const isSilent = !this.#isLeader && Date.now() - this.#heardAt > SILENCE_MS;
    if (!isSilent || document.visibilityState !== "visible") return;
    this.#heardAt = Date.now();
    this.#steals = true;
    this.#turn.abort();
  }

  #take(change: TaskChange): void {
    this.#cursor = change.cursor;
    this.#waiting.push(change);
    if (this.#waiting.length === 1) this.#flushSoon();
  }

  #flushSoon(): void {
    const isSeen = document.visibilityState === "visible";
    const most = isSeen ? MOST_A_FRAME : Number.POSITIVE_INFINITY;
    // A timer, since a tab that is hidden now would wait for its frame, and with it all other tabs.
    setTimeout(() => this.#flush(most), isSeen ? FRAME_MS : HIDDEN_MS);
  }

  #flush(most: number): void {
    const changes = this.#waiting.splice(0, most);
    if (this.#waiting.length > 0) this.#flushSoon();
    this.#post({ kind: "changes", changes });
    this.#apply(changes);
  }

  #apply(changes: readonly TaskChange[]): void {
    const newest = new Map(changes.map((change) => [change.task?.taskId, change]));
    const { cursor = this.#cursor } = changes.at(-1) ?? {};
    this.#cursor = cursor;
    batch(() => {
      for (const { task, isGone } of newest.values()) {
        if (task === undefined) continue;
        if (isGone) this.#table.remove(task.taskId);
        else this.#table.merge([task]);
      }
    });
  }

  #say(link: Link): void {
    this.#post({ kind: "link", link });
    this.#setLink(link);
  }

  #restart(): void {
    this.#post({ kind: "restart" });
    this.#table.removeOpen();
  }

  #setLink(link: Link): void {
    if (link === "live" && this.#link.peek() !== "live") this.#generation.value += 1;
    this.#link.value = link;
  }

  #hear(word: Word): void {
    this.#heardAt = Date.now();
    switch (word.kind) {
      case "hello":
        if (this.#isLeader) this.#answer();
        break;
      case "hurry":
        this.#keeper.hurry();
        break;
      case "restart":
        this.#table.removeOpen();
        break;
      case "changes":
        this.#apply(word.changes);
        break;
      case "all":
        this.#cursor = word.cursor;
        this.#table.merge(word.tasks);
        break;
      case "link":
        this.#setLink(word.link);
        break;
    }
  }

  #answer(): void {
    const tasks = this.#table.select((task) => !hasEnded(task));
    this.#post({ kind: "all", tasks, cursor: this.#cursor });
    this.#post({ kind: "link", link: this.#link.peek() });
  }

  #post(word: Word): void {
    this.#channel.postMessage(word);
  }
}
