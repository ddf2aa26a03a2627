/**
 * The flow logs of all hosts as one: newest records, or what has come since somebody last asked. Every host numbers its own records, so where
 * to go on is a number for each host, written `host1:1234,host2:98`. Called by controller/northbound/traffic-routes.
 */
import type { FlowLogRow } from '../../schema/southbound/diagnostics/flow-log.ts';
import type { Answer } from '../../schema/southbound/diagnostics/methods.ts';
import { askAll, type Explained, type FromHosts, refOfPort } from './hosts.ts';

export interface JoinedFlowLog {
  /** By time. */
  readonly value: readonly (FlowLogRow & { readonly host: string; readonly resourceRef: string })[];
  /** To ask for what comes after. */
  readonly after: string;
  readonly hosts: readonly (Omit<Answer<'flowLog'>, 'records' | 'last'> & {
    readonly host: string;
  })[];
  readonly missing: FromHosts<never>['missing'];
}

/** By host; undefined where the text is not of that form. */
export function parsePositions(text: string): ReadonlyMap<string, number> | undefined {
  const positions = new Map<string, number>();
  for (const part of text.split(',').filter((each) => each !== '')) {
    const [, host = '', number = ''] = /^([^:]+):([0-9]{1,16})$/.exec(part) ?? [];
    if (host === '' || !Number.isSafeInteger(Number(number))) return undefined;
    positions.set(host, Number(number));
  }
  return positions;
}

/** At most `limit` of the newest records of all hosts, or, of each host in `positions`, of the oldest after its position. */
export async function joinedFlowLog(
  context: Explained,
  limit: number,
  options: {
    readonly portId?: string | undefined;
    readonly positions?: ReadonlyMap<string, number> | undefined;
  },
): Promise<JoinedFlowLog> {
  const { portId, positions } = options;
  const { answers, missing } = await askAll(context, 'flowLog', (host) => {
    const after = positions?.get(host);
    return {
      limit,
      ...(portId !== undefined && { portId }),
      ...(after !== undefined && { after }),
    };
  });
  const rows = answers
    .flatMap(({ host, answer }) =>
      answer.records.map((row) => ({ host, resourceRef: refOfPort(context, row.portId), ...row })),
    )
    .sort((a, b) => (a.time < b.time ? -1 : Number(a.time > b.time)));
  // A host that does not answer now is asked from where it was when it is back.
  const next = new Map(positions ?? []);
  for (const { host, answer } of answers) next.set(host, answer.last);
  return {
    value: positions === undefined ? rows.slice(-limit) : rows,
    after: [...next].map(([host, number]) => `${host}:${number}`).join(),
    hosts: answers.map(({ host, answer: { records: _, last: __, ...rest } }) => ({
      host,
      ...rest,
    })),
    missing,
  };
}
