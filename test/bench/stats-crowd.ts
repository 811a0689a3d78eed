/**
 * A process of clients that ask for the stats, and read past what they get. Its arguments are the
 * service's URL and what they do: `streams 2000` or `flood 10`. It prints a line once all of them are
 * served, and ends with its standard input.
 */
import { get } from "node:http";
import { connect, constants } from "node:http2";

/** Half of the streams are server-sent events, each on a connection of its own, half are gRPC. */
const SESSION_COUNT = 20;
const BATCH_COUNT = 100;
/** WatchStatsRequest { interval_seconds: 0.1 } in gRPC's frame. */
const REQUEST = Buffer.from([
  0,
  0,
  0,
  0,
  9,
  0x09,
  ...new Uint8Array(new Float64Array([0.1]).buffer),
]);

const [url = "", what = "", count = ""] = process.argv.slice(2);

function openEvents(): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { agent: false as const };
    get(`${url}/monitor/stats:watch?interval_seconds=0.1`, options, (response) => {
      response.once("data", () => resolve()).resume();
    }).once("error", reject);
  });
}

function openGrpc(): () => Promise<void> {
  const sessions = Array.from({ length: SESSION_COUNT }, () => connect(url));
  let openedCount = 0;
  return () => {
    const session = sessions[openedCount++ % SESSION_COUNT];
    const stream = session?.request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: "/tmlsr.v1.MonitorService/WatchStats",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream?.end(REQUEST);
    return new Promise((resolve, reject) => {
      stream?.once("data", () => resolve()).once("error", reject);
      stream?.resume();
    });
  };
}

async function openStreams(streamCount: number): Promise<void> {
  const kinds = [openEvents, openGrpc()];
  for (let opened = 0; opened < streamCount; opened += BATCH_COUNT)
    await Promise.all(Array.from({ length: BATCH_COUNT }, (_, index) => kinds[index % 2]?.()));
}

function ask(): Promise<void> {
  return new Promise((resolve, reject) => {
    get(`${url}/monitor/stats`, (response) => {
      response.once("end", resolve).resume();
    }).once("error", reject);
  });
}

async function askForEver(): Promise<void> {
  for (;;) await ask();
}

if (what === "streams") await openStreams(Number(count));
else for (let client = 0; client < Number(count); client += 1) void askForEver();
console.log("served");
process.stdin.once("end", () => process.exit()).resume();
