/**
 * Puzzles: prepared networks in which one ping fails, for whoever wants to learn to find out why. A puzzle is data: documents for the
 * northbound API, VMs, what is done inside them, and the ping. Nothing in it is special to the product; what is broken is what breaks in
 * real networks. Called by cli/commands/puzzle; docs/tutorial-diagnosis.md walks through them.
 */
import { defined } from '../../base/assert.ts';
import { type Argv, attempt, run } from '../command.ts';
import { PROVIDER_LOGICAL_NETWORK } from '../deploy.ts';
import { type NorthboundClient, NorthboundFault } from '../northbound-client.ts';
import { createVm, deleteVm, findVm, inVm, type VmFabric, type VmRecord } from '../vm.ts';

export interface Puzzle {
  readonly name: string;
  /** What does not work, in the words of whoever complains. */
  readonly complaint: string;
  /** In the order they are written; deleted in the opposite one. */
  readonly documents: readonly Document[];
  readonly machines: readonly Machine[];
  /** The ping that fails. */
  readonly symptom: { readonly from: string; readonly to: string };
}

export interface Document {
  readonly path: string;
  readonly properties: object;
}

/** A VM, on the network interface of its own name. */
export interface Machine {
  readonly name: string;
  /** Index into the fabric's hosts, modulo their number. */
  readonly host: number;
  /** Run inside it, one after another. */
  readonly prepare?: readonly Argv[];
}

export function virtualNetwork(
  name: string,
  addressPrefix: string,
  subnets: Readonly<Record<string, object>>,
): Document {
  return {
    path: `/virtualNetworks/${name}`,
    properties: {
      addressSpace: { addressPrefixes: [addressPrefix] },
      logicalNetwork: { resourceRef: PROVIDER_LOGICAL_NETWORK },
      subnets: Object.entries(subnets).map(([resourceId, properties]) => ({
        resourceId,
        properties,
      })),
    },
  };
}

/** A route table with one route, by way of an appliance. */
export function applianceRoute(
  table: string,
  route: string,
  way: { readonly addressPrefix: string; readonly nextHopIpAddress: string },
): Document {
  const properties = { ...way, nextHopType: 'VirtualAppliance' };
  return {
    path: `/routeTables/${table}`,
    properties: { routes: [{ resourceId: route, properties }] },
  };
}

export function networkInterface(name: string, subnet: string, address: string): Document {
  return {
    path: `/networkInterfaces/${name}`,
    properties: {
      privateMacAllocationMethod: 'Dynamic',
      ipConfigurations: [
        {
          resourceId: 'primary',
          properties: {
            subnet: { resourceRef: subnet },
            privateIPAllocationMethod: 'Static',
            privateIPAddress: address,
          },
        },
      ],
    },
  };
}

/** Writes its documents and starts its VMs; what is there already is replaced by what the puzzle says. */
export async function startPuzzle(
  puzzle: Puzzle,
  fabric: VmFabric & { readonly hosts: readonly string[] },
  client: NorthboundClient,
): Promise<void> {
  for (const { path, properties } of puzzle.documents) {
    await client.put(path, { resourceId: path.split('/').at(-1), properties });
  }
  for (const machine of puzzle.machines) {
    const nic = await client.get(`/networkInterfaces/${machine.name}`);
    const host = defined(fabric.hosts[machine.host % fabric.hosts.length], 'a host');
    const vm =
      findVm(fabric.state, machine.name) ??
      (await createVm(fabric, { name: machine.name, host, nic }));
    for (const argv of machine.prepare ?? []) await run(inVm(vm, argv));
  }
}

/** Removes its VMs and its documents; what is not there is fine. */
export async function stopPuzzle(
  puzzle: Puzzle,
  fabric: VmFabric,
  client: NorthboundClient,
): Promise<void> {
  for (const { name } of puzzle.machines) await deleteVm(fabric, name);
  for (const { path } of [...puzzle.documents].reverse()) {
    await client.delete(path).catch((thrown: unknown) => {
      if (!(thrown instanceof NorthboundFault) || thrown.status !== 404) throw thrown;
    });
  }
}

/** Does its ping get an answer now? `output` is ping's. */
export async function tryPuzzle(
  puzzle: Puzzle,
  fabric: VmFabric,
): Promise<{ readonly isSolved: boolean; readonly output: string }> {
  const { from, to } = puzzle.symptom;
  const vm: VmRecord = defined(findVm(fabric.state, from), `VM ${from}`);
  const argv: Argv = ['busybox', 'ping', '-c', '3', '-i', '0.2', '-W', '1', to];
  const { code, stdout } = await attempt(inVm(vm, argv));
  return { isSolved: code === 0, output: stdout };
}
