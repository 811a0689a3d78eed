import { makeKey } from "../../src/access/key-text.js";
import { SCOPES } from "../../src/domain/caller.js";
import type { NewKey } from "../../src/store/key-archive.js";
import type { TaskStore } from "../../src/store/task-store.js";
import { startTestApp, type TestApp, type TestAppOptions } from "./test-app.js";

/** Opens the app with access by keys. */
export async function startAccessApp(options: TestAppOptions = {}): Promise<TestApp> {
  return await startTestApp({ ...options, env: { TMLSR_AUTH: "keys", ...options.env } });
}

/** Stores a key as another replica would. @returns its text. */
export async function addKey(store: TaskStore, fields: Partial<NewKey> = {}): Promise<string> {
  const { text, keyId, hash } = makeKey();
  const title = "of a test";
  await store.keys.add({ keyId, hash, title, tenant: "default", scopes: SCOPES, ...fields });
  return text;
}

/** The headers of a request with a key. */
export function bearer(key: string): { readonly authorization: string } {
  return { authorization: `Bearer ${key}` };
}

/** Calls the REST API with a key. */
export async function callWithKey(
  { url }: TestApp,
  key: string,
  method: string,
  path: string,
  body?: object,
): Promise<Response> {
  const headers = { ...bearer(key), "content-type": "application/json" };
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  return await fetch(url + path, { method, headers, ...init });
}
