/**
 * For the options of a Fastify app none of whose routes has a JSON schema. Otherwise Fastify loads its
 * compilers of schemas at each start, which takes longer than its other modules together.
 */
export const NO_SCHEMAS = { compilersFactory: { buildValidator: refuse, buildSerializer: refuse } };

function refuse(): never {
  throw new Error("No route may have a JSON schema: this app has no compiler for it");
}
