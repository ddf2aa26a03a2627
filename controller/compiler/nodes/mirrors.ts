/**
 * Node `mirrors`: copies of packets to a collector. One unit per serviceInsertion (MS-NCNBI §3.1.5.16). Hosts with a mirrored port
 * subscribe (node `ports`), and the collector's host does here: it must know the segment of the copies and which hosts send them.
 */
import type { MirrorRule as MirrorRuleMessage } from '../../../schema/southbound/messages.ts';
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { mirrorKey, resourceContent } from '../../goal-state/resource.ts';
import { attachmentOf } from '../attachment.ts';
import type { MirrorRule } from '../mirror-document.ts';
import { mirrorsFedBy, sourcesOf } from '../mirroring.ts';
import { type CompilerNode, hostTarget, mirrorScope } from '../node.ts';
import { prefixMessage } from './virtual-networks.ts';

const EMPTY = new Uint8Array(0);

export const mirrors: CompilerNode = {
  name: 'mirrors',
  handle(change, model) {
    if (change.kind === 'service-insertion') {
      return [change.before, change.after].flatMap((insertion) => insertion?.id ?? []);
    }
    return mirrorsFedBy(change, model);
  },
  units: (model) => model.serviceInsertions.keys(),
  compile(id, model) {
    const insertion = model.serviceInsertions.get(id);
    if (insertion === undefined) return NO_OUTPUT;
    const { instanceId, resourceRef, priority, segment, collector } = insertion;
    const name = collector.slice(collector.lastIndexOf('/') + 1);
    const networkInterface = model.networkInterfaces.get(name);
    const attachment = attachmentOf(name, model);
    const content = resourceContent({
      key: mirrorKey(instanceId),
      mirror: {
        id: instanceId,
        resourceRef,
        priority,
        rules: insertion.rules.map(ruleMessage),
        collectorPortId: networkInterface?.instanceId ?? '',
        collectorRef: networkInterface?.resourceRef ?? collector,
        segment,
        providerAddress: attachment?.providerAddress ?? EMPTY,
        sourceProviderAddresses: attachment === undefined ? [] : sourcesOf(insertion, model),
      },
    });
    const scope = mirrorScope(instanceId);
    return {
      published: [{ scope, content }],
      subscriptions:
        attachment === undefined ? [] : [{ target: hostTarget(attachment.serverId), scope }],
    };
  },
};

function ruleMessage(rule: MirrorRule): MirrorRuleMessage {
  const { sourcePorts, destinationPorts } = rule;
  return {
    protocol: rule.protocol,
    sources: rule.sources.map(prefixMessage),
    destinations: rule.destinations.map(prefixMessage),
    ...(sourcePorts !== undefined && { sourcePorts }),
    ...(destinationPorts !== undefined && { destinationPorts }),
  };
}
