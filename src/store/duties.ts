/** The part of a store with which processes agree on who does a job that only one should do. */
export interface Duties {
  /**
   * Leases a duty, or renews the lease on it, for `leaseMs` from now; 0 gives the duty back. A duty
   * is a name that all processes know. A process that stood still for longer than its lease may do
   * the duty at the same time as its next owner.
   *
   * @returns whether the duty is now `owner`'s; false while another's lease lasts.
   */
  leaseDuty(duty: string, owner: string, leaseMs: number): Promise<boolean>;
}
