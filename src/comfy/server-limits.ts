/**
 * How long the client waits for one server. The limits are generous, because a busy ComfyUI answers
 * late: its event loop shares the Python interpreter with the computing nodes.
 */
export interface ServerLimits {
  /** Until a connection is open. */
  readonly connectMs: number;
  /** For the whole answer to a small request. */
  readonly requestMs: number;
  /**
   * For the whole answer to a request that makes the server work: submitting a prompt, describing a
   * node class.
   */
  readonly slowRequestMs: number;
  /** For the next byte of a file that is being sent or received. */
  readonly transferIdleMs: number;
  /** How often one download is resumed after an interruption. */
  readonly resumeCount: number;
  /** Between two looks for a prompt. If both do not find it, it counts as absent. */
  readonly absentPauseMs: number;
  /** For finding out what happened to a prompt whose submission got no clear answer. */
  readonly lookUpMs: number;
  /**
   * For a canceled prompt to be gone. A node that never checks for interrupts delays it until the
   * node ends.
   */
  readonly cancelMs: number;
  /**
   * Between two pings on the event socket. If no frame comes between them, the socket is given up.
   */
  readonly pingMs: number;
  /**
   * For a status frame after a prompt was submitted. If none comes, the event socket counts as
   * deaf.
   */
  readonly statusMs: number;
  /** Longest pause before the event socket connects again. */
  readonly reconnectMs: number;
  /**
   * If no frame comes for this time while a prompt runs, the event socket may be deaf and is
   * connected anew.
   */
  readonly deafMs: number;
}

/** The limits that hold where the caller sets none. */
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
