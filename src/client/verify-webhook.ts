import { Webhook } from "standardwebhooks";

/** What a webhook was sent. */
export interface WebhookEvent {
  /** `task.processing`, `task.completed`, `task.failed` or `task.canceled`. */
  readonly type: string;
  /** The same each time that the event is sent: one that was seen before can be dropped. */
  readonly id: string;
  /** When it happened (RFC 3339). */
  readonly timestamp: string;
  /** The task as `GET /tasks/{task_id}` showed it then. */
  readonly data: {
    readonly task_id: string;
    readonly status: string;
    readonly [field: string]: unknown;
  };
}

/** The headers of a request: an object, or those of `fetch`. */
export type WebhookHeaders =
  | Headers
  | { readonly [name: string]: string | readonly string[] | undefined };

const SIGNED = ["webhook-id", "webhook-timestamp", "webhook-signature"] as const;

/**
 * Proves that a webhook came from the service, lately and unchanged, and reads it.
 *
 * @param body exactly as it was received, before anything parsed it.
 * @param secrets one of those that the service signs with, or several while they change.
 * @throws Error for a request that none of the secrets has signed, or one that is older or newer than
 *   5 minutes.
 */
export function verifyWebhook(
  body: string | Uint8Array,
  headers: WebhookHeaders,
  secrets: string | readonly string[],
): WebhookEvent {
  const text = typeof body === "string" ? body : new TextDecoder().decode(body);
  const signed = Object.fromEntries(SIGNED.map((name) => [name, headerOf(headers, name)]));
  let refusal: unknown = new Error("There is no secret to verify the webhook with");
  for (const secret of [secrets].flat()) {
    try {
      return new Webhook(secret).verify(text, signed) as WebhookEvent;
    } catch (error) {
      refusal = error;
    }
  }
  throw refusal;
}

function headerOf(headers: WebhookHeaders, name: string): string {
  if (headers instanceof Headers) return headers.get(name) ?? "";
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return [found ?? ""].flat()[0] ?? "";
}
