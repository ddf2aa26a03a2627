/**
 * Who may open connections to the outside as a public virtual address (MS-NCNBI §3.1.5.5.6): the backends of each outboundNatRule, by its
 * frontends; and, as in Azure by default, the backends of a loadBalancingRule whose pool has no outboundNatRule, by the frontends of that rule. An
 * ipConfiguration with a public address of its own uses that one instead. Pure; used by node `snat-leases` and southbound/snat-leases.
 */

import type { AddressBytes } from './address-bytes.ts';
import { addressOf, type Member, memberOf, membersOf, sideOf } from './balancing.ts';
import type { Frontend, LoadBalancer, OutboundRule } from './load-balancer-document.ts';
import type { ModelView } from './model-view.ts';
import type { IpConfiguration, NetworkInterface } from './network-document.ts';
import type { Ref } from './ref.ts';

/** How connections of a pool go out by a frontend. */
export interface OutboundUse {
  readonly pool: Ref;
  /** instanceId and resourceRef of the rule that says so. */
  readonly ruleId: string;
  readonly ruleRef: string;
  /** 6 or 17; 0: both. */
  readonly protocol: number;
  readonly idleTimeoutSec: number;
  readonly tcpReset: boolean;
}

/** A backend that goes out by a frontend. */
export interface Leaseholder {
  /** instanceId of the networkInterface and the address: a later interface with the same address is another. */
  readonly name: string;
  readonly member: Member;
  readonly use: OutboundUse;
  /** Backends that share the pool, itself included. */
  readonly poolSize: number;
}

/** Of a frontend of a public load balancer, in the order of addresses within each pool; each address once. */
export function leaseholders(
  frontend: Frontend,
  balancer: LoadBalancer,
  model: ModelView,
): readonly Leaseholder[] {
  const uses = outboundUses(frontend, balancer);
  const address = uses.length === 0 ? undefined : addressOf(frontend, model);
  if (address === undefined || sideOf(balancer, model)?.kind !== 'public') return [];
  const found = new Map<string, Leaseholder>();
  for (const use of uses) {
    const members = membersOf(use.pool, model).filter(({ ipConfiguration }) =>
      mayGoOut(ipConfiguration, address),
    );
    for (const member of members) {
      const text = member.ipConfiguration.address.join('.');
      const name = holderName(member.networkInterface, member.ipConfiguration);
      if (!found.has(text)) found.set(text, { name, member, use, poolSize: members.length });
    }
  }
  return [...found.values()];
}

/** The one of that name, if it goes out by the frontend: found without a look at the others. */
export function leaseholder(
  name: string,
  frontend: Frontend,
  balancer: LoadBalancer,
  model: ModelView,
): Pick<Leaseholder, 'member' | 'use'> | undefined {
  const address = addressOf(frontend, model);
  if (address === undefined || sideOf(balancer, model)?.kind !== 'public') return undefined;
  const found = model.byInstanceId(name.slice(0, name.indexOf(' ')));
  if (found?.kind !== 'network-interface') return undefined;
  const named = found.ipConfigurations.filter(
    (each) => holderName(found, each) === name && mayGoOut(each, address),
  );
  for (const use of outboundUses(frontend, balancer)) {
    for (const ipConfiguration of named) {
      const isInPool = ipConfiguration.balancedBy.has(use.pool);
      const member = isInPool ? memberOf(found, ipConfiguration, model) : undefined;
      if (member !== undefined) return { member, use };
    }
  }
  return undefined;
}

/** Name of a backend as a leaseholder. */
export function holderName({ instanceId }: NetworkInterface, { address }: IpConfiguration): string {
  return `${instanceId} ${address.join('.')}`;
}

/** What has a public address of its own goes out by that. */
function mayGoOut({ publicAddress, address }: IpConfiguration, by: AddressBytes): boolean {
  return publicAddress === undefined && address.length === by.length;
}

/** Ports by which rules of the frontend lead in; 0: all. */
export function portsOfRules(frontend: Frontend, { rules }: LoadBalancer): readonly number[] {
  return rules.filter(({ frontends }) => frontends.includes(frontend.ref)).map(({ port }) => port);
}

/** Each backend of a frontend asks; a document is never altered, and read anew where it changes. */
const USES = new WeakMap<Frontend, readonly OutboundUse[]>();

function outboundUses(frontend: Frontend, balancer: LoadBalancer): readonly OutboundUse[] {
  const known = USES.get(frontend) ?? findUses(frontend, balancer);
  USES.set(frontend, known);
  return known;
}

function findUses(frontend: Frontend, balancer: LoadBalancer): readonly OutboundUse[] {
  const { rules, outboundRules } = balancer;
  const explicit = outboundRules.flatMap(({ pool, frontends, ...rule }) =>
    pool === undefined || !frontends.includes(frontend.ref) ? [] : [useOf(rule, pool)],
  );
  const ruled = new Set(outboundRules.map(({ pool }) => pool));
  const byDefault = rules
    .filter(({ isNat, target, frontends }) => {
      return !isNat && !ruled.has(target) && frontends.includes(frontend.ref);
    })
    .map((rule) => useOf({ ...rule, protocol: 0 }, rule.target));
  const uses = new Map<Ref, OutboundUse>();
  for (const use of [...explicit, ...byDefault]) {
    const known = uses.get(use.pool);
    // A rule for TCP and one for UDP together let both out.
    if (known === undefined) uses.set(use.pool, use);
    else if (known.protocol !== use.protocol) uses.set(use.pool, { ...known, protocol: 0 });
  }
  return [...uses.values()];
}

function useOf(
  rule: Pick<
    OutboundRule,
    'instanceId' | 'resourceRef' | 'protocol' | 'idleTimeoutSec' | 'tcpReset'
  >,
  pool: Ref,
): OutboundUse {
  const { instanceId: ruleId, resourceRef: ruleRef, protocol, idleTimeoutSec, tcpReset } = rule;
  return { pool, ruleId, ruleRef, protocol, idleTimeoutSec, tcpReset };
}
