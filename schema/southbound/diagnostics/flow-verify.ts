/**
 * `flowVerify`: would the access control lists of an interface let a new flow in or out, and which rule of which list says so? Answered by
 * the walk and the tables that decide about a flow's first packet; flows that are open change nothing about it.
 */
import Type from 'typebox';
import { EffectiveList, RuleAction, RuleDirection } from './rules.ts';

const Port = Type.Integer({ minimum: 0, maximum: 65_535 });
const Address = Type.String({ maxLength: 64 });

export const FlowVerifyQuestion = Type.Object(
  {
    /** instanceId of the network interface. */
    portId: Type.String({ maxLength: 128 }),
    /** Of the flow's first packet, as the VM sees it. */
    direction: RuleDirection,
    /** IP protocol number; of ICMP and ICMPv6, an echo request. */
    protocol: Type.Integer({ minimum: 0, maximum: 255 }),
    /** One of the interface's addresses; default: the first of the other end's family. */
    local: Type.Optional(Address),
    remote: Address,
    /** TCP and UDP. */
    localPort: Type.Optional(Port),
    remotePort: Type.Optional(Port),
  },
  { additionalProperties: false },
);

/** What one list says. */
export const ListVerdict = Type.Object({
  level: EffectiveList.properties.level,
  /** The IP configuration, the security tag that the interface carries, or the subnet. */
  appliesTo: Type.String(),
  /** The list; '': there is none, and everything passes. Absent: it has not arrived. */
  resourceRef: EffectiveList.properties.resourceRef,
  pending: EffectiveList.properties.pending,
  /** The rule that matches first; of the default action, what it does. */
  rule: Type.Object({
    id: Type.String(),
    /** '' where no list applies. */
    resourceRef: Type.String(),
    priority: Type.Integer(),
  }),
  action: RuleAction,
});
export type ListVerdict = Type.Static<typeof ListVerdict>;

const End = Type.Object({ address: Type.String(), port: Type.Optional(Port) });

export const FlowVerifyAnswer = Type.Object({
  direction: RuleDirection,
  /** `tcp`, `udp`, `icmp`, `icmpv6` or the number. */
  protocol: Type.String(),
  local: End,
  remote: End,
  access: RuleAction,
  /** In the order in which they are asked; a flow must pass all. The first that denies decides. */
  lists: Type.Array(ListVerdict),
  /** Set where the switch decides before any list is asked: it answers such packets itself, or the interface may not send them. */
  before: Type.Optional(
    Type.Object({
      layer: Type.String(),
      rule: Type.String(),
      outcome: Type.String(),
      /** Why it drops them; absent: it does not. */
      drop: Type.Optional(
        Type.Object({ reason: Type.String(), meaning: Type.String(), remedy: Type.String() }),
      ),
    }),
  ),
});
