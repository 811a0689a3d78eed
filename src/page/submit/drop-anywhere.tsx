import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { linkTo } from "../route.js";
import { useModel, useTexts } from "../use-model.js";

/** Takes files and URLs that are dropped or pasted anywhere, and leads to where they are submitted. */
export function DropAnywhere() {
  const { submission } = useModel();
  const { t } = useTexts();
  const isOver = useSignal(false);
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const take = (data: DataTransfer | null): boolean => {
      const sources = sourcesOf(data);
      if (sources.length === 0) return false;
      submission.add(sources);
      location.hash = linkTo({ view: "submit" });
      return true;
    };
    window.addEventListener(
      "dragover",
      (event) => {
        event.preventDefault();
        isOver.value = true;
      },
      { signal },
    );
    window.addEventListener(
      "dragleave",
      ({ relatedTarget }) => {
        if (relatedTarget === null) isOver.value = false;
      },
      { signal },
    );
    window.addEventListener(
      "drop",
      (event) => {
        event.preventDefault();
        isOver.value = false;
        take(event.dataTransfer);
      },
      { signal },
    );
    window.addEventListener(
      "paste",
      (event) => {
        if (event.target instanceof HTMLInputElement) return;
        if (take(event.clipboardData)) event.preventDefault();
      },
      { signal },
    );
    return () => stop.abort();
  }, [submission]);
  return isOver.value ? <div class="drop-anywhere">{t("drop.here")}</div> : null;
}

function sourcesOf(data: DataTransfer | null): readonly (File | string)[] {
  if (data === null) return [];
  if (data.files.length > 0) return [...data.files];
  const lines = data.getData("text").split(/\s+/);
  return lines.filter((line) => /^https?:\/\//i.test(line));
}
