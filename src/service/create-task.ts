import { createHash } from "node:crypto";
import { TaskError, type Violation } from "../domain/errors.js";
import type { Json, Labels, TaskParams } from "../domain/task.js";
import { checkInput, type InputSource } from "../input/input-source.js";
import { canonicalJson } from "../lib/canonical-json.js";
import { defined } from "../lib/defined.js";
import type { AddressGuard } from "../net/address-guard.js";
import type { Pool } from "../pool/pool.js";
import type { Idempotency, NewTask } from "../store/task-intake.js";
import type { WorkflowCatalog } from "../workflow/catalog/catalog.js";
import { chooseWorkflow } from "../workflow/choose-workflow.js";
import { type ParameterValues, resolveParameters } from "../workflow/resolve-parameters.js";
import type { Workflow } from "../workflow/workflow.js";
import {
  type AskedWebhook,
  chooseWebhook,
  type WebhookRules,
  webhookViolations,
} from "./choose-webhook.js";

/** A request to create a task. */
export interface CreateTask {
  readonly params: TaskParams;
  /** Values for the workflow's parameters, by name. */
  readonly parameters?: { readonly [name: string]: Json };
  /** 0 to 2. @default 1 */
  readonly priority?: number;
  readonly notBefore?: Date;
  readonly idempotencyKey?: string;
  readonly labels?: Labels;
  /** `off`: a film runs as one prompt. */
  readonly chunking?: "off";
  /** Events left out: all that end a task. */
  readonly webhook?: AskedWebhook;
}

/** The objects that a request is checked against. */
export interface CreateContext {
  readonly guard: AddressGuard;
  /** Sources of inputs that are not on the network. */
  readonly sources: readonly InputSource[];
  readonly catalog: WorkflowCatalog;
  readonly pool: Pick<Pool, "lacks" | "serversFor">;
  readonly random: () => number;
  readonly webhooks: WebhookRules;
}

/** A valid request: the content to store, and the workflow version that the task will use. */
export interface CheckedTask {
  readonly newTask: Omit<NewTask, "idempotency">;
  readonly workflow: Workflow;
}

/**
 * Checks a request and fills in the defaults.
 *
 * @throws TaskError INVALID_REQUEST with all problems; WORKFLOW_NOT_RUNNABLE if no server can run
 *   its workflow.
 */
export async function checkTask(request: CreateTask, context: CreateContext): Promise<CheckedTask> {
  const { params } = request;
  const violations: Violation[] = [];
  const urlProblem = await checkInput(params.url, context.guard, context.sources);
  if (urlProblem !== undefined) violations.push({ field: "url", message: urlProblem });
  violations.push(...webhookViolations(request.webhook, context.webhooks));
  const choice = chooseWorkflow(context.catalog, params, (one) => isRunnable(one, context.pool));
  if ("violations" in choice) throw invalid([...violations, ...choice.violations]);
  const { workflow } = choice;
  const resolved = resolveParameters(workflow, request.parameters ?? {}, params, context.random);
  if ("violations" in resolved) throw invalid([...violations, ...resolved.violations]);
  if (violations.length > 0) throw invalid(violations);
  refuseUnrunnable(workflow, resolved.values, context);
  const webhook = chooseWebhook(request.webhook, context.webhooks);
  const newTask = defined({
    params,
    type: workflow.type,
    workflow: workflow.name,
    workflowVersion: workflow.version,
    parameters: resolved.values,
    priority: request.priority ?? 1,
    notBefore: request.notBefore,
    labels: request.labels,
    chunking: request.chunking,
    webhook,
  });
  return { newTask, workflow };
}

/** Undefined for a request without an idempotency key. */
export function idempotencyOf(request: CreateTask): Idempotency | undefined {
  const { idempotencyKey: key } = request;
  return key === undefined ? undefined : { key, requestHash: hashOf(request) };
}

function isRunnable(workflow: Workflow, pool: CreateContext["pool"]): boolean {
  return pool.serversFor(workflow).length > 0 || pool.lacks(workflow).length === 0;
}

function refuseUnrunnable(
  workflow: Workflow,
  values: ParameterValues,
  { pool, catalog }: CreateContext,
): void {
  const lacks = pool.lacks(workflow, values);
  if (lacks.length === 0) return;
  const others = catalog
    .list()
    .filter((one) => one.type === workflow.type && pool.lacks(one).length === 0);
  const names = others.map((one) => `"${one.name}"`).join(", ");
  const advice =
    names === "" ? "" : `; workflows of type "${workflow.type}" that would run: ${names}`;
  throw new TaskError(
    "WORKFLOW_NOT_RUNNABLE",
    `No server can run workflow "${workflow.name}": ${lacks.join("; ")}${advice}`,
  );
}

/** The error of a request with these violations. */
export function invalid(violations: readonly Violation[]): TaskError {
  const detail = violations.map((violation) => violation.message).join("; ");
  return new TaskError("INVALID_REQUEST", detail, { violations });
}

/**
 * Fields that are always hashed, given or not. Never add a field here: keys that were used before
 * an upgrade would no longer replay.
 */
const ALWAYS_HASHED = { parameters: {}, priority: 1 } satisfies Partial<CreateTask>;

/**
 * A hash that is equal for two equal requests, whatever the order of their keys. Fields that were
 * not given are left out, so that a new field does not change the hash of older requests.
 */
function hashOf({ idempotencyKey, ...asked }: CreateTask): string {
  const hashed = canonicalJson({ ...ALWAYS_HASHED, ...asked });
  return createHash("sha256").update(hashed).digest("hex");
}
