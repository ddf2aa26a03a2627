/**
 * A resource as a client sees it — MS-NCNBI §2.2.2: what is stored, plus everything that is computed on reading: provisioningState,
 * configurationState, back-references, and what the type derives. Nothing computed is ever stored, so it cannot be stale.
 */

import type { Resource } from '../model/desired-state.ts';
import type { VipEndpointState } from '../model/realised-state.ts';
import { type OperationSubject, provisioningState } from '../operations/concurrency.ts';
import type { JsonObject, JsonValue } from '../store/store.ts';
import type { Registry } from './registry.ts';
import type { ReadContext, RegisteredType } from './resource-type.ts';

export interface ViewContext extends ReadContext {
  readonly registry: Registry;
}

/** `running`: operations in progress in the resource's tree. */
export function viewOf(
  resource: Resource,
  context: ViewContext,
  running: readonly OperationSubject[],
): JsonObject {
  const type = context.registry.byKey(resource.type);
  const { tags, resourceMetadata } = resource.body;
  return {
    resourceRef: resource.ref,
    resourceId: resource.resourceId,
    etag: resource.body['etag'] ?? '',
    instanceId: resource.instanceId,
    ...(tags === undefined ? {} : { tags }),
    ...(resourceMetadata === undefined ? {} : { resourceMetadata }),
    properties: {
      provisioningState: provisioningState(running, resource.key),
      ...ownProperties(resource, type),
      ...childViews(resource, type, context, running),
      ...(type === undefined ? {} : computed(resource, type, context)),
    },
  };
}

function ownProperties(resource: Resource, type: RegisteredType | undefined): JsonObject {
  if (type === undefined || type.children.length === 0) return resource.properties;
  const own: Record<string, JsonValue> = { ...resource.properties };
  for (const child of type.children) delete own[child.type.collection];
  return own;
}

function childViews(
  resource: Resource,
  type: RegisteredType | undefined,
  context: ViewContext,
  running: readonly OperationSubject[],
): JsonObject {
  const views: Record<string, JsonValue> = {};
  for (const child of type?.children ?? []) {
    views[child.type.collection] = resource.children
      .filter((candidate) => candidate.type === child.key)
      .map((candidate) => viewOf(candidate, context, running));
  }
  return views;
}

function computed(resource: Resource, type: RegisteredType, context: ViewContext): JsonObject {
  return {
    ...backReferences(resource, type, context),
    ...type.type.derive?.(resource, context),
    ...configurationState(resource, type, context),
  };
}

/** Only names the type's schema knows; an array that nobody fills is shown empty. */
function backReferences(
  resource: Resource,
  type: RegisteredType,
  { desired, registry }: ViewContext,
): JsonObject | undefined {
  if (type.backReferences.length === 0) return undefined;
  const lists: Record<string, JsonValue[]> = {};
  for (const name of type.backReferences) lists[name] = [];
  for (const { from, property } of desired.referrers(resource.ref)) {
    const name = registry.rule(from.type, property)?.backReference;
    if (name !== undefined) lists[name]?.push({ resourceRef: from.ref });
  }
  return lists;
}

function configurationState(
  { instanceId }: Resource,
  type: RegisteredType,
  { realised }: ViewContext,
): JsonObject | undefined {
  const state = type.hasConfigurationState ? realised.configurationState(instanceId) : undefined;
  if (state === undefined) return undefined;
  const detailedInfo = state.detailedInfo.map(({ source, code, message }) => ({
    source,
    message,
    code,
  }));
  const { status, lastUpdatedTime } = state;
  const { vipEndpointStates: endpoints } = state;
  return {
    configurationState: {
      ...{ status, detailedInfo, lastUpdatedTime, id: instanceId },
      ...(endpoints !== undefined && {
        vipEndpointStates: endpoints.map((each) => endpointView(each, lastUpdatedTime)),
      }),
    },
  };
}

function endpointView(endpoint: VipEndpointState, lastUpdatedTime: string): JsonObject {
  const { status, vipEndpoint, dipEndpointStates } = endpoint;
  return {
    ...{ status, lastUpdatedTime, vipEndpoint },
    dipEndpointStates: dipEndpointStates.map(({ detailedInfo, ...state }) => ({
      ...state,
      lastUpdatedTime,
      detailedInfo: detailedInfo.map((detail) => ({ ...detail })),
    })),
  };
}
