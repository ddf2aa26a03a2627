/** virtualSwitchManager/configuration, a singleton that exists from the first start — MS-NCNBI §3.1.5.26. */
import { NetworkInterfaceSchema } from '../../../schema/northbound/network-interfaces.ts';
import {
  RESERVATION_WEIGHT_MAX,
  VirtualSwitchManagerSchema,
} from '../../../schema/northbound/virtual-switch-manager.ts';
import type { DesiredState, Resource } from '../../model/desired-state.ts';
import type { JsonObject } from '../../store/store.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { typed } from '../resource-node.ts';
import type {
  Properties,
  ReadContext,
  ResourceNode,
  ResourceType,
  WriteContext,
} from '../resource-type.ts';

export const virtualSwitchManager: ResourceType = {
  collection: 'virtualSwitchManager',
  section: '3.1.5.26',
  summary: 'Settings of the switches of all servers: bandwidth management.',
  schema: VirtualSwitchManagerSchema,
  singletonId: 'configuration',
  initial: {},
  normalise,
  validate,
  derive: (_resource, { desired }) => ({
    numInterfacesHavingQos: [...interfacesWithQos(desired)].length,
  }),
};

/** Defaults are written out, so that what holds is what is shown. */
function normalise(properties: Properties): Properties {
  const { qosSettings } = typed(VirtualSwitchManagerSchema, { properties });
  if (qosSettings === undefined) return properties;
  const {
    reservationMode = 'Weight',
    linkSpeedPercentage = 100,
    defaultReservation = 0,
    enableSoftwareReservations = true,
    enableHardwareReservations = false,
    enableHardwareLimits = false,
  } = qosSettings;
  properties['qosSettings'] = {
    reservationMode,
    linkSpeedPercentage,
    defaultReservation,
    enableSoftwareReservations,
    enableHardwareReservations,
    enableHardwareLimits,
  };
  return properties;
}

function validate(node: ResourceNode, context: WriteContext): readonly FaultDetail[] {
  const { qosSettings, portDefaultState } = typed(VirtualSwitchManagerSchema, node);
  const faults = changedInUse(node, context);
  if (portDefaultState === 'AllowTraffic') {
    const message =
      'a port without a policy passes nothing; traffic past the policy is not offered';
    faults.push(detail('OperationNotSupported', message, 'portDefaultState'));
  }
  const { reservationMode, defaultReservation = 0 } = qosSettings ?? {};
  if (reservationMode === 'Weight' && defaultReservation > RESERVATION_WEIGHT_MAX) {
    const message = `a weight is at most ${RESERVATION_WEIGHT_MAX}`;
    faults.push(detail('InvalidParameterValue', message, 'qosSettings.defaultReservation'));
  }
  return faults;
}

/** What interfaces ask for means something only under the settings they were accepted with. */
function changedInUse(node: ResourceNode, { previous, desired }: WriteContext): FaultDetail[] {
  const was = JSON.stringify(previous?.properties['qosSettings']);
  if (previous === undefined || was === JSON.stringify(node.properties['qosSettings'])) return [];
  const [user] = interfacesWithQos(desired);
  if (user === undefined) return [];
  const message = `qosSettings cannot change while ${user.ref} has qosSettings of its own`;
  return [detail('InUseQosSettingsCannotBeUpdated', message, 'qosSettings')];
}

function* interfacesWithQos(desired: DesiredState): Iterable<Resource> {
  for (const one of desired.list('networkInterfaces').values()) if (hasQos(one)) yield one;
}

/** Whether the interface has a limit or a reservation (MS-NCNBI §3.1.5.26, numInterfacesHavingQos). */
function hasQos(holder: { readonly properties: JsonObject }): boolean {
  const qos = typed(NetworkInterfaceSchema, holder).portSettings?.qosSettings ?? {};
  const { outboundReservedValue = 0, outboundMaximumMbps = 0, inboundMaximumMbps = 0 } = qos;
  return outboundReservedValue > 0 || outboundMaximumMbps > 0 || inboundMaximumMbps > 0;
}

/** What is wrong with the bandwidth an interface asks for, under the global settings. */
export function interfaceQosFaults(node: ResourceNode, { desired }: ReadContext): FaultDetail[] {
  if (!hasQos(node)) return [];
  const target = `${node.ref} portSettings.qosSettings`;
  const manager = desired.byRef('/virtualSwitchManager/configuration');
  const global = manager && typed(VirtualSwitchManagerSchema, manager).qosSettings;
  if (global === undefined) {
    const message = 'virtualSwitchManager/configuration has no qosSettings yet';
    return [detail('QosGlobalSettingsNotConfigured', message, target)];
  }
  const qos = typed(NetworkInterfaceSchema, node).portSettings?.qosSettings;
  const reserved = qos?.outboundReservedValue ?? 0;
  if (reserved === 0) return [];
  if (global.enableSoftwareReservations === false) {
    const message = 'virtualSwitchManager does not have enableSoftwareReservations';
    return [detail('QosGlobalSettingsNotConfigured', message, target)];
  }
  const most = qos?.outboundMaximumMbps ?? 0;
  if (global.reservationMode === 'Weight' && reserved > RESERVATION_WEIGHT_MAX) {
    const message = `outboundReservedValue is a weight, at most ${RESERVATION_WEIGHT_MAX}`;
    return [detail('InvalidParameterValue', message, target)];
  }
  if (global.reservationMode === 'Absolute' && most > 0 && reserved > most) {
    const message = `outboundReservedValue ${reserved} is above outboundMaximumMbps ${most}`;
    return [detail('InvalidParameterValue', message, target)];
  }
  return [];
}
