import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useTexts } from "../use-model.js";
import type { Comparison } from "./comparison.js";
import { listenToGestures, pressKey } from "./gestures.js";

interface FrameProps {
  readonly comparison: Comparison;
  readonly before: ComponentChildren;
  readonly after: ComponentChildren;
  /** What a key does that the comparison itself does not know. @returns whether it did something. */
  readonly onKey?: (key: string) => boolean;
}

/** Two pictures or films on each other with a line between them, or beside each other. */
export function Frame({ comparison, before, after, onKey }: FrameProps) {
  const { t } = useTexts();
  const frame = useRef<HTMLFieldSetElement>(null);
  const mode = comparison.mode.value;
  useEffect(() => {
    const box = frame.current;
    if (box === null) return;
    const stop = new AbortController();
    const measure = (): void => {
      const width = mode === "side" ? box.clientWidth / 2 : box.clientWidth;
      comparison.frame.value = { width: Math.max(1, width), height: Math.max(1, box.clientHeight) };
      comparison.pan(0, 0);
    };
    const observer = new ResizeObserver(measure);
    observer.observe(box);
    measure();
    listenToGestures(box, comparison, stop.signal);
    return () => {
      observer.disconnect();
      stop.abort();
    };
  }, [comparison, mode]);
  const { scale, x, y } = comparison.drawn.value;
  const { width, height } = comparison.fitted.value;
  const style = {
    "--ratio": comparison.ratio.value * (mode === "side" ? 2 : 1),
    "--split": `${comparison.split.value}%`,
    "--width": `${width}px`,
    "--height": `${height}px`,
    "--scale": scale,
    "--x": `${x}px`,
    "--y": `${y}px`,
  };
  const isCoarse = scale >= comparison.pixelScale.value * 2;
  return (
    <fieldset
      ref={frame}
      class={`frame frame-${mode} ${scale > 1 ? "zoomed" : ""} ${isCoarse ? "coarse" : ""}`}
      aria-label={t("compare.label")}
      tabIndex={0}
      style={style}
      onKeyDown={(event) => {
        if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey) return;
        const isDone = onKey?.(event.key) === true || pressKey(event.key, comparison);
        if (isDone) event.preventDefault();
      }}
    >
      <div class="layer layer-before">
        <div class="sheet">{before}</div>
      </div>
      <div class="layer layer-after">
        <div class="sheet">{after}</div>
      </div>
      <span class="corner corner-before">{t("compare.before")}</span>
      <span class="corner corner-after">{t("compare.after")}</span>
      {mode === "slider" && <Line comparison={comparison} />}
    </fieldset>
  );
}

/** The line between before and after. */
function Line({ comparison }: { readonly comparison: Comparison }) {
  const { t } = useTexts();
  const { split } = comparison;
  return (
    <div
      class="line"
      role="slider"
      tabIndex={0}
      aria-label={t("compare.split")}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(split.value)}
      onKeyDown={(event) => {
        const target = splitByKey(event.key, event.shiftKey ? 10 : 2, split.peek());
        if (target === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        comparison.moveSplit(target);
      }}
    >
      <span class="grip" aria-hidden="true" />
    </div>
  );
}

function splitByKey(key: string, step: number, split: number): number | undefined {
  switch (key) {
    case "ArrowLeft":
    case "ArrowDown":
      return split - step;
    case "ArrowRight":
    case "ArrowUp":
      return split + step;
    case "Home":
      return 0;
    case "End":
      return 100;
    default:
      return undefined;
  }
}
