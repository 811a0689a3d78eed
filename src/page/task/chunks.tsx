import { useMemo } from "preact/hooks";
import type { Task } from "../../client/gen/tmlsr/v1/task_pb.js";
import type { Chunk } from "../../client/gen/tmlsr/v1/task_service_pb.js";
import { createPoll } from "../live/poll.js";
import { hasEnded } from "../live/task-table.js";
import { statusWord } from "../parts/status-word.js";
import { duration } from "../texts/format.js";
import { useModel, useRunning, useTexts } from "../use-model.js";

const LOOK_MS = 3_000;
/** What has ended does not change. */
const LONG_MS = 3_600_000;

/** The parts of a film that is cut, as a strip in the order of the film. */
export function Chunks({ task }: { readonly task: Task }) {
  const { clients } = useModel();
  const { t } = useTexts();
  const { taskId, chunks: counts } = task;
  const isOpen = !hasEnded(task);
  const chunks = useMemo(
    () =>
      createPoll(async (signal) => (await clients.tasks.listChunks({ taskId }, { signal })).chunks),
    [taskId],
  );
  const isCut = counts !== undefined;
  useRunning(
    async (signal) => {
      if (isCut) await chunks.run(isOpen ? LOOK_MS : LONG_MS, signal);
    },
    [chunks, isCut, isOpen],
  );
  if (counts === undefined) return null;
  const { total, completed, running } = counts;
  return (
    <section>
      <h2>{t("task.chunks")}</h2>
      <p class="muted">{t("task.chunksDone", { total, completed, running })}</p>
      <ol class="chunks" aria-label={t("task.chunks")}>
        {chunks.value.value?.map((chunk) => (
          <Piece key={chunk.firstFrame} chunk={chunk} />
        ))}
      </ol>
    </section>
  );
}

function Piece({ chunk }: { readonly chunk: Chunk }) {
  const { t } = useTexts();
  const word = statusWord(chunk.status);
  const name = t("task.chunk", {
    index: chunk.index + 1,
    start: duration(chunk.start),
    status: t(`status.${word}`),
  });
  return (
    <li
      class={`chunk chunk-${word}`}
      style={{ flexGrow: chunk.frames }}
      title={chunk.server === undefined ? name : `${name}, ${chunk.server}`}
    >
      <span class="unseen">{name}</span>
    </li>
  );
}
