import { Pool } from "undici";

/** A REST client with connections of its own, kept open. */
export interface RestClient extends AsyncDisposable {
  get(path: string): Promise<Json>;
  post(path: string, body: object): Promise<Json>;
  delete(path: string): Promise<Json>;
}

// biome-ignore lint/suspicious/noExplicitAny: the bench looks into answers freely
type Json = any;

/** Connects to a service. @param headers of all requests. */
export function connectRest(
  url: string,
  connections = 32,
  headers: Readonly<Record<string, string>> = {},
): RestClient {
  const pool = new Pool(url, { connections });
  const call = async (method: "GET" | "POST" | "DELETE", path: string, body?: object) => {
    const { statusCode, body: answer } = await pool.request({
      ...{ method, path, headers },
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { ...headers, "content-type": "application/json" },
      }),
    });
    const text = await answer.text();
    if (statusCode !== 200) throw new Error(`${method} ${path}: ${statusCode} ${text}`);
    return JSON.parse(text) as Json;
  };
  return {
    get: (path) => call("GET", path),
    post: (path, body) => call("POST", path, body),
    delete: (path) => call("DELETE", path),
    [Symbol.asyncDispose]: () => pool.close(),
  };
}
