import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const service = JSON.parse(read("package.json"));
const packages = ["src/client", "src/cpu-server"].map((path) =>
  JSON.parse(read(`${path}/package.json`)),
);

test("the packages have the service's version, and the same versions of what they share with it", () => {
  expect(packages.map(({ version }) => version)).toEqual([service.version, service.version]);
  const versions = { ...service.devDependencies, ...service.dependencies };
  for (const { dependencies } of packages)
    for (const [name, version] of Object.entries(dependencies))
      expect([name, versions[name] ?? version]).toEqual([name, version]);
});

test("tmlsr/client has what it needs without the package of the client", () => {
  const [client] = packages;
  const { "@connectrpc/connect-web": _, ...needed } = client.dependencies;
  expect(service.dependencies).toMatchObject(needed);
});

test("the advice to install the CPU server's package names the version that was tried", () => {
  const [, cpuServer] = packages;
  const advice = /"(@websr\/websr)@(.*)"/.exec(read("src/cpu-server/network/find-weights.ts"));
  expect(advice?.slice(1)).toEqual(["@websr/websr", cpuServer.dependencies["@websr/websr"]]);
});
