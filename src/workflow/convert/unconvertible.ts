/** Why a graph cannot be converted, told without the workflow's name. */
export class Unconvertible extends Error {}
