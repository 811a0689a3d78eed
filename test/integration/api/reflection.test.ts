import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { beforeAll, describe, expect, test } from "vitest";
import { ServerReflection } from "../../../src/gen/grpc/reflection/v1/reflection_pb.js";
import { openTestServer, type TestServer } from "../../support/test-server.js";

let server: TestServer;
beforeAll(async () => {
  server = await openTestServer();
  return () => server[Symbol.asyncDispose]();
});

describe.each(["v1", "v1alpha"])("buf curl by reflection %s", (version) => {
  async function bufCurl(...args: string[]): Promise<string> {
    const reflect = ["--http2-prior-knowledge", "--reflect-protocol", `grpc-${version}`];
    const { stdout } = await promisify(execFile)("node_modules/.bin/buf", [
      "curl",
      ...reflect,
      ...args,
    ]);
    return stdout;
  }

  test("lists the methods", async () => {
    const methods = await bufCurl("--list-methods", server.url);
    expect(methods.split("\n")).toEqual(
      expect.arrayContaining([
        "tmlsr.v1.TaskService/CreateTask",
        "tmlsr.v1.MonitorService/GetStats",
        "tmlsr.v1.WorkflowService/ListWorkflows",
        "tmlsr.v1.UploadService/Upload",
        "grpc.health.v1.Health/Check",
      ]),
    );
  });

  test.each(["grpc", "grpcweb", "connect"])("calls over %s", async (protocol) => {
    const call = `${server.url}/tmlsr.v1.TaskService/CreateTask`;
    const data = JSON.stringify({ url: "https://example.com/in.png", type: "TASK_TYPE_IMAGE" });
    const answer = await bufCurl("--protocol", protocol, "--data", data, call);
    expect(JSON.parse(answer)).toMatchObject({ status: "SUBMIT_STATUS_OK" });
  });

  test("prints the detail of an error", async () => {
    const call = `${server.url}/tmlsr.v1.TaskService/GetTask`;
    const failure = await bufCurl("--data", '{"task_id":"none"}', call).catch((error) => error);
    expect(String(failure.stderr)).toContain("TASK_NOT_FOUND");
  });
});

describe("reflection", () => {
  type Question = Parameters<typeof ask>[0];
  async function ask(question: {
    case: "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType";
    value: string;
  }) {
    const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: server.url }));
    async function* questions() {
      yield { messageRequest: question };
    }
    for await (const { messageResponse } of client.serverReflectionInfo(questions()))
      return messageResponse;
    throw new Error("No answer");
  }

  test.each<Question>([
    { case: "fileByFilename", value: "tmlsr/v1/task.proto" },
    { case: "fileContainingSymbol", value: "tmlsr.v1.Task.task_id" },
    { case: "fileContainingSymbol", value: "tmlsr.v1.TASK_STATUS_PENDING" },
    { case: "fileContainingSymbol", value: "tmlsr.v1.TaskService.GetTask" },
    { case: "fileContainingSymbol", value: "buf.validate.field" },
  ])("finds $value", async (question) => {
    expect((await ask(question)).case).toBe("fileDescriptorResponse");
  });

  test("knows the extensions of a message", async () => {
    const type = "google.protobuf.MethodOptions";
    const answer = await ask({ case: "allExtensionNumbersOfType", value: type });
    expect(answer.value).toMatchObject({ baseTypeName: type, extensionNumber: [72295728] });
  });

  test("says NOT_FOUND of what is not there", async () => {
    const answer = await ask({ case: "fileContainingSymbol", value: "tmlsr.v1.Nothing" });
    expect(answer).toMatchObject({ case: "errorResponse", value: { errorCode: 5 } });
  });
});
