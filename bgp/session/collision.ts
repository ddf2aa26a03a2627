/**
 * Connection collision — RFC 4271 §6.8: two speakers that connect to each other at once end up with two connections, and each must close the same
 * one: that of the speaker with the lower BGP identifier; where identifiers are equal (RFC 6286 §2.3), that of the lower AS number.
 */

export interface Speaker {
  readonly bgpIdentifier: number;
  readonly asn: number;
}

/** Who opened the connection that stays. */
export function survivor(local: Speaker, remote: Speaker): 'initiated-by-us' | 'initiated-by-peer' {
  const ours =
    local.bgpIdentifier === remote.bgpIdentifier
      ? local.asn > remote.asn
      : local.bgpIdentifier > remote.bgpIdentifier;
  return ours ? 'initiated-by-us' : 'initiated-by-peer';
}
