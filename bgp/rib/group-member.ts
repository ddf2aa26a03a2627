/**
 * A member of an update group: how far it has read, and a bit per place for what it has been told (RFC 4271 §3.2, Adj-RIB-Out). Called by
 * update-group.ts.
 */

export interface Member {
  /** Number of the peer in the table: what came from it is not sent back. */
  readonly peer: number;
  /** Next place of the walk over the table; NONE when it is over. */
  walkAt: number;
  /** Next entry of the log, counted from the group's beginning. */
  logAt: number;
  /** One bit per place: it has been announced to this member. */
  told: Uint8Array;
}

export function isTold({ told }: Member, prefix: number): boolean {
  return ((told[prefix >>> 3] ?? 0) & (1 << (prefix & 7))) !== 0;
}

/** Notes that the member knows of the place now, or no more. */
export function tell(member: Member, prefix: number, isAnnounced: boolean): void {
  const at = prefix >>> 3;
  if (at >= member.told.length) {
    if (!isAnnounced) return;
    const larger = new Uint8Array(Math.max(128, 2 ** Math.ceil(Math.log2(at + 1))));
    larger.set(member.told);
    member.told = larger;
  }
  const bit = 1 << (prefix & 7);
  const before = member.told[at] ?? 0;
  member.told[at] = isAnnounced ? before | bit : before & ~bit;
}

/** Places that a member has been told of. */
export function toldCount({ told }: Member): number {
  let count = 0;
  for (const bits of told) {
    for (let rest = bits; rest !== 0; rest &= rest - 1) count += 1;
  }
  return count;
}
