/** Named maxima of the QEMU guests (docs/limits.md). */

/** Each call of apt-get, apt-cache or dpkg-deb; a 27 MB kernel package comes through a slow line. */
export const PACKAGE_TOOL_TIMEOUT_MS = 600_000;
/** Memory of a guest, MiB; the kernel dies silently with 64, boots with 96. */
export const GUEST_MEMORY_MIB = 128;
/** From start to the agent's first word, ms. Under TCG on two busy cores a boot takes 2–8 s. */
export const GUEST_BOOT_TIMEOUT_MS = 90_000;
/** From the agent's first word to an address by DHCP, ms. */
export const GUEST_ADDRESS_TIMEOUT_MS = 30_000;
/** Shell text of one command for the agent, bytes: a serial line has no flow control. */
export const AGENT_COMMAND_BYTES_MAX = 2048;
/** One line from the agent, bytes; a longer one is cut. */
export const AGENT_LINE_BYTES_MAX = 65_536;
/** From SIGTERM to SIGKILL of a guest's QEMU, ms. */
export const GUEST_STOP_TIMEOUT_MS = 3000;
/** Commands of one agent connection that run at the same time. */
export const AGENT_COMMANDS_MAX = 16;
