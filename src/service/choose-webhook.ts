import { TaskError, type Violation } from "../domain/errors.js";
import { END_EVENTS, type TaskEvent, type Webhook } from "../domain/webhook.js";
import { type AddressGuard, brokenUrlRule } from "../net/address-guard.js";

/** A webhook as a request names it. */
export interface AskedWebhook {
  readonly url: string;
  /** At least one. @default all that end a task */
  readonly events?: readonly TaskEvent[];
}

/** Which webhooks there may be. */
export interface WebhookRules {
  /** Whether there is a secret to sign them with. */
  readonly areSigned: boolean;
  readonly guard: AddressGuard;
  /** Of tasks whose request names none. */
  readonly fallback?: Webhook;
}

/** The problems of a request's webhook. Host names are judged when they are connected to. */
export function webhookViolations(
  asked: AskedWebhook | undefined,
  { areSigned, guard }: WebhookRules,
): readonly Violation[] {
  if (asked === undefined || !areSigned) return [];
  const rule = brokenUrlRule(asked.url, guard);
  return rule === undefined ? [] : [{ field: "webhook.url", message: `webhook.url ${rule}` }];
}

/**
 * Who is told of a new task's events; undefined: nobody.
 *
 * @throws TaskError WEBHOOKS_NOT_CONFIGURED
 */
export function chooseWebhook(
  asked: AskedWebhook | undefined,
  { areSigned, fallback }: WebhookRules,
): Webhook | undefined {
  if (asked === undefined) return fallback && { ...fallback, isDefault: true };
  if (!areSigned)
    throw new TaskError(
      "WEBHOOKS_NOT_CONFIGURED",
      "Cannot take a webhook: the service has no secret to sign it with; set webhooks.secrets (TMLSR_WEBHOOK_SECRETS)",
    );
  return { url: new URL(asked.url).href, events: asked.events ?? END_EVENTS };
}
