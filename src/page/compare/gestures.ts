import type { Comparison } from "./comparison.js";
import type { Point } from "./view.js";

const WHEEL_STEP = 0.0015;
const PAN_STEP = 60;
/** Pixels to the side after which a finger moves the line: one that goes up or down scrolls the page. */
const FINGER_START = 8;

/**
 * Listens to pointers and the wheel on a frame. One pointer moves the line where the whole picture
 * is seen, and the picture where it is zoomed; two pinch. The wheel zooms once the frame has the
 * focus, so that a page that scrolls past it does not stop there.
 */
export function listenToGestures(
  frame: HTMLElement,
  comparison: Comparison,
  signal: AbortSignal,
): void {
  const held = new Map<number, Point>();
  const pulling = new Set<number>();
  const down = (event: PointerEvent): void => {
    if (!(event.target instanceof Element) || event.target.closest("button, input")) return;
    held.set(event.pointerId, pointOf(event));
    if (event.pointerType !== "touch") pulling.add(event.pointerId);
    frame.setPointerCapture(event.pointerId);
  };
  const move = (event: PointerEvent): void => {
    const before = held.get(event.pointerId);
    if (before === undefined) return;
    const now = pointOf(event);
    const isSplit = movesSplit(event, comparison);
    if (Math.abs(now.x - before.x) > FINGER_START) pulling.add(event.pointerId);
    if (held.size === 1 && isSplit && !pulling.has(event.pointerId)) return;
    held.set(event.pointerId, now);
    if (held.size === 2) pinch(frame, comparison, [...held.values()], before, now);
    else if (isSplit) comparison.moveSplit(percentOf(frame, now));
    else comparison.pan(now.x - before.x, now.y - before.y);
  };
  const up = ({ pointerId }: PointerEvent): void => {
    held.delete(pointerId);
    pulling.delete(pointerId);
  };
  const wheel = (event: WheelEvent): void => {
    if (!(event.ctrlKey || frame.contains(document.activeElement))) return;
    event.preventDefault();
    comparison.zoom(Math.exp(-event.deltaY * WHEEL_STEP), fromMiddle(frame, pointOf(event)));
  };
  const twice = (event: MouseEvent): void => {
    if (comparison.view.peek().scale > 1) comparison.fit();
    else comparison.showPixels(fromMiddle(frame, pointOf(event)));
  };
  frame.addEventListener("pointerdown", down, { signal });
  frame.addEventListener("pointermove", move, { signal });
  frame.addEventListener("pointerup", up, { signal });
  frame.addEventListener("pointercancel", up, { signal });
  frame.addEventListener("wheel", wheel, { signal, passive: false });
  frame.addEventListener("dblclick", twice, { signal });
}

/** What a key does to a comparison. @returns whether it did something. */
export function pressKey(key: string, comparison: Comparison): boolean {
  const deed = KEYS[key];
  deed?.(comparison);
  return deed !== undefined;
}

const KEYS: Readonly<Record<string, (comparison: Comparison) => void>> = {
  "+": (comparison) => comparison.zoomIn(),
  "=": (comparison) => comparison.zoomIn(),
  "-": (comparison) => comparison.zoomOut(),
  "0": (comparison) => comparison.fit(),
  "1": (comparison) => comparison.showPixels(),
  ArrowLeft: (comparison) => comparison.pan(PAN_STEP, 0),
  ArrowRight: (comparison) => comparison.pan(-PAN_STEP, 0),
  ArrowUp: (comparison) => comparison.pan(0, PAN_STEP),
  ArrowDown: (comparison) => comparison.pan(0, -PAN_STEP),
};

function movesSplit({ target }: PointerEvent, { mode, view }: Comparison): boolean {
  if (mode.peek() === "side") return false;
  return view.peek().scale === 1 || (target instanceof Element && target.closest(".line") !== null);
}

function pinch(
  frame: HTMLElement,
  comparison: Comparison,
  now: readonly Point[],
  before: Point,
  moved: Point,
): void {
  const other = now.find((point) => point !== moved);
  if (other === undefined) return;
  const middle = { x: (moved.x + other.x) / 2, y: (moved.y + other.y) / 2 };
  const factor = distance(moved, other) / Math.max(1, distance(before, other));
  comparison.zoom(factor, fromMiddle(frame, middle));
  comparison.pan((moved.x - before.x) / 2, (moved.y - before.y) / 2);
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function pointOf({ clientX, clientY }: MouseEvent): Point {
  return { x: clientX, y: clientY };
}

function percentOf(frame: HTMLElement, { x }: Point): number {
  const { left, width } = frame.getBoundingClientRect();
  return ((x - left) / width) * 100;
}

function fromMiddle(frame: HTMLElement, { x, y }: Point): Point {
  const { left, top, width, height } = frame.getBoundingClientRect();
  return { x: x - left - width / 2, y: y - top - height / 2 };
}
