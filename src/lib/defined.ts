/**
 * The fields that have a value; those that are undefined are left out. It fills optional fields, which may be absent but
 * not undefined: `{ id, ...defined({ title }) }`. Other values that count as false are kept.
 */
export function defined<Fields extends object>(fields: Fields): Defined<Fields> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Defined<Fields>;
}

/** The same fields: those that may be undefined are optional, the others stay as they are. */
export type Defined<Fields> = {
  [Key in keyof Fields as undefined extends Fields[Key] ? never : Key]: Fields[Key];
} & {
  [Key in keyof Fields as undefined extends Fields[Key] ? Key : never]?: Exclude<
    Fields[Key],
    undefined
  >;
};
