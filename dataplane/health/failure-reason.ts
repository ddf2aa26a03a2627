/** Why a probe has failed, in words: what Node's sockets, TLS and HTTP parser say. Pure; called by attempt. */
import { messageOf } from '../../base/errors.ts';
import { PROBE_REASON_LENGTH_MAX } from './limits.ts';

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  ETIMEDOUT: 'no connection',
  HPE_HEADER_OVERFLOW: 'HTTP headers are too long',
  ERR_UNESCAPED_CHARACTERS: 'the request path has characters that no HTTP request may have',
};

/** What this host lacks says nothing about a backend: descriptors, memory, ports of its own, the way to the service port. */
const OF_THIS_HOST: ReadonlySet<string> = new Set([
  'EACCES',
  'EADDRINUSE',
  'EADDRNOTAVAIL',
  'EHOSTUNREACH',
  'EMFILE',
  'ENETDOWN',
  'ENETUNREACH',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'EPERM',
]);

export function isOfThisHost(thrown: unknown): boolean {
  return OF_THIS_HOST.has(codeOf(thrown));
}

export function failureReason(thrown: unknown): string {
  const code = codeOf(thrown);
  const text = messageOf(thrown);
  // Node's word for a connection that ends before the answer.
  if (code === 'ECONNRESET' && text === 'socket hang up') return 'closed without an answer';
  return limited(WORDS[code] ?? inWords(code, text));
}

function inWords(code: string, text: string): string {
  if (code.startsWith('HPE_')) return `no HTTP answer: ${text.replace(/^Parse Error: /, '')}`;
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_')) {
    return `TLS handshake failed: ${tlsReason(text)}`;
  }
  return text;
}

/** OpenSSL's `…:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:…` without what only its makers read. */
function tlsReason(text: string): string {
  return /SSL routines:[^:]*:([^:]+):/.exec(text)?.[1] ?? text;
}

/** One line of plain text, of bounded length: parts of it may be a tenant's. */
function limited(text: string): string {
  const line = text.replace(/[^\x20-\x7e\u00a0-\uffff]+/g, ' ').trim();
  return line.length <= PROBE_REASON_LENGTH_MAX
    ? line
    : `${line.slice(0, PROBE_REASON_LENGTH_MAX - 1)}…`;
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
}
