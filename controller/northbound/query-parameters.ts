/** Reads the query of a question (diagnostic-route.ts); what is not as it should be is the client's fault and named. */
import { formatIp, parseIp } from '../../base/ip.ts';
import { fault } from './fault.ts';

/** How many rows an answer may have; `usual` where the query does not say. */
export function limitOf(
  query: URLSearchParams,
  { usual, max }: { readonly usual: number; readonly max: number },
): number {
  const text = query.get('limit') ?? String(usual);
  const limit = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= max) return limit;
  const message = `'${text}' is no whole number from 1 to ${max}`;
  throw fault('InvalidParameterValue', message, 'limit');
}

export function required(query: URLSearchParams, name: string): string {
  const text = query.get(name) ?? '';
  if (text !== '') return text;
  throw fault('InvalidParameterValue', `name a ${name}`, name);
}

/** The address of that name in canonical text; nothing where none is given. */
export function addressOf<N extends string>(
  query: URLSearchParams,
  name: N,
): { readonly [Name in N]?: string } {
  const text = query.get(name) ?? '';
  if (text === '') return {};
  const ip = parseIp(text);
  if (ip === undefined) throw fault('InvalidParameterValue', `'${text}' is no IP address`, name);
  return { [name]: formatIp(ip) } as { readonly [Name in N]?: string };
}
