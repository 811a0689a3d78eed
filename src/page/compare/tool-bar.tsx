import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { Icon, type IconName } from "../parts/icon.js";
import type { TextKey } from "../texts/en.js";
import { useTexts } from "../use-model.js";
import type { Comparison, Mode } from "./comparison.js";

interface ToolBarProps {
  readonly comparison: Comparison;
  /** Shows pixels as they are, which may have to be loaded first. */
  readonly onPixels: () => void;
  readonly children?: ComponentChildren;
}

const MODES: readonly Mode[] = ["slider", "side"];

/** How to compare, and how close to look. */
export function ToolBar({ comparison, onPixels, children }: ToolBarProps) {
  const { t } = useTexts();
  const { scale } = comparison.view.value;
  const percent = Math.round((scale / comparison.pixelScale.value) * 100);
  return (
    <div class="tool-bar">
      <fieldset class="segments" aria-label={t("compare.mode")}>
        {MODES.map((mode) => (
          <button
            key={mode}
            type="button"
            aria-pressed={comparison.mode.value === mode}
            onClick={() => {
              comparison.mode.value = mode;
            }}
          >
            {t(`compare.${mode}`)}
          </button>
        ))}
      </fieldset>
      <span class="tool-space">{children}</span>
      <Tool icon="minus" name="compare.zoomOut" onUse={() => comparison.zoomOut()} />
      <span class="zoom mono">
        {Number.isFinite(percent) && comparison.loadedWidth.value > 0
          ? t("compare.zoom", { percent })
          : ""}
      </span>
      <Tool icon="plus" name="compare.zoomIn" onUse={() => comparison.zoomIn()} />
      <button type="button" class="tool" onClick={() => comparison.fit()}>
        {t("compare.fit")}
      </button>
      <button type="button" class="tool" onClick={onPixels}>
        {t("compare.pixels")}
      </button>
      <FullScreen />
    </div>
  );
}

interface ToolProps {
  readonly icon: IconName;
  readonly name: TextKey;
  readonly onUse: () => void;
}

/** A button that is a drawing with a name. */
export function Tool({ icon, name, onUse }: ToolProps) {
  const { t } = useTexts();
  return (
    <button type="button" class="tool square" aria-label={t(name)} title={t(name)} onClick={onUse}>
      <Icon name={icon} />
    </button>
  );
}

function FullScreen() {
  const { t } = useTexts();
  const isFull = useSignal(false);
  useEffect(() => {
    const look = (): void => {
      isFull.value = document.fullscreenElement !== null;
    };
    document.addEventListener("fullscreenchange", look);
    return () => document.removeEventListener("fullscreenchange", look);
  }, []);
  if (!document.fullscreenEnabled) return null;
  return (
    <button
      type="button"
      class="tool square"
      aria-label={t("compare.fullScreen")}
      title={t("compare.fullScreen")}
      aria-pressed={isFull.value}
      onClick={({ currentTarget }) => {
        if (isFull.value) void document.exitFullscreen();
        else void currentTarget.closest(".compare")?.requestFullscreen();
      }}
    >
      <Icon name="full" />
    </button>
  );
}
