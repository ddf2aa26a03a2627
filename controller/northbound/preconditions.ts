/**
 * If-Match and If-None-Match — the table of MS-NCNBI §1.3.1.1, which §2.2.1.3.4 contradicts ("if no If-Match is given the NC returns
 * an error"); every client follows the table, and so does this.
 */
import { detail, NorthboundFault } from './fault.ts';

export interface Preconditions {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
}

/** `etag` undefined: there is no such resource. Throws 412. */
export function checkPut({ ifMatch, ifNoneMatch }: Preconditions, etag: string | undefined): void {
  if (ifMatch !== undefined && ifMatch !== '') {
    if (etag === undefined) throw failed('If-Match', 'the resource does not exist');
    if (!matches(ifMatch, etag)) throw failed('If-Match', `the resource has etag ${etag}`);
  }
  checkNoneMatch(ifNoneMatch, etag);
}

/** Only asked about a resource that exists: deleting what is not there is 204, whatever is matched. */
export function checkDelete({ ifMatch, ifNoneMatch }: Preconditions, etag: string): void {
  if (ifMatch !== undefined && ifMatch !== '' && !matches(ifMatch, etag)) {
    throw failed('If-Match', `the resource has etag ${etag}`);
  }
  checkNoneMatch(ifNoneMatch, etag);
}

function checkNoneMatch(ifNoneMatch: string | undefined, etag: string | undefined): void {
  if (ifNoneMatch === undefined || ifNoneMatch === '' || etag === undefined) return;
  if (matches(ifNoneMatch, etag)) throw failed('If-None-Match', 'the resource exists');
}

/** RFC 9110 §8.8.3: a list of entity tags or `*`. Weak comparison: the northbound's tags are all weak. */
function matches(header: string, etag: string): boolean {
  if (header.trim() === '*') return true;
  return header.split(',').some((candidate) => opaque(candidate) === opaque(etag));
}

/** Clients send `W/"x"`, `"x"` and bare `x`. */
function opaque(tag: string): string {
  return tag
    .trim()
    .replace(/^W\//, '')
    .replace(/^"(.*)"$/, '$1');
}

function failed(header: string, message: string): NorthboundFault {
  const because = `the precondition ${header} does not hold: ${message}`;
  return new NorthboundFault(detail('InvalidParameterValue', because, header), { status: 412 });
}
