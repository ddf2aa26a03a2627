/** CLOCK_MONOTONIC in milliseconds: the same in every process of the machine, so that an instant taken here compares with one taken there. */
export function machineNow(): number {
  const [sec, nanosec] = process.hrtime();
  return sec * 1000 + nanosec / 1e6;
}
