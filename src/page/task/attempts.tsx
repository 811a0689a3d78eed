import type { Task } from "../../client/gen/tmlsr/v1/task_pb.js";
import { duration, millis } from "../texts/format.js";
import { useModel, useTexts } from "../use-model.js";

/** Every try at the task, the newest last. */
export function Attempts({ task }: { readonly task: Task }) {
  const { nowMs } = useModel();
  const { t, format } = useTexts();
  if (task.attempts.length === 0) return null;
  return (
    <section>
      <h2>{t("task.attempts")}</h2>
      <div class="table-box">
        <table>
          <thead>
            <tr>
              <th scope="col">{t("task.attempt")}</th>
              <th scope="col">{t("task.server")}</th>
              <th scope="col">{t("task.began")}</th>
              <th scope="col">{t("task.took")}</th>
              <th scope="col">{t("task.reason")}</th>
            </tr>
          </thead>
          <tbody>
            {task.attempts.map((each) => {
              const beganMs = millis(each.startedAt);
              const endMs = each.endedAt === undefined ? nowMs.value : millis(each.endedAt);
              return (
                <tr key={beganMs}>
                  <td>{each.attempt}</td>
                  <td class="mono">{each.server ?? "–"}</td>
                  <td>{format.dateTime(beganMs)}</td>
                  <td>{duration(Math.max(0, endMs - beganMs) / 1000)}</td>
                  <td class="mono">{each.reason ?? t("task.runs")}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}
