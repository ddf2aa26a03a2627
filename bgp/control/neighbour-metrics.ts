/** BGP neighbours in Prometheus' text format. Called by the metrics of edge and mux. */
import { Gauge, type Registry } from 'prom-client';
import type { NeighbourStatus } from '../speaker/status.ts';

/** `prefix`: of the names, `weft_edge`. */
export function addNeighbours(
  registry: Registry,
  prefix: string,
  neighbours: readonly NeighbourStatus[],
): void {
  const registers = [registry];
  const up = new Gauge({
    name: `${prefix}_bgp_established`,
    help: '1: the session with the BGP neighbour is up.',
    labelNames: ['neighbour'],
    registers,
  });
  const received = new Gauge({
    name: `${prefix}_bgp_received_routes`,
    help: 'Routes that the BGP neighbour has announced.',
    labelNames: ['neighbour'],
    registers,
  });
  for (const { address, state, families } of neighbours) {
    up.set({ neighbour: address }, state === 'Established' ? 1 : 0);
    const count = families.reduce((sum, family) => sum + family.received, 0);
    received.set({ neighbour: address }, count);
  }
}
