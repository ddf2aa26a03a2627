/** The built-in certificate authority (RFC 5280): what OpenSSL and Node's TLS make of its certificates, and when it renews them. */
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { ManualClock, systemClock } from '../../../base/clock.ts';
import { SdnError } from '../../../base/errors.ts';
import { millis } from '../../../base/units.ts';
import {
  type CertificateAuthority,
  openCertificateAuthority,
} from '../../../identity/certificate-authority.ts';
import { CA_LIFETIME, LEAF_LIFETIME } from '../../../identity/limits.ts';

const run = promisify(execFile);

async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'weft-ca-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function open(
  t: ExecutionContext,
): Promise<{ directory: string; clock: ManualClock; ca: CertificateAuthority }> {
  const directory = await temporaryDirectory(t);
  const clock = new ManualClock(systemClock.wallNow());
  return { directory, clock, ca: await openCertificateAuthority({ directory, clock }) };
}

test('openssl verify accepts a role certificate against ca.pem', async (t) => {
  const { ca } = await open(t);
  for (const kind of ['controller', 'host', 'client'] as const) {
    const leaf = await ca.ensure({ name: `a-${kind}`, kind });
    const purpose = kind === 'client' ? 'sslclient' : 'sslserver';
    const { stdout } = await run('openssl', [
      'verify',
      '-x509_strict',
      '-purpose',
      purpose,
      '-CAfile',
      leaf.ca,
      leaf.cert,
    ]);
    t.regex(stdout, /: OK/);
  }
});

test('the subject names the role and its kind; a server also carries loopback names', async (t) => {
  const { ca } = await open(t);
  const host = await ca.ensure({ name: 'host1', kind: 'host' });
  const certificate = new X509Certificate(await readFile(host.cert));
  t.is(certificate.subject.split('\n').sort().join(), 'CN=host1,OU=host');
  for (const name of ['localhost', 'host1']) t.is(certificate.checkHost(name), name);
  for (const address of ['127.0.0.1', '::1']) t.is(certificate.checkIP(address), address);
  const admin = await ca.ensure({ name: 'admin', kind: 'client' });
  const client = new X509Certificate(await readFile(admin.cert));
  t.is(client.checkHost('localhost'), undefined);
});

test('a client certificate does not serve: Node refuses it as a server', async (t) => {
  const { ca } = await open(t);
  const admin = await ca.ensure({ name: 'admin', kind: 'client' });
  await t.throwsAsync(
    run('openssl', ['verify', '-purpose', 'sslserver', '-CAfile', admin.ca, admin.cert]),
  );
});

test('mutual TLS between two roles: each sees the other by name', async (t) => {
  const { ca } = await open(t);
  const credentials = async (name: string, kind: 'controller' | 'host') => {
    const files = await ca.ensure({ name, kind });
    return {
      ca: await readFile(files.ca),
      cert: await readFile(files.cert),
      key: await readFile(files.key),
    };
  };
  const server = tls.createServer({
    ...(await credentials('controller', 'controller')),
    requestCert: true,
    rejectUnauthorized: true,
  });
  t.teardown(() => server.close());
  const seen = new Promise<string>((resolve) => {
    server.once('secureConnection', (socket) => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const client = tls.connect({
    port,
    servername: 'controller',
    ...(await credentials('host1', 'host')),
  });
  await new Promise((resolve, reject) =>
    client.once('secureConnect', resolve).once('error', reject),
  );
  t.true(client.authorized);
  t.is(await seen, 'host1');
  client.destroy();
});

test('files are private to their owner', async (t) => {
  const { ca, directory } = await open(t);
  const leaf = await ca.ensure({ name: 'host1', kind: 'host' });
  for (const file of [leaf.cert, leaf.key, leaf.ca, join(directory, 'ca.key')])
    t.is((await stat(file)).mode & 0o777, 0o600, file);
  t.is((await stat(join(directory, 'host1'))).mode & 0o777, 0o700);
});

test('a second start changes nothing', async (t) => {
  const { ca, directory, clock } = await open(t);
  const first = await ca.ensure({ name: 'host1', kind: 'host' });
  t.true(ca.created && first.issued);
  const before = await Promise.all([readFile(first.ca), readFile(first.cert), readFile(first.key)]);
  const again = await openCertificateAuthority({ directory, clock });
  const second = await again.ensure({ name: 'host1', kind: 'host' });
  t.false(again.created || second.issued);
  t.deepEqual(
    await Promise.all([readFile(second.ca), readFile(second.cert), readFile(second.key)]),
    before,
  );
});

test('a leaf is renewed in the last third of its life, not before', async (t) => {
  const { ca, clock } = await open(t);
  await ca.ensure({ name: 'host1', kind: 'host' });
  clock.advance(millis(LEAF_LIFETIME * 0.6));
  t.false((await ca.ensure({ name: 'host1', kind: 'host' })).issued);
  clock.advance(millis(LEAF_LIFETIME * 0.1));
  const renewed = await ca.ensure({ name: 'host1', kind: 'host' });
  t.true(renewed.issued);
  const certificate = new X509Certificate(await readFile(renewed.cert));
  t.true(Date.parse(certificate.validTo) > clock.wallNow() + LEAF_LIFETIME * 0.99);
});

test('a new authority reissues every leaf', async (t) => {
  const { ca, directory, clock } = await open(t);
  await ca.ensure({ name: 'host1', kind: 'host' });
  clock.advance(millis(CA_LIFETIME * 0.9));
  const next = await openCertificateAuthority({ directory, clock });
  t.true(next.created);
  t.true((await next.ensure({ name: 'host1', kind: 'host' })).issued);
});

test('a leaf never outlives its authority', async (t) => {
  const { ca, directory, clock } = await open(t);
  await ca.ensure({ name: 'host1', kind: 'host' });
  clock.advance(millis(CA_LIFETIME * 0.65));
  const leaf = await ca.ensure({ name: 'host1', kind: 'host' });
  const authority = new X509Certificate(await readFile(join(directory, 'ca.pem')));
  const certificate = new X509Certificate(await readFile(leaf.cert));
  t.true(Date.parse(certificate.validTo) <= Date.parse(authority.validTo));
});

test('a torn pair, a cut file and another role’s files are all replaced', async (t) => {
  const { ca } = await open(t);
  const host1 = await ca.ensure({ name: 'host1', kind: 'host' });
  const host2 = await ca.ensure({ name: 'host2', kind: 'host' });
  await writeFile(host1.key, await readFile(host2.key));
  t.true((await ca.ensure({ name: 'host1', kind: 'host' })).issued);
  await writeFile(host1.cert, (await readFile(host1.cert)).toString().slice(0, 100));
  t.true((await ca.ensure({ name: 'host1', kind: 'host' })).issued);
  await writeFile(host1.cert, await readFile(host2.cert));
  await writeFile(host1.key, await readFile(host2.key));
  t.true((await ca.ensure({ name: 'host1', kind: 'host' })).issued);
  t.true((await ca.ensure({ name: 'host1', kind: 'gateway' })).issued);
});

test('a name that would leave the directory is refused', async (t) => {
  const { ca } = await open(t);
  for (const name of ['../x', '', 'A', 'a/b', '-a', 'x'.repeat(64)]) {
    const fault = await t.throwsAsync(ca.ensure({ name, kind: 'host' }), { instanceOf: SdnError });
    t.is(fault.code, 'SDN_CERTIFICATE_NAME');
  }
});
