/**
 * The order of layers, as data. A VM's packet passes them from first to last on its way out and from last to first on its way in; the
 * uplink has a pipeline of its own. docs/pipeline.md is generated from this file (tools/generate-pipeline-doc).
 * Called by switch/tables for every port.
 */
import type { Pipeline } from '../engine/pipeline.ts';
import { acl } from './acl.ts';
import { antiSpoof } from './anti-spoof.ts';
import type { LayerDefinition } from './layer-definition.ts';
import { metering } from './metering.ts';
import { mirror } from './mirror.ts';
import { nat } from './nat.ts';
import type { PortPolicy } from './port-policy.ts';
import { type ProberTables, prober } from './prober.ts';
import { route } from './route.ts';
import { services } from './services.ts';
import { type TunnelTables, tunnel } from './tunnel.ts';
import { vnet } from './vnet.ts';

/** Layers of a VM's port, in outbound order. */
export const PORT_LAYERS: readonly LayerDefinition[] = [
  antiSpoof,
  mirror,
  services,
  metering,
  acl,
  nat,
  route,
  vnet,
];

/** Layers of the uplink. */
export const UPLINK_LAYERS: readonly LayerDefinition<TunnelTables>[] = [tunnel];

/** Layers of the service port, as far as what comes from it is a health probe. */
export const PROBER_LAYERS: readonly LayerDefinition<ProberTables>[] = [prober];

export function portPipeline(port: PortPolicy): Pipeline {
  return { layers: PORT_LAYERS.map((layer) => layer.build(port)) };
}

export function uplinkPipeline(tables: TunnelTables): Pipeline {
  return { layers: UPLINK_LAYERS.map((layer) => layer.build(tables)) };
}

export function proberPipeline(tables: ProberTables): Pipeline {
  return { layers: PROBER_LAYERS.map((layer) => layer.build(tables)) };
}
