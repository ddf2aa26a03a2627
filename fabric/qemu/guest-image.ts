/**
 * The kernel and the initramfs that Weft's test guests boot, built on first use from the distribution's own packages and kept in
 * a cache directory: nothing is committed, nothing is fetched from anywhere but the configured Debian mirrors.
 *
 *   linux-image-cloud-amd64 → the newest cloud kernel (virtio is all modules there, so nine of them go into the initramfs)
 *   busybox-static          → the whole user space
 *   fabric/qemu/guest/      → init, the DHCP script, the command agent
 *
 * Resumable: each package is kept once it is down, and the image appears under its final name in one rename.
 * Needs apt-get, apt-cache and dpkg (Debian 12); not root. Called by guest.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  access,
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { messageOf, SdnError } from '../../base/errors.ts';
import { type CpioEntry, cpioArchive } from './cpio.ts';
import { PACKAGE_TOOL_TIMEOUT } from './limits.ts';

const run = promisify(execFile);

/** In the order they load: dpkg -x leaves no modules.dep, so the order is ours. */
export const GUEST_MODULES: readonly string[] = [
  'virtio_ring',
  'virtio',
  'virtio_mmio',
  'virtio_pci_modern_dev',
  'virtio_pci_legacy_dev',
  'virtio_pci',
  'failover',
  'net_failover',
  'virtio_net',
];

const KERNEL_METAPACKAGE = 'linux-image-cloud-amd64';
const BUSYBOX_PACKAGE = 'busybox-static';
const SCRIPTS = new URL('../../../fabric/qemu/guest/', import.meta.url);

export interface GuestImage {
  /** bzImage */
  readonly kernelPath: string;
  /** gzipped cpio */
  readonly initramfsPath: string;
  /** e.g. `linux-image-6.1.0-56-cloud-amd64` */
  readonly kernelPackage: string;
}

export type GuestProgress = (message: string) => void;

/** `${XDG_CACHE_HOME:-~/.cache}/weft/guest` */
export function guestCacheDirectory(
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  return join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'weft', 'guest');
}

/** The image, from the cache when it was built from the same kernel and the same scripts before. */
export async function guestImage(directory: string, progress: GuestProgress): Promise<GuestImage> {
  await mkdir(directory, { recursive: true });
  const kernelPackage = await newestKernelPackage(progress);
  const scripts = await guestScripts();
  const identity = createHash('sha256').update(kernelPackage);
  for (const [name, content] of scripts) identity.update(name).update(content);
  const built = join(directory, identity.digest('hex').slice(0, 16));
  const image: GuestImage = {
    kernelPath: join(built, 'vmlinuz'),
    initramfsPath: join(built, 'initramfs.gz'),
    kernelPackage,
  };
  if (await exists(built)) return image;

  const scratch = `${built}.${process.pid}.new`;
  try {
    await buildImage({ directory, scratch, kernelPackage, scripts, progress });
    await rename(scratch, built).catch(async (cause: unknown) => {
      // Somebody else finished the same image first: theirs is as good.
      if (!(await exists(built))) throw cause;
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return image;
}

async function buildImage(options: {
  readonly directory: string;
  readonly scratch: string;
  readonly kernelPackage: string;
  readonly scripts: ReadonlyMap<string, Uint8Array>;
  readonly progress: GuestProgress;
}): Promise<void> {
  const { directory, scratch, kernelPackage, scripts, progress } = options;
  const tree = join(scratch, 'tree');
  await mkdir(tree, { recursive: true });
  for (const name of [kernelPackage, BUSYBOX_PACKAGE]) {
    const archive = await packageArchive({ directory, name, progress });
    progress(`unpacking ${name}`);
    await tool('dpkg-deb', ['-x', archive, tree]);
  }
  const boot = await readdir(join(tree, 'boot'));
  const kernel = boot.find((file) => file.startsWith('vmlinuz-'));
  if (kernel === undefined) throw broken(`${kernelPackage} holds no /boot/vmlinuz-*`);
  await copyFile(join(tree, 'boot', kernel), join(scratch, 'vmlinuz'));
  progress('packing the initramfs');
  const entries = initramfsEntries({
    busybox: await readFile(join(tree, 'bin', 'busybox')),
    modules: await readModules(join(tree, 'lib', 'modules'), kernelPackage),
    scripts,
  });
  await writeFile(join(scratch, 'initramfs.gz'), gzipSync(cpioArchive(entries)));
  await rm(tree, { recursive: true });
}

/** What the guest's root directory holds before it boots. */
export function initramfsEntries(parts: {
  readonly busybox: Uint8Array;
  readonly modules: ReadonlyMap<string, Uint8Array>;
  readonly scripts: ReadonlyMap<string, Uint8Array>;
}): CpioEntry[] {
  const script = (name: string): Uint8Array => parts.scripts.get(name) ?? new Uint8Array(0);
  const order = new TextEncoder().encode(`${[...parts.modules.keys()].join('\n')}\n`);
  return [
    ...['bin', 'sbin', 'dev', 'etc', 'etc/weft', 'modules'].map(
      (path): CpioEntry => ({ kind: 'directory', path }),
    ),
    // Before devtmpfs is mounted the kernel opens /dev/console for us.
    { kind: 'device', path: 'dev/console', major: 5, minor: 1 },
    { kind: 'device', path: 'dev/null', major: 1, minor: 3 },
    { kind: 'file', path: 'bin/busybox', content: parts.busybox, executable: true },
    { kind: 'file', path: 'init', content: script('init'), executable: true },
    { kind: 'file', path: 'sbin/weft-lease', content: script('weft-lease'), executable: true },
    { kind: 'file', path: 'sbin/weft-agent', content: script('weft-agent'), executable: true },
    { kind: 'file', path: 'etc/weft/modules', content: order, executable: false },
    ...[...parts.modules].map(
      ([name, content]): CpioEntry => ({
        kind: 'file',
        path: `modules/${name}.ko`,
        content,
        executable: false,
      }),
    ),
  ];
}

/** The archive with one VM's own settings, to be appended to the image's initramfs. */
export function guestSettingsArchive(name: string): Uint8Array {
  const content = new TextEncoder().encode(`${name}\n`);
  return cpioArchive([{ kind: 'file', path: 'etc/weft/name', content, executable: false }]);
}

async function guestScripts(): Promise<ReadonlyMap<string, Uint8Array>> {
  const names = ['init', 'weft-agent', 'weft-lease'];
  const contents = await Promise.all(names.map((name) => readFile(new URL(name, SCRIPTS))));
  return new Map(names.map((name, index) => [name, contents[index] ?? new Uint8Array(0)]));
}

async function readModules(root: string, from: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = await readdir(root, { recursive: true });
  const modules = new Map<string, Uint8Array>();
  for (const name of GUEST_MODULES) {
    const file = files.find((path) => path.endsWith(`/${name}.ko`));
    if (file === undefined) throw broken(`${from} holds no module ${name}.ko`);
    modules.set(name, await readFile(join(root, file)));
  }
  return modules;
}

async function newestKernelPackage(progress: GuestProgress): Promise<string> {
  const ask = async (): Promise<string | undefined> => {
    const stdout = await tool('apt-cache', ['depends', KERNEL_METAPACKAGE]).catch(() => '');
    return /Depends: (linux-image-\S+-cloud-amd64)/.exec(stdout)?.[1];
  };
  const known = await ask();
  if (known !== undefined) return known;
  progress('refreshing the package lists');
  await tool('apt-get', ['-qq', 'update']);
  const found = await ask();
  if (found === undefined) throw broken(`no package ${KERNEL_METAPACKAGE} in the package lists`);
  return found;
}

/** Path of the package's .deb, downloaded unless it is there already. */
async function packageArchive(options: {
  readonly directory: string;
  readonly name: string;
  readonly progress: GuestProgress;
}): Promise<string> {
  const { directory, name, progress } = options;
  const held = await archiveIn(directory, name);
  if (held !== undefined) return join(directory, held);
  progress(`downloading ${name}`);
  // Apart, so that an archive in the cache is always a whole one; apt-get resumes a partial one by itself.
  const partial = join(directory, 'partial');
  await mkdir(partial, { recursive: true });
  // As root, apt would drop to a user that may not write into the cache directory.
  await tool('apt-get', ['-qq', '-o', 'APT::Sandbox::User=root', 'download', name], partial);
  const file = await archiveIn(partial, name);
  if (file === undefined) throw broken(`apt-get left no archive of ${name} in ${partial}`);
  await rename(join(partial, file), join(directory, file));
  return join(directory, file);
}

async function archiveIn(directory: string, name: string): Promise<string | undefined> {
  const files = await readdir(directory);
  return files.find((file) => file.startsWith(`${name}_`) && file.endsWith('.deb'));
}

async function tool(file: string, args: readonly string[], cwd?: string): Promise<string> {
  try {
    const { stdout } = await run(file, args, {
      timeout: PACKAGE_TOOL_TIMEOUT,
      ...(cwd === undefined ? {} : { cwd }),
    });
    return stdout;
  } catch (cause) {
    const stderr = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : '';
    const words = stderr.split('\n').at(-1) || messageOf(cause);
    throw new SdnError('SDN_GUEST_IMAGE', `${file}: ${words}`, {
      cause,
      remedy:
        'The guest is built from Debian packages: run this on Debian 12 with a reachable mirror.',
    });
  }
}

function broken(message: string): SdnError {
  return new SdnError('SDN_GUEST_IMAGE', message, {
    remedy: 'Run apt-get update, then try again.',
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
