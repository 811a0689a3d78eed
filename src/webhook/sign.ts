import { Webhook } from "standardwebhooks";

/**
 * The headers of a call, as Standard Webhooks 1.0.0 has them. With several secrets each signs, and any of
 * the signatures will do for a receiver.
 *
 * @param id the same for all tries of an event.
 * @param at when the call is made: a receiver takes none that is older than minutes.
 */
export function signedHeaders(
  secrets: readonly string[],
  id: string,
  at: Date,
  body: string,
): Readonly<Record<string, string>> {
  const signatures = secrets.map((secret) => new Webhook(secret).sign(id, at, body));
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": signatures.join(" "),
  };
}
