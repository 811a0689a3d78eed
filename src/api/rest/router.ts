import type { PathTemplate } from "./path-template.js";
import { canonicalSegment, decodeCapture } from "./percent-encoding.js";

/** The result of looking up a request's method and path. */
export type Match<T> =
  | { readonly kind: "found"; readonly value: T; readonly captures: readonly string[] }
  | { readonly kind: "wrong-method"; readonly allow: readonly string[] };

/**
 * Finds the value that is registered for a path. The router is a trie of segments: a literal is
 * tried before `*`, and `*` before `**`. Each end holds values by verb, then by method.
 */
export class Router<T> {
  readonly #root = new Node<T>();

  /**
   * Registers a value. HEAD is served like GET and need not be added.
   *
   * @param method In upper case; `*` for any.
   * @throws Error if the same method and template are already registered.
   */
  add(method: string, template: PathTemplate, value: T): void {
    let node = this.#root;
    for (const segment of template.segments)
      node = getOrAdd(node.children, segment, () => new Node<T>());
    const methods: Methods<T> = getOrAdd(node.verbs, template.verb, () => new Map());
    if (methods.has(method)) {
      const path = `/${template.segments.join("/")}${template.verb && `:${template.verb}`}`;
      throw new Error(`Cannot add route ${method} "${path}": it is there already`);
    }
    methods.set(method, { template, value });
  }

  /**
   * Looks a request up. A final slash of the path is ignored.
   *
   * A verb is the text after the first colon of the last segment. If no template has that verb, the
   * colon is part of the segment, so that a variable can match any text.
   *
   * @param path Percent-encoded as the client sent it, without the query.
   * @returns undefined if no template fits the path.
   * @throws URIError for a bad escape.
   */
  match(method: string, path: string): Match<T> | undefined {
    const segments = splitPath(path);
    const methods = this.#findVerb(segments) ?? this.#root.find(segments.map(canonicalSegment), "");
    if (methods === undefined) return undefined;
    const leaf = methods.get(method) ?? (method === "HEAD" ? methods.get("GET") : undefined);
    const found = leaf ?? methods.get("*");
    if (found === undefined) return { kind: "wrong-method", allow: allowedMethods(methods) };
    const { template, value } = found;
    return { kind: "found", value, captures: capture(template, withoutVerb(segments, template)) };
  }

  #findVerb(segments: readonly string[]): Methods<T> | undefined {
    const last = segments.at(-1) ?? "";
    const colon = last.indexOf(":");
    if (colon < 0 || colon === last.length - 1) return undefined;
    const path = [...segments.slice(0, -1), last.slice(0, colon)].map(canonicalSegment);
    return this.#root.find(path, canonicalSegment(last.slice(colon + 1)));
  }
}

interface Leaf<T> {
  readonly template: PathTemplate;
  readonly value: T;
}

type Methods<T> = Map<string, Leaf<T>>;

class Node<T> {
  readonly children = new Map<string, Node<T>>();
  readonly verbs = new Map<string, Methods<T>>();

  /**
   * @param segments In canonical form, in which no literal looks like a wildcard.
   * @returns undefined if no template fits.
   */
  find(segments: readonly string[], verb: string): Methods<T> | undefined {
    const [segment, ...rest] = segments;
    const exact =
      segment === undefined ? this.verbs.get(verb) : this.#findBelow(segment, rest, verb);
    return exact ?? this.children.get("**")?.verbs.get(verb);
  }

  #findBelow(segment: string, rest: readonly string[], verb: string): Methods<T> | undefined {
    const literal = this.children.get(segment)?.find(rest, verb);
    if (literal !== undefined || segment === "") return literal;
    return this.children.get("*")?.find(rest, verb);
  }
}

function splitPath(path: string): string[] {
  const trimmed = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
  return trimmed.slice(1).split("/");
}

function allowedMethods<T>(methods: Methods<T>): string[] {
  return [...methods.keys()].flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
}

function withoutVerb(segments: readonly string[], { verb }: PathTemplate): readonly string[] {
  const last = segments.at(-1);
  if (verb === "" || last === undefined) return segments;
  return [...segments.slice(0, -1), last.slice(0, last.indexOf(":"))];
}

/** The text that each variable of the template captured, in order. */
function capture(template: PathTemplate, segments: readonly string[]): string[] {
  return template.variables.map(({ start, end }) =>
    end === -1
      ? decodeCapture(segments.slice(start), true)
      : decodeCapture(segments.slice(start, end), end - start > 1),
  );
}

function getOrAdd<V>(map: Map<string, V>, key: string, make: () => V): V {
  const present = map.get(key);
  if (present !== undefined) return present;
  const added = make();
  map.set(key, added);
  return added;
}
