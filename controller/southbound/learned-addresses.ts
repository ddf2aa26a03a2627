/**
 * Who has a learned address (MS-NCNBI §3.1.5.32), from what hosts report: pure, as placement-policy.ts. An address is shared by the interfaces
 * with a learned ipConfiguration of it; one of them at most has it.
 *
 * - It goes to the interface that a host reports with it and did not before: its VM has just claimed it.
 * - It also goes to an interface that is reported with it while nobody has it.
 * - It leaves an interface that its host reports without it, and one that is attached nowhere; then it goes to another that a host
 *   reports with it, if there is one.
 * That a host is away changes nothing: its VM may well go on. What is reported of addresses that an interface does not share is not
 * taken notice of.
 */
import { ipFromBytes } from '../../base/ip.ts';
import type { AttachedPort } from '../../schema/southbound/messages.ts';
import { addressText } from '../compiler/address-bytes.ts';
import type { HolderInput } from '../compiler/compiler.ts';
import type { AddressInNetwork, ModelView } from '../compiler/model-view.ts';
import { networkRef } from '../compiler/peering.ts';

type Ports = ReadonlyMap<string, AttachedPort>;

export interface HolderReport {
  readonly serverId: string;
  readonly ports: Ports;
  /** Of the host's last report. */
  readonly portsBefore: Ports;
  /** Interfaces that the report has taken from their host, and that are attached nowhere now. */
  readonly detached: Iterable<string>;
  /** With the placements that follow from the report. */
  readonly model: ModelView;
  /** Learned addresses of an interface by the last report of the host it is at, if that is connected. */
  reported(interfaceInstanceId: string): readonly Uint8Array[];
}

export function holdersAfter(report: HolderReport): readonly HolderInput[] {
  const { model, ports, portsBefore } = report;
  const changes = new Map<string, HolderInput>();
  const change = (at: AddressInNetwork, interfaceInstanceId: string | undefined) => {
    const { vnetId, address } = at;
    changes.set(`${vnetId} ${address}`, { vnetId, address, interfaceInstanceId });
  };
  for (const id of report.detached) {
    for (const held of model.heldBy(id)) change(held, nextHolder(held, id, report));
  }
  for (const [id, port] of ports) {
    if (model.serverIdOf(id) !== report.serverId) continue;
    const now = new Set(port.learnedAddresses.map(addressText));
    for (const held of model.heldBy(id)) {
      if (!now.has(held.address) || !shares(id, held, model)) {
        change(held, nextHolder(held, id, report));
      }
    }
    if (now.size === 0) continue;
    const before = portsBefore.get(id);
    const known = new Set(before?.learnedAddresses.map(addressText));
    for (const own of sharedBy(id, model)) {
      if (!now.has(own.address)) continue;
      const holder = model.holderOf(own.vnetId, own.address);
      const isClaimed = before !== undefined && !known.has(own.address);
      if (holder === undefined || (isClaimed && holder !== id)) change(own, id);
    }
  }
  return [...changes.values()];
}

/** Addresses of the interface's learned ipConfigurations. */
function sharedBy(interfaceInstanceId: string, model: ModelView): readonly AddressInNetwork[] {
  const document = model.byInstanceId(interfaceInstanceId);
  if (document?.kind !== 'network-interface') return [];
  return document.ipConfigurations.flatMap(({ learnedIp, subnet, address }) => {
    const network = learnedIp === undefined ? undefined : model.virtualSubnet(subnet)?.network;
    if (network === undefined || ipFromBytes(address) === undefined) return [];
    return [{ vnetId: network.instanceId, address: addressText(address) }];
  });
}

function shares(id: string, { vnetId, address }: AddressInNetwork, model: ModelView): boolean {
  return sharedBy(id, model).some((own) => own.vnetId === vnetId && own.address === address);
}

/** Another interface that speaks with the address. */
function nextHolder(
  at: AddressInNetwork,
  not: string,
  { model, reported }: HolderReport,
): string | undefined {
  const network = model.byInstanceId(at.vnetId);
  if (network?.kind !== 'virtual-network') return undefined;
  for (const id of model.interfacesAt(networkRef(network.id), at.address)) {
    const instanceId = model.networkInterfaces.get(id)?.instanceId;
    if (instanceId === undefined || instanceId === not || !shares(instanceId, at, model)) continue;
    if (reported(instanceId).some((bytes) => addressText(bytes) === at.address)) return instanceId;
  }
  return undefined;
}
