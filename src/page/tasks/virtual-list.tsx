import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

interface VirtualListProps<T> {
  readonly label: string;
  readonly items: readonly T[];
  readonly keyOf: (item: T) => string;
  readonly draw: (item: T) => ComponentChildren;
  /** Called when the last rows come into sight. */
  readonly onEnd: () => void;
}

/** Rows drawn beyond what is seen, above and below. */
const SPARE = 6;
const NEAR_END = 20;

/** A list of rows of one height, `--row` in the style, that draws only those in sight. */
export function VirtualList<T>({ label, items, keyOf, draw, onEnd }: VirtualListProps<T>) {
  const list = useRef<HTMLUListElement>(null);
  const [sight, setSight] = useState({ first: 0, count: 20, row: 64 });
  useLayoutEffect(() => {
    const box = list.current;
    if (box === null) return;
    const look = (): void => setSight((before) => sightOf(box, before));
    look();
    const observer = new ResizeObserver(look);
    observer.observe(box);
    box.addEventListener("scroll", look, { passive: true });
    return () => {
      observer.disconnect();
      box.removeEventListener("scroll", look);
    };
  }, []);
  const from = Math.max(0, Math.min(sight.first, items.length - sight.count));
  const to = Math.min(items.length, from + sight.count);
  useLayoutEffect(() => {
    if (to >= items.length - NEAR_END) onEnd();
  }, [to, items.length]);
  return (
    <ul
      ref={list}
      class="virtual-list"
      aria-label={label}
      onKeyDown={(event) => moveFocus(event, list.current)}
    >
      <li class="spacer" aria-hidden="true" style={{ height: `${from * sight.row}px` }} />
      {items.slice(from, to).map((item, index) => (
        <li
          key={keyOf(item)}
          class="row"
          aria-setsize={items.length}
          aria-posinset={from + index + 1}
        >
          {draw(item)}
        </li>
      ))}
      <li
        class="spacer"
        aria-hidden="true"
        style={{ height: `${(items.length - to) * sight.row}px` }}
      />
    </ul>
  );
}

interface Sight {
  readonly first: number;
  readonly count: number;
  readonly row: number;
}

function sightOf(box: HTMLElement, before: Sight): Sight {
  const row = Number.parseFloat(getComputedStyle(box).getPropertyValue("--row")) || before.row;
  const first = Math.max(0, Math.floor(box.scrollTop / row) - SPARE);
  const count = Math.ceil(box.clientHeight / row) + 2 * SPARE;
  const isSame = first === before.first && count === before.count && row === before.row;
  return isSame ? before : { first, count, row };
}

/** Arrow keys go from row to row. */
function moveFocus(event: KeyboardEvent, list: HTMLElement | null): void {
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (step === 0 || list === null) return;
  const links = [...list.querySelectorAll<HTMLElement>(".row-link")];
  const here = links.findIndex((link) => link.closest(".row")?.contains(document.activeElement));
  const next = links[here < 0 ? 0 : here + step];
  if (next === undefined) return;
  event.preventDefault();
  next.focus();
}
