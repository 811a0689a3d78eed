/** Tells why a graph cannot be converted, without the workflow's name. */
export class Unconvertible extends Error {}
