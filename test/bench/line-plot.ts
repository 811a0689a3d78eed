/** A line of a plot: values by their places. */
export interface PlotLine {
  readonly name: string;
  readonly colour: string;
  readonly points: ReadonlyMap<number, number>;
}

/** What a plot shows. */
export interface LinePlot {
  readonly title: string;
  readonly acrossLabel: string;
  readonly upLabel: string;
  /** The values at the ticks of the axis, from the lowest to the highest. */
  readonly upTicks: readonly number[];
  readonly lines: readonly PlotLine[];
}

const [WIDTH, HEIGHT] = [760, 400];
const [LEFT, RIGHT, TOP, BOTTOM] = [60, 20, 50, 110];

/** A plot as an SVG file, readable on light and dark pages. */
export function linePlot({ title, acrossLabel, upLabel, upTicks, lines }: LinePlot): string {
  const places = lines.flatMap(({ points }) => [...points.keys()]);
  const [first, last] = [Math.min(...places), Math.max(...places)];
  const [low, high] = [upTicks[0] ?? 0, upTicks.at(-1) ?? 1];
  const across = (place: number) =>
    LEFT + ((place - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const up = (value: number) =>
    HEIGHT - BOTTOM - ((value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const grid = upTicks.map(
    (value) =>
      `<path d="M${LEFT} ${round(up(value))}H${WIDTH - RIGHT}" stroke="#ddd"/>${text(LEFT - 8, up(value) + 4, String(value), "end")}`,
  );
  const ticks = Array.from({ length: last - first + 1 }, (_, at) => first + at)
    .filter((place) => place % 2 === 0)
    .map((place) => text(across(place), HEIGHT - BOTTOM + 18, String(place), "middle"));
  const drawn = lines.map(({ colour, points }) => {
    const path = [...points].map(([place, value]) => `${round(across(place))} ${round(up(value))}`);
    return `<path d="M${path.join("L")}" fill="none" stroke="${colour}" stroke-width="2"/>`;
  });
  const legend = lines.map(({ name, colour }, at) => {
    const [x, y] = [LEFT + (at % 2) * 340, HEIGHT - 34 + Math.floor(at / 2) * 20];
    return `<path d="M${x} ${y}h24" stroke="${colour}" stroke-width="3"/>${text(x + 32, y + 4, name, "start")}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(LEFT, 20, title, "start"),
    text(LEFT, 38, upLabel, "start"),
    ...grid,
    ...ticks,
    text(WIDTH / 2, HEIGHT - BOTTOM + 40, acrossLabel, "middle"),
    ...drawn,
    ...legend,
    "</svg>",
    "",
  ].join("\n");
}

function text(x: number, y: number, content: string, anchor: string): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="#333">${content}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
