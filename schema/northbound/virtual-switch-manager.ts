/**
 * virtualSwitchManager/configuration, a singleton: bandwidth management of every switch — MS-NCNBI §3.1.5.26, §6.24. The specification
 * spells the reservation switches with and without plural, and once `enableSoftwareRevervation`; all are read.
 *
 * `portDefaultState`: a port without a policy passes nothing, which is both
 * `Default` and `BlockTraffic`; `AllowTraffic`, traffic without any policy, is refused.
 */
import Type from 'typebox';
import { Kept, ReadOnly, Words } from './property-types.ts';

/** Weights are parts of a hundred. */
export const RESERVATION_WEIGHT_MAX = 100;
/** Mbit/s; the fastest Ethernet there is has 1.6 Tbit/s (IEEE 802.3dj). */
export const BANDWIDTH_MBPS_MAX = 10_000_000;

const Alias = (...aliases: readonly string[]) => Type.Boolean({ 'x-aliases': aliases });

/** The specification asks for hardware "if it supports it, otherwise software". */
const IN_SOFTWARE = 'where there is no hardware for it, software does it';

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
  enableHardwareReservations: Kept(Alias('enableHardwareReservation'), IN_SOFTWARE),
  enableHardwareLimits: Kept(Type.Boolean(), IN_SOFTWARE),
});

export const VirtualSwitchManagerSchema = Type.Object({
  qosSettings: Type.Optional(GlobalQosSettingsSchema),
  portDefaultState: Type.Optional(Words(['Default', 'BlockTraffic', 'AllowTraffic'])),
  numInterfacesHavingQos: ReadOnly(
    Type.Integer(),
    'network interfaces with a limit or a reservation',
  ),
});
