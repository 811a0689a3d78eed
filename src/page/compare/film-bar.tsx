import type { Signal } from "@preact/signals";
import { duration } from "../texts/format.js";
import { useTexts } from "../use-model.js";
import type { FilmPair } from "./film-pair.js";
import { Tool } from "./tool-bar.js";

interface FilmBarProps {
  readonly pair: FilmPair;
  readonly isMuted: Signal<boolean>;
  readonly onStep: (frames: number) => void;
}

/** The one control of both films. */
export function FilmBar({ pair, isMuted, onStep }: FilmBarProps) {
  const { t } = useTexts();
  const isPlaying = pair.isPlaying.value;
  const position = pair.position.value;
  const length = pair.length.value;
  return (
    <div class="film-bar">
      <Tool
        icon={isPlaying ? "pause" : "play"}
        name={isPlaying ? "film.pause" : "film.play"}
        onUse={() => pair.toggle()}
      />
      <Tool icon="stepBack" name="film.stepBack" onUse={() => onStep(-1)} />
      <Tool icon="stepForward" name="film.stepForward" onUse={() => onStep(1)} />
      <input
        type="range"
        class="position"
        min={0}
        max={length}
        step="any"
        value={position}
        aria-label={t("film.position")}
        aria-valuetext={`${duration(position)} / ${duration(length)}`}
        onInput={({ currentTarget }) => pair.seek(currentTarget.valueAsNumber)}
      />
      <span class="mono clock">
        {position.toFixed(2)} / {length.toFixed(2)} s
      </span>
      <Tool
        icon={isMuted.value ? "silent" : "sound"}
        name={isMuted.value ? "film.unmute" : "film.mute"}
        onUse={() => {
          isMuted.value = !isMuted.value;
        }}
      />
    </div>
  );
}
