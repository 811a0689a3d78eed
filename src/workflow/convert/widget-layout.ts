import type { InputSpec, NodeInfo } from "../../comfy/node-info.js";
import type { Json } from "../../domain/task.js";
import { defined } from "../../lib/defined.js";
import { comboOptions, isDynamicCombo, isFedByUpload } from "../node-info.js";
import { UPLOAD_CLASSES } from "../upload-classes.js";
import {
  controlCount,
  defaultValue,
  dynamicInputs,
  fitsWidget,
  isForcedSocket,
  isWidget,
  type NamedSpec,
  orderedInputs,
} from "./widget-spec.js";

/** What is assumed of a list of values. */
export interface Layout {
  /**
   * A word that controls a seed counts as that, even if the next widget could have it as its value.
   */
  readonly isStrict: boolean;
  /** Inputs that are sockets in spite of their type have a value too. */
  readonly hasDummies: boolean;
}

/** The result of reading a list of values in a layout. */
export interface Reading {
  readonly values: ReadonlyMap<string, Json>;
  /** Whether every value had its place and every widget its value. */
  readonly isExact: boolean;
  /** The name of a widget whose value does not fit it. */
  readonly misfit?: string;
}

/** Gives a node's values to its widgets, in the order of its class's inputs. */
export function readInLayout(
  list: readonly Json[],
  classType: string,
  info: NodeInfo,
  layout: Layout,
): Reading {
  const reader = new Reader(list, layout);
  const required = orderedInputs(info, "required");
  const optional = orderedInputs(info, "optional");
  const isUpload =
    UPLOAD_CLASSES.has(classType) || required.some(([, spec]) => isFedByUpload(spec));
  reader.read(required, isUpload ? undefined : firstWidget(optional));
  // The editor puts its upload button after the last required input.
  if (isUpload) reader.skipUpload();
  reader.read(optional, undefined);
  return reader.reading();
}

/** The values of a control widget. */
const CONTROL_WORDS: readonly unknown[] = [
  "fixed",
  "increment",
  "increment-wrap",
  "decrement",
  "randomize",
];

class Reader {
  readonly #list: readonly Json[];
  readonly #layout: Layout;
  readonly #values = new Map<string, Json>();
  #at = 0;
  #isShort = false;
  #misfit: string | undefined;

  constructor(list: readonly Json[], layout: Layout) {
    this.#list = list;
    this.#layout = layout;
  }

  reading(): Reading {
    const isComplete = !this.#isShort && this.#at === this.#list.length;
    return {
      values: this.#values,
      isExact: isComplete && this.#misfit === undefined,
      ...defined({ misfit: this.#misfit }),
    };
  }

  /** @param follower the input after the last of them, for telling controls from values */
  read(inputs: readonly NamedSpec[], follower: InputSpec | undefined): void {
    for (const [index, input] of inputs.entries()) {
      const [, spec] = input;
      if (isForcedSocket(spec) && this.#layout.hasDummies) this.#at += 1;
      if (!isWidget(spec)) continue;
      this.#widget(input, firstWidget(inputs.slice(index + 1)) ?? follower);
    }
  }

  skipUpload(): void {
    const value = this.#list[this.#at];
    if (typeof value === "string" && UPLOAD_WORDS.includes(value)) this.#at += 1;
  }

  #widget([name, spec]: NamedSpec, next: InputSpec | undefined): void {
    const value = this.#take(name, spec);
    if (value !== undefined) this.#values.set(name, value);
    if (!isDynamicCombo(spec)) {
      this.#skipControls([name, spec], next);
      return;
    }
    const inputs = dynamicInputs(name, spec, value ?? null);
    if (inputs === undefined) this.#misfit ??= name;
    else this.read(inputs, next);
  }

  #take(name: string, spec: InputSpec): Json | undefined {
    if (this.#at >= this.#list.length) {
      this.#isShort = true;
      return defaultValue(spec);
    }
    const value = this.#list[this.#at] ?? null;
    this.#at += 1;
    if (value === null) return defaultValue(spec);
    if (!fitsWidget(spec, value)) this.#misfit ??= name;
    return value;
  }

  #skipControls(widget: NamedSpec, next: InputSpec | undefined): void {
    const count = controlCount(widget);
    const word = this.#list[this.#at];
    if (count === 0 || !CONTROL_WORDS.includes(word)) return;
    if (!this.#layout.isStrict && next !== undefined && comboOptions(next)?.includes(word ?? null))
      return;
    this.#at += 1;
    // A combo's control is followed by its filter, a text.
    if (count === 2 && typeof this.#list[this.#at] === "string") this.#at += 1;
  }
}

/** The values of the upload button. */
const UPLOAD_WORDS = ["image", "video", "audio", "upload"];

function firstWidget(inputs: readonly NamedSpec[]): InputSpec | undefined {
  return inputs.find(([, spec]) => isWidget(spec))?.[1];
}
