/** Faults that several parts of the host's control API have. Called by them. */
import { ControlFault } from '../../agent/control-fault.ts';

export function badRequest(message: string, remedy: string): ControlFault {
  return new ControlFault(400, 'SDN_HOST_BAD_REQUEST', message, { remedy });
}

export function portUnknown(portId: string): ControlFault {
  return new ControlFault(404, 'SDN_HOST_PORT_UNKNOWN', `no port ${portId} is attached here`, {
    remedy: 'GET /ports lists the attached ones',
  });
}
