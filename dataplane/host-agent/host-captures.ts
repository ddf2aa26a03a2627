/** Packet captures of a host, apart from how they are asked for. Called by host-agent; used by control-captures and diagnostics. */
import type { SwitchHandle } from '../switch/switch-handle.ts';

export interface HostCaptures {
  readonly start: SwitchHandle['startCapture'];
  readonly read: SwitchHandle['readCapture'];
  readonly stop: SwitchHandle['stopCapture'];
  readonly list: SwitchHandle['captures'];
}
