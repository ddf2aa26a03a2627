/**
 * `weft switch-manager`: settings of the switches of all hosts (virtualSwitchManager, MS-NCNBI §3.1.5.26). They say what a reservation of
 * `weft nic set --qos-reserve` means; limits and reservations are refused before they are there, and they cannot change while an interface
 * has one.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { amountOption } from '../arguments.ts';
import { at, isObject, type Json, textAt } from '../fields.ts';
import { formatResource } from '../resources.ts';
import type { Session } from '../session.ts';
import { change, requireSomething, WHAT_IF, type WriteOptions } from '../writes.ts';

const PATH = '/virtualSwitchManager/configuration';

export function addSwitchManagerCommands(program: Command, session: Session): void {
  const manager = program
    .command('switch-manager')
    .description('settings of all switches: what bandwidth management means');
  manager
    .command('show')
    .description('the settings, and how many interfaces have a limit or a reservation')
    .action(() => show(session));
  manager
    .command('set')
    .description('turn bandwidth management on, or change what reservations mean')
    .addOption(
      new Option('--reservation-mode <mode>', 'unit of reservations: Mbit/s, or a weight').choices([
        'absolute',
        'weight',
      ]),
    )
    .option('--link-percent <n>', 'part of the link that may be reserved, 0 to 100', percentOption)
    .option('--default-reserve <n>', 'of interfaces that state none; 0: nothing', amountOption)
    .addOption(
      new Option('--reservations <setting>', 'whether interfaces may reserve at all').choices([
        'enabled',
        'disabled',
      ]),
    )
    .addOption(
      new Option('--off', 'no bandwidth management: neither limits nor reservations').conflicts([
        'reservationMode',
        'linkPercent',
        'defaultReserve',
        'reservations',
      ]),
    )
    .option(...WHAT_IF)
    .action((options: SetOptions) => set(session, options));
}

function percentOption(text: string): number {
  const value = amountOption(text);
  if (value > 100) throw new InvalidArgumentError('At most 100.');
  return value;
}

async function show(session: Session): Promise<void> {
  const manager = await session.northbound().get(PATH);
  const qos = (name: string) => textAt(manager, 'properties', 'qosSettings', name);
  const isOn = at(manager, 'properties', 'qosSettings') !== undefined;
  session.print(manager, () =>
    formatResource(manager, [
      ['bandwidth management', isOn ? 'on' : 'off'],
      ['reservation mode', qos('reservationMode').toLowerCase()],
      ['link percent', qos('linkSpeedPercentage')],
      ['default reservation', qos('defaultReservation')],
      ['reservations', isOn ? enabled(qos('enableSoftwareReservations')) : ''],
      ['interfaces', textAt(manager, 'properties', 'numInterfacesHavingQos')],
    ]),
  );
}

function enabled(text: string): string {
  return text === 'true' ? 'enabled' : 'disabled';
}

interface SetOptions extends WriteOptions {
  readonly reservationMode?: string;
  readonly linkPercent?: number;
  readonly defaultReserve?: number;
  readonly reservations?: string;
  readonly off?: boolean;
}

async function set(session: Session, options: SetOptions): Promise<void> {
  const { whatIf: _asked, off, ...settings } = options;
  if (off === true) {
    await change(session, PATH, options, ({ qosSettings: _taken, ...rest }) => rest);
    return;
  }
  const flags = '--reservation-mode, --link-percent, --default-reserve, --reservations, --off';
  requireSomething(settings, flags);
  await change(session, PATH, options, (properties) => {
    const present = at(properties, 'qosSettings');
    return {
      ...properties,
      qosSettings: { ...(isObject(present) ? present : {}), ...qosSettings(options) },
    };
  });
}

/** What is not named stays as it is. */
function qosSettings(options: SetOptions): Json {
  const { reservationMode, linkPercent, defaultReserve, reservations } = options;
  return {
    ...(reservationMode !== undefined && {
      reservationMode: reservationMode === 'absolute' ? 'Absolute' : 'Weight',
    }),
    ...(linkPercent !== undefined && { linkSpeedPercentage: linkPercent }),
    ...(defaultReserve !== undefined && { defaultReservation: defaultReserve }),
    ...(reservations !== undefined && { enableSoftwareReservations: reservations === 'enabled' }),
  };
}
