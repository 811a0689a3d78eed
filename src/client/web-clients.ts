import type { Interceptor } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { parseAddress } from "./address.js";
import { sendKey } from "./send-key.js";
import { createServices, type Services } from "./services.js";
import { uploadForm, type WebUpload } from "./web-upload.js";

/** The services of TMLSR for a page in a browser. There is nothing to close. */
export interface WebClients extends Services {
  readonly upload: WebUpload;
}

/** How calls are made. */
export interface WebClientsOptions {
  /** @default "connect" */
  readonly protocol?: "connect" | "grpc-web";
  /**
   * The time limit of a call that sets none, streams included. After it the call fails with
   * DEADLINE_EXCEEDED. @default none
   */
  readonly defaultTimeoutMs?: number;
  /** A key of the service, where it asks for one (`TMLSR_AUTH=keys`). @default none */
  readonly key?: string;
  readonly interceptors?: readonly Interceptor[];
}

const TRANSPORTS = { connect: createConnectTransport, "grpc-web": createGrpcWebTransport } as const;

/**
 * Makes the clients, over `fetch`. Calls fail with ConnectError. A page of another origin than the
 * service's may call it if `TMLSR_CORS_ORIGINS` names that origin.
 *
 * @param address of the service, e.g. `location.origin`.
 * @throws TypeError for an invalid address.
 */
export function createWebClients(address: string, options: WebClientsOptions = {}): WebClients {
  const { protocol = "connect", key, defaultTimeoutMs, interceptors = [] } = options;
  const { baseUrl } = parseAddress(address);
  const transport = TRANSPORTS[protocol]({
    baseUrl,
    interceptors: [...sendKey(key), ...interceptors],
    ...(defaultTimeoutMs === undefined ? {} : { defaultTimeoutMs }),
  });
  return {
    ...createServices(transport),
    upload: (content, call = {}) => uploadForm(baseUrl, content, call, key),
  };
}
