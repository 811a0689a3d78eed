import type { LookupAddress } from "node:dns";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { request } from "undici";
import { describe, expect, it, onTestFinished } from "vitest";
import { downloadInput } from "../../../src/input/download-input.js";
import {
  type AddressGuard,
  createAddressGuard,
  type LookupAll,
} from "../../../src/net/address-guard.js";
import { createGuardedAgent } from "../../../src/net/guarded-agent.js";
import { startOrigin } from "../../support/http-origin.js";
import { tempDir } from "../../support/temp-dir.js";

/** Spellings of addresses of this machine and of private networks; PORT is where the canary listens. */
const HOSTILE_URLS = [
  "http://127.0.0.1:PORT/",
  "http://127.1:PORT/",
  "http://127.0.1:PORT/",
  "http://2130706433:PORT/",
  "http://0x7f000001:PORT/",
  "http://0x7f.0.0.1:PORT/",
  "http://0X7F.1:PORT/",
  "http://0177.0.0.1:PORT/",
  "http://017700000001:PORT/",
  "http://0177.0x0.1:PORT/",
  "http://127.0.0.1.:PORT/",
  "http://0:PORT/",
  "http://0.0.0.0:PORT/",
  "http://[::]:PORT/",
  "http://[::1]:PORT/",
  "http://[0:0:0:0:0:0:0:1]:PORT/",
  "http://[::127.0.0.1]:PORT/",
  "http://[::ffff:127.0.0.1]:PORT/",
  "http://[::ffff:7f00:1]:PORT/",
  "http://[64:ff9b::127.0.0.1]:PORT/",
  "http://[2002:7f00:1::]:PORT/",
  "http://example.com@127.0.0.1:PORT/",
  "http://user:secret@127.0.0.1:PORT/",
  "http://127.0.0.1:PORT#@example.com/",
  "http://127.0.0.1:PORT?@example.com/",
  "http://127.0.0.1:PORT\\@example.com/",
  "http:\\\\127.0.0.1:PORT\\",
  "http:/127.0.0.1:PORT/",
  "http:127.0.0.1:PORT/",
  "http://①②⑦.⓪.⓪.①:PORT/",
  "http://127。0。0。1:PORT/",
  "http://１２７．0．0．１:PORT/",
  "http://%31%32%37.0.0.1:PORT/",
  "http://127.0.0.1%2e:PORT/",
  "http://127.0.\t0.\n1:PORT/",
  "HTTP://0300.0250.1.1:PORT/",
  "http://169.254.169.254:PORT/latest/meta-data/",
  "http://[::ffff:a9fe:a9fe]:PORT/",
  "http://100.100.100.200:PORT/",
  "http://[fd00:ec2::254]:PORT/",
  "http://[fe80::1]:PORT/",
];

/** Answers the n-th look-up of any name with the n-th list, the last one for good. */
function scriptedLookup(...answers: readonly (readonly string[])[]): LookupAll {
  let lookupCount = 0;
  return (_host, _options, callback) => {
    const addresses = answers[Math.min(lookupCount++, answers.length - 1)] ?? [];
    const found = addresses.map(
      (address): LookupAddress => ({ address, family: address.includes(":") ? 6 : 4 }),
    );
    callback(null, found);
  };
}

/** Listens where nobody may come. */
const startCanary = (host = "*") =>
  startOrigin((_request, response) => response.end("secret"), host);

function downloadFrom(url: string, allow: readonly string[], lookup: LookupAll) {
  return downloadThrough(createAddressGuard({ allow, lookup }), url);
}

async function downloadThrough(guard: AddressGuard, url: string) {
  const path = join(await tempDir(), "input");
  const outcome = await downloadInput(
    { url, path, signal: new AbortController().signal },
    { guard, retryCount: 0 },
  ).catch((error: unknown) => error);
  if (outcome instanceof Error) await expect(access(path)).rejects.toThrow();
  await expect(access(`${path}.part`)).rejects.toThrow();
  return outcome;
}

describe("downloadInput() and addresses that are not public", () => {
  it.each(HOSTILE_URLS)("does not connect to %j", async (spelling) => {
    const canary = await startCanary();
    const url = spelling.replace("PORT", String(canary.port));
    const outcome = await downloadFrom(url, [], scriptedLookup(["127.0.0.1"]));
    expect(outcome).toMatchObject({ code: "INPUT_ADDRESS_NOT_ALLOWED", family: "task" });
    expect(String(outcome)).not.toMatch("secret");
    expect(canary.requests).toEqual([]);
  });

  it("connects to the host that was judged where a backslash could mean another", async () => {
    const canary = await startCanary("127.0.0.2");
    const origin = await startOrigin((_request, response) => response.end("photo"));
    const url = `http://files.example:${origin.port}\\@127.0.0.2:${canary.port}/`;
    const outcome = await downloadFrom(url, ["127.0.0.1"], scriptedLookup(["127.0.0.1"]));
    expect(outcome).toMatchObject({ sizeBytes: 5 });
    expect(canary.requests).toEqual([]);
  });

  it.each([
    ["a private address", ["127.0.0.1"]],
    ["a private address beside public ones", ["8.8.8.8", "127.0.0.1"]],
    ["a private IPv6 address beside public ones", ["8.8.8.8", "::1"]],
    ["a mapped private address", ["::ffff:127.0.0.1"]],
  ])("does not connect to a name with %s", async (_what, addresses) => {
    const canary = await startCanary();
    const url = `http://files.example:${canary.port}/photo.png`;
    const outcome = await downloadFrom(url, [], scriptedLookup(addresses));
    expect(outcome).toMatchObject({ code: "INPUT_ADDRESS_NOT_ALLOWED" });
    expect(canary.requests).toEqual([]);
  });

  it("judges every answer of a name that changes between two connections", async () => {
    const canary = await startCanary("127.0.0.2");
    const origin = await startOrigin((_request, response) => {
      response.writeHead(302, { location: `http://files.example:${canary.port}/` }).end();
    });
    const outcome = await downloadFrom(
      `http://files.example:${origin.port}/`,
      ["127.0.0.1"],
      scriptedLookup(["127.0.0.1"], ["127.0.0.2"]),
    );
    expect(outcome).toMatchObject({ code: "INPUT_ADDRESS_NOT_ALLOWED" });
    expect(origin.requests).toHaveLength(1);
    expect(canary.requests).toEqual([]);
  });

  it.each([
    "http://127.0.0.2:PORT/",
    "http://0x7f000002:PORT/",
    "//127.0.0.2:PORT/",
    "http://user:secret@127.0.0.1:PORT/",
    "http://169.254.169.254/latest/meta-data/",
    "ftp://127.0.0.1:PORT/",
    "file:///etc/passwd",
  ])("does not follow a redirect to %j", async (spelling) => {
    const canary = await startCanary("127.0.0.2");
    const location = spelling.replace("PORT", String(canary.port));
    const origin = await startOrigin((_request, response) => {
      response.writeHead(302, { location }).end();
    });
    const outcome = await downloadFrom(origin.url, ["127.0.0.1"], scriptedLookup([]));
    expect(outcome).toMatchObject({ code: "INPUT_ADDRESS_NOT_ALLOWED" });
    expect(String(outcome)).not.toMatch("secret");
    expect(origin.requests).toHaveLength(1);
    expect(canary.requests).toEqual([]);
  });

  it("judges the address that was really connected to", async () => {
    const canary = await startCanary();
    const lookup = scriptedLookup(["127.0.0.1"]);
    const open = createAddressGuard({ allow: ["127.0.0.1"], lookup });
    const { refusal } = createAddressGuard({ allow: [] });
    const outcome = await downloadThrough(
      { refusal, lookup: open.lookup },
      `http://files.example:${canary.port}/`,
    );
    expect(outcome).toMatchObject({ code: "INPUT_ADDRESS_NOT_ALLOWED" });
    expect(canary.requests).toEqual([]);
  });
});

describe("createGuardedAgent()", () => {
  it("does not connect to a literal address that is refused", async () => {
    const canary = await startCanary();
    const agent = createGuardedAgent(createAddressGuard({ allow: [] }), {
      connectTimeoutMs: 1_000,
      headersTimeoutMs: 1_000,
      idleTimeoutMs: 1_000,
    });
    onTestFinished(() => agent.destroy());
    await expect(request(canary.url, { dispatcher: agent })).rejects.toMatchObject({
      code: "INPUT_ADDRESS_NOT_ALLOWED",
    });
    expect(canary.requests).toEqual([]);
  });
});
