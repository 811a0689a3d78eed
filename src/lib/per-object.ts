/** The same function, which makes its result once for each object and keeps it for as long as that. */
export function perObject<K extends object, V>(make: (object: K) => V): (object: K) => V {
  const made = new WeakMap<K, { readonly value: V }>();
  return (object) => {
    const known = made.get(object);
    if (known !== undefined) return known.value;
    const value = make(object);
    made.set(object, { value });
    return value;
  };
}

/**
 * Like {@link perObject}, for what does not last: it makes a result anew once the one before is so old, or was
 * rejected.
 */
export function perObjectFor<K extends object, V>(
  maxAgeMs: number,
  make: (object: K) => Promise<V>,
): (object: K) => Promise<V> {
  const made = new WeakMap<K, { readonly value: Promise<V>; readonly atMs: number }>();
  return (object) => {
    const known = made.get(object);
    if (known !== undefined && performance.now() - known.atMs < maxAgeMs) return known.value;
    const value = make(object);
    made.set(object, { value, atMs: performance.now() });
    value.catch(() => made.delete(object));
    return value;
  };
}
