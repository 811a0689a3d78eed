import type { LookupAddress } from "node:dns";
import { describe, expect, it } from "vitest";
import { checkInputUrl, createAddressGuard } from "../../../src/net/address-guard.js";

const guard = createAddressGuard({ allow: [] });

describe("createAddressGuard().refusal()", () => {
  it.each([
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.255",
    "168.63.129.16",
    "169.254.1.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.7",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:7f00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001::1",
    "2001:db8::1",
    "3fff::1",
    "fc00::1",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "5f00::1",
    "not an address",
  ])("refuses %s", (address) => {
    expect(guard.refusal(address, address)).toEqual(expect.any(String));
  });

  it.each([
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "172.32.0.1",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
  ])("lets the public address %s through", (address) => {
    expect(guard.refusal(address, address)).toBeUndefined();
  });

  it("lets allowed addresses and ranges through, in every embedding of an IPv4 address", () => {
    const open = createAddressGuard({ allow: ["10.0.0.0/8", "127.0.0.1", "fd12::/16"] });
    for (const address of ["10.9.8.7", "127.0.0.1", "::ffff:10.0.0.1", "fd12::5"])
      expect(open.refusal(address, address)).toBeUndefined();
    for (const address of ["127.0.0.2", "192.168.0.1", "fd13::1"])
      expect(open.refusal(address, address)).toBe("is not a public address");
  });

  it("lets any address of an allowed host name through, however the name is spelled", () => {
    const open = createAddressGuard({ allow: ["Files.Internal", "文件.internal"] });
    expect(open.refusal("10.0.0.1", "files.internal.")).toBeUndefined();
    expect(open.refusal("10.0.0.1", new URL("http://文件.internal").hostname)).toBeUndefined();
    expect(open.refusal("10.0.0.1", "other.internal")).toBe("is not a public address");
  });

  it("refuses metadata services even where their range or host is allowed", () => {
    const open = createAddressGuard({
      allow: ["169.254.0.0/16", "100.64.0.0/10", "fd00::/8", "metadata.internal"],
    });
    for (const address of [
      "169.254.169.254",
      "100.100.100.200",
      "fd00:ec2::254",
      "::ffff:169.254.169.254",
    ])
      expect(open.refusal(address, "metadata.internal")).toMatch("metadata service");
  });

  it.each(["10.0.0.0/33", "10/8", "a b", "http://files.internal", "", "fd00::/129"])(
    "is not made with the allowed entry %j",
    (entry) => {
      expect(() => createAddressGuard({ allow: [entry] })).toThrow(JSON.stringify(entry));
    },
  );
});

describe("createAddressGuard().lookup", () => {
  async function lookUp(addresses: readonly string[], all: boolean): Promise<unknown> {
    const answers: LookupAddress[] = addresses.map((address) => ({
      address,
      family: address.includes(":") ? 6 : 4,
    }));
    const { lookup } = createAddressGuard({
      allow: [],
      lookup: (_host, _options, callback) => callback(null, answers),
    });
    return await new Promise((resolve, reject) => {
      lookup("files.example", { all }, (error, found) => (error ? reject(error) : resolve(found)));
    });
  }

  it("answers the judged addresses", async () => {
    await expect(lookUp(["1.1.1.1", "2606:4700::1"], true)).resolves.toEqual([
      { address: "1.1.1.1", family: 4 },
      { address: "2606:4700::1", family: 6 },
    ]);
    await expect(lookUp(["1.1.1.1"], false)).resolves.toBe("1.1.1.1");
  });

  it.each([
    ["a private address", ["10.0.0.1"]],
    ["a private address among public ones", ["1.1.1.1", "127.0.0.1"]],
    ["a private IPv6 address among public ones", ["1.1.1.1", "fd00::1"]],
  ])("refuses a name with %s", async (_what, addresses) => {
    await expect(lookUp(addresses, true)).rejects.toMatchObject({
      code: "INPUT_ADDRESS_NOT_ALLOWED",
    });
  });
});

describe("checkInputUrl()", () => {
  it.each([
    "https://example.com/photo.png",
    "http://example.com:8080/a?b=c#d",
    "HTTPS://EXAMPLE.COM/",
    "http://8.8.8.8/a.png",
    "http://localhost/judged-when-connected-to",
  ])("accepts %s", (url) => {
    expect(checkInputUrl(url, guard)).toBeUndefined();
  });

  it.each([
    ["", "must begin with"],
    ["photo.png", "must begin with"],
    ["/etc/passwd", "must begin with"],
    ["http:/example.com/a.png", "must begin with"],
    ["http://", "complete"],
    ["http://256.256.256.256/", "complete"],
    ["ftp://example.com/a.png", "must begin with"],
    ["file:///etc/passwd", "must begin with"],
    ["data:image/png;base64,AAAA", "must begin with"],
    ["javascript:alert(1)", "must begin with"],
    ["http://user@example.com/", "user name or password"],
    ["http://:secret@example.com/", "user name or password"],
    ["http://169.254.169.254/latest/meta-data/", "metadata service"],
    ["http://[fd00:ec2::254]/", "metadata service"],
    ["http://100.100.100.200/", "metadata service"],
    ["http://0x7f.1/", "not a public address"],
    ["http://[::ffff:7f00:1]/", "not a public address"],
  ])("says what is wrong with %j", (url, problem) => {
    expect(checkInputUrl(url, guard)).toMatch(problem);
  });

  it("does not repeat credentials", () => {
    expect(checkInputUrl("http://user:secret@10.0.0.1/", guard)).not.toMatch("secret");
  });
});
