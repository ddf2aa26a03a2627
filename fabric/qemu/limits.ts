/** Named maxima of the QEMU guests (docs/limits.md). */
import { type Millis, minutes, seconds } from '../../base/units.ts';

/** Each call of apt-get, apt-cache or dpkg-deb; a 27 MB kernel package comes through a slow line. */
export const PACKAGE_TOOL_TIMEOUT: Millis = minutes(10);
/** Memory of a guest, MiB; the kernel dies silently with 64, boots with 96. */
export const GUEST_MEMORY_MIB = 128;
/** From a guest's start to its agent's first word; under TCG on two busy cores that is 2 to 8 s. */
export const GUEST_BOOT_TIMEOUT: Millis = seconds(90);
/** From a guest agent's first word to an address by DHCP. */
export const GUEST_ADDRESS_TIMEOUT: Millis = seconds(30);
/** From SIGTERM to SIGKILL of a guest's QEMU. */
export const GUEST_STOP_TIMEOUT: Millis = seconds(3);
/** Shell text of one command for the guest's agent: a serial line has no flow control. */
export const AGENT_COMMAND_BYTES_MAX = 2048;
/** Commands of one agent connection that run at the same time. */
export const AGENT_COMMANDS_MAX = 16;
