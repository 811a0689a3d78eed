import type { ServerResponse } from "node:http";
import { verifyWebhook, type WebhookEvent } from "../../src/client/verify-webhook.js";
import { startOrigin } from "./http-origin.js";

/** A secret as the service takes it. */
export const HOOK_SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

/** A receiver of webhooks on loopback. */
export interface HookReceiver {
  readonly url: string;
  readonly port: number;
  /** Every event that came, with its signature verified. */
  readonly events: readonly WebhookEvent[];
  /** How many requests came that the secret has not signed. */
  readonly forgedCount: number;
  /** The most calls that were open at once. */
  readonly mostOpen: number;
  /** Answers from now on; at first with 204. */
  answer: (response: ServerResponse, event: WebhookEvent) => void;
}

/** Starts a receiver. It is closed when the test has finished. */
export async function startHookReceiver(): Promise<HookReceiver> {
  const events: WebhookEvent[] = [];
  const seen = { forgedCount: 0, mostOpen: 0, openCount: 0 };
  const origin = await startOrigin((request, response) => {
    seen.openCount += 1;
    seen.mostOpen = Math.max(seen.mostOpen, seen.openCount);
    response.on("close", () => {
      seen.openCount -= 1;
    });
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      try {
        const event = verifyWebhook(Buffer.concat(pieces), request.headers, HOOK_SECRET);
        events.push(event);
        receiver.answer(response, event);
      } catch {
        seen.forgedCount += 1;
        response.writeHead(401).end();
      }
    });
  });
  const receiver: HookReceiver = {
    url: `${origin.url}/hook?token=secret`,
    port: origin.port,
    events,
    get forgedCount() {
      return seen.forgedCount;
    },
    get mostOpen() {
      return seen.mostOpen;
    },
    answer: (response) => response.writeHead(204).end(),
  };
  return receiver;
}
