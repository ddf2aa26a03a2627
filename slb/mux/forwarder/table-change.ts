/**
 * What the mux's agent tells its forwarder about load balancing: groups (a pool as one probe sees it, with its table), virtual addresses with their rules,
 * leased ports. Plain data, for a message between threads; tables lie in shared memory, so telling one is telling where it is.
 * Called by agent/mux-goal.ts (writes), mux-tables.ts (brings into force).
 */
import type { IpWords } from '../../../base/ip-words.ts';
import type { Distribution } from '../../hashing/distribution.ts';
import type { Way } from './targets.ts';

export interface MemberGoal extends Way {
  /** Canonical text of its address: its name in the table. */
  readonly name: string;
  readonly isDown: boolean;
  readonly isDraining: boolean;
}

export interface GroupGoal {
  readonly key: string;
  readonly members: readonly MemberGoal[];
  /** Names of those that the table has, by the table's positions. */
  readonly chosen: readonly string[];
  /** MAGLEV_ROWS positions in `chosen`, or NO_BACKEND. */
  readonly rows: Uint16Array;
  /** How many rows each of `chosen` has. */
  readonly shares: readonly number[];
  /** Different backends or weights than the group's table before: that one becomes the previous. */
  readonly isOtherTable: boolean;
}

export interface RuleGoal {
  readonly id: string;
  /** 6 or 17; 0 with port 0: all ports of both. */
  readonly protocol: number;
  readonly port: number;
  readonly groupKey: string;
  readonly distribution: Distribution;
  /** Of TCP connections. */
  readonly idleSec: number;
}

export interface AddressGoal {
  /** Of the resource: `vip/<id>`. */
  readonly key: string;
  readonly words: IpWords;
  readonly rules: readonly RuleGoal[];
}

export interface LeaseGoal extends Way {
  readonly key: string;
  readonly vip: IpWords;
  /** 6, 17; 0: both. */
  readonly protocol: number;
  /** Both inclusive, of whole blocks. */
  readonly ports: readonly { readonly from: number; readonly to: number }[];
  /** Whose they are, as text. */
  readonly name: string;
}

/** In this order: groups, addresses, leases, then what goes: leases, addresses, groups. */
export interface TableChange {
  readonly groups: readonly GroupGoal[];
  readonly addresses: readonly AddressGoal[];
  readonly leases: readonly LeaseGoal[];
  readonly removedLeases: readonly string[];
  readonly removedAddresses: readonly string[];
  readonly removedGroups: readonly string[];
}

/** What of a change could not be brought into force, by the key that it has there. */
export interface TableFault {
  readonly key: string;
  readonly message: string;
}
