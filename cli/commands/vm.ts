/**
 * `weft vm`: VMs on the fabric's hosts. A namespace VM is there in milliseconds and runs programs of this machine on the tenant's
 * network; `--qemu` boots a real guest. Either stays until `vm stop`, whatever was run in it.
 *
 * In a fabric without root, VMs live in the fabric's own user namespace: the command line then runs itself again inside.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Command } from 'commander';
import { SdnError } from '../../base/errors.ts';
import { createGuestVm, guestAgentOf, guestConsolePath } from '../../fabric/guest-vm.ts';
import { guestCacheDirectory, guestImage } from '../../fabric/qemu/guest-image.ts';
import {
  createVm,
  deleteVm,
  findVm,
  inVm,
  listVms,
  type VmInterface,
  type VmRecord,
  vmInterfaces,
} from '../../fabric/vm.ts';
import { UsageFault } from '../fault-report.ts';
import { lastName, macAt } from '../fields.ts';
import { attachConsole } from '../guest-console.ts';
import { chooseHost } from '../hosts.ts';
import { inside, vmFabric } from '../inside.ts';
import type { Session } from '../session.ts';
import { type Column, formatTable } from '../table.ts';
import { shellQuoted } from './fabric.ts';

export function addVmCommands(program: Command, session: Session): void {
  const vm = program.command('vm').description("virtual machines on the fabric's hosts");
  vm.command('list')
    .description('VMs that run')
    .action(() => list(session));
  vm.command('run <name>')
    .description('start a VM on a network interface, then a shell or a command in it')
    .argument('[command...]', 'what to run in it, after --')
    .requiredOption('--nic <name>', 'network interface; of several the first is its primary', each)
    .option('--host <name>', 'host to run on (default: where it was, else the emptiest)')
    .option('--qemu', 'a real guest: Linux under QEMU, emulated')
    .option('--detach', 'start it and return')
    .option('--rm', 'stop it when the command or shell has ended')
    .action((name: string, command: readonly string[], options: RunOptions) =>
      runVm(session, name, command, options),
    );
  vm.command('exec <name>')
    .description('run a command in a VM that runs')
    .argument('<command...>', 'after --')
    .action((name: string, command: readonly string[]) =>
      inside(session, async () => {
        session.exitCode = await execute(session, found(session, name), command);
      }),
    );
  vm.command('console <name>')
    .description('the serial console of a QEMU guest; Ctrl-] leaves it')
    .action((name: string) => inside(session, () => openTerminal(session, found(session, name))));
  vm.command('stop <name...>')
    .description('stop VMs and remove them; their network interfaces stay')
    .action((names: readonly string[]) => inside(session, () => stop(session, names)));
}

const NAME = /^[a-z0-9][a-z0-9.-]{0,31}$/i;

interface RunOptions {
  /** At least one. */
  readonly nic: readonly string[];
  readonly host?: string;
  readonly qemu?: boolean;
  readonly detach?: boolean;
  readonly rm?: boolean;
}

async function runVm(
  session: Session,
  name: string,
  command: readonly string[],
  options: RunOptions,
): Promise<void> {
  // Inside a fabric without root there is no way out to the mirrors.
  if (options.qemu === true && session.fabric().unprivileged) await prepareImage(session);
  await inside(session, () => run(session, name, command, options));
}

async function prepareImage(session: Session): Promise<void> {
  let step = 'looking for its image';
  const image = guestImage(guestCacheDirectory(session.shell.env), (next) => {
    step = next;
  });
  await session.waiting(() => `guest: ${step}`, image);
}

const VM_COLUMNS: readonly Column<VmRecord>[] = [
  { heading: 'NAME', value: (vm) => vm.name },
  { heading: 'KIND', value: (vm) => vm.kind },
  { heading: 'NIC', value: (vm) => ofEach(vm, ({ nic }) => lastName(nic)) },
  { heading: 'ADDRESS', value: (vm) => ofEach(vm, ({ address }) => address) },
  { heading: 'MAC', value: (vm) => ofEach(vm, (interface_) => macAt(interface_, 'mac')) },
  { heading: 'HOST', value: (vm) => vm.host },
  { heading: 'NAMESPACE', value: (vm) => vm.namespace },
];

function list(session: Session): void {
  session.fabric();
  const vms = listVms(session.state);
  session.print(vms, () =>
    vms.length === 0
      ? 'No VMs. Start one: weft vm run NAME --nic NIC\n'
      : formatTable(VM_COLUMNS, vms),
  );
}

async function run(
  session: Session,
  name: string,
  command: readonly string[],
  options: RunOptions,
): Promise<void> {
  if (!NAME.test(name)) {
    throw new UsageFault(
      `'${name}' cannot name a VM`,
      'Use letters, digits, dots and hyphens, at most 32.',
    );
  }
  const vm = await started(session, name, options);
  try {
    if (command.length > 0) session.exitCode = await execute(session, vm, command);
    else if (options.detach === true || !session.shell.isInteractive) reportStarted(session, vm);
    else await openTerminal(session, vm);
  } finally {
    if (options.rm === true) await deleteVm(vmFabric(session), name);
  }
}

/** The VM of that name if it runs already, else a new one. */
async function started(session: Session, name: string, options: RunOptions): Promise<VmRecord> {
  const [nic, ...furtherNics] = await Promise.all(
    options.nic.map((each) => session.northbound().get(`/networkInterfaces/${each}`)),
  );
  if (nic === undefined) throw new UsageFault('a VM needs an interface', 'Name one: --nic NIC');
  const nics = [nic, ...furtherNics];
  const existing = findVm(session.state, name);
  if (existing !== undefined) {
    const ports = vmInterfaces(existing).map(({ portId }) => portId);
    if (
      isDeepStrictEqual(
        ports,
        nics.map(({ instanceId }) => instanceId),
      )
    )
      return existing;
    const names = vmInterfaces(existing).map((each) => each.nic);
    throw new SdnError('SDN_VM_EXISTS', `VM ${name} runs already, on ${names.join(' and ')}`, {
      remedy: `Stop it first: weft vm stop ${name}`,
    });
  }
  for (const { instanceId, resourceRef } of nics) refuseTaken(session, instanceId, resourceRef);
  if (new Set(nics.map(({ instanceId }) => instanceId)).size < nics.length) {
    throw new UsageFault('an interface is named twice', 'Name each interface once.');
  }
  const spec = { name, host: chooseHost(session, nic, options.host), nic, furtherNics };
  if (options.qemu !== true) {
    return session.waiting(`starting ${name}`, createVm(vmFabric(session), spec));
  }
  let step = 'starting';
  return session.waiting(
    () => `${name}: ${step}`,
    createGuestVm(vmFabric(session), spec, (next) => {
      step = next;
    }),
  );
}

/** One interface is in one VM. */
function refuseTaken(session: Session, instanceId: string, resourceRef: string): void {
  const holder = listVms(session.state).find((vm) =>
    vmInterfaces(vm).some(({ portId }) => portId === instanceId),
  );
  if (holder === undefined) return;
  throw new SdnError('SDN_VM_NIC_TAKEN', `${resourceRef} is in use by VM ${holder.name}`, {
    remedy: `Stop that first, weft vm stop ${holder.name}, or make another: weft nic create.`,
  });
}

function each(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** Of the first interface first. */
function ofEach(vm: VmRecord, text: (interface_: VmInterface) => string): string {
  return vmInterfaces(vm).map(text).join(', ');
}

function reportStarted(session: Session, vm: VmRecord): void {
  session.print(vm, () => `${vm.name} runs on ${vm.host} with ${ofEach(vm, addressAndMac)}\n`);
}

function addressAndMac(interface_: VmInterface): string {
  return `${interface_.address} (${macAt(interface_, 'mac')})`;
}

async function execute(
  session: Session,
  vm: VmRecord,
  command: readonly string[],
): Promise<number> {
  if (vm.kind === 'namespace') {
    const [program = '', ...args] = command;
    return session.shell.runHere(inVm(vm, [program, ...args]));
  }
  const agent = await guestAgentOf(vmFabric(session), vm);
  try {
    const text = command.length === 1 ? (command[0] ?? '') : command.map(shellQuoted).join(' ');
    const running = agent.run(text, (line) => session.shell.stdout.write(`${line}\n`));
    process.on('SIGINT', running.stop);
    return await running.exit.finally(() => process.off('SIGINT', running.stop));
  } finally {
    agent.close();
  }
}

/** A shell on our terminal, or the console of a guest. */
async function openTerminal(session: Session, vm: VmRecord): Promise<void> {
  if (vm.kind === 'qemu') {
    session.note(`${vm.name} has ${vm.address}; Ctrl-] leaves its console.`);
    return attachConsole(guestConsolePath(vmFabric(session), vm.name));
  }
  session.note(`${vm.name} has ${vm.address}; exit leaves it, weft vm stop ${vm.name} removes it.`);
  session.exitCode = await session.shell.runHere(inVm(vm, ['bash', '--norc']), {
    PS1: `${vm.name}:\\w# `,
  });
}

async function stop(session: Session, names: readonly string[]): Promise<void> {
  const vms = names.map((name) => found(session, name));
  for (const { name } of vms) {
    await session.waiting(`stopping ${name}`, deleteVm(vmFabric(session), name));
  }
  session.print({ stopped: names }, () => names.map((name) => `stopped ${name}\n`).join(''));
}

function found(session: Session, name: string): VmRecord {
  const vm = findVm(session.state, name);
  if (vm !== undefined) return vm;
  throw new SdnError('SDN_VM_UNKNOWN', `no VM ${name} runs`, { remedy: 'See: weft vm list' });
}
