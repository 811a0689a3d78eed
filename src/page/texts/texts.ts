import { en, type TextKey, type Texts } from "./en.js";
import { zh } from "./zh.js";

export type Language = "en" | "zh";

/** Values for the `{names}` in a text. */
type Values = Readonly<Record<string, string | number>>;

/** Looks a text up and puts the values in. */
export type Translate = (key: TextKey, values?: Values) => string;

const TABLES: Readonly<Record<Language, Texts>> = { en, zh };

/** The texts of a language. */
export function translator(language: Language): Translate {
  const table = TABLES[language];
  return (key, values = {}) =>
    table[key].replaceAll(/\{(\w+)\}/g, (_all, name: string) => String(values[name] ?? ""));
}

/** The first language of the browser's that the page has; English where it has none. */
export function preferredLanguage(languages: readonly string[]): Language {
  for (const language of languages) {
    const [primary] = language.toLowerCase().split("-");
    if (primary === "zh" || primary === "en") return primary;
  }
  return "en";
}
