/**
 * `effectiveRules`: the access control lists that apply to an interface, in the order in which they are asked, each with its rules as they
 * are in force: tags resolved to addresses, the default action last, and how often each has decided. Read from the tables that forward.
 */
import Type from 'typebox';

/** Rules of one answer, over all lists. */
export const RULES_PAGE_MAX = 1500;

export const RuleDirection = Type.Union([Type.Literal('inbound'), Type.Literal('outbound')]);
export type RuleDirection = Type.Static<typeof RuleDirection>;

export const RuleAction = Type.Union([Type.Literal('Allow'), Type.Literal('Deny')]);

/** One side of a rule: any of these addresses. */
export const RuleAddresses = Type.Object({
  /** As the rule has it: `*`, prefixes, a tag, or the resourceRef of a security tag. */
  name: Type.String(),
  /** What that stands for here, IPv4 first; none for `*`, and for a tag that nobody carries. */
  prefixes: Type.Array(Type.String()),
  /** There are more than `prefixes` shows where this is larger. */
  total: Type.Integer(),
});
export type RuleAddresses = Type.Static<typeof RuleAddresses>;

export const EffectiveRule = Type.Object({
  /** Name of the rule; of a default action, what it does. */
  rule: Type.String(),
  /** The rule; of a default action, the list. */
  resourceRef: Type.String(),
  /** Lower is tried first. */
  priority: Type.Integer(),
  /** True for what counts where no rule of the list matches. */
  isDefault: Type.Boolean(),
  action: RuleAction,
  /** `TCP`, `UDP`, `ICMPv4`, `ICMPv6`; none: every protocol. */
  protocols: Type.Array(Type.String()),
  source: RuleAddresses,
  destination: RuleAddresses,
  /** `80`, `8000-8080`; none: every port. */
  sourcePorts: Type.Array(Type.String()),
  destinationPorts: Type.Array(Type.String()),
  /** Flows that it decides are logged. */
  isLogged: Type.Boolean(),
  /**
   * First packets of flows and refused packets that it has decided about, since this host has had the rule: of all its interfaces that the
   * list applies to in the same virtual network. A change of policy has flows decided anew.
   */
  decisions: Type.Number(),
});
export type EffectiveRule = Type.Static<typeof EffectiveRule>;

export const EffectiveList = Type.Object({
  direction: RuleDirection,
  /** Where the list is put. */
  level: Type.Union([
    Type.Literal('network interface'),
    Type.Literal('security tag'),
    Type.Literal('subnet'),
  ]),
  /** The IP configuration, the security tag that the interface carries, or the subnet. */
  appliesTo: Type.String(),
  /** The list; '': there is none, and everything passes. Absent: it has not arrived. */
  resourceRef: Type.Optional(Type.String()),
  /** Why it lets nothing pass; absent: it is in force. */
  pending: Type.Optional(Type.String()),
  rules: Type.Array(EffectiveRule),
  /** There are more than `rules` shows where this is larger. */
  total: Type.Integer(),
});
export type EffectiveList = Type.Static<typeof EffectiveList>;

export const EffectiveRulesQuestion = Type.Object(
  {
    /** instanceId of the network interface. */
    portId: Type.String({ maxLength: 128 }),
    limit: Type.Integer({ minimum: 1, maximum: RULES_PAGE_MAX }),
    /** Default: both. */
    direction: Type.Optional(RuleDirection),
  },
  { additionalProperties: false },
);

export const EffectiveRulesAnswer = Type.Object({
  /** The primary one's lists first. */
  addresses: Type.Array(
    Type.Object({
      /** IP configurations that these lists judge. */
      ipConfigurations: Type.Array(
        Type.Object({ resourceRef: Type.String(), address: Type.String() }),
      ),
      /** In the order in which they are asked: outbound the interface's, those of its security tags, the subnet's; inbound the other way round. A
       * packet must pass all. */
      lists: Type.Array(EffectiveList),
    }),
  ),
});
