import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Task } from "../../client/gen/tmlsr/v1/task_pb.js";
import { inputUrl, previewUrl } from "../parts/picture-url.js";
import { useTexts } from "../use-model.js";
import { ratioOf } from "./compare-pictures.js";
import { Comparison } from "./comparison.js";
import { FilmBar } from "./film-bar.js";
import { FilmPair } from "./film-pair.js";
import { Frame } from "./frame.js";
import { ToolBar } from "./tool-bar.js";

const USUAL_FPS = 25;

/** A film before and after, in step. Where the input cannot be played, its poster stands for it. */
export function CompareFilms({ task }: { readonly task: Task }) {
  const { t } = useTexts();
  const comparison = useMemo(() => new Comparison(ratioOf(task)), [task.taskId]);
  const pair = useFilmPair(task);
  const isMuted = useSignal(true);
  const isUnplayable = useSignal(inputUrl(task) === undefined);
  const { linked, relink } = useLinked(task);
  const frameSeconds = 1 / (task.input?.fps || USUAL_FPS);
  const step = (frames: number): void => {
    pair.pause();
    pair.seek(pair.position.peek() + frames * frameSeconds);
  };
  return (
    <div class="compare">
      <Frame
        comparison={comparison}
        onKey={(key) => pressFilmKey(key, pair, step)}
        before={
          isUnplayable.value ? (
            <img
              src={previewUrl(task, "input", 1280)}
              alt={t("compare.before")}
              draggable={false}
            />
          ) : (
            <video
              ref={(film) => pair.setFollower(film ?? undefined)}
              src={inputUrl(linked)}
              muted
              playsInline
              preload="auto"
              aria-label={t("compare.before")}
              onError={() => {
                if (!relink()) isUnplayable.value = true;
              }}
            />
          )
        }
        after={
          <video
            ref={(film) => pair.setLeader(film ?? undefined)}
            src={linked.output?.url}
            poster={previewUrl(linked, "output", 1280)}
            muted={isMuted.value}
            playsInline
            preload="auto"
            aria-label={t("compare.after")}
            onError={relink}
            onLoadedMetadata={({ currentTarget }) => {
              comparison.loadedWidth.value = currentTarget.videoWidth;
            }}
          />
        }
      />
      <FilmBar pair={pair} isMuted={isMuted} onStep={step} />
      <ToolBar comparison={comparison} onPixels={() => comparison.showPixels()} />
      <p class="hint">
        {t("compare.hint")} {t("compare.filmHint")}
        {isUnplayable.value && <strong> {t("compare.poster")}</strong>}
      </p>
    </div>
  );
}

function useFilmPair({ taskId }: Task): FilmPair {
  const pair = useMemo(() => new FilmPair(), [taskId]);
  useEffect(() => {
    const stop = new AbortController();
    pair.follow(stop.signal);
    return () => stop.abort();
  }, [pair]);
  return pair;
}

/** A film would begin anew with new links: it gets them when it fails with the old ones. */
function useLinked(task: Task): { readonly linked: Task; readonly relink: () => boolean } {
  const linked = useSignal(task);
  const relink = (): boolean => {
    const isNew = linked.peek().linkQuery !== task.linkQuery;
    linked.value = task;
    return isNew;
  };
  return { linked: linked.value, relink };
}

function pressFilmKey(key: string, pair: FilmPair, step: (frames: number) => void): boolean {
  if (key === " ") pair.toggle();
  else if (key === "ArrowLeft") step(-1);
  else if (key === "ArrowRight") step(1);
  else return false;
  return true;
}
