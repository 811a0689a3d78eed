import { type Stage, StageStatus, type Task } from "../../client/gen/tmlsr/v1/task_pb.js";
import { stageWord } from "../parts/task-words.js";
import { duration } from "../texts/format.js";
import { useTexts } from "../use-model.js";

/** How long each stage took, as bars of one scale. */
export function StageTimes({ task }: { readonly task: Task }) {
  const { t } = useTexts();
  if (task.stages.length === 0) return null;
  const total = Math.max(0.01, ...task.stages.map((stage) => stage.duration));
  return (
    <section>
      <h2>{t("task.times")}</h2>
      <dl class="stage-times">
        {task.stages.map((stage) => (
          <StageTime key={stage.name} stage={stage} total={total} />
        ))}
      </dl>
    </section>
  );
}

function StageTime({ stage, total }: { readonly stage: Stage; readonly total: number }) {
  const { t } = useTexts();
  const isRunning = stage.status === StageStatus.RUNNING;
  const ratio = isRunning ? stage.progress / 100 : stage.duration / total;
  return (
    <div class={`stage-time stage-${StageStatus[stage.status].toLowerCase()}`}>
      <dt>{t(`stage.${stageWord(stage.name)}`)}</dt>
      <dd>
        <span class="stage-bar" aria-hidden="true">
          <span style={{ width: `${ratio * 100}%` }} />
        </span>
        <span class="mono">
          {isRunning ? `${Math.floor(stage.progress)} %` : duration(stage.duration)}
        </span>
        <span class="muted stage-detail">{stage.detail}</span>
      </dd>
    </div>
  );
}
