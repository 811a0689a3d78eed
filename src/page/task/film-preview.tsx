import { useEffect, useRef } from "preact/hooks";
import type { Task } from "../../client/gen/tmlsr/v1/task_pb.js";
import { pause } from "../live/pause.js";
import { playlistUrl, previewUrl } from "../parts/picture-url.js";
import { useTexts } from "../use-model.js";

const AGAIN_MS = 5_000;

/** Plays what is ready of a film while the rest renders. The player is loaded for this alone. */
export function FilmPreview({ task }: { readonly task: Task }) {
  const { t } = useTexts();
  const film = useRef<HTMLVideoElement>(null);
  const newest = useRef(task);
  newest.current = task;
  useEffect(() => {
    const stop = new AbortController();
    if (film.current !== null)
      void play(film.current, () => playlistUrl(newest.current), stop.signal);
    return () => stop.abort();
  }, [task.taskId]);
  return (
    <figure class="film-preview">
      <video
        ref={film}
        controls
        muted
        playsInline
        poster={previewUrl(task, "input", 1280)}
        aria-label={t("film.preview")}
      />
      <figcaption class="muted">{t("film.preview")}</figcaption>
    </figure>
  );
}

/** Plays until the signal is aborted; begins again after an error, since the film still grows. */
async function play(
  film: HTMLVideoElement,
  newestUrl: () => string,
  signal: AbortSignal,
): Promise<void> {
  const { default: Hls } = await import("hls.js");
  if (!Hls.isSupported()) {
    film.src = newestUrl();
    return;
  }
  while (!signal.aborted) {
    const player = new Hls({ enableWorker: false });
    const broken = new AbortController();
    player.on(Hls.Events.ERROR, (_event, { fatal }) => {
      if (fatal) broken.abort();
    });
    player.loadSource(newestUrl());
    player.attachMedia(film);
    await untilAborted(AbortSignal.any([signal, broken.signal]));
    player.destroy();
    await pause(AGAIN_MS, signal);
  }
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}
