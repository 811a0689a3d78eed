import { describe, expect, test } from "vitest";
import { defined } from "../../../src/lib/defined.js";

interface Server {
  readonly id: string;
  readonly version?: string;
  readonly memoryBytes?: number;
}

describe("defined", () => {
  test("leaves out what is undefined, and nothing else", () => {
    const fields = { a: undefined, b: null, c: 0, d: "", e: false, f: Number.NaN };
    expect(Object.entries(defined(fields))).toEqual([
      ["b", null],
      ["c", 0],
      ["d", ""],
      ["e", false],
      ["f", Number.NaN],
    ]);
  });

  test("fills optional fields, which may not be undefined", () => {
    const known: { version: string | undefined; memoryBytes: number | undefined } = {
      version: undefined,
      memoryBytes: 8,
    };
    const server: Server = { id: "gpu-1", ...defined(known) };
    expect(Object.keys(server)).toEqual(["id", "memoryBytes"]);
  });

  test("keeps what cannot be undefined required", () => {
    const id: string = "gpu-1";
    const version: string | undefined = undefined;
    const server: Server = defined({ id, version });
    expect(server).toEqual({ id: "gpu-1" });
  });
});
