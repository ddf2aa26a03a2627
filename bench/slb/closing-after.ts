/** What namespaces and processes need at the end of a scene, however it comes. Called by main.ts, fabric-scenes.ts. */

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** `body`, then `close`; when a signal ends the run, `close` at once. */
export async function closingAfter(
  close: () => Promise<void>,
  body: () => Promise<void>,
): Promise<void> {
  const end = () => void close().finally(() => process.exit(1));
  for (const signal of SIGNALS) process.once(signal, end);
  try {
    await body();
  } finally {
    for (const signal of SIGNALS) process.off(signal, end);
    await close();
  }
}
