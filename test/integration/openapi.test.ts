import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, it } from "vitest";
import { openapi } from "../../src/gen/openapi.js";

describe("the OpenAPI document", () => {
  it("is valid OpenAPI 3.1", async () => {
    const result = await new Validator().validate(structuredClone(openapi));
    expect(result.errors).toBeUndefined();
    expect(result.valid).toBe(true);
  });
});
