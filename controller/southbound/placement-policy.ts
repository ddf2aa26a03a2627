/**
 * Who holds an interface, from what hosts report: pure. A host reports all its ports, each time one changes.
 *
 * - An interface goes to the host that reports it and did not before: VMs move by being attached elsewhere.
 * - It also goes to a host that reports it while the one it is at is away or no longer reports it.
 * - It leaves a host that reports without it; that a host is away changes nothing.
 * So an interface attached to two hosts by mistake stays where it was attached last, however often both report.
 */

export interface Placed {
  /** Where the interface is now. */
  readonly serverId: string | undefined;
  /** That server's host is connected and reports the interface. */
  readonly held: boolean;
}

/** A Set or a Map. */
type Keyed = Pick<ReadonlySet<string>, 'has' | 'keys'>;

export interface PlacementReport {
  readonly serverId: string;
  /** instanceIds of interfaces. */
  readonly ports: Keyed;
  /** Of the host's last report. */
  readonly portsBefore: Keyed;
  /** Interfaces that are placed on the server now. */
  readonly placedHere: Iterable<string>;
  placed(interfaceInstanceId: string): Placed;
}

/** Changes of placement, by interface; undefined: attached nowhere. */
export function placementsAfter(report: PlacementReport): ReadonlyMap<string, string | undefined> {
  const moves = new Map<string, string | undefined>();
  for (const port of report.ports.keys()) {
    const { serverId, held } = report.placed(port);
    if (serverId === report.serverId) continue;
    if (serverId === undefined || !held || !report.portsBefore.has(port)) {
      moves.set(port, report.serverId);
    }
  }
  for (const port of report.placedHere) if (!report.ports.has(port)) moves.set(port, undefined);
  return moves;
}
