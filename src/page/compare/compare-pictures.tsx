import { useSignal, useSignalEffect } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Task } from "../../client/gen/tmlsr/v1/task_pb.js";
import { inputUrl, previewUrl } from "../parts/picture-url.js";
import { useTexts } from "../use-model.js";
import { Comparison } from "./comparison.js";
import { Frame } from "./frame.js";
import { ToolBar } from "./tool-bar.js";

/** `previews` is small; `loading` and `whole` are what the user asked for by looking closely. */
type Detail = "previews" | "loading" | "whole" | "failed";

const PREVIEW_WIDTH = 1920;

/**
 * A picture before and after. It begins with previews; the whole files come when someone zooms
 * closer than the previews go, or where there are no previews.
 */
export function ComparePictures({ task }: { readonly task: Task }) {
  const { t, format } = useTexts();
  const comparison = useMemo(() => new Comparison(ratioOf(task)), [task.taskId]);
  const detail = useSignal<Detail>("previews");
  const wholeUrl = task.output?.url ?? "";
  const loadWhole = async (): Promise<void> => {
    if (detail.peek() !== "previews") return;
    detail.value = "loading";
    try {
      comparison.loadedWidth.value = await widthOf(wholeUrl);
      detail.value = "whole";
    } catch {
      // Too large for this browser, or its URL has expired: the preview stays.
      detail.value = "failed";
    }
  };
  useSignalEffect(() => {
    const isCloser = comparison.view.value.scale > Math.max(1, comparison.pixelScale.value) * 1.01;
    if (isCloser && comparison.loadedWidth.value >= PREVIEW_WIDTH) void loadWhole();
  });
  const isWhole = detail.value === "whole";
  const before = (isWhole && inputUrl(task)) || previewUrl(task, "input", PREVIEW_WIDTH);
  return (
    <div class="compare">
      <Frame
        comparison={comparison}
        before={<Picture url={before} name={t("compare.before")} />}
        after={
          <Picture
            url={isWhole ? wholeUrl : previewUrl(task, "output", PREVIEW_WIDTH)}
            name={t("compare.after")}
            onLoad={({ naturalWidth, naturalHeight }) => {
              comparison.loadedWidth.value = naturalWidth;
              if (task.input === undefined) comparison.ratio.value = naturalWidth / naturalHeight;
            }}
            onMissing={() => void loadWhole()}
          />
        }
      />
      <ToolBar
        comparison={comparison}
        onPixels={() => void loadWhole().then(() => comparison.showPixels())}
      >
        {detail.value === "loading" && t("compare.fullLoading")}
        {detail.value === "failed" && t("compare.fullFailed")}
        {detail.value === "previews" && (
          <button type="button" class="tool" onClick={() => void loadWhole()}>
            {t("compare.full")}{" "}
            <span class="muted">{format.bytes(Number(task.output?.sizeBytes ?? 0))}</span>
          </button>
        )}
      </ToolBar>
      <p class="hint">{t("compare.hint")}</p>
    </div>
  );
}

interface PictureProps {
  readonly url: string;
  readonly name: string;
  readonly onLoad?: (picture: HTMLImageElement) => void;
  readonly onMissing?: () => void;
}

function Picture({ url, name, onLoad, onMissing }: PictureProps) {
  const { t } = useTexts();
  const missing = useSignal("");
  if (missing.value === url)
    return (
      <span class="no-picture" role="img" aria-label={name}>
        {t("compare.none")}
      </span>
    );
  return (
    <img
      src={url}
      alt={name}
      draggable={false}
      decoding="async"
      onLoad={({ currentTarget }) => onLoad?.(currentTarget)}
      onError={() => {
        missing.value = url;
        onMissing?.();
      }}
    />
  );
}

/** Loads and decodes a picture. @returns its width in pixels. */
async function widthOf(url: string): Promise<number> {
  const picture = new Image();
  picture.src = url;
  await picture.decode();
  return picture.naturalWidth;
}

/** Width by height. The result has the shape of the input. */
export function ratioOf({ input }: Task): number {
  return input === undefined || input.height === 0 ? 16 / 9 : input.width / input.height;
}
