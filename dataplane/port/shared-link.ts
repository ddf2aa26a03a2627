/**
 * An interface whose frames a router in user space shares with the kernel: each gets what is its own (link-filters.ts). What is for the kernel is for
 * every address of the machine, also for those that somebody else has given it. Called by the workers of edge and mux.
 */
import { networkInterfaces } from 'node:os';
import { type IpWords, parseIpWords } from '../../base/ip-words.ts';
import type { FilterInstruction } from '../../native/socket.ts';
import { kernelFilter } from './link-filters.ts';
import type { NativeFrameIo } from './native-frame-io.ts';

/** Opens the interface; returns the frame I/O's number of it. Throws a DeviceError where the system refuses. */
export function attachSharedLink(
  io: NativeFrameIo,
  link: {
    readonly name: string;
    /** Addresses that are the kernel's, whether the machine has them yet or not. */
    readonly own: readonly IpWords[];
    /** What the router gets. */
    readonly filter: readonly FilterInstruction[];
  },
): number {
  const forKernel = kernelFilter([...link.own, ...machineAddresses()]);
  return io.attachNetdev({
    name: link.name,
    filter: link.filter,
    ...(forKernel !== undefined && { kernelFilter: forKernel }),
  });
}

function machineAddresses(): IpWords[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.flatMap(({ address }): IpWords[] => {
      const words = parseIpWords(address);
      return words === undefined ? [] : [words];
    }),
  );
}
