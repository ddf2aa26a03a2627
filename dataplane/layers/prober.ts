/**
 * Prober: the one layer of what the host's own health probes send (dataplane/health). The relay (switch/probe-relay) has written the
 * platform's address as source, the backend's as destination, and which subnet that is of; here the port is found, as the uplink finds it, and its
 * inbound layers follow. So access control judges a probe as it does every packet (tag AZURELOADBALANCER), and what the VM answers is known as
 * the answer to it. Third of the pipelines in layers/order.
 */
import { Drop } from '../../packet/drop.ts';
import { branchGroup, type Group } from '../engine/group.ts';
import { deny } from '../engine/rule.ts';
import type { LayerDefinition } from './layer-definition.ts';

/** The groups belong to switch/tables, which keeps them up to date. */
export interface ProberTables {
  /** By VNI: addresses of our ports in that subnet. */
  readonly subnets: ReadonlyMap<number, Group>;
}

export const prober: LayerDefinition<ProberTables> = {
  name: 'prober',
  purpose:
    'Health probes of this host reach the backends that are here, through their ports’ layers.',
  outbound:
    'The backend’s address in its subnet says which port receives the probe; that port’s inbound layers follow.',
  inbound: '',
  drops: [Drop.VniUnknown, Drop.DestinationNotLocal, Drop.PortDetached],
  build: (tables) => ({
    name: prober.name,
    isStateful: false,
    outbound: [
      branchGroup('backends', 'vni', tables.subnets, {
        id: 'unknown subnet',
        resourceRef: '',
        priority: 100,
        predicates: [],
        action: deny(Drop.VniUnknown),
      }),
    ],
    inbound: [],
  }),
};
