/**
 * One end of a flow, as people write it: `10.0.0.4:443`, `[fd00::4]:443`; `:443` where the address goes without saying; an address alone where
 * the protocol has no ports. Called by controller/northbound/policy-routes.
 */
import { parseIpWords } from '../../base/ip-words.ts';

export interface FlowEnd {
  readonly address: string | undefined;
  readonly port: number | undefined;
}

/** Undefined where the text is none. */
export function parseFlowEnd(text: string): FlowEnd | undefined {
  if (parseIpWords(text) !== undefined) return { address: text, port: undefined };
  const [, bracketed, plain = '', digits = ''] =
    /^(?:\[([^\]]*)\]|([^:]*)):([0-9]{1,5})$/.exec(text) ?? [];
  const port = digits === '' ? 0x1_0000 : Number(digits);
  if (port > 0xffff) return undefined;
  const address = bracketed ?? plain;
  if (address === '' && bracketed === undefined) return { address: undefined, port };
  // Brackets are for what has colons itself, and for nothing else.
  const isRight = address.includes(':') === (bracketed !== undefined);
  return isRight && parseIpWords(address) !== undefined ? { address, port } : undefined;
}
