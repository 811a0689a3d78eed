/** A view and what it shows. */
export type Route =
  | { readonly view: "tasks" }
  | { readonly view: "task"; readonly taskId: string }
  | { readonly view: "submit" }
  | { readonly view: "pool" };

/** Reads the part of the address after `#`. Whatever names nothing leads to the tasks. */
export function readRoute(hash: string): Route {
  const [view, taskId] = hash.replace(/^#?\/?/, "").split("/");
  if (view === "tasks" && taskId) return { view: "task", taskId };
  if (view === "submit" || view === "pool") return { view };
  return { view: "tasks" };
}

/** The address of a view, for links. */
export function linkTo(route: Route): string {
  return route.view === "task" ? `#/tasks/${route.taskId}` : `#/${route.view}`;
}
