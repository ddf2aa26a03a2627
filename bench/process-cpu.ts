/** Processor time of processes, from proc_pid_stat(5). Called by suites that measure what idling costs. */
import { readdirSync, readFileSync } from 'node:fs';

/** sysconf(_SC_CLK_TCK): 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
/** Field 4, the parent; 14 and 15, utime and stime; 16 and 17, cutime and cstime: counted after the command name in brackets, which may hold spaces. */
const PARENT = 1;
const UTIME = 11;
const CHILDREN_UTIME = 13;

/** Seconds of user and system time that the processes, with all their threads, have used so far. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids)
    ticks += ticksAt(fieldsOf(readFileSync(`/proc/${pid}/stat`, 'utf8')), UTIME);
  return ticks / TICKS_PER_SECOND;
}

/**
 * Of this process and all that it has started, directly or not, also of what has ended meanwhile; and of the kernel's threads that take
 * packets which nobody else has the time for. What others do on the machine is not in it.
 */
export function familyCpuSeconds(): number {
  const children = new Map<number, number[]>();
  const used = new Map<number, number>();
  let ticks = 0;
  for (const entry of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(entry)) continue;
    const fields = fieldsOf(statOf(entry));
    const [pid, parent] = [Number(entry), Number(fields[PARENT])];
    used.set(pid, ticksAt(fields, UTIME) + ticksAt(fields, CHILDREN_UTIME));
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const family = [process.pid];
  for (const pid of family) {
    ticks += used.get(pid) ?? 0;
    family.push(...(children.get(pid) ?? []));
  }
  return ticks / TICKS_PER_SECOND + cpuSeconds(packetThreads());
}

/** The kernel's threads for packets that nobody has the time for. */
export function packetThreads(): readonly number[] {
  return readdirSync('/proc')
    .filter((entry) => /^[0-9]+$/.test(entry) && statOf(entry).includes(' (ksoftirqd/'))
    .map(Number);
}

/** User and system time that stand side by side. */
function ticksAt(fields: readonly string[], at: number): number {
  return Number(fields[at] ?? 0) + Number(fields[at + 1] ?? 0);
}

/** After the command's name. */
function fieldsOf(stat: string): readonly string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Empty for a process that has ended. */
function statOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return '';
  }
}

/** Field 41, the scheduling policy: SCHED_FIFO and SCHED_RR. */
const POLICY = 38;
const REAL_TIME: readonly string[] = ['1', '2'];

/** Does this process go before all ordinary ones (chrt(1)), which is how a busy machine is measured on? */
export function isRealTime(): boolean {
  return REAL_TIME.includes(fieldsOf(statOf('self'))[POLICY] ?? '');
}
