/**
 * The machine's interfaces, through iproute2's `ip`: the provider address on the uplink, and MAC address and MTU of a VM's interface.
 * Nothing here is on the path of a frame. Called by host-agent.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { isAbsolute } from 'node:path';
import { SdnError } from '../../base/errors.ts';
import { formatIpWords, ipWordsFromBytes } from '../../base/ip-words.ts';
import { formatMac, type Mac } from '../../base/mac.ts';
import type { HostSettings } from '../../schema/southbound/messages.ts';
import {
  proberIpv6InterfaceAddress,
  SERVICE_MAC,
  serviceInterfaceAddress,
  slotsRoute,
} from '../platform/service-addresses.ts';
import { COMMAND_TIMEOUT } from './limits.ts';

/** The part of `ip` that the host agent needs; a test gives its own. */
export interface Interfaces {
  /** Gives `uplink` the provider address, replacing `previous` (an earlier result), and returns it as `address/length`. */
  configureUplink(
    uplink: string,
    settings: HostSettings,
    previous: string | undefined,
  ): Promise<string>;
  /** Sets what the VM's interface should have from the start. */
  configureGuest(
    device: { readonly name: string; readonly netns?: string },
    guest: { readonly mac: Mac; readonly mtu: number },
  ): Promise<void>;
  /** Gives the service port's interface its addresses and brings it up. */
  configureServices(name: string): Promise<void>;
}

export const systemInterfaces: Interfaces = {
  configureUplink,
  configureGuest,
  configureServices,
};

async function configureUplink(
  uplink: string,
  settings: HostSettings,
  previous: string | undefined,
): Promise<string> {
  const words = ipWordsFromBytes(settings.providerAddress);
  if (words === undefined) {
    throw new SdnError('SDN_HOST_UPLINK', 'the host has no provider address yet', {
      remedy: 'give its server resource an address from a provider logical network',
    });
  }
  const address = `${formatIpWords(words)}/${settings.providerPrefixLen}`;
  // After a restart everything is as this host left it, and forwarding must not wait for four processes to say so.
  if (hasAddress(uplink, address) && (previous ?? address) === address) return address;
  const mtu = await linkMtu(uplink);
  if (mtu < settings.providerMtu) {
    throw new SdnError(
      'SDN_HOST_UPLINK',
      `${uplink} has MTU ${mtu}, the provider network ${settings.providerMtu}`,
      { remedy: `ip link set ${uplink} mtu ${settings.providerMtu}` },
    );
  }
  await ip(['link', 'set', uplink, 'up']);
  // The controller gives each address once: IPv6's search for a double (RFC 4862 §5.4) would only keep it unusable for a second.
  const once = settings.providerAddress.length === 16 ? ['nodad'] : [];
  await ip(['address', 'replace', address, 'dev', uplink, ...once]);
  if (previous !== undefined && previous !== address) {
    await ip(['address', 'del', previous, 'dev', uplink]);
  }
  await addDefaultRoute(uplink, settings.providerGateway);
  return address;
}

/** True if the interface is up, has carrier and this address. */
function hasAddress(name: string, address: string): boolean {
  return networkInterfaces()[name]?.some(({ cidr }) => cidr === address) ?? false;
}

/** Only where there is none: on a machine that reaches the provider network otherwise, its administrator knows better. */
async function addDefaultRoute(uplink: string, gateway: Uint8Array): Promise<void> {
  const words = ipWordsFromBytes(gateway);
  if (words === undefined) return;
  const family = gateway.length === 4 ? '-4' : '-6';
  const existing = await ip([family, 'route', 'show', 'default']);
  if (existing.trim() !== '') return;
  await ip([family, 'route', 'add', 'default', 'via', formatIpWords(words), 'dev', uplink]);
}

async function linkMtu(name: string): Promise<number> {
  const [link] = JSON.parse(await ip(['-json', 'link', 'show', 'dev', name])) as [{ mtu?: number }];
  return link.mtu ?? 0;
}

async function configureGuest(
  device: { readonly name: string; readonly netns?: string },
  guest: { readonly mac: Mac; readonly mtu: number },
): Promise<void> {
  const { name, netns } = device;
  const change = ['link', 'set', name, 'address', formatMac(guest.mac), 'mtu', String(guest.mtu)];
  if (netns === undefined) await ip(change);
  else await run('nsenter', [`--net=${namespacePath(netns)}`, 'ip', ...change]);
}

/** Without ARP: the switch is the only one on the other side, and takes every frame whatever its MAC address. */
async function configureServices(name: string): Promise<void> {
  await ip(['link', 'set', name, 'address', formatMac(SERVICE_MAC), 'arp', 'off']);
  await ip(['link', 'set', name, 'addrgenmode', 'none']);
  await ip(['address', 'replace', serviceInterfaceAddress(), 'dev', name]);
  await ip(['link', 'set', name, 'up']);
  const { prefix, source } = slotsRoute();
  await ip(['address', 'replace', `${source}/32`, 'dev', name]);
  // Else connections to the slots would come from the servers' address.
  await ip(['route', 'replace', prefix, 'dev', name, 'scope', 'link', 'src', source]);
  if (await hasIpv6(name)) {
    await ip(['address', 'replace', proberIpv6InterfaceAddress(), 'dev', name, 'nodad']);
  }
}

async function hasIpv6(name: string): Promise<boolean> {
  try {
    const text = await readFile(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, 'utf8');
    return text.trim() === '0';
  } catch {
    // A kernel without IPv6.
    return false;
  }
}

/** As `ip netns` has it: a bare name stands for /run/netns/NAME. */
function namespacePath(netns: string): string {
  return isAbsolute(netns) ? netns : `/run/netns/${netns}`;
}

function ip(args: readonly string[]): Promise<string> {
  return run('ip', args);
}

function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: COMMAND_TIMEOUT }, (cause, stdout, stderr) => {
      if (cause === null) return resolve(stdout);
      const words = stderr.trim() || cause.message;
      const options =
        cause.code === 'ENOENT'
          ? { cause, remedy: 'install the packages iproute2 and util-linux' }
          : { cause };
      const line = [program, ...args].join(' ');
      return reject(new SdnError('SDN_HOST_COMMAND', `${line}: ${words}`, options));
    });
  });
}
