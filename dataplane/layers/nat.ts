/**
 * Address translation: virtual addresses and their backends (load-balancing/translation). Stands between access control, which sees the VM's own
 * addresses and the virtual one that it has asked for, and routing, which goes by the virtual one too. Last of layers/order but those that
 * find the way, so that inbound it is the first to see a packet.
 */
import { Drop } from '../../packet/drop.ts';
import type { Group } from '../engine/group.ts';
import { ALLOW, type Rule } from '../engine/rule.ts';
import { Translation } from '../load-balancing/translation.ts';
import { INTERNET_DOMAIN } from './internet.ts';
import type { LayerDefinition } from './layer-definition.ts';
import { OWN_DOMAIN } from './vnet.ts';

export const nat: LayerDefinition = {
  name: 'nat',
  purpose:
    'Virtual addresses become those of their backends, and back; what leaves for the Internet gets a leased port of one.',
  outbound:
    'To an internal virtual address that no route sends to an appliance: the rule for protocol and port chooses a backend for each new flow, whose ' +
    'address and port become the destination; where that is the sender itself, the virtual address becomes the source. With floating addresses nothing is ' +
    'rewritten. Answers get the source that their requests were for; those of public addresses go to an edge router whatever the routes say. ' +
    'To the Internet, from an address with leases: a leased port and its virtual address become the source, but for what the controller exempts.',
  inbound:
    'What a mux brings is for a public virtual address that this port is a backend of: the port’s own address and the backend port become the ' +
    'destination. Answers get the source that their requests were for, those to a leased port the address and port that have asked; what nobody there ' +
    'has asked for is dropped.',
  drops: [
    Drop.VirtualPortUnserved,
    Drop.VirtualAddressWithoutBackend,
    Drop.PolicyPending,
    Drop.HairpinLoop,
    Drop.SnatPortsExhausted,
    Drop.SnatPortUnleased,
    Drop.SnatUnasked,
  ],
  build: (port) => {
    const { routes, frontends, own, leases, isMux, isExempt } = port.network;
    const translation = new Translation({
      addresses: port.addresses,
      routes,
      own,
      frontends,
      leases,
      isMux,
      isExempt,
      ownDomain: OWN_DOMAIN,
      internetDomain: INTERNET_DOMAIN,
    });
    const group = (find: Group['find']): Group => ({
      name: 'translations',
      find,
      rules: () => [UNTRANSLATED],
    });
    return {
      name: nat.name,
      isStateful: false,
      outbound: [group((packet) => translation.outbound(packet) ?? UNTRANSLATED)],
      inbound: [group((packet) => translation.inbound(packet) ?? UNTRANSLATED)],
    };
  },
};

const UNTRANSLATED: Rule = {
  id: 'untranslated',
  resourceRef: '',
  priority: 0,
  predicates: [],
  action: ALLOW,
};
