/**
 * Node `announcements`: virtual addresses that muxes may tell their routers of, and those that desired state has no more while some mux may
 * still announce them. One unit per frontend that has been decided about (controller/southbound/announcements.ts), by its instanceId.
 */
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { announcementKey, resourceContent, virtualIpKey } from '../../goal-state/resource.ts';
import { admittedMux, isMuxServing } from '../balancing.ts';
import { ANNOUNCEMENT_SCOPE, type CompilerNode, muxTarget, vipScope } from '../node.ts';

export const announcements: CompilerNode = {
  name: 'announcements',
  handle(change) {
    switch (change.kind) {
      case 'announcement':
        return admittedMux(change.vipId) === undefined ? [change.vipId] : [];
      case 'load-balancer':
        return [change.before, change.after].flatMap(
          (one) => one?.frontends.map(({ instanceId }) => instanceId) ?? [],
        );
      case 'load-balancer-mux':
        return isMuxServing(change.before) === isMuxServing(change.after) ? [] : 'unhandled';
      default:
        return [];
    }
  },
  units: ({ balancing }) =>
    [...new Set([...balancing.announcedIds(), ...balancing.retiredIds()])].filter(
      (id) => admittedMux(id) === undefined,
    ),
  compile(vipId, model) {
    const { balancing } = model;
    if (balancing.isAnnounced(vipId)) {
      const content = resourceContent({ key: announcementKey(vipId), announcement: { vipId } });
      return { published: [{ scope: ANNOUNCEMENT_SCOPE, content }], subscriptions: [] };
    }
    const retired = balancing.retired(vipId);
    if (retired === undefined || model.byInstanceId(vipId) !== undefined) return NO_OUTPUT;
    const scope = vipScope(retired.balancerId);
    const { virtualIp } = retired;
    const content = resourceContent({ key: virtualIpKey(vipId), virtualIp });
    const subscriptions = [...model.loadBalancerMuxes.values()]
      .filter(isMuxServing)
      .map((mux) => ({ target: muxTarget(mux.id), scope }));
    return { published: [{ scope, content }], subscriptions };
  },
};
