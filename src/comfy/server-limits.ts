/**
 * How long the client waits for one server. The figures are generous because a busy ComfyUI answers
 * late: its event loop shares the interpreter with the nodes that compute.
 */
export interface ServerLimits {
  /** Until a connection stands. */
  readonly connectMs: number;
  /** For the whole answer to a small question. */
  readonly requestMs: number;
  /** For the whole answer to what makes the server work: submitting a prompt, describing a node class. */
  readonly slowRequestMs: number;
  /** For the next byte of a file on its way in or out. */
  readonly transferIdleMs: number;
  /** How often one download is taken up again after a cut. */
  readonly resumeCount: number;
  /** Between two looks that find a prompt nowhere, before it counts as absent. */
  readonly absentPauseMs: number;
  /** For finding out what became of a prompt whose submission got no clear answer. */
  readonly lookUpMs: number;
  /** For a canceled prompt to be gone; a node that never checks delays it until it ends. */
  readonly cancelMs: number;
  /** Between two pings on the event socket; without any frame by the next one it is given up. */
  readonly pingMs: number;
  /** For a status frame after a prompt was submitted; without one the event socket counts as deaf. */
  readonly statusMs: number;
  /** Longest pause before the event socket connects again. */
  readonly reconnectMs: number;
  /** Without a frame for so long while a prompt runs, the event socket is connected anew in case it is deaf. */
  readonly deafMs: number;
}

/** The limits where none are given. */
export const DEFAULT_LIMITS: ServerLimits = {
  connectMs: 5_000,
  requestMs: 15_000,
  slowRequestMs: 60_000,
  transferIdleMs: 60_000,
  resumeCount: 10,
  absentPauseMs: 2_000,
  lookUpMs: 30_000,
  cancelMs: 60_000,
  pingMs: 20_000,
  statusMs: 5_000,
  reconnectMs: 10_000,
  deafMs: 60_000,
};
