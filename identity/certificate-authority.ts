/**
 * The built-in certificate authority: made at first start, it issues the certificate by which every role, and the administrator's
 * client, is known (X.509, RFC 5280; ECDSA P-256). The role's name is the subject's CN, its kind the OU; the southbound takes the
 * stream's identity from the one, the northbound its permission from the other.
 *
 *   DIR/ca.pem  ca.key  <name>/cert.pem  <name>/key.pem      directories 0700, files 0600
 *
 * Invariants: a key and its certificate always belong together (checked at every start; a pair torn by a crash is issued anew); a
 * leaf verifies against the ca.pem beside it; nothing is served that is expired or soon will be. Files are replaced by rename, so a
 * reader never sees half of one. Omitted: intermediate authorities, revocation — a role that is not trusted any more is removed by
 * making a new authority — and signing requests from other machines.
 *
 * Called by fabric/deploy.ts, and by tests that need mTLS.
 */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import type { Clock } from '../base/clock.ts';
import { SdnError } from '../base/errors.ts';
import { CA_LIFETIME, CLOCK_SKEW, LEAF_LIFETIME, RENEWAL_FRACTION } from './limits.ts';

export type RoleKind = 'controller' | 'host' | 'mux' | 'gateway' | 'edge' | 'client';

export interface CertificateRequest {
  /** Directory and CN. Lower-case letters, digits and hyphens. */
  readonly name: string;
  readonly kind: RoleKind;
}

/** Paths of PEM files. */
export interface Credentials {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** False when the certificate that was there still serves. */
  readonly issued: boolean;
}

export interface CertificateAuthority {
  /** Path of ca.pem. */
  readonly certificate: string;
  /** False when the authority that was there still serves. */
  readonly created: boolean;
  /** The role's certificate: the one on disk if it is good, else a new one. */
  ensure(request: CertificateRequest): Promise<Credentials>;
}

const KEY_ALGORITHM: webcrypto.EcKeyGenParams = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNING: webcrypto.EcdsaParams = { name: 'ECDSA', hash: 'SHA-256' };
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const PRIVATE_FILE = 0o600;
const PRIVATE_DIRECTORY = 0o700;

interface Pair {
  readonly certificate: x509.X509Certificate;
  readonly privateKey: webcrypto.CryptoKey;
}

x509.cryptoProvider.set(webcrypto);

/** Opens the authority in `directory`, making it if there is none, or none that will do. */
export async function openCertificateAuthority(options: {
  readonly directory: string;
  readonly clock: Clock;
}): Promise<CertificateAuthority> {
  const { directory, clock } = options;
  await mkdir(directory, { recursive: true, mode: PRIVATE_DIRECTORY });
  const files = { cert: join(directory, 'ca.pem'), key: join(directory, 'ca.key') };
  const existing = await readPair(files);
  const usable = existing !== undefined && fresh(existing.certificate, clock);
  const authority = usable ? existing : await createAuthority(clock);
  if (!usable) await writePair(files, authority);
  return {
    certificate: files.cert,
    created: !usable,
    ensure: (request) => ensureLeaf(directory, clock, authority, request),
  };
}

async function ensureLeaf(
  directory: string,
  clock: Clock,
  authority: Pair,
  request: CertificateRequest,
): Promise<Credentials> {
  if (!NAME.test(request.name))
    throw new SdnError('SDN_CERTIFICATE_NAME', `'${request.name}' cannot name a role`, {
      remedy: 'use lower-case letters, digits and hyphens, at most 63',
    });
  const home = join(directory, request.name);
  await mkdir(home, { recursive: true, mode: PRIVATE_DIRECTORY });
  const files = { cert: join(home, 'cert.pem'), key: join(home, 'key.pem') };
  const existing = await readPair(files);
  const usable = existing !== undefined && (await serves(existing, request, authority, clock));
  if (!usable) await writePair(files, await issueLeaf(authority, request, clock));
  return { ca: join(directory, 'ca.pem'), ...files, issued: !usable };
}

async function createAuthority(clock: Clock): Promise<Pair> {
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const serial = Buffer.from(webcrypto.getRandomValues(new Uint8Array(4))).toString('hex');
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=Weft CA ${serial}`,
    keys,
    signingAlgorithm: SIGNING,
    ...validity(clock, CA_LIFETIME),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, privateKey: keys.privateKey };
}

async function issueLeaf(
  authority: Pair,
  request: CertificateRequest,
  clock: Clock,
): Promise<Pair> {
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const usages = [x509.ExtendedKeyUsage.clientAuth];
  if (request.kind !== 'client') usages.push(x509.ExtendedKeyUsage.serverAuth);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: subjectOf(request),
    issuer: authority.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: authority.privateKey,
    signingAlgorithm: SIGNING,
    ...validity(clock, LEAF_LIFETIME, authority.certificate.notAfter),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(usages),
      new x509.SubjectAlternativeNameExtension(alternativeNames(request)),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
    ],
  });
  return { certificate, privateKey: keys.privateKey };
}

function subjectOf(request: CertificateRequest): string {
  return `CN=${request.name}, OU=${request.kind}`;
}

/** Servers are reached by loopback name and address, and southbound by role name; a client is only ever named. */
function alternativeNames(request: CertificateRequest): x509.JsonGeneralNames {
  const own: x509.JsonGeneralName = { type: 'dns', value: request.name };
  if (request.kind === 'client') return [own];
  return [
    { type: 'dns', value: 'localhost' },
    own,
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '::1' },
  ];
}

function validity(
  clock: Clock,
  lifetime: number,
  latest?: Date,
): { notBefore: Date; notAfter: Date } {
  const now = clock.wallNow();
  const end = Math.min(now + lifetime, latest?.getTime() ?? Number.POSITIVE_INFINITY);
  return { notBefore: new Date(now - CLOCK_SKEW), notAfter: new Date(end) };
}

/** Valid now, and not so near its end that it should be replaced. */
function fresh(certificate: x509.X509Certificate, clock: Clock): boolean {
  const now = clock.wallNow();
  const end = certificate.notAfter.getTime();
  const lifetime = end - certificate.notBefore.getTime();
  return certificate.notBefore.getTime() <= now && end - now > lifetime * RENEWAL_FRACTION;
}

async function serves(
  leaf: Pair,
  request: CertificateRequest,
  authority: Pair,
  clock: Clock,
): Promise<boolean> {
  if (!fresh(leaf.certificate, clock)) return false;
  if (leaf.certificate.subject !== subjectOf(request)) return false;
  return leaf.certificate.verify({
    publicKey: authority.certificate.publicKey,
    signatureOnly: true,
  });
}

/** undefined when a file is missing or unreadable as what it should be, or when key and certificate are not a pair. */
async function readPair(files: { cert: string; key: string }): Promise<Pair | undefined> {
  const certificateText = await readText(files.cert);
  const keyText = await readText(files.key);
  if (certificateText === undefined || keyText === undefined) return undefined;
  try {
    const certificate = new x509.X509Certificate(certificateText);
    const [encoded = new ArrayBuffer(0)] = x509.PemConverter.decode(keyText);
    const privateKey = await webcrypto.subtle.importKey('pkcs8', encoded, KEY_ALGORITHM, true, [
      'sign',
    ]);
    return (await belongTogether(certificate, privateKey))
      ? { certificate, privateKey }
      : undefined;
  } catch {
    return undefined; // torn or foreign: the caller issues anew, which is the whole remedy
  }
}

/** A signature by the key that the certificate's public key accepts. */
async function belongTogether(
  certificate: x509.X509Certificate,
  privateKey: webcrypto.CryptoKey,
): Promise<boolean> {
  const challenge = webcrypto.getRandomValues(new Uint8Array(32));
  const signature = await webcrypto.subtle.sign(SIGNING, privateKey, challenge);
  const publicKey = await certificate.publicKey.export(KEY_ALGORITHM, ['verify']);
  return webcrypto.subtle.verify(SIGNING, publicKey, signature, challenge);
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw thrown;
  }
}

/** Key first: a crash between the two leaves a pair that does not match, which the next start replaces. */
async function writePair(files: { cert: string; key: string }, pair: Pair): Promise<void> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', pair.privateKey);
  await replaceFile(files.key, `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`);
  await replaceFile(files.cert, `${pair.certificate.toString('pem')}\n`);
}

async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await writeFile(temporary, text, { mode: PRIVATE_FILE, flush: true });
  await rename(temporary, path);
}
