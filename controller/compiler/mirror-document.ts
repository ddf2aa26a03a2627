/** Reads serviceInsertions (MS-NCNBI §3.1.5.16), as document.ts reads the others. */
import type { IpPrefix } from '../../base/ip.ts';
import type { JsonObject, JsonValue } from '../store/store.ts';
import { addressPrefix, list, object, reference, text } from './json-fields.ts';

export interface ServiceInsertion {
  readonly kind: 'service-insertion';
  readonly id: string;
  readonly instanceId: string;
  readonly resourceRef: string;
  readonly priority: number;
  /** VXLAN identifier of the copies. */
  readonly segment: number;
  /** Reference to the collector's networkInterface. */
  readonly collector: string;
  readonly rules: readonly MirrorRule[];
}

export interface MirrorRule {
  /** IP protocol number; 0: any. */
  readonly protocol: number;
  /** Empty: any. */
  readonly sources: readonly IpPrefix[];
  readonly destinations: readonly IpPrefix[];
  /** Undefined: any. */
  readonly sourcePorts: PortSpan | undefined;
  readonly destinationPorts: PortSpan | undefined;
}

interface PortSpan {
  readonly from: number;
  readonly to: number;
}

const PROTOCOLS: Readonly<Record<string, number>> = { all: 0, tcp: 6, udp: 17 };
const PORT_MAX = 65_535;

/** Undefined also where one rule cannot be read: without it, the mirror would copy something else. */
export function readServiceInsertion(id: string, value: JsonObject): ServiceInsertion | undefined {
  const instanceId = text(value['instanceId']);
  const resourceRef = text(value['resourceRef']);
  const properties = object(value['properties']);
  const segment = object(value['internal'])['segment'];
  const [element] = list(properties['serviceInsertionElements']);
  const collector = reference(object(object(element)['properties'])['networkInterface']);
  const given = list(properties['serviceInsertionRules']);
  const rules = given.flatMap((rule) => readRule(rule) ?? []);
  if (instanceId === undefined || resourceRef === undefined || collector === undefined) {
    return undefined;
  }
  if (typeof segment !== 'number' || rules.length < given.length) return undefined;
  const priority = Number(properties['priority']);
  return {
    kind: 'service-insertion',
    id,
    instanceId,
    resourceRef,
    priority: Number.isInteger(priority) ? priority : 0,
    segment,
    collector,
    rules,
  };
}

function readRule(value: JsonValue): MirrorRule | undefined {
  const rule = object(object(value)['properties']);
  const protocol = PROTOCOLS[(text(rule['protocol']) ?? 'All').toLowerCase()];
  const sources = readPrefixes(rule['sourceSubnets']);
  const destinations = readPrefixes(rule['destinationSubnets']);
  if (protocol === undefined || sources === undefined || destinations === undefined) {
    return undefined;
  }
  return {
    protocol,
    sources,
    destinations,
    sourcePorts: readPorts(rule['sourcePortRangeStart'], rule['sourcePortRangeEnd']),
    destinationPorts: readPorts(rule['destinationPortRangeStart'], rule['destinationPortRangeEnd']),
  };
}

/** `*` anywhere stands for all. */
function readPrefixes(value: JsonValue | undefined): readonly IpPrefix[] | undefined {
  const texts = list(value).map((item) => text(item) ?? '');
  if (texts.includes('*')) return [];
  const prefixes = texts.flatMap((item) => addressPrefix(item) ?? []);
  return prefixes.length < texts.length ? undefined : prefixes;
}

/** Without an end it is one port; 0 alone, and 0 to the last, is any. */
function readPorts(start: JsonValue | undefined, end: JsonValue | undefined): PortSpan | undefined {
  const from = typeof start === 'number' ? start : 0;
  const to = typeof end === 'number' ? end : from;
  return from === 0 && (to === 0 || to === PORT_MAX) ? undefined : { from, to };
}
