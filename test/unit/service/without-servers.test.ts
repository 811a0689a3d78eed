import { expect, test } from "vitest";
import type { FilmState } from "../../../src/domain/film.js";
import { serverOf } from "../../../src/domain/server-of.js";
import { hideInView } from "../../../src/service/without-servers.js";
import { testTask } from "../../support/test-tasks.js";

const FILM: FilmState = {
  ...{ phase: "join", chunkCount: 2, completedCount: 2, runningCount: 0, failedCount: 0 },
  ...{ splitCount: 0, frameCount: 200, completedFrameCount: 200, server: "gpu-1" },
};

test("hides which server ran the chunks of a film", () => {
  const task = testTask({ film: FILM });
  expect(serverOf(task)).toBe("gpu-1");
  const hidden = hideInView({ task, outputUrls: [] });
  expect(serverOf(hidden.task)).toBeUndefined();
  expect(JSON.stringify(hidden)).not.toContain("gpu-1");
});
