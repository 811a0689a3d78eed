import type { FilmContainer } from "../domain/film.js";
import type { TaskType } from "../domain/task.js";
import type { ParameterValues } from "./resolve-parameters.js";
import type { WorkflowParameter } from "./workflow.js";

const NAME = "container";

/** It sets nothing in a graph: films are put together by the service, whatever a server makes. */
const CONTAINER: WorkflowParameter = {
  name: NAME,
  type: "string",
  description:
    "The container of the result. MP4 plays everywhere, and each frame keeps its time to the tick. MKV holds every sound and subtitle as it is, and counts in milliseconds.",
  default: "mp4",
  options: ["mp4", "mkv"],
};

/** The parameters of a workflow, with the one of films where it takes them and has none of that name. */
export function withContainer(
  type: TaskType,
  parameters: readonly WorkflowParameter[],
): readonly WorkflowParameter[] {
  if (type !== "video" || parameters.some(({ name }) => name === NAME)) return parameters;
  return [...parameters, CONTAINER];
}

/** The container that a task asks for. */
export function containerOf(values: ParameterValues): FilmContainer {
  return values[NAME] === "mkv" ? "mkv" : "mp4";
}
