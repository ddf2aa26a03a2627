/**
 * Who a request is from: the common name of a client certificate that our authority signed for a client or for the controller itself
 * (OU), or a bearer token from the operator's file. A host's certificate is for the southbound and opens nothing here.
 *
 * Token file: one `<token> <client name>` a line; `#` starts a comment. Tokens are compared by their SHA-256, so that a comparison takes
 * the same time for every wrong one.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { SdnError } from '../../base/errors.ts';
import { detail, NorthboundFault } from './fault.ts';

/** SHA-256 of the token in hexadecimal → client name. */
export type TokenTable = ReadonlyMap<string, string>;

/** Name of the client; throws 401 or 403. */
export type Authenticator = (request: IncomingMessage) => string;

const PERMITTED_UNITS: ReadonlySet<string> = new Set(['client', 'controller']);
/** Shorter ones can be guessed. */
const TOKEN_LENGTH_MIN = 16;

export function parseTokenFile(text: string): TokenTable {
  const table = new Map<string, string>();
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.replace(/#.*/, '').trim();
    if (line === '') continue;
    const [token = '', name = '', ...rest] = line.split(/\s+/);
    if (token.length < TOKEN_LENGTH_MIN || name === '' || rest.length > 0) {
      const wanted = `a token of at least ${TOKEN_LENGTH_MIN} characters and a name`;
      throw new SdnError('SDN_TOKEN_FILE', `line ${index + 1} of the token file is not ${wanted}`);
    }
    table.set(hashOf(token), name);
  }
  return table;
}

export function createAuthenticator(tokens: TokenTable | undefined): Authenticator {
  return (request) => {
    const bearer = /^Bearer\s+(\S+)\s*$/i.exec(request.headers.authorization ?? '')?.[1];
    if (bearer !== undefined && tokens !== undefined) {
      const name = tokens.get(hashOf(bearer));
      if (name !== undefined) return name;
      throw unauthenticated('the token is not known');
    }
    return certificateName(request);
  };
}

/** To read a certificate costs as much as to read a small request, and a connection has one for as long as it lasts. */
const CERTIFICATE_NAMES = new WeakMap<TLSSocket, string>();

function certificateName({ socket }: IncomingMessage): string {
  if (!(socket instanceof TLSSocket) || !socket.authorized) {
    throw unauthenticated('a client certificate or a bearer token is required');
  }
  const known = CERTIFICATE_NAMES.get(socket);
  if (known !== undefined) return known;
  const { subject } = socket.getPeerCertificate();
  const units = [subject.OU].flat();
  const name = [subject.CN].flat()[0];
  if (name !== undefined && units.some((unit) => PERMITTED_UNITS.has(unit ?? ''))) {
    CERTIFICATE_NAMES.set(socket, name);
    return name;
  }
  const message = `the certificate of '${name ?? ''}' is not one of a client`;
  throw new NorthboundFault(detail('BadRequest', message, 'certificate'), { status: 403 });
}

/** The closed list of codes has none for this; the status says it. */
function unauthenticated(message: string): NorthboundFault {
  return new NorthboundFault(detail('BadRequest', message, 'Authorization'), {
    status: 401,
    headers: { 'WWW-Authenticate': 'Bearer realm="networking"' },
  });
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
