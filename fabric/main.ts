/**
 * The supervisor's process: brings the fabric up, makes and proves the sample tenant, serves fabric.sock, and takes everything down
 * again when told to — by POST /stop, by SIGTERM or SIGINT, or, in the foreground, when the process that shows it is gone.
 *
 *   node dist/fabric/main.js '<SupervisorConfig as JSON>'      with an IPC channel to the process that started it
 *
 * Started by commands.ts, alone in its session.
 */
import { systemClock } from '../base/clock.ts';
import { messageOf, SdnError } from '../base/errors.ts';
import { runStep, STEP_COUNT } from './deploy.ts';
import { OUTSIDE } from './edge-network.ts';
import { type Fabric, startFabric } from './fabric.ts';
import { type FabricServer, serveFabric } from './fabric-server.ts';
import { namespaceName } from './namespaces.ts';
import type { Progress } from './progress.ts';
import {
  type Check,
  describeCheck,
  failedChecks,
  type OutsideClient,
  proveSampleTenant,
  samplePublicAddress,
  startSampleMachines,
  writeSampleTenant,
} from './sample-tenant.ts';
import type { SupervisorConfig, SupervisorMessage } from './supervisor-config.ts';
import { prepareUserNamespace } from './unprivileged.ts';
import type { VmRecord } from './vm.ts';

const SAMPLE_STEPS = 3;

/** Told apart from a fault: somebody wanted it. */
const STOP_REASON = new Error('told to stop');
const stopController = new AbortController();

const tell = (message: SupervisorMessage): void => {
  if (process.connected) process.send?.(message);
};
const progress: Progress = (event) => tell({ kind: 'progress', event });

async function main(config: SupervisorConfig): Promise<void> {
  const stop = stopRequested(config);
  if (config.unprivileged) await prepareUserNamespace(config.state);
  const fabric = await startFabric({
    ...config,
    progress,
    signal: stop,
    extraSteps: config.sample ? SAMPLE_STEPS : 0,
  });
  let server: FabricServer | undefined;
  try {
    server = await serveFabric(fabric, () => stopController.abort(STOP_REASON));
    if (config.sample) await sampleTenant(fabric, stop);
    tell({ kind: 'ready' });
    if (!config.foreground && process.connected) process.disconnect();
    await aborted(stop);
  } finally {
    await fabric.stop();
    server?.close();
  }
}

async function sampleTenant(fabric: Fabric, signal: AbortSignal): Promise<void> {
  const clock = systemClock;
  const step = (offset: number, title: string, run: () => Promise<string>): Promise<void> =>
    runStep(
      { clock, progress, signal },
      { number: STEP_COUNT + offset, count: STEP_COUNT + SAMPLE_STEPS, title },
      run,
    );
  let nics: Awaited<ReturnType<typeof writeSampleTenant>> = new Map();
  let vms: readonly VmRecord[] = [];
  await step(1, 'sample tenant through the northbound API', async () => {
    nics = await writeSampleTenant(fabric);
    return `virtual networks blue and green, both 10.1.0.0/16, ${nics.size} interfaces`;
  });
  await step(2, 'virtual machines', async () => {
    vms = await startSampleMachines(fabric, nics);
    return `${vms.length} namespace VMs, addresses by DHCP`;
  });
  await step(3, 'proof by traffic', async () => {
    const report = (check: Check) => progress({ kind: 'note', text: describeCheck(check) });
    const checks = await proveSampleTenant(vms, clock, report, await outsideOf(fabric));
    const failed = failedChecks(checks);
    if (failed.length > 0)
      throw new SdnError(
        'SDN_PROOF_FAILED',
        `the sample tenant does not work: ${failed.join('; ')}`,
      );
    return `${checks.length} checks hold`;
  });
}

/** Undefined where nothing leads out. */
async function outsideOf(fabric: Fabric): Promise<OutsideClient | undefined> {
  const { edge } = fabric.settings;
  if (edge === undefined) return undefined;
  const [address = ''] = edge.outside.client;
  return {
    ...{ name: 'outside', address },
    namespace: namespaceName(fabric.name, OUTSIDE),
    publicAddress: await samplePublicAddress(fabric),
  };
}

/** Aborts on the first reason to stop. */
function stopRequested(config: SupervisorConfig): AbortSignal {
  const request = (): void => stopController.abort(STOP_REASON);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, request);
  if (config.foreground) process.once('disconnect', request);
  return stopController.signal;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

try {
  await main(JSON.parse(process.argv[2] ?? '{}') as SupervisorConfig);
  tell({ kind: 'stopped' });
} catch (thrown) {
  if (thrown !== STOP_REASON) reportFailure(thrown);
} finally {
  if (process.connected) process.disconnect();
}

function reportFailure(thrown: unknown): void {
  const fault = thrown instanceof SdnError ? thrown : undefined;
  console.error(thrown);
  tell({
    kind: 'failed',
    code: fault?.code ?? 'SDN_INTERNAL',
    message: messageOf(thrown),
    ...(fault?.remedy !== undefined && { remedy: fault.remedy }),
  });
  process.exitCode = 1;
}
