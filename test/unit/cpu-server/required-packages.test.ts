import { expect, it } from "vitest";
import { missingPackages } from "../../../src/cpu-server/required-packages.js";

it("missingPackages() names those that are not installed", () => {
  expect(missingPackages(["sharp", "@nobody/has-this", "ws"])).toEqual(["@nobody/has-this"]);
});
