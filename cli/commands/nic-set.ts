/**
 * `weft nic set`: policy of a network interface, and what `weft nic show` says of it (MS-NCNBI §3.1.5.11.1, portSettings). A list or a mirror is
 * put on all of the interface's addresses. Bandwidth needs the qosSettings of virtualSwitchManager. Called by commands/nic.
 */
import { type Command, Option } from 'commander';
import { amountOption, listOption } from '../arguments.ts';
import { at, isObject, type Json, lastName, listAt, textAt } from '../fields.ts';
import { inline } from '../resources.ts';
import type { Session } from '../session.ts';
import {
  change,
  referenceList,
  requireSomething,
  WHAT_IF,
  type WriteOptions,
  withReferences,
} from '../writes.ts';

export function addNicSetCommand(nic: Command, session: Session): void {
  nic
    .command('set <name>')
    .description('put policy on a network interface, or take it off')
    .option('--acl <name>', 'access control list of its addresses, or none')
    .option('--public-ip <name>', 'public address of its primary address, or none')
    .option(
      '--security-tag <name>',
      'security tag that it carries, or none; those not named are taken off (repeatable)',
      listOption,
    )
    .option('--mirror <name>', 'mirror that gets copies of its packets, or none')
    .addOption(
      new Option(
        '--mac-spoofing <setting>',
        'whether the VM may send from MAC addresses not its own',
      ).choices(['enabled', 'disabled']),
    )
    .option('--qos-in <mbps>', 'most it receives, in Mbit/s; 0: no limit', amountOption)
    .option('--qos-out <mbps>', 'most it sends, in Mbit/s; 0: no limit', amountOption)
    .option(
      '--qos-reserve <n>',
      'reserved for sending: a weight up to 100, or Mbit/s, as virtualSwitchManager says; 0: nothing',
      amountOption,
    )
    .option(...WHAT_IF)
    .action((name: string, options: SetOptions) => set(session, name, options));
}

/** For `weft nic show`; empty where there is none. */
export function policyFields(nic: unknown): readonly (readonly [string, string])[] {
  const names = (property: string): string => {
    const each = inline(nic, 'ipConfigurations').map((configuration) =>
      lastName(textAt(configuration, 'properties', property, 'resourceRef')),
    );
    return [...new Set(each)].filter((name) => name !== '').join(', ');
  };
  return [
    ['acl', names('accessControlList')],
    ['public ip', names('publicIPAddress')],
    [
      'security tags',
      listAt(nic, 'properties', 'securityTags')
        .map((tag) => lastName(textAt(tag, 'resourceRef')))
        .join(', '),
    ],
    ['mirror', names('serviceInsertion')],
    ['mac spoofing', textAt(nic, 'properties', 'portSettings', 'macSpoofing').toLowerCase()],
    ['inbound limit', bandwidth(nic, 'inboundMaximumMbps', ' Mbit/s')],
    ['outbound limit', bandwidth(nic, 'outboundMaximumMbps', ' Mbit/s')],
    ['reserved', bandwidth(nic, 'outboundReservedValue', '')],
  ];
}

function bandwidth(nic: unknown, property: string, unit: string): string {
  const value = textAt(nic, 'properties', 'portSettings', 'qosSettings', property);
  return value === '' || value === '0' ? '' : `${value}${unit}`;
}

interface SetOptions extends WriteOptions {
  readonly acl?: string;
  readonly securityTag?: readonly string[];
  readonly publicIp?: string;
  readonly mirror?: string;
  readonly macSpoofing?: string;
  readonly qosIn?: number;
  readonly qosOut?: number;
  readonly qosReserve?: number;
}

async function set(session: Session, name: string, options: SetOptions): Promise<void> {
  const { whatIf: _asked, ...settings } = options;
  requireSomething(
    settings,
    '--acl, --public-ip, --security-tag, --mirror, --mac-spoofing, --qos-in, --qos-out, --qos-reserve',
  );
  const { securityTag } = options;
  await change(session, `/networkInterfaces/${name}`, options, (properties) => ({
    ...properties,
    // Each of them goes back: what a PUT leaves out is deleted.
    ipConfigurations: listAt(properties, 'ipConfigurations').map((configuration, _at, all) =>
      withPolicy(configuration, configuration === primaryOf(all), options),
    ),
    ...(securityTag !== undefined && { securityTags: referenceList('securityTags', securityTag) }),
    ...portSettings(properties, options),
  }));
}

function primaryOf(configurations: readonly unknown[]): unknown {
  const isPrimary = (each: unknown) => textAt(each, 'properties', 'isPrimary') === 'true';
  return configurations.find(isPrimary) ?? configurations[0];
}

/** A public address is one address's alone; `none` takes it from whichever has it. */
function withPolicy(
  configuration: unknown,
  isPrimary: boolean,
  { acl, mirror, publicIp }: SetOptions,
): unknown {
  if (!isObject(configuration)) return configuration;
  const isMeant = isPrimary || publicIp === 'none';
  const properties = withReferences(objectAt(configuration, 'properties'), [
    ['publicIPAddress', 'publicIPAddresses', isMeant ? publicIp : undefined],
    ['accessControlList', 'accessControlLists', acl],
    ['serviceInsertion', 'serviceInsertions', mirror],
  ]);
  return { ...configuration, properties };
}

/** What is not named stays as it is. */
function portSettings(properties: Json, options: SetOptions): Json {
  const { macSpoofing, qosIn, qosOut, qosReserve } = options;
  const qos = {
    ...(qosIn !== undefined && { inboundMaximumMbps: qosIn }),
    ...(qosOut !== undefined && { outboundMaximumMbps: qosOut }),
    ...(qosReserve !== undefined && { outboundReservedValue: qosReserve }),
  };
  const isQosNamed = Object.keys(qos).length > 0;
  if (macSpoofing === undefined && !isQosNamed) return {};
  const present = objectAt(properties, 'portSettings');
  return {
    portSettings: {
      ...present,
      ...(macSpoofing !== undefined && {
        macSpoofing: macSpoofing === 'enabled' ? 'Enabled' : 'Disabled',
      }),
      ...(isQosNamed && { qosSettings: { ...objectAt(present, 'qosSettings'), ...qos } }),
    },
  };
}

function objectAt(value: unknown, name: string): Json {
  const found = at(value, name);
  return isObject(found) ? found : {};
}
