import type { Stats } from "../../gen/tmlsr/v1/monitor_service_pb.js";
import { useModel, useTexts } from "../use-model.js";
import { ServerCard } from "./server-card.js";
import "./pool.css";

/** What the servers do, and what they lack. */
export function PoolView() {
  const { stats } = useModel();
  const { t } = useTexts();
  const now = stats.value.value;
  return (
    <div class="pool-view">
      <h1 class="unseen">{t("pool.title")}</h1>
      {now !== undefined && <Figures stats={now} />}
      <h2>{t("pool.servers")}</h2>
      {now?.poolStatus.length === 0 && <p class="nothing">{t("pool.noServers")}</p>}
      <div class="servers">
        {now?.poolStatus.map((server) => (
          <ServerCard key={server.address} server={server} />
        ))}
      </div>
    </div>
  );
}

function Figures({ stats: { system, stats } }: { readonly stats: Stats }) {
  const { t, format } = useTexts();
  const active = system?.activeWorkers ?? 0;
  const total = system?.maxWorkers ?? 0;
  const share = total === 0 ? 0 : Math.round((active / total) * 100);
  return (
    <dl class="figures">
      <Figure
        name={t("pool.busy")}
        value={`${share} %`}
        hint={t("pool.busyHint", { active, total })}
      />
      <Figure
        name={t("pool.queue")}
        value={format.number(stats?.pending ?? 0)}
        hint={t("pool.queueHint")}
      />
    </dl>
  );
}

interface FigureProps {
  readonly name: string;
  readonly value: string;
  readonly hint: string;
}

function Figure({ name, value, hint }: FigureProps) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd>
        <span class="big-number">{value}</span>
        <span class="muted">{hint}</span>
      </dd>
    </div>
  );
}
