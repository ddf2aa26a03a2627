/**
 * Namespace VMs: a network namespace whose only interface is a TAP of the host's switch, configured by DHCP like any guest. One
 * comes up in milliseconds and runs whatever command it is given.
 */

export interface VmRecord {
  readonly name: string;
  /** resourceRef of its networkInterface. */
  readonly nic: string;
  /** instanceId of it. */
  readonly portId: string;
  readonly host: string;
  readonly namespace: string;
  /** Interface inside the namespace. */
  readonly device: string;
  readonly mac: string;
  readonly address: string;
  readonly mtu: number;
}
