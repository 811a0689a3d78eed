import { createContext } from "preact";
import { useContext, useEffect } from "preact/hooks";
import type { Model } from "./model.js";
import type { Format } from "./texts/format.js";
import type { Translate } from "./texts/texts.js";

const ModelContext = createContext<Model | undefined>(undefined);

/** Gives the model to all components below. */
export const ModelProvider = ModelContext.Provider;

/** The model. */
export function useModel(): Model {
  const model = useContext(ModelContext);
  if (model === undefined) throw new TypeError("A view stands outside of the page");
  return model;
}

/** The texts and formats of the present language. */
export function useTexts(): { readonly t: Translate; readonly format: Format } {
  const { t, format } = useModel();
  return { t: t.value, format: format.value };
}

/** Runs something while the component is shown, from anew when `inputs` change. */
export function useRunning(run: (signal: AbortSignal) => Promise<void>, inputs: unknown[]): void {
  useEffect(() => {
    const stop = new AbortController();
    void run(stop.signal);
    return () => stop.abort();
  }, inputs);
}
