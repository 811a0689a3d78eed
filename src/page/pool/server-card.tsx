import {
  ServerState,
  type ServerStats,
  ServerStatus,
} from "../../client/gen/tmlsr/v1/monitor_service_pb.js";
import { linkTo } from "../route.js";
import { millis } from "../texts/format.js";
import { useModel, useTexts } from "../use-model.js";
import type { MinuteOfServer } from "./hour.js";
import { HourStrip } from "./hour-strip.js";

const STATES = {
  [ServerState.UNSPECIFIED]: "unspecified",
  [ServerState.UNKNOWN]: "unknown",
  [ServerState.READY]: "ready",
  [ServerState.QUARANTINED]: "quarantined",
  [ServerState.HALF_OPEN]: "half_open",
  [ServerState.DRAINING]: "draining",
} as const;

interface ServerCardProps {
  readonly server: ServerStats;
  /** Undefined before it is known. */
  readonly minutes: readonly MinuteOfServer[] | undefined;
}

/** One server: its state, what it runs, what it can run and what it lacks. */
export function ServerCard({ server, minutes }: ServerCardProps) {
  const { t } = useTexts();
  const isBusy = server.status === ServerStatus.BUSY;
  const state = STATES[server.state];
  return (
    <article class="server">
      <header class="server-head">
        <h3 class="mono">{server.address}</h3>
        <span class={`status server-${isBusy ? "busy" : state}`}>
          <span class="dot" aria-hidden="true" />
          {isBusy ? t("pool.status.busy") : t(`pool.state.${state}`)}
        </span>
      </header>
      {minutes !== undefined && <HourStrip server={server.address} minutes={minutes} />}
      <Troubles server={server} />
      <dl class="facts">
        <div class="fact">
          <dt>{t("pool.runs")}</dt>
          <dd>
            <RunningTasks taskIds={server.taskIds} />
          </dd>
        </div>
        <div class="fact">
          <dt>{t("pool.device")}</dt>
          <dd>{[...server.devices, server.version].filter(Boolean).join(" · ") || "–"}</dd>
        </div>
        {server.loadedWorkflow !== undefined && (
          <div class="fact">
            <dt>{t("pool.loaded")}</dt>
            <dd>{server.loadedWorkflow}</dd>
          </div>
        )}
        <div class="fact">
          <dt>{t("pool.can")}</dt>
          <dd>
            {server.workflows.length === 0 && "–"}
            {server.workflows.map((workflow) => (
              <span key={workflow} class="tag">
                {workflow}
              </span>
            ))}
          </dd>
        </div>
      </dl>
      <Lacks missing={server.missing} />
    </article>
  );
}

function Troubles({ server }: { readonly server: ServerStats }) {
  const { nowMs } = useModel();
  const { t, format } = useTexts();
  const { reason, quarantinedUntil, workflowQuarantines } = server;
  if (reason === undefined && workflowQuarantines.length === 0) return null;
  return (
    <ul class="troubles">
      {reason !== undefined && (
        <li>
          {reason}
          {quarantinedUntil !== undefined && (
            <span class="muted">
              {" "}
              {t("pool.quarantineUntil", {
                when: format.relative(millis(quarantinedUntil), nowMs.value),
              })}
            </span>
          )}
        </li>
      )}
      {workflowQuarantines.map(({ workflow, reason: why, until }) => (
        <li key={workflow}>
          {t("pool.workflowQuarantine", {
            ...{ workflow, reason: why },
            when: format.dateTime(millis(until)),
          })}
        </li>
      ))}
    </ul>
  );
}

function RunningTasks({ taskIds }: { readonly taskIds: readonly string[] }) {
  const { t } = useTexts();
  if (taskIds.length === 0) return <span class="muted">{t("pool.nothing")}</span>;
  return (
    <>
      {taskIds.map((taskId) => (
        <a key={taskId} class="tag mono" href={linkTo({ view: "task", taskId })}>
          {taskId.slice(0, 8)}
        </a>
      ))}
    </>
  );
}

/** What is missing, gathered by workflow: each line of it says what to install and where. */
function Lacks({ missing }: { readonly missing: readonly string[] }) {
  const { t } = useTexts();
  const byWorkflow = new Map<string, string[]>();
  for (const line of missing) {
    const [workflow = ""] = line.split(":");
    byWorkflow.set(workflow, [...(byWorkflow.get(workflow) ?? []), line]);
  }
  if (byWorkflow.size === 0) return null;
  return (
    <details class="lacks">
      <summary>{t("pool.lacksCount", { count: byWorkflow.size })}</summary>
      <dl>
        {[...byWorkflow].map(([workflow, lines]) => (
          <div key={workflow}>
            <dt>{workflow}</dt>
            {lines.map((line) => (
              <dd key={line}>{line.slice(workflow.length + 1).trim()}</dd>
            ))}
          </div>
        ))}
      </dl>
    </details>
  );
}
