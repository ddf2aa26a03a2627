/**
 * What a layer of our network is: a name, what it is for, and how it is built for one port. The texts are what docs/pipeline.md is
 * generated from, so that the page and the running order cannot part. Called by layers/*, switch/tables, tools.
 */

import type { Drop } from '../../packet/drop.ts';
import type { Layer } from '../engine/layer.ts';
import type { PortPolicy } from './port-policy.ts';

export interface LayerDefinition<Settings = PortPolicy> {
  readonly name: string;
  /** One sentence: the concern. */
  readonly purpose: string;
  /** What it matches and does, per direction; empty: packets pass untouched. */
  readonly outbound: string;
  readonly inbound: string;
  /** Reasons it may drop for. */
  readonly drops: readonly Drop[];
  build(settings: Settings): Layer;
}
