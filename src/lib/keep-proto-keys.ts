/**
 * Makes `__proto__` a key like any other in this process, as `node --disable-proto=delete` does. Otherwise
 * what decodes a message into an object loses a key of that name, and nobody can refuse it.
 */
export function keepProtoKeys(): void {
  Reflect.deleteProperty(Object.prototype, "__proto__");
}
