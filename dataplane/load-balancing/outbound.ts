/**
 * Outbound translation at a port (SNAT): what goes to the Internet from an address without a public one of its own leaves by a port of a virtual
 * address that the controller has leased to it, and comes back through any mux by that port. Only here the two are known.
 *
 *   CA:port → server    becomes    VIP:leased port → server          server → VIP:leased port    becomes    server → CA:port
 *
 * The leased port follows from the sender's own: the first try is the same for every server, so that the mapping is independent of the endpoint as
 * long as it is free there (RFC 4787 §4.1), and survives this host's restart. A port is taken only towards one server's address and port:
 * the same one serves flows to others (as Azure reuses ports). Who answers is who was asked: what no flow waits for is dropped.
 *
 * Nothing is kept but flows: a port is free when its flow is forgotten. Called by layers/nat.
 */
import { equalIpWords, formatIpWords, type IpWords } from '../../base/ip-words.ts';
import { Drop } from '../../packet/drop.ts';
import { newFlowKey } from '../../packet/flow-key.ts';
import { copyIdentity, reverseKey } from '../engine/flow-id.ts';
import type { Group } from '../engine/group.ts';
import type { Packet } from '../engine/packet.ts';
import { deny, type Rule } from '../engine/rule.ts';
import { SNAT_PORT_TRIES_MAX } from '../limits.ts';
import { hasPort, type Lease, type NetworkLeases, portAt, servesProtocol } from './leases.ts';
import { differenceOf, dstOf, srcOf } from './packet-keys.ts';

export interface OutboundParts {
  readonly leases: NetworkLeases;
  readonly routes: Group;
  /** Addresses of the port's own. */
  readonly addresses: readonly { readonly address: IpWords }[];
  readonly internetDomain: number;
  /** From it, and to it, nothing is translated. */
  readonly isExempt: (address: IpWords) => boolean;
}

export class OutboundTranslation {
  readonly #parts: OutboundParts;
  readonly #answer = newFlowKey();

  constructor(parts: OutboundParts) {
    this.#parts = parts;
  }

  /** The rule for a request that the port sends; undefined: it goes untranslated. */
  outbound(packet: Packet): Rule | undefined {
    const { key } = packet;
    const leases = this.#leasesFor(srcOf(key), key.protocol);
    if (leases.length === 0 || this.#isExempt(packet) || !this.#leadsOut(packet)) return undefined;
    const kept = packet.isKnown ? keptBy(leases, packet) : undefined;
    if (kept !== undefined) return leaves(kept, packet.beyond.srcPort);
    for (const lease of leases) {
      const port = this.#freePort(lease, packet);
      if (port !== 0) return leaves(lease, port);
    }
    const [first] = leases;
    return first && exhausted(first);
  }

  /** The rule for an answer that has come to a leased port; undefined: it is none. */
  answer({ key, beyond }: Packet): Rule | undefined {
    const own = dstOf(beyond);
    if (this.#parts.leases.isEmpty || equalIpWords(dstOf(key), own)) return undefined;
    const lease = this.#leasesFor(own, key.protocol).find((candidate) =>
      isOf(candidate, dstOf(key)),
    );
    if (lease === undefined) return undefined;
    if (!hasPort(lease, key.dstPort)) return refused(lease, Drop.SnatPortUnleased);
    const id = `back to ${formatIpWords(own)}:${beyond.dstPort}`;
    return decided(lease, id, { kind: 'allow', header: differenceOf(key, beyond) });
  }

  /** The rule for what a mux brings to a leased port and no flow waits for; undefined: it is not for a leased port. */
  unasked({ key }: Packet): Rule | undefined {
    for (const { address } of this.#parts.addresses) {
      const lease = this.#leasesFor(address, key.protocol).find(
        (own) => isOf(own, dstOf(key)) && hasPort(own, key.dstPort),
      );
      if (lease !== undefined) return refused(lease, Drop.SnatUnasked);
    }
    return undefined;
  }

  #leasesFor(address: IpWords, protocol: number): readonly Lease[] {
    return this.#parts.leases.of(address).filter((lease) => servesProtocol(lease, protocol));
  }

  #isExempt({ key }: Packet): boolean {
    const { isExempt } = this.#parts;
    return isExempt(srcOf(key)) || isExempt(dstOf(key));
  }

  #leadsOut(packet: Packet): boolean {
    const { action } = this.#parts.routes.find(packet);
    return action.kind === 'allow' && action.steering?.domain === this.#parts.internetDomain;
  }

  /** A port whose answers nobody waits for; 0: none is free. */
  #freePort(lease: Lease, packet: Packet): number {
    const answer = this.#answer;
    const { key } = packet;
    copyIdentity(key, answer);
    [answer.src0, answer.src1, answer.src2, answer.src3] = lease.publicAddress;
    reverseKey(answer, answer);
    const tries = Math.min(lease.portCount, SNAT_PORT_TRIES_MAX);
    for (let index = 0; index < tries; index += 1) {
      answer.dstPort = portAt(lease, (key.srcPort + index) % lease.portCount);
      if (!packet.isAwaited(answer)) return answer.dstPort;
    }
    return 0;
  }
}

function isOf({ publicAddress }: Lease, address: IpWords): boolean {
  return equalIpWords(publicAddress, address);
}

/** The lease that the packet's flow has left by, if its port is still leased. */
function keptBy(leases: readonly Lease[], { beyond }: Packet): Lease | undefined {
  return leases.find((own) => isOf(own, srcOf(beyond)) && hasPort(own, beyond.srcPort));
}

function leaves(lease: Lease, srcPort: number): Rule {
  const { publicAddress, idle, counter } = lease;
  return {
    ...decided(lease, `leaves as ${formatIpWords(publicAddress)}:${srcPort}`, {
      kind: 'allow',
      header: { ip: { src: publicAddress }, transport: { srcPort } },
    }),
    counter,
    idle,
  };
}

function exhausted(lease: Lease): Rule {
  const { publicAddress, portCount, exhausted: counter } = lease;
  const id = `${portCount} ports of ${formatIpWords(publicAddress)} are all taken towards this server`;
  return { ...decided(lease, id, deny(Drop.SnatPortsExhausted)), counter };
}

function refused(lease: Lease, drop: Drop): Rule {
  return decided(lease, `no flow of ${formatIpWords(lease.publicAddress)} here`, deny(drop));
}

function decided({ resourceRef, cell }: Lease, id: string, action: Rule['action']): Rule {
  return { id, resourceRef, priority: 0, predicates: [], action, cell };
}
