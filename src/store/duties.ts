/** The part of a store by which processes agree who of them does what one alone should do. */
export interface Duties {
  /**
   * Leases a duty, or renews the lease on it, for `leaseMs` from now. A duty is a name that all
   * processes know. Two may do it at once where one of them stood still for longer than its lease.
   * With 0 an owner gives it back.
   *
   * @returns whether the duty is now `owner`'s; false while another's lease lasts.
   */
  leaseDuty(duty: string, owner: string, leaseMs: number): Promise<boolean>;
}
