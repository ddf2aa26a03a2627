/**
 * What a VM is told about itself at 169.254.169.254, in the shape of Azure's instance metadata (`/metadata/instance`, api-version
 * 2021-02-01): `network.interface[]` as there, `compute` with what the network knows of the machine, and `weft` with the names to look
 * things up by. Only what goal state says: nothing is made up, and public addresses are empty strings, as in Azure without one.
 * Pure. Called by metadata-server.
 */
import { formatIpWords, ipWordsFromBytes, isIpv4Words } from '../../base/ip-words.ts';
import type { IpConfiguration } from '../../schema/southbound/messages.ts';
import type { Asker } from './service-directory.ts';

export type Json = string | number | boolean | readonly Json[] | { readonly [name: string]: Json };

/** The document of one VM; `hostId` is the resourceId of this host's server. */
export function instanceMetadata(asker: Asker, hostId: string): Json {
  const { port, network, names } = asker;
  const own = port.ipConfigurations.filter(({ learned }) => !learned);
  return {
    compute: {
      azEnvironment: 'Weft',
      name: port.hostName === '' ? lastSegment(port.resourceRef) : port.hostName,
      provider: 'Weft',
    },
    network: {
      interface: [
        {
          ipv4: family(asker, own, true),
          ipv6: family(asker, own, false),
          macAddress: port.mac.toString(16).padStart(12, '0').toUpperCase(),
        },
      ],
    },
    weft: {
      dnsDomain: names.domain,
      host: hostId,
      networkInterface: port.resourceRef,
      networkInterfaceId: port.id,
      virtualNetwork: network?.resourceRef ?? '',
    },
  };
}

function family(asker: Asker, own: readonly IpConfiguration[], isIpv4: boolean): Json {
  const located = own.flatMap(({ address, subnetId }) => {
    const words = ipWordsFromBytes(address);
    const isWanted = words !== undefined && isIpv4Words(words) === isIpv4;
    return isWanted ? [{ address: formatIpWords(words), subnetId }] : [];
  });
  // As in Azure: IPv6 has no subnet in it.
  const ipAddress = located.map(({ address }) =>
    isIpv4 ? { privateIpAddress: address, publicIpAddress: '' } : { privateIpAddress: address },
  );
  if (!isIpv4) return { ipAddress };
  const ids = [...new Set(located.map(({ subnetId }) => subnetId))];
  return { ipAddress, subnet: ids.flatMap((id) => subnetOf(asker, id)) };
}

function subnetOf(asker: Asker, id: string): Json[] {
  const prefix = asker.subnet(id)?.prefix;
  const words = prefix === undefined ? undefined : ipWordsFromBytes(prefix.address);
  if (prefix === undefined || words === undefined) return [];
  return [{ address: formatIpWords(words), prefix: String(prefix.len) }];
}

/** The part of `document` that the path's segments lead to; undefined where they lead nowhere. */
export function partOf(document: Json, segments: readonly string[]): Json | undefined {
  let part: Json | undefined = document;
  for (const segment of segments) {
    if (typeof part !== 'object') return undefined;
    if (Array.isArray(part)) {
      part = /^(0|[1-9][0-9]{0,3})$/.test(segment)
        ? (part as readonly Json[])[Number(segment)]
        : undefined;
    } else {
      const object = part as { readonly [name: string]: Json };
      part = Object.hasOwn(object, segment) ? object[segment] : undefined;
    }
  }
  return part;
}

/** As `format=text` has it: a value as it is, what contains others as one line each, with a slash where they contain more. */
export function asText(part: Json): string {
  if (typeof part !== 'object') return String(part);
  return Object.entries(part)
    .map(([name, value]) => (typeof value === 'object' ? `${name}/` : name))
    .join('\n');
}

function lastSegment(resourceRef: string): string {
  return resourceRef.split('/').at(-1) ?? '';
}
