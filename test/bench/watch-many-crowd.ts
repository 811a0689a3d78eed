/**
 * A process of clients that watch many tasks: its arguments are the service's URL, and how many
 * streams. Each but every hundredth watches the five tasks with one label, and those watch all. It
 * prints a line once all have told what is there, and with each line of its standard input how many
 * bytes came since the last.
 */
import { get } from "node:http";
import { connect, constants } from "node:http2";
import { createInterface } from "node:readline";

const SESSION_COUNT = 20;
const BATCH_COUNT = 50;
const WHOLE_EVERY = 100;
const [url = "", count = ""] = process.argv.slice(2);
let byteCount = 0;
const sessions = Array.from({ length: SESSION_COUNT }, () => connect(url));

function openEvents(label: string | undefined): Promise<void> {
  const query = label === undefined ? "" : `?label=${label}`;
  return new Promise((resolve, reject) => {
    get(`${url}/tasks:watch${query}`, { agent: false }, (response) => {
      response.once("data", () => resolve()).on("data", noteBytes);
    }).once("error", reject);
  });
}

function noteBytes(chunk: Buffer): void {
  byteCount += chunk.length;
}

/** WatchTasksRequest { label } in gRPC's frame. */
function frame(label: string | undefined): Buffer {
  const text = Buffer.from(label ?? "");
  const message = label === undefined ? text : Buffer.from([0x12, text.length, ...text]);
  return Buffer.from([0, 0, 0, 0, message.length, ...message]);
}

function openGrpc(index: number, label: string | undefined): Promise<void> {
  const stream = sessions[index % SESSION_COUNT]?.request({
    [constants.HTTP2_HEADER_METHOD]: "POST",
    [constants.HTTP2_HEADER_PATH]: "/tmlsr.v1.TaskService/WatchTasks",
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream?.end(frame(label));
  return new Promise((resolve, reject) => {
    stream?.once("data", () => resolve()).once("error", reject);
    stream?.on("data", noteBytes);
  });
}

async function openStreams(streamCount: number): Promise<void> {
  for (let opened = 0; opened < streamCount; opened += BATCH_COUNT) {
    const batch = Array.from({ length: BATCH_COUNT }, (_, offset) => opened + offset);
    await Promise.all(
      batch.map((index) => {
        const label = index % WHOLE_EVERY === 0 ? undefined : `job:${index}`;
        return index % 2 === 0 ? openEvents(label) : openGrpc(index, label);
      }),
    );
  }
}

await openStreams(Number(count));
console.log("served");
createInterface(process.stdin)
  .on("line", () => {
    console.log(byteCount);
    byteCount = 0;
  })
  .once("close", () => process.exit());
