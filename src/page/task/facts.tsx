import type { JsonObject } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { ComponentChildren } from "preact";
import type { Task } from "../../client/gen/tmlsr/v1/task_pb.js";
import { tookSeconds, typeWord } from "../parts/task-words.js";
import { linkTo } from "../route.js";
import { duration, millis } from "../texts/format.js";
import { useModel, useTexts } from "../use-model.js";

/** What is known of a task, line by line. */
export function Facts({ task }: { readonly task: Task }) {
  const { nowMs } = useModel();
  const { t, format } = useTexts();
  const { workflow, variant, server, priority, retryOf, output, notBefore } = task;
  return (
    <section>
      <h2>{t("task.facts")}</h2>
      <dl class="facts">
        <Fact name={t("task.id")} value={<span class="mono">{task.taskId}</span>} />
        <Fact name={t("task.input")} value={useInputWords(task)} />
        <Fact
          name={t("task.output")}
          value={output && `${output.mediaType}, ${format.bytes(Number(output.sizeBytes))}`}
        />
        <Fact
          name={t("task.moreOutputs")}
          value={task.outputs.length > 1 && <Files task={task} />}
        />
        <Fact name={t("task.source")} value={<span class="url">{task.params?.url}</span>} />
        <Fact name={t("task.workflow")} value={workflow} />
        <Fact name={t("task.variant")} value={variant} />
        <Fact name={t("task.server")} value={server && <span class="mono">{server}</span>} />
        <Fact name={t("task.created")} value={<Moment at={task.createdAt} />} />
        <Fact name={t("task.notBefore")} value={notBefore && <Moment at={notBefore} />} />
        <Fact name={t("task.took")} value={duration(tookSeconds(task, nowMs.value))} />
        <Fact name={t("task.priority")} value={t(priorityKey(priority))} />
        <Fact
          name={t("task.retryOf")}
          value={
            retryOf && (
              <a class="mono" href={linkTo({ view: "task", taskId: retryOf })}>
                {retryOf.slice(0, 8)}
              </a>
            )
          }
        />
        <Pairs name={t("task.labels")} values={task.labels} />
        <Pairs name={t("task.parameters")} values={task.parameters ?? {}} />
      </dl>
    </section>
  );
}

function priorityKey(priority: number) {
  if (priority === 0) return "submit.priority0";
  return priority === 1 ? "submit.priority1" : "submit.priority2";
}

function Fact({ name, value }: { readonly name: string; readonly value: ComponentChildren }) {
  if (value === undefined || value === false || value === "") return null;
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Moment({ at }: { readonly at: Timestamp | undefined }) {
  const { format } = useTexts();
  const timeMs = millis(at);
  return <time dateTime={new Date(timeMs).toISOString()}>{format.dateTime(timeMs)}</time>;
}

/** Every file of the result. */
function Files({ task: { outputs } }: { readonly task: Task }) {
  return (
    <ul>
      {outputs.map(({ url, fileName }) => (
        <li key={url}>
          <a href={url} download={fileName} rel="noreferrer">
            {fileName}
          </a>
        </li>
      ))}
    </ul>
  );
}

function Pairs({ name, values }: { readonly name: string; readonly values: JsonObject }) {
  const pairs = Object.entries(values).map(([key, value]) => (
    <span key={key} class="tag">
      {key}: {String(value)}
    </span>
  ));
  return <Fact name={name} value={pairs.length > 0 && pairs} />;
}

function useInputWords({ input, type }: Task): string {
  const { t, format } = useTexts();
  const words = [t(`type.${typeWord(type)}`)];
  if (input === undefined) return words.join();
  if (input.width > 0) words.push(`${input.width} × ${input.height}`);
  if (input.duration !== undefined) words.push(duration(input.duration));
  if (input.fps !== undefined) words.push(`${format.number(input.fps)} fps`);
  words.push(format.bytes(Number(input.sizeBytes)), input.mediaType);
  return words.join(", ");
}
