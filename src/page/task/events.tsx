import type { Task } from "../../client/gen/tmlsr/v1/task_pb.js";
import { useTexts } from "../use-model.js";
import { eventsOf } from "./events-of.js";

/** What happened to a task, in order. */
export function Events({ task }: { readonly task: Task }) {
  const { t, format } = useTexts();
  return (
    <section>
      <h2>{t("task.events")}</h2>
      <ol class="events">
        {eventsOf(task, t).map(({ atMs, words }) => (
          <li key={`${atMs} ${words}`}>
            <time dateTime={new Date(atMs).toISOString()}>{format.dateTime(atMs)}</time>
            <span class="event-words">{words}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
