import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestProject } from "vitest/node";
import { findMongod } from "./find-mongod.js";
import { TestMongod } from "./mongod-process.js";

declare module "vitest" {
  interface ProvidedContext {
    /** The URL where test files ask for a mongod. */
    readonly mongoBrokerUrl: string;
  }
}

/** The broker's answer. */
export type BrokerAnswer = { readonly value: string } | { readonly problem: string };

/**
 * Lends one mongod to all test files of a run. It is started when the first file asks for it, and
 * stopped at the end.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let binary: Promise<string> | undefined;
  let shared: Promise<TestMongod> | undefined;
  const findOnce = (): Promise<string> => {
    binary ??= findMongod().catch((error: Error) => {
      process.stderr.write(`Tests against MongoDB are skipped: ${error.message}\n`);
      throw error;
    });
    return binary;
  };
  const uri = async (): Promise<string> => {
    const given = process.env["MONGODB_TEST_URI"];
    if (given) return given;
    shared ??= findOnce().then((path) => TestMongod.start(path));
    return (await shared).uri;
  };
  const broker = createServer((request, response) => {
    const wanted = request.url === "/binary" ? findOnce() : uri();
    const reply = (answer: BrokerAnswer) => response.end(JSON.stringify(answer));
    wanted.then(
      (value) => reply({ value }),
      (error: Error) => reply({ problem: error.message }),
    );
  });
  broker.listen(0, "127.0.0.1");
  await once(broker, "listening");
  const { port } = broker.address() as AddressInfo;
  project.provide("mongoBrokerUrl", `http://127.0.0.1:${port}`);
  return async () => {
    broker.closeAllConnections();
    broker.close();
    const mongod = await shared?.catch(() => undefined);
    await mongod?.[Symbol.asyncDispose]();
  };
}
