/**
 * What a monitoring station is told first — RFC 7854 §5: all routes of all peers that are up, as Route Monitoring, then an End-of-RIB for each of their
 * families. Made piece by piece, as the station takes it; what changes meanwhile is told at once, so a route is in the dump as it is when its
 * turn comes, and may be told twice, but never in an older state after a newer one. Called by monitor.ts.
 */
import { Afi, type Family } from '../message/capability.ts';
import { emitHeader, HEADER_LEN, MessageType } from '../message/framing.ts';
import { AttributeFlag, AttributeType } from '../message/path-attributes.ts';
import { encode } from '../message/update.ts';
import type { AttributeTable } from '../rib/attribute-table.ts';
import type { RouteTable } from '../rib/route-table.ts';
import { routeMonitoring } from './message.ts';
import { type MonitoredPeer, routesOfRows } from './monitored-peer.ts';

/** Rows looked at in one turn. */
const ROWS_PER_TURN = 2_048;

export class TableDump {
  readonly #tables: readonly RouteTable[];
  readonly #attributes: AttributeTable;
  readonly #peers: ReadonlyMap<number, MonitoredPeer>;
  readonly #greeted: readonly MonitoredPeer[];
  #table = 0;
  #row = 0;

  /** `peers`: those that are up, by number, as they come and go. */
  constructor(
    tables: readonly RouteTable[],
    attributes: AttributeTable,
    peers: ReadonlyMap<number, MonitoredPeer>,
  ) {
    this.#tables = tables;
    this.#attributes = attributes;
    this.#peers = peers;
    this.#greeted = [...peers.values()];
  }

  /** The next messages, maybe none; undefined when there are no more. */
  next(): readonly Uint8Array[] | undefined {
    const table = this.#tables[this.#table];
    if (table !== undefined) return this.#rows(table);
    if (this.#table > this.#tables.length) return undefined;
    this.#table += 1;
    return this.#greeted
      .filter((peer) => this.#peers.get(peer.number) === peer)
      .flatMap((peer) =>
        peer.families.map((family) => routeMonitoring(peer, 0, endOfRib(family), false)),
      );
  }

  #rows(table: RouteTable): readonly Uint8Array[] {
    const end = Math.min(this.#row + ROWS_PER_TURN, table.rowEnd);
    const byPeer = new Map<number, Map<number, number[]>>();
    for (let row = this.#row; row < end; row++) {
      const number = table.peerOf(row);
      if (!this.#peers.has(number)) continue;
      const sets = byPeer.get(number) ?? new Map<number, number[]>();
      byPeer.set(number, sets);
      const set = table.receivedOf(row);
      const rows = sets.get(set);
      if (rows === undefined) sets.set(set, [row]);
      else rows.push(row);
    }
    this.#row = end;
    if (end === table.rowEnd) {
      this.#table += 1;
      this.#row = 0;
    }
    return [...byPeer].flatMap(([number, announced]) => {
      const peer = this.#peers.get(number);
      if (peer === undefined) return [];
      return routesOfRows(peer, table, this.#attributes, { announced, withdrawn: [] });
    });
  }
}

/** RFC 4724 §2. */
function endOfRib({ afi, safi }: Family): Uint8Array {
  const attributes =
    afi === Afi.Ipv4
      ? undefined
      : Uint8Array.of(AttributeFlag.Optional, AttributeType.MpUnreachNlri, 3, afi >>> 8, afi, safi);
  const body = encode(attributes === undefined ? {} : { attributes });
  const message = new Uint8Array(HEADER_LEN + body.length);
  emitHeader(new DataView(message.buffer), 0, MessageType.Update, message.length);
  message.set(body, HEADER_LEN);
  return message;
}
