/**
 * One line at the bottom of the terminal that tells how the fabric does, drawn anew every second while `up` stays in the foreground.
 * Where standard output is no terminal, only changes are written, one line each.
 */
import type { Clock, Timer } from '../base/clock.ts';
import type { FabricStatus, RoleStatus } from './fabric-status.ts';
import { HEALTH_INTERVAL } from './limits.ts';

export interface StatusLine {
  /** Writes `text` above the line. */
  print(text: string): void;
  stop(): void;
}

/** What the line needs of process.stdout. */
export interface LineOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const CLEAR = '\r\u001b[K';

export function startStatusLine(options: {
  readonly output: LineOutput;
  readonly clock: Clock;
  /** undefined: the supervisor does not answer. */
  readonly read: () => Promise<FabricStatus | undefined>;
}): StatusLine {
  const { output, clock, read } = options;
  const live = output.isTTY === true;
  let timer: Timer | undefined;
  let stopped = false;
  let shown = '';
  const draw = (line: string): void => {
    if (live) output.write(CLEAR + line.slice(0, (output.columns ?? 80) - 1));
    else if (line !== shown && shown !== '') output.write(`${line}\n`);
    shown = line;
  };
  const look = async (): Promise<void> => {
    const status = await read().catch(() => undefined);
    if (stopped) return;
    draw(statusLine(status, live));
    timer = clock.after(HEALTH_INTERVAL, () => void look());
  };
  void look();
  return {
    print(text) {
      output.write(live ? `${CLEAR}${text}\n${shown}` : `${text}\n`);
    },
    stop() {
      stopped = true;
      timer?.cancel();
      if (live) output.write(CLEAR);
    },
  };
}

/** Revisions move with every write: they belong on a line that is redrawn, not in a log of changes. */
export function statusLine(status: FabricStatus | undefined, withRevisions: boolean): string {
  if (status === undefined) return 'the supervisor does not answer';
  const roles = status.roles.map((role) => describeRole(role, withRevisions));
  return `${status.northbound}  ${roles.join('  ')}`;
}

function describeRole(role: RoleStatus, withRevision: boolean): string {
  const mark = role.health === 'healthy' ? '●' : '○';
  const state = role.health === 'healthy' ? '' : ` ${role.health}`;
  const restarts = role.restarts === 0 ? '' : ` ↻${role.restarts}`;
  const revision = withRevision && role.appliedRevision > 0 ? ` r${role.appliedRevision}` : '';
  return `${mark} ${role.name}${state}${revision}${restarts}`;
}
