import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import {
  FIT,
  fitInto,
  keepInside,
  onPixels,
  type Point,
  type Size,
  type View,
  zoomAt,
} from "./view.js";

export type Mode = "slider" | "side";

const STEP = 1.4;

/** How two pictures are compared now: where they are split, and what part of them is seen. */
export class Comparison {
  /** Where before ends and after begins, 0 to 100. */
  readonly split = signal(50);
  readonly mode: Signal<Mode> = signal<Mode>("slider");
  /** Of the frame, or of each of the two frames side by side. */
  readonly frame: Signal<Size> = signal({ width: 1, height: 1 });
  /** Width by height of the pictures. */
  readonly ratio: Signal<number>;
  /** Pixels of the widest picture that is loaded. */
  readonly loadedWidth = signal(0);
  readonly #view = signal(FIT);

  constructor(ratio: number) {
    this.ratio = signal(ratio);
  }

  get view(): ReadonlySignal<View> {
    return this.#view;
  }

  readonly fitted: ReadonlySignal<Size> = computed(() =>
    fitInto(this.frame.value, this.ratio.value),
  );

  /** The view as it is drawn, its edges on pixels of the screen. */
  readonly drawn: ReadonlySignal<View> = computed(() =>
    onPixels(this.#view.value, {
      frame: this.frame.value,
      fitted: this.fitted.value,
      density: devicePixelRatio,
    }),
  );

  /** The scale at which a pixel of the picture that is loaded is a pixel of the screen. */
  readonly pixelScale: ReadonlySignal<number> = computed(
    () => this.loadedWidth.value / (this.fitted.value.width * devicePixelRatio),
  );

  moveSplit(percent: number): void {
    this.split.value = Math.min(100, Math.max(0, percent));
  }

  /** Moves the picture by pixels of the frame. */
  pan(x: number, y: number): void {
    const view = this.#view.peek();
    this.#look({ ...view, x: view.x + x, y: view.y + y });
  }

  zoom(factor: number, point: Point = { x: 0, y: 0 }): void {
    this.#look(zoomAt(this.#view.peek(), factor, point, this.pixelScale.peek()));
  }

  zoomIn(): void {
    this.zoom(STEP);
  }

  zoomOut(): void {
    this.zoom(1 / STEP);
  }

  fit(): void {
    this.#look(FIT);
  }

  /** Shows a pixel of the picture as one of the screen. */
  showPixels(point?: Point): void {
    this.zoom(Math.max(1, this.pixelScale.peek()) / this.#view.peek().scale, point);
  }

  #look(view: View): void {
    this.#view.value = keepInside(view, this.frame.peek(), this.fitted.peek());
  }
}
