/** Who takes part, as the report names them. */

export const WEFT = 'Weft';
export const HAPROXY = 'HAProxy';
export const NFTABLES = 'nftables';
/** Client and server alone: the ends' own limit. */
export const NOBODY = 'nobody';
