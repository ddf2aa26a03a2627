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
