/**
 * Reads settings that documents carry beside what they are: the singletons that concern every switch (MS-NCNBI §3.1.5.19, .20, .26), the
 * portSettings of networkInterfaces (§3.1.5.11) and what servers say about their cards. Called by document.ts; as careful as it.
 */
import type { IpPrefix } from '../../base/ip.ts';
import type { JsonObject, JsonValue } from '../store/store.ts';
import { addressPrefix, children, list, object, references, text } from './json-fields.ts';

/** One singleton; a field is absent where the singleton does not say it, or is another one. */
export interface Settings {
  readonly kind: 'settings';
  /** Lower-cased collection, since every singleton has the same resourceId. */
  readonly id: string;
  readonly qos?: GlobalQos;
  readonly metering?: boolean;
  readonly auditDirectory?: string;
  /** Neither these sources nor these destinations are translated. */
  readonly natExemptions?: readonly IpPrefix[];
}

export interface GlobalQos {
  readonly reservation: 'none' | 'absolute' | 'weight';
  /** 0 … 100 */
  readonly linkSpeedPercent: number;
  /** Mbit/s or weight. */
  readonly defaultReservation: number;
}

export interface PortSettings {
  readonly macSpoofing: boolean;
  readonly arpGuardOff: boolean;
  readonly dhcpGuardOff: boolean;
  /** 0: the switch's own limit, as for flows. */
  readonly broadcastPerSecMax: number;
  readonly flowsMax: number;
  /** Undefined: neither limit nor reservation. */
  readonly qos: PortQosSettings | undefined;
}

export interface PortQosSettings {
  /** Mbit/s; 0: no limit. */
  readonly inboundMbpsMax: number;
  readonly outboundMbpsMax: number;
  /** Mbit/s or weight; 0: the default. */
  readonly outboundReserved: number;
}

/** A physical card of a server. */
export interface ServerCard {
  /** Lower-cased references to logical subnets. */
  readonly subnets: readonly string[];
  /** Mbit/s; 0: not known. */
  readonly mbps: number;
}

export function readLoadBalancerManager(_id: string, value: JsonObject): Settings {
  const exemptions = list(object(value['properties'])['outboundNatIPExemptions']);
  return {
    kind: 'settings',
    id: 'loadbalancermanager',
    natExemptions: exemptions.flatMap((text) => addressPrefix(text) ?? []),
  };
}

export function readVirtualSwitchManager(_id: string, value: JsonObject): Settings {
  const qos = object(value['properties'])['qosSettings'];
  const id = 'virtualswitchmanager';
  return qos === undefined
    ? { kind: 'settings', id }
    : { kind: 'settings', id, qos: readGlobalQos(object(qos)) };
}

function readGlobalQos(qos: JsonObject): GlobalQos {
  const mode = text(qos['reservationMode'])?.toLowerCase() === 'absolute' ? 'absolute' : 'weight';
  return {
    reservation: qos['enableSoftwareReservations'] === false ? 'none' : mode,
    linkSpeedPercent: Math.min(100, count(qos['linkSpeedPercentage'] ?? 100)),
    defaultReservation: count(qos['defaultReservation']),
  };
}

export function readVirtualNetworkManager(_id: string, value: JsonObject): Settings {
  const metering = object(value['properties'])['enableMetering'] === true;
  return { kind: 'settings', id: 'virtualnetworkmanager', metering };
}

export function readAuditingSettings(_id: string, value: JsonObject): Settings {
  const auditDirectory = text(object(value['properties'])['outputDirectory']);
  const id = 'auditingsettings';
  return auditDirectory === undefined
    ? { kind: 'settings', id }
    : { kind: 'settings', id, auditDirectory };
}

/** `Firewall` among the words and `Disabled` not (§3.1.5.15). */
export function readAuditing(value: JsonValue | undefined): boolean {
  const words = list(value).map((word) => text(word)?.toLowerCase());
  return words.includes('firewall') && !words.includes('disabled');
}

export function readCards(server: JsonObject): readonly ServerCard[] {
  return children(server, 'networkInterfaces').map((card) => {
    const properties = object(card['properties']);
    return {
      subnets: references(properties['logicalSubnets']),
      mbps: count(Number(text(properties['interfaceSpeed']) ?? 0)),
    };
  });
}

export function readPortSettings(value: JsonValue | undefined): PortSettings {
  const settings = object(value);
  return {
    macSpoofing: isWord(settings['macSpoofing'], 'enabled'),
    arpGuardOff: isWord(settings['arpGuard'], 'disabled'),
    dhcpGuardOff: isWord(settings['dhcpGuard'], 'disabled'),
    broadcastPerSecMax: count(settings['stormLimit']),
    flowsMax: count(settings['portFlowLimit']),
    qos: readPortQos(object(settings['qosSettings'])),
  };
}

function readPortQos(qos: JsonObject): PortQosSettings | undefined {
  const read: PortQosSettings = {
    inboundMbpsMax: count(qos['inboundMaximumMbps']),
    outboundMbpsMax: count(qos['outboundMaximumMbps']),
    outboundReserved: count(qos['outboundReservedValue']),
  };
  return Object.values(read).some((figure) => figure > 0) ? read : undefined;
}

function isWord(value: JsonValue | undefined, word: string): boolean {
  return text(value)?.toLowerCase() === word;
}

/** A whole number of 32 bits; 0 for anything else. */
function count(value: JsonValue | undefined): number {
  const isCount = typeof value === 'number' && Number.isInteger(value) && value >= 0;
  return isCount && value <= 0xffff_ffff ? value : 0;
}
