/**
 * The vocabulary in which the northbound's resources are described: TypeBox types with the annotations that MS-NCNBI's property
 * tables carry ("Read-only", "Write-only", a reference to …). read-properties.ts interprets them; the OpenAPI document and
 * docs/api.md are generated from them.
 *
 * Annotations (JSON Schema vendor extensions, so that the schemas stay valid OpenAPI)
 * - `readOnly`: tolerated in a request and ignored, because clients send back what they were given.
 * - `x-references`: types that a `{"resourceRef": …}` may point at, as paths of segments.
 * - `x-inert`: the property belongs to a feature that is not built. These values ask for nothing and are tolerated; any other
 *   is refused, because a request that is stored and ignored is a lie.
 * - `x-kept`: kept for clients and without effect.
 * - `x-back-references`: an array of references that the controller fills with what points here.
 * - `x-spelling`: the text is an IP address or prefix and is kept in its canonical spelling.
 * - `x-blank`: an empty text stands for an absent number.
 * - `x-aliases`: further spellings the specification itself uses. Letter case never matters.
 * - `x-one-or-more`: an array of which clients also send the only element by itself.
 * - `x-codes`: the codes of §3.1.5.35 by which a bad or a missing value is refused, where the specification has special ones.
 */
import Type, { type TSchema } from 'typebox';

/** A reference to a resource of one of `targets`, e.g. `virtualNetworks/subnets`. */
export function Reference(targets: readonly string[], description?: string) {
  return Type.Object(
    { resourceRef: Type.String() },
    { 'x-references': targets, ...(description === undefined ? {} : { description }) },
  );
}

/** A property that only the controller writes. */
export function ReadOnly<T extends TSchema>(type: T, description?: string) {
  return Type.Optional(
    Type.Unsafe<Type.Static<T>>({
      ...type,
      readOnly: true,
      ...(description === undefined ? {} : { description }),
    }),
  );
}

/** A property of a feature that is not built: only values that ask for nothing are accepted. */
export function NotBuilt<T extends TSchema>(type: T, ...inert: readonly unknown[]) {
  return Type.Optional(Type.Unsafe<Type.Static<T>>({ ...type, 'x-inert': inert }));
}

/**
 * A property that is kept for clients and changes nothing here, with the reason; docs/design/0020 lists them. Only for what describes
 * something or is a hint: what asks for a behaviour is honoured or refused.
 */
export function Kept<T extends TSchema>(type: T, reason: string) {
  const description = `changes nothing: ${reason}`;
  return Type.Optional(Type.Unsafe<Type.Static<T>>({ ...type, 'x-kept': true, description }));
}

/** One of a closed list of words, compared without case, stored as spelt here. */
export function Words<const T extends readonly [string, ...string[]]>(
  words: T,
  description?: string,
) {
  return Type.Unsafe<T[number]>({
    type: 'string',
    enum: words,
    ...(description === undefined ? {} : { description }),
  });
}

/** An array of which clients also send the only element by itself, as some of the specification's schemas say. */
export function OneOrMore<T extends TSchema>(type: T) {
  return Type.Array(type, { 'x-one-or-more': true });
}

/** A property whose refusal has codes of its own: `bad` for a value that does not fit, `missing` for none. */
export function Coded<T extends TSchema>(
  type: T,
  codes: { readonly bad?: string; readonly missing?: string },
) {
  return Type.Unsafe<Type.Static<T>>({ ...type, 'x-codes': codes });
}

/** Text that clients also send as a number or a boolean, as the specification's own examples do. */
export const LooseText = Type.String({ 'x-loose': true });

/** An array of references that the controller maintains: what points here. */
export const BackReferences = ReadOnly(
  Type.Array(Type.Object({ resourceRef: Type.String() }), { 'x-back-references': true }),
);

/** Kept in its one spelling (RFC 5952); what is no address is kept as it is, for the resource's own rules to refuse. */
export const IpText = Type.String({ description: 'IPv4 or IPv6 address', 'x-spelling': 'ip' });
export const PrefixText = Type.String({
  description: 'address prefix, a.b.c.d/n or x:x::/n, without host bits',
  'x-spelling': 'prefix',
});
