/** Room for some runs. */
export interface Place {
  readonly count: number;
}

/**
 * The places that could take one more run, once the runs are moved among the places they fit in so
 * that as many runs as possible have one. It is a bipartite matching by augmenting paths.
 */
export function openPlaces<P extends Place, R>(
  places: readonly P[],
  runs: readonly R[],
  fits: (run: R, place: P) => boolean,
): ReadonlySet<P> {
  const inPlace = new Map<P, R[]>(places.map((place) => [place, []]));
  const hasRoom = (place: P): boolean => (inPlace.get(place)?.length ?? 0) < place.count;
  for (const run of runs) put(run, inPlace, fits, new Set());
  const open = new Set(places.filter(hasRoom));
  const opens = (place: P): boolean =>
    (inPlace.get(place) ?? []).some((run) => [...open].some((other) => fits(run, other)));
  for (;;) {
    const more = places.filter((place) => !open.has(place) && opens(place));
    if (more.length === 0) return open;
    for (const place of more) open.add(place);
  }
}

/**
 * Gives a run a place, and moves other runs on where that makes room. @returns whether it got one.
 */
function put<P extends Place, R>(
  run: R,
  inPlace: ReadonlyMap<P, R[]>,
  fits: (run: R, place: P) => boolean,
  tried: Set<P>,
): boolean {
  for (const [place, runs] of inPlace) {
    if (tried.has(place) || !fits(run, place)) continue;
    tried.add(place);
    const index =
      runs.length < place.count
        ? runs.length
        : runs.findIndex((other) => put(other, inPlace, fits, tried));
    if (index < 0) continue;
    runs[index] = run;
    return true;
  }
  return false;
}
