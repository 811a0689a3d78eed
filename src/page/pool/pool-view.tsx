import { useMemo } from "preact/hooks";
import type { GetHistoryResponse, Stats } from "../../client/gen/tmlsr/v1/monitor_service_pb.js";
import { createPoll } from "../live/poll.js";
import { duration } from "../texts/format.js";
import { useModel, useRunning, useTexts } from "../use-model.js";
import { Findings } from "./findings.js";
import { hourOf, totalsOf } from "./hour.js";
import { ServerCard } from "./server-card.js";
import "./pool.css";

const HISTORY_MS = 15_000;
const DOCTOR_MS = 30_000;

/** What the servers do and did, what they lack, and what is wrong. */
export function PoolView() {
  const { clients, stats, nowMs } = useModel();
  const { t } = useTexts();
  const history = useMemo(
    () => createPoll(async (signal) => await clients.monitor.getHistory({}, { signal })),
    [clients],
  );
  const doctor = useMemo(
    () => createPoll(async (signal) => await clients.monitor.getDoctor({}, { signal })),
    [clients],
  );
  useRunning(async (signal) => await history.run(HISTORY_MS, signal), [history]);
  useRunning(async (signal) => await doctor.run(DOCTOR_MS, signal), [doctor]);
  const now = stats.value.value;
  const hour = history.value.value;
  return (
    <div class="pool-view">
      <h1 class="unseen">{t("pool.title")}</h1>
      {now !== undefined && <Figures stats={now} hour={hour} />}
      <Findings findings={doctor.value.value?.findings} />
      <h2>{t("pool.servers")}</h2>
      {now?.poolStatus.length === 0 && <p class="nothing">{t("pool.noServers")}</p>}
      <div class="servers">
        {now?.poolStatus.map((server) => (
          <ServerCard
            key={server.address}
            server={server}
            minutes={hour && hourOf(hour, server.address, nowMs.value)}
          />
        ))}
      </div>
    </div>
  );
}

interface FiguresProps {
  readonly stats: Stats;
  readonly hour: GetHistoryResponse | undefined;
}

function Figures({ stats: { system, stats }, hour }: FiguresProps) {
  const { t, format } = useTexts();
  const active = system?.activeWorkers ?? 0;
  const total = system?.maxWorkers ?? 0;
  const totals = hour && totalsOf(hour);
  const share = totals?.busyRatio;
  const age = totals?.queueAgeSeconds ?? 0;
  return (
    <dl class="figures">
      <Figure
        name={t("pool.busy")}
        value={share === undefined ? "–" : `${Math.round(share * 100)} %`}
        hint={t("pool.busyHint", { active, total })}
      />
      <Figure
        name={t("pool.queue")}
        value={format.number(stats?.pending ?? 0)}
        hint={t("pool.queueHint")}
      />
      <Figure
        name={t("pool.age")}
        value={age === 0 ? "–" : duration(age)}
        hint={t("pool.ageHint")}
      />
      <Figure
        name={t("pool.throughput")}
        value={format.number(totals?.completed ?? 0)}
        hint={t("pool.throughputHint")}
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
