import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import {
  getJson,
  listen,
  post,
  smallPicture,
  upload,
  upscalePrompt,
} from "../../support/cpu-server-client.js";
import { eventually } from "../../support/eventually.js";
import { tempDir } from "../../support/temp-dir.js";

// The CPU server as a process: how it starts and how it ends.

const ENTRY = fileURLToPath(new URL("../../../dist/cpu-server/main.js", import.meta.url));

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
const ended = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
};

describe("the process", () => {
  it("says where it listens, in one line, and nothing else", async () => {
    const child = spawn(process.execPath, [ENTRY, "--port", "0", "--dir", await tempDir()]);
    onTestFinished(async () => {
      child.kill("SIGKILL");
      await ended(child);
    });
    let output = "";
    let errors = "";
    child.stdout.on("data", (text: Buffer) => {
      output += text.toString();
    });
    child.stderr.on("data", (text: Buffer) => {
      errors += text.toString();
    });
    await eventually(() => output.includes("\n"));
    const url = /^cpu-server listening on (http:\/\/127\.0\.0\.1:\d+)\n$/.exec(output)?.[1];
    expect(await getJson(`${url}/prompt`)).toEqual({ exec_info: { queue_remaining: 0 } });
    expect((await fetch(`${url}/test/switches`)).status).toBe(404);
    child.kill("SIGTERM");
    await ended(child);
    expect([child.exitCode, errors]).toEqual([0, ""]);
  });

  it("refuses bad options with a message", async () => {
    const child = spawn(process.execPath, [ENTRY, "--dir", await tempDir(), "--threads", "none"]);
    let errors = "";
    child.stderr.on("data", (text: Buffer) => {
      errors += text.toString();
    });
    await once(child, "close");
    expect(child.exitCode).toBe(1);
    expect(errors).toBe(
      'Cannot start the CPU server: --threads "none" is not a whole number of at least 1\n',
    );
  });

  it("ends when its parent is killed", async () => {
    const program = `
      const { fork } = require("node:child_process");
      const child = fork(${JSON.stringify(ENTRY)}, ["--port", "0", "--dir", ${JSON.stringify(await tempDir())}], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
      child.on("message", (message) => process.send({ ...message, pid: child.pid }));
    `;
    const dir = await tempDir();
    const path = join(dir, "parent.cjs");
    await writeFile(path, program);
    const parent = fork(path, { execArgv: [] });
    const [{ url, pid }] = (await once(parent, "message")) as [{ url: string; pid: number }];
    expect(isAlive(pid)).toBe(true);
    expect((await fetch(`${url}/prompt`)).status).toBe(200);
    parent.kill("SIGKILL");
    await ended(parent);
    await eventually(() => !isAlive(pid));
  });

  it("ends at once on SIGTERM while a network computes, its sockets without a close frame", async () => {
    await using server = await startCpuServer();
    await upload(server.url, "a.png", await smallPicture(600, 600));
    const listener = await listen(server.url, "term");
    const closed = once(listener.socket, "close");
    await post(`${server.url}/prompt`, { prompt: upscalePrompt("a.png", "t"), client_id: "term" });
    await listener.until(({ type, data }) => type === "executing" && data.node === "3");
    const { pid } = server;
    await server.kill("SIGTERM");
    expect((await closed)[0]).toBe(1006);
    expect(isAlive(pid)).toBe(false);
  });

  it("keeps input and output over a restart, and empties temp", async () => {
    const dir = await tempDir();
    for (const folder of ["input", "output", "temp"]) {
      await mkdir(join(dir, folder));
      await writeFile(join(dir, folder, "kept.png"), "x");
    }
    await using server = await startCpuServer({ dir });
    const files = await Promise.all(
      ["input", "output", "temp"].map((folder) => readdir(join(dir, folder))),
    );
    expect(files).toEqual([["kept.png"], ["kept.png"], []]);
    expect((await fetch(`${server.url}/view?filename=kept.png`)).status).toBe(200);
  });
});
