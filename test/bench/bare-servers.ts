/**
 * A process of servers that do nothing but answer: a fastify route at `/tasks/:taskId`, and a grpc-js
 * server with GetTask. Its arguments are the two answers in base64. It prints both ports in a line, and
 * ends with its standard input.
 */
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { Server, ServerCredentials, type sendUnaryData } from "@grpc/grpc-js";
import { fastify } from "fastify";

const [text = Buffer.alloc(0), message = Buffer.alloc(0)] = process.argv
  .slice(2)
  .map((argument) => Buffer.from(argument, "base64"));

const app = fastify();
const json = text.toString();
app.get("/tasks/:taskId", (_request, reply) => {
  void reply.type("application/json; charset=utf-8").send(json);
});
await app.listen({ host: "127.0.0.1", port: 0 });

const grpc = new Server();
const asItIs = (bytes: Buffer): Buffer => bytes;
const getTask = {
  path: "/tmlsr.v1.TaskService/GetTask",
  ...{ requestStream: false, responseStream: false },
  ...{ requestSerialize: asItIs, requestDeserialize: asItIs },
  ...{ responseSerialize: asItIs, responseDeserialize: asItIs },
};
grpc.addService(
  { getTask },
  { getTask: (_call: unknown, answer: sendUnaryData<Buffer>) => answer(null, message) },
);
const bind = promisify(grpc.bindAsync.bind(grpc));
const grpcPort = await bind("127.0.0.1:0", ServerCredentials.createInsecure());

console.log(`${(app.server.address() as AddressInfo).port} ${grpcPort}`);
process.stdin.once("end", () => process.exit()).resume();
