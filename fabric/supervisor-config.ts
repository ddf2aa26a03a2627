/** What commands.ts and the supervisor's process (main.ts) say to each other. */
import type { ProgressEvent } from './progress.ts';
import type { FabricSettings } from './settings.ts';

export interface SupervisorConfig {
  readonly name: string;
  readonly state: string;
  readonly settings: FabricSettings;
  readonly sample: boolean;
  /** End when the process that started it does. */
  readonly foreground: boolean;
  /** It runs in a user namespace of its own. */
  readonly unprivileged: boolean;
  /** The northbound's bound socket, inherited. */
  readonly listen: { readonly fd: number; readonly port: number };
}

/** Over the IPC channel, supervisor → command. */
export type SupervisorMessage =
  | { readonly kind: 'progress'; readonly event: ProgressEvent }
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'failed';
      readonly code: string;
      readonly message: string;
      readonly remedy?: string;
    }
  | { readonly kind: 'stopped' };
