import type { DescEnum } from "@bufbuild/protobuf";

/**
 * The word that REST shows for an enum value: its name without the enum's prefix, in lower case,
 * e.g. `completed` for TASK_STATUS_COMPLETED.
 *
 * @returns undefined for `..._UNSPECIFIED`, which is printed as null; the number itself if the enum
 *   has no name for it.
 */
export function enumWord(desc: DescEnum, value: number): string | number | undefined {
  const name = desc.value[value]?.name;
  if (name === undefined) return value;
  const word = shortName(desc, name);
  return value === 0 && word === "unspecified" ? undefined : word;
}

/** All words of an enum in order, without `unspecified`. */
export function enumWords(desc: DescEnum): string[] {
  return desc.values
    .map(({ number }) => enumWord(desc, number))
    .filter((word) => typeof word === "string");
}

/**
 * Reads an enum value as clients may write it: a short or long name in any case, or a number.
 *
 * @returns undefined for anything else.
 */
export function readEnum(desc: DescEnum, json: unknown): number | undefined {
  if (typeof json === "number") return Number.isInteger(json) ? json : undefined;
  if (typeof json !== "string") return undefined;
  if (/^-?\d{1,10}$/.test(json)) return Number(json);
  const word = json.toLowerCase();
  const named = desc.values.find(
    ({ name }) => name.toLowerCase() === word || shortName(desc, name) === word,
  );
  return named?.number;
}

function shortName(desc: DescEnum, name: string): string {
  const word = name.toLowerCase();
  return desc.sharedPrefix !== undefined && word.startsWith(desc.sharedPrefix)
    ? word.slice(desc.sharedPrefix.length)
    : word;
}
