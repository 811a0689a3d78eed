import { useSignal } from "@preact/signals";
import { useTexts } from "../use-model.js";
import { Icon } from "./icon.js";

const SHOWN_MS = 1_600;

interface CopyButtonProps {
  readonly name: string;
  readonly text: () => string | Promise<string>;
}

/** Copies a text, and says that it did. */
export function CopyButton({ name, text }: CopyButtonProps) {
  const { t } = useTexts();
  const isDone = useSignal(false);
  const copy = async (): Promise<void> => {
    await copyText(await text());
    isDone.value = true;
    setTimeout(() => {
      isDone.value = false;
    }, SHOWN_MS);
  };
  return (
    <button type="button" onClick={() => void copy()}>
      <Icon name="copy" />
      <span aria-live="polite">{isDone.value ? t("action.copied") : name}</span>
    </button>
  );
}

/** The clipboard is only for pages over https or from this machine; others copy what is selected. */
async function copyText(text: string): Promise<void> {
  if ("clipboard" in navigator) return await navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
