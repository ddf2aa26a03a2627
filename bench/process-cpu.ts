/** Processor time of processes, from proc_pid_stat(5). Called by suites that measure what idling costs. */
import { readFileSync } from 'node:fs';

/** sysconf(_SC_CLK_TCK): 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
/** Fields 14 and 15, utime and stime, counted after the command name in brackets, which may hold spaces. */
const UTIME = 11;

/** Seconds of user and system time that the processes, with all their threads, have used so far. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[UTIME]) + Number(fields[UTIME + 1]);
  }
  return ticks / TICKS_PER_SECOND;
}

/** Field 41, the scheduling policy: SCHED_FIFO and SCHED_RR. */
const POLICY = 38;
const REAL_TIME: readonly string[] = ['1', '2'];

/** Does this process go before all ordinary ones (chrt(1)), which is how a busy machine is measured on? */
export function isRealTime(): boolean {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  return REAL_TIME.includes(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[POLICY] ?? '');
}
