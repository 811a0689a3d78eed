import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Stats } from "../client/gen/tmlsr/v1/monitor_service_pb.js";
import type { Workflow } from "../client/gen/tmlsr/v1/workflow_service_pb.js";
import { Access } from "./access.js";
import { type Clients, createClients } from "./clients.js";
import { Feed } from "./live/feed.js";
import { createPoll, type Poll } from "./live/poll.js";
import { createTaskSource } from "./live/task-source.js";
import { TaskTable } from "./live/task-table.js";
import { type Route, readRoute } from "./route.js";
import { Submission } from "./submit/submission.js";
import { type Format, formatOf } from "./texts/format.js";
import { type Language, preferredLanguage, type Translate, translator } from "./texts/texts.js";

/** Everything that the views share. */
export interface Model {
  readonly access: Access;
  readonly clients: Clients;
  readonly language: Signal<Language>;
  readonly t: ReadonlySignal<Translate>;
  readonly format: ReadonlySignal<Format>;
  readonly route: Signal<Route>;
  readonly table: TaskTable;
  readonly feed: Feed;
  readonly stats: Poll<Stats>;
  readonly workflows: Poll<readonly Workflow[]>;
  readonly submission: Submission;
  /** This moment, in whole seconds; what shows ages reads it. */
  readonly nowMs: Signal<number>;
}

const LANGUAGE_KEY = "tmlsr-language";

/** Builds the model. Nothing runs yet. */
export function createModel(baseUrl: string): Model {
  const access = new Access();
  const clients = createClients(baseUrl, access.interceptor);
  const table = new TaskTable();
  const language = signal(storedLanguage() ?? preferredLanguage(navigator.languages));
  return {
    ...{ access, clients, language, table },
    t: computed(() => translator(language.value)),
    format: computed(() => formatOf(language.value)),
    route: signal(readRoute(location.hash)),
    feed: new Feed({ clients, source: createTaskSource(clients), table, name: access.key }),
    stats: createPoll(async (stop) => await readStats(clients, stop)),
    workflows: createPoll(async (stop) => await readWorkflows(clients, stop)),
    submission: new Submission(clients, { baseUrl, authorization: access.header }),
    nowMs: signal(Date.now()),
  };
}

/** Changes the language and keeps it for the next visit. */
export function chooseLanguage({ language }: Model, chosen: Language): void {
  language.value = chosen;
  localStorage.setItem(LANGUAGE_KEY, chosen);
}

function storedLanguage(): Language | undefined {
  const stored = localStorage.getItem(LANGUAGE_KEY);
  return stored === "en" || stored === "zh" ? stored : undefined;
}

async function readStats({ monitor }: Clients, signal: AbortSignal): Promise<Stats> {
  const { stats } = await monitor.getStats({}, { signal });
  if (stats === undefined) throw new TypeError("The stats are empty");
  return stats;
}

async function readWorkflows(
  { workflows }: Clients,
  signal: AbortSignal,
): Promise<readonly Workflow[]> {
  const answer = await workflows.listWorkflows({}, { signal });
  return answer.workflows;
}
