/**
 * A host whose switch is the Linux kernel's VXLAN device (RFC 7348): it joins the fabric like any other, by its certificate and the
 * southbound, and brings its goal state into force with `ip` and `bridge`. What Weft's own hosts exchange with it, they exchange with an
 * implementation that knows nothing of them. It carries one VM, which is its namespace itself.
 *
 *   subnet  → a VXLAN device vx<VNI>, without learning      mapping → a permanent neighbour and a forwarding entry to the other host's PA
 *   port    → MAC and address on its subnet's device        other subnets → a route, with the virtual router's MAC as source
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Agent, type GoalChange, startAgent } from '../../agent/agent.ts';
import { systemClock } from '../../base/clock.ts';
import { formatIpv4 } from '../../base/ipv4.ts';
import { silentLogger } from '../../base/log.ts';
import { formatMac, VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import { systemRng } from '../../base/rng.ts';
import { run } from '../../fabric/command.ts';
import { ipBatch, joinProviderNetwork, UPLINK } from '../../fabric/links.ts';
import { createNamespace, inNamespace, namespaceName } from '../../fabric/namespaces.ts';
import { overlayMtu } from '../../fabric/settings.ts';
import { openCertificateAuthority } from '../../identity/certificate-authority.ts';
import {
  type HostSettings,
  type Mapping,
  type Port,
  type Prefix,
  TargetKind,
  type VirtualSubnet,
} from '../../schema/southbound/messages.ts';
import { eventually } from './eventually.ts';
import { type Machine, machine } from './machine.ts';
import type { RunningTopology } from './topology.ts';

const VXLAN_PORT = 4789;

/** Registers the server and the NIC, joins the fabric, and resolves with the VM when the kernel has its address. */
export async function addKernelHost(
  network: RunningTopology,
  options: {
    readonly name: string;
    readonly vnet: string;
    readonly subnet: string;
    readonly address: string;
  },
): Promise<{ readonly vm: Machine; close(): Promise<void> }> {
  const { name, vnet, subnet, address } = options;
  const { fabric, client } = network;
  const namespace = namespaceName(fabric.name, name);
  await createNamespace(namespace);
  await joinProviderNetwork({
    network: namespaceName(fabric.name, 'net'),
    member: namespace,
    portName: name,
    mtu: fabric.settings.provider.mtu,
  });
  await behaveLikeWire(namespace);
  // A packet of another subnet comes in on one device and its answer leaves by another.
  const noFilter = 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > "$f"; done';
  await run(inNamespace(namespace, ['sh', '-c', noFilter]));
  await client.put(`/servers/${name}`, {
    resourceId: name,
    properties: await serverProperties(network),
  });
  const nic = await client.put(`/networkInterfaces/${name}`, {
    resourceId: name,
    properties: {
      privateMacAllocationMethod: 'Dynamic',
      ipConfigurations: [
        {
          resourceId: 'primary',
          properties: {
            subnet: { resourceRef: `/virtualNetworks/${vnet}/subnets/${subnet}` },
            privateIPAllocationMethod: 'Static',
            privateIPAddress: address,
          },
        },
      ],
    },
  });
  const mtu = overlayMtu(fabric.settings.provider);
  const kernel = kernelSwitch(namespace, mtu);
  const agent = await startKernelAgent(network, name, (change) => kernel.apply(change));
  agent.observe({
    ports: [{ portId: nic.instanceId, linkUp: true, device: 'vxlan', learnedAddresses: [] }],
    health: [],
  });
  const port = await eventually(`${name} has its port`, () => kernel.port());
  const vm = machine({
    name,
    kind: 'namespace',
    nic: nic.resourceRef,
    portId: nic.instanceId,
    host: name,
    namespace,
    device: port.device,
    mac: port.mac,
    address,
    mtu,
    further: [],
  });
  return { vm, close: () => agent.close() };
}

/**
 * Between two namespaces the kernel hands packets over as they are: super-frames uncut, inner checksums not yet computed, which no wire
 * would carry and no user-space receiver can make sense of. Without these offloads it finishes them, as a network card would.
 */
async function behaveLikeWire(namespace: string): Promise<void> {
  const offloads = ['tx', 'tso', 'gso', 'tx-udp_tnl-segmentation', 'tx-udp_tnl-csum-segmentation'];
  const off = offloads.flatMap((name) => [name, 'off']);
  await run(inNamespace(namespace, ['ethtool', '-K', UPLINK, ...off]));
}

/** Like those of the fabric's own hosts. */
async function serverProperties(network: RunningTopology): Promise<object> {
  const { properties } = await network.client.get<{
    connections: unknown;
    networkInterfaces: readonly { resourceId: string; properties: Record<string, unknown> }[];
  }>('/servers/host1');
  return {
    connections: properties.connections,
    networkInterfaces: properties.networkInterfaces.map((each) => ({
      resourceId: each.resourceId,
      properties: {
        interfaceName: UPLINK,
        logicalSubnets: each.properties['logicalSubnets'],
      },
    })),
  };
}

async function startKernelAgent(
  network: RunningTopology,
  name: string,
  apply: (change: GoalChange) => Promise<void>,
): Promise<Agent> {
  const { state } = network.fabric;
  const authority = await openCertificateAuthority({ directory: state.pki, clock: systemClock });
  const { ca, cert, key } = await authority.ensure({ name, kind: 'host' });
  return startAgent({
    kind: TargetKind.HOST,
    id: name,
    controller: `unix:${state.southboundSocket}`,
    tls: { ca: await readFile(ca), cert: await readFile(cert), key: await readFile(key) },
    savedGoalPath: join(state.role(name).directory, 'goal-state.bin'),
    softwareVersion: 'linux',
    role: {
      async apply(change) {
        await apply(change);
        return { errors: [] };
      },
    },
    clock: systemClock,
    rng: systemRng,
    log: silentLogger,
  });
}

interface KernelSwitch {
  apply(change: GoalChange): Promise<void>;
  port(): { readonly device: string; readonly mac: string } | undefined;
}

function kernelSwitch(namespace: string, mtu: number): KernelSwitch {
  const subnets = new Map<string, VirtualSubnet>();
  const mappings = new Map<string, Mapping>();
  let own: Port | undefined;
  let isReady = false;
  const ip = (...lines: readonly string[]): Promise<void> => ipBatch(namespace, lines);
  const deviceOf = (subnetId: string): string => `vx${subnets.get(subnetId)?.vni ?? 0}`;

  async function applyHost(host: HostSettings): Promise<void> {
    const address = `${text(host.providerAddress)}/${host.providerPrefixLen}`;
    await ip(`addr replace ${address} dev ${UPLINK}`);
  }

  async function applySubnet(subnet: VirtualSubnet): Promise<void> {
    if (subnets.has(subnet.id)) return;
    subnets.set(subnet.id, subnet);
    const device = deviceOf(subnet.id);
    await ip(
      `link add ${device} type vxlan id ${subnet.vni} dev ${UPLINK} dstport ${VXLAN_PORT} nolearning`,
      `link set ${device} address ${formatMac(VIRTUAL_ROUTER_MAC)} mtu ${mtu}`,
      `link set ${device} up`,
    );
  }

  async function applyPort(port: Port): Promise<void> {
    own = port;
    const device = deviceOf(port.subnetId);
    const [primary] = port.ipConfigurations;
    const prefix = subnets.get(port.subnetId)?.prefix;
    if (primary === undefined || prefix === undefined) throw new Error('port without an address');
    await ip(
      `link set ${device} address ${formatMac(port.mac)}`,
      `addr replace ${text(primary.address)}/${prefix.len} dev ${device}`,
    );
    for (const subnet of subnets.values()) {
      if (subnet.id === port.subnetId || subnet.prefix === null) continue;
      const via = `${prefixText(subnet.prefix)} dev ${deviceOf(subnet.id)}`;
      await ip(`route replace ${via} src ${text(primary.address)}`);
    }
    isReady = true;
  }

  async function applyMapping(key: string, mapping: Mapping): Promise<void> {
    mappings.set(key, mapping);
    if (mapping.mac === own?.mac) return;
    const device = deviceOf(mapping.subnetId);
    const mac = formatMac(mapping.mac);
    await ip(`neigh replace ${text(mapping.address)} lladdr ${mac} dev ${device} nud permanent`);
    const pa = text(mapping.providerAddress);
    const entry = ['fdb', 'replace', mac, 'dev', device, 'dst', pa] as const;
    await run(inNamespace(namespace, ['bridge', ...entry]));
  }

  async function removeMapping(key: string): Promise<void> {
    const mapping = mappings.get(key);
    if (mapping === undefined) return;
    mappings.delete(key);
    await ip(`neigh del ${text(mapping.address)} dev ${deviceOf(mapping.subnetId)}`);
  }

  return {
    port: () =>
      own === undefined || !isReady
        ? undefined
        : { device: deviceOf(own.subnetId), mac: formatMac(own.mac) },
    async apply({ upserts, removes }) {
      // A change comes as a whole, in any order; the kernel wants devices before what is on them.
      for (const { host } of upserts) if (host) await applyHost(host);
      for (const { virtualSubnet } of upserts) if (virtualSubnet) await applySubnet(virtualSubnet);
      for (const { port } of upserts) if (port) await applyPort(port);
      for (const { key, mapping } of upserts) if (mapping) await applyMapping(key, mapping);
      for (const key of removes) await removeMapping(key);
    },
  };
}

function text(address: Uint8Array): string {
  return formatIpv4(new DataView(address.buffer, address.byteOffset).getUint32(0));
}

function prefixText(prefix: Prefix): string {
  return `${text(prefix.address)}/${prefix.len}`;
}
