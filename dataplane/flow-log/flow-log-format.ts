/**
 * The text of the flow log: Azure's NSG flow log, version 2, so that what reads those reads these. A tuple:
 *
 *   1542110437,10.5.16.4,125.5.6.7,59932,443,T,O,A,E,1,66,1,66
 *   seconds since 1970, source and destination address, source and destination port, T(CP) or U(DP), I(nbound) or O(utbound), A(llowed) or
 *   D(enied), B(egins), C(ontinues) or E(nds), packets and bytes from source to destination, packets and bytes back
 *
 * A flow that begins has no counts yet: its last four fields are empty. Other protocols are told by their IANA number, as Azure's virtual
 * network flow log does, with ports 0. Tuples are grouped by rule, rules by access control list, and a file has one hour of one list and one
 * MAC address. Pure; called by flow-log-writer.
 */
import { formatIpWords } from '../../base/ip-words.ts';
import { formatMac } from '../../base/mac.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import { FlowEvent, type FlowRecord } from './flow-record.ts';

const CATEGORY = 'NetworkSecurityGroupFlowEvent';
const OPERATION = 'NetworkSecurityGroupFlowEvents';
/** Name of the container that Azure keeps these logs in. */
const CONTAINER = 'insights-logs-networksecuritygroupflowevent';
const VERSION = 2;

const PROTOCOLS: Readonly<Record<number, string>> = {
  [IpProtocol.TCP]: 'T',
  [IpProtocol.UDP]: 'U',
};
const EVENTS: Readonly<Record<FlowEvent, string>> = {
  [FlowEvent.BEGIN]: 'B',
  [FlowEvent.CONTINUING]: 'C',
  [FlowEvent.END]: 'E',
};

export function flowTuple(record: FlowRecord): string {
  const { timeSec, src, dst, srcPort, dstPort, protocol, isOutbound, isDenied, event } = record;
  return [
    timeSec,
    formatIpWords(src),
    formatIpWords(dst),
    srcPort,
    dstPort,
    PROTOCOLS[protocol] ?? protocol,
    isOutbound ? 'O' : 'I',
    isDenied ? 'D' : 'A',
    EVENTS[event],
    event === FlowEvent.BEGIN ? ',,,' : record.counts.join(),
  ].join();
}

/** `/accessControlLists/web/aclRules/ssh` → `/accessControlLists/web` */
export function listOf(ruleRef: string): string {
  const end = ruleRef.toLowerCase().lastIndexOf('/aclrules/');
  return end < 0 ? ruleRef : ruleRef.slice(0, end);
}

/** `AABBCCDDEEFF` */
export function macText(mac: number): string {
  return formatMac(mac).replaceAll(':', '').toUpperCase();
}

/**
 * One line of a file: what has been logged since the last, of one list and one MAC address.
 * `systemId`: instanceId of the list.
 */
export function recordText(
  records: readonly FlowRecord[],
  list: { readonly ref: string; readonly systemId: string },
  time: string,
): string {
  const byRule = new Map<string, FlowRecord[]>();
  for (const record of records) {
    const own = byRule.get(record.source.ruleRef) ?? [];
    byRule.set(record.source.ruleRef, own);
    own.push(record);
  }
  const flows = [...byRule].map(([ruleRef, own]) => ({
    rule: `UserRule_${ruleRef.slice(ruleRef.lastIndexOf('/') + 1)}`,
    flows: [{ mac: macText(own[0]?.source.mac ?? 0), flowTuples: own.map(flowTuple) }],
  }));
  return JSON.stringify({
    time,
    systemId: list.systemId,
    category: CATEGORY,
    resourceId: list.ref.toUpperCase(),
    operationName: OPERATION,
    properties: { Version: VERSION, flows },
  });
}

/** `2026/11/21/15`: sorts by time. */
export function hourOf(timeSec: number): string {
  return new Date(timeSec * 1000).toISOString().slice(0, 13).replaceAll(/[-T]/g, '/');
}

const HOUR =
  /\/y=(\d{4})\/m=(\d{2})\/d=(\d{2})\/h=(\d{2})\/m=00\/macAddress=[0-9A-F]{12}\/PT1H\.json$/;

/** Hour of a file's path; undefined: it is none of ours. */
export function hourOfPath(path: string): string | undefined {
  const [, ...parts] = HOUR.exec(path) ?? [];
  return parts.length === 0 ? undefined : parts.join('/');
}

/** Path of a file below a host's directory. Nothing in a resource's name can lead out of it. */
export function filePath(listRef: string, hour: string, mac: number): string {
  const [year, month, day, hourOfDay] = hour.split('/');
  const segments = listRef
    .toUpperCase()
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) =>
      encodeURIComponent(segment).replace(/^\.+/, (dots) => '%2E'.repeat(dots.length)),
    );
  return [
    CONTAINER,
    `resourceId=`,
    ...segments,
    `y=${year}`,
    `m=${month}`,
    `d=${day}`,
    `h=${hourOfDay}`,
    'm=00',
    `macAddress=${macText(mac)}`,
    'PT1H.json',
  ].join('/');
}
