/**
 * virtualSwitchManager/configuration, a singleton: bandwidth management of every switch — MS-NCNBI §3.1.5.26, §6.24. The specification
 * spells the reservation switches with and without plural, and once `enableSoftwareRevervation`; all are read.
 *
 * The switch is software. `enableHardwareLimits` and `enableHardwareReservations` ask for hardware "if it supports it, otherwise
 * software", so they are kept and change nothing. `portDefaultState`: a port without a policy passes nothing, which is both
 * `Default` and `BlockTraffic`; `AllowTraffic`, traffic without any policy, is refused.
 */
import Type from 'typebox';
import { ReadOnly, Words } from './property-types.ts';

/** Weights are parts of a hundred. */
export const RESERVATION_WEIGHT_MAX = 100;
/** Mbit/s; the fastest Ethernet there is has 1.6 Tbit/s (IEEE 802.3dj). */
export const BANDWIDTH_MBPS_MAX = 10_000_000;

const Alias = (...aliases: readonly string[]) => Type.Boolean({ 'x-aliases': aliases });

export const GlobalQosSettingsSchema = Type.Object({
  reservationMode: Type.Optional(
    Words(['Absolute', 'Weight'], 'unit of reservations: Mbit/s, or a share; default Weight'),
  ),
  linkSpeedPercentage: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 100,
      description: 'part that may be reserved; default 100',
    }),
  ),
  defaultReservation: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: BANDWIDTH_MBPS_MAX,
      description: 'of interfaces that state none; default 0',
    }),
  ),
  enableSoftwareReservations: Type.Optional(
    Alias('enableSoftwareReservation', 'enableSoftwareRevervation', 'enableSoftwareRevervations'),
  ),
  enableHardwareReservations: Type.Optional(Alias('enableHardwareReservation')),
  enableHardwareLimits: Type.Optional(Type.Boolean()),
});

export const VirtualSwitchManagerSchema = Type.Object({
  qosSettings: Type.Optional(GlobalQosSettingsSchema),
  portDefaultState: Type.Optional(Words(['Default', 'BlockTraffic', 'AllowTraffic'])),
  numInterfacesHavingQos: ReadOnly(
    Type.Integer(),
    'network interfaces with a limit or a reservation',
  ),
});
