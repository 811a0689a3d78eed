const PATHS = {
  cancel: "M5 5l10 10M15 5L5 15",
  retry: "M15.5 7A6 6 0 1 0 16 11M16 4v3.5h-3.5",
  download: "M10 3v9m-4-3.5l4 4 4-4M4 16.5h12",
  copy: "M7 7h9v9H7zM4 13V4h9",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  play: "M6 4l10 6-10 6z",
  pause: "M6.5 4v12M13.5 4v12",
  stepBack: "M14 5l-6 5 6 5zM6 5v10",
  stepForward: "M6 5l6 5-6 5zM14 5v10",
  full: "M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4",
  back: "M12 4l-6 6 6 6",
  picture: "M3 4h14v12H3zM3 13l4-4 4 4 2-2 4 4M13 7.5h.01",
  film: "M3 4h14v12H3zM7 4v12M13 4v12M3 8h4m-4 4h4m6-4h4m-4 4h4",
  sound: "M4 8v4h3l4 3V5L7 8zM14 7.5a4 4 0 0 1 0 5",
  silent: "M4 8v4h3l4 3V5L7 8zM14 8l4 4m0-4l-4 4",
  find: "M9 4a5 5 0 1 0 0 10A5 5 0 0 0 9 4zM13 13l4 4",
} as const;

/** A drawing of one line weight. It says nothing to a screen reader: its button has the words. */
export function Icon({ name }: { readonly name: keyof typeof PATHS }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

export type IconName = keyof typeof PATHS;
