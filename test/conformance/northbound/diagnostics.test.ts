/** Questions under /networking/weft/v1: put to the hosts that can answer, joined, and refused in words where nobody can. */
import test, { type ExecutionContext } from 'ava';
import type { TargetState } from '../../../controller/model/realised-state.ts';
import type { AskTarget } from '../../../controller/southbound/ask-target.ts';
import { QuestionFault } from '../../../controller/southbound/questions.ts';
import { answerQuestion } from '../../../dataplane/host-agent/diagnostics.ts';
import {
  type Controller,
  expectCreated,
  layGround,
  nicProperties,
  startController,
} from './controller-fixture.ts';

const WEFT = '/networking/weft/v1';
const NO_TRAFFIC = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0, drops: {}, txDrops: {} };

/** Controllers ask hosts by name; these hosts answer from a table of ports each has. */
function hosts(ports: Readonly<Record<string, readonly string[]>>, asks: unknown[]): AskTarget {
  return async (host, method, question) => {
    const own = ports[host];
    if (own === undefined)
      throw new QuestionFault(`host/${host}`, 'SDN_TARGET_AWAY', `${host} is away`);
    const answer = await answerQuestion(
      {
        flows: async ({ portId }) =>
          own.filter((id) => portId === undefined || id === portId).map((id) => flowOf(id)),
        captures: NO_CAPTURES,
        flowLog: ({ portId, after = 6 }) => ({
          ...{ isOn: true, directory: '/var/log/weft', losses: NO_LOSSES, last: 8 },
          records: own
            .filter((id) => after < 8 && (portId === undefined || id === portId))
            .map((id) => recordOf(id)),
        }),
        switchAnswer: (asked, about) => {
          asks.push(about);
          return Promise.resolve(SWITCH_ANSWERS[asked] as never);
        },
        probe: () => Promise.reject(new Error('no switch')),
        providerPing: () => Promise.reject(new Error('no network')),
        probes: () => ({ backends: [], total: 0 }),
        counters: () => ({
          ports: own.map((portId) => ({ portId, name: 'tap0', ...NO_TRAFFIC, rxPackets: 3 })),
          uplink: { name: 'up0', ...NO_TRAFFIC, drops: { VniUnknown: 2 } },
        }),
      },
      method,
      question,
    );
    return answer as never;
  };
}

const ROUTE = {
  ...{ prefix: '10.1.0.0/16', origin: 'System', nextHopType: 'VnetLocal' },
  ...{ resourceRef: '/virtualNetworks/blue', isActive: true },
};
function countedRule(resourceRef: string, decisions: number) {
  return { resourceRef, direction: 'inbound', isDefault: false, action: 'Allow', decisions };
}

const SWITCH_ANSWERS: Readonly<Record<string, unknown>> = {
  effectiveRoutes: { subnets: [{ resourceRef: '/s', routes: [ROUTE], total: 1 }] },
  ruleCounters: {
    rules: [
      countedRule('/accessControlLists/WEB/aclRules/http', 5),
      { ...countedRule('/accessControlLists/web', 2), isDefault: true },
    ],
    total: 2,
  },
  effectiveRules: { addresses: [{ ipConfigurations: [], lists: [] }] },
  flowVerify: {
    ...{ direction: 'inbound', protocol: 'tcp', access: 'Allow', lists: [] },
    ...{ local: { address: '10.1.1.4', port: 443 }, remote: { address: '10.1.1.5', port: 5000 } },
  },
  nextHop: {
    ...{ source: '10.1.1.4', destination: '10.1.1.5', nextHopType: 'VnetLocal', route: ROUTE },
  },
};

function flowOf(portId: string) {
  return {
    ...{ portId, direction: 'outbound' as const, protocol: 'tcp', state: 'established' },
    ...{ src: '10.1.1.4', srcPort: 4000, dst: '10.1.1.5', dstPort: 80 },
    ...{ packets: 2, bytes: 120, idleMs: 0, action: 'encapsulate' },
  };
}

const none = () => Promise.reject(new Error('no switch'));
const NO_CAPTURES = { start: none, read: none, stop: none, list: none };
const NO_LOSSES = { queueFull: 0, unfollowed: 0, unwritten: 0, hoursRemoved: 0 };

function recordOf(portId: string) {
  return {
    ...{ number: 8, time: '2026-11-21T15:00:00.000Z', portId, protocol: 'tcp' },
    ...{ ruleRef: '/accessControlLists/web/aclRules/ssh', state: 'begin' as const },
    ...{ src: '10.1.1.4', srcPort: 4000, dst: '10.1.1.5', dstPort: 22 },
    ...{ direction: 'outbound' as const, decision: 'denied' as const },
  };
}

async function withNic(
  t: ExecutionContext,
  attachedTo: string | undefined,
): Promise<{ controller: Controller; id: string; asks: readonly unknown[] }> {
  const ports: Record<string, string[]> = { host1: [], host2: [] };
  const asks: unknown[] = [];
  const controller = await startController(t, { ask: hosts(ports, asks) });
  await layGround(controller.client);
  const nic = await expectCreated(controller.client, '/networkInterfaces/a', nicProperties());
  const id = nic.textAt('instanceId');
  if (attachedTo !== undefined) {
    controller.realised.servers.set(id, attachedTo);
    ports[attachedTo]?.push(id);
  }
  return { controller, id, asks };
}

test('flows and counters of an interface come from the host that has it, by name or by instance', async (t) => {
  const { controller, id } = await withNic(t, 'host2');
  for (const name of ['a', id]) {
    const flows = await controller.client.get(`${WEFT}/networkInterfaces/${name}/flows`);
    t.is(flows.status, 200, flows.text);
    t.is(flows.at('value.0.host'), 'host2');
    t.is(flows.at('value.0.resourceRef'), '/networkInterfaces/a');
  }
  const counters = await controller.client.get(`${WEFT}/NetworkInterfaces/A/Counters`);
  t.is(counters.at('value.0.rxPackets'), 3);
  t.is(counters.listAt('value').length, 1);
});

test('an interface that is nowhere, or no interface, is said to be', async (t) => {
  const { controller } = await withNic(t, undefined);
  const detached = await controller.client.get(`${WEFT}/networkInterfaces/a/flows`);
  t.is(detached.status, 409);
  t.is(detached.at('error.code'), 'ReferencedResourceNotProvisioned');
  t.is((await controller.client.get(`${WEFT}/networkInterfaces/b/flows`)).status, 404);
});

test('a host that is away is 503, with its name', async (t) => {
  const { controller } = await withNic(t, 'host9');
  const flows = await controller.client.get(`${WEFT}/networkInterfaces/a/flows`);
  t.is(flows.status, 503);
  t.is(flows.at('error.target'), 'host/host9');
});

test('flow logs of all hosts are one, and each is asked from where it was last', async (t) => {
  const { controller, id } = await withNic(t, 'host2');
  controller.realised.known.push(hostTarget('host2'));
  const all = await controller.client.get(`${WEFT}/flowLog`);
  t.is(all.status, 200, all.text);
  t.is(all.listAt('value').length, 1);
  t.is(all.at('value.0.host'), 'host2');
  t.is(all.at('value.0.resourceRef'), '/networkInterfaces/a');
  t.is(all.at('value.0.ruleRef'), '/accessControlLists/web/aclRules/ssh');
  t.is(all.at('hosts.0.directory'), '/var/log/weft');
  t.is(all.at('after'), 'host2:8');
  const next = await controller.client.get(`${WEFT}/flowLog?after=host2:8`);
  t.is(next.listAt('value').length, 0);
  const own = await controller.client.get(`${WEFT}/networkInterfaces/${id}/flowLog?limit=5`);
  t.is(own.listAt('value').length, 1);
  t.is((await controller.client.get(`${WEFT}/networkInterfaces/zz/flowLog`)).status, 404);
  for (const query of ['limit=0', 'limit=1001', 'after=host1', 'after=host1:x', 'after=:1']) {
    t.is((await controller.client.get(`${WEFT}/flowLog?${query}`)).status, 400, query);
  }
});

test('wrong limits and methods are refused', async (t) => {
  const { controller } = await withNic(t, 'host1');
  for (const limit of ['0', '-1', 'x', '1001', '1e3']) {
    const flows = await controller.client.get(`${WEFT}/flows?limit=${limit}`);
    t.is(flows.at('error.target'), 'limit', limit);
  }
  const posted = await controller.client.send('POST', `${WEFT}/flows`, {});
  t.is(posted.status, 405);
  t.is(posted.headers['allow'], 'GET');
});

test('routes and next hop of an interface come from its host; a destination must be named', async (t) => {
  const { controller } = await withNic(t, 'host1');
  const of = `${WEFT}/networkInterfaces/a`;
  const routes = await controller.client.get(`${of}/effectiveRoutes`);
  t.is(routes.status, 200, routes.text);
  t.is(routes.at('host'), 'host1');
  t.is(routes.at('value.0.routes.0.origin'), 'System');
  t.is((await controller.client.get(`${of}/effectiveRoutes?limit=2001`)).status, 400);
  const hop = await controller.client.get(`${of}/nextHop?destination=10.1.1.5`);
  t.is(hop.at('nextHopType'), 'VnetLocal', hop.text);
  t.is((await controller.client.get(`${of}/nextHop`)).at('error.target'), 'destination');
});

test('rules of an interface come from its host, of both directions or of one', async (t) => {
  const { controller } = await withNic(t, 'host1');
  const of = `${WEFT}/networkInterfaces/a/effectiveRules`;
  for (const query of ['', '?direction=Inbound', '?limit=5&direction=outbound']) {
    const rules = await controller.client.get(`${of}${query}`);
    t.is(rules.status, 200, rules.text);
    t.is(rules.listAt('value').length, 1);
  }
  const wrong = await controller.client.get(`${of}?direction=up`);
  t.is(wrong.at('error.target'), 'direction');
});

test('a flow to be verified is described by its ends; what is missing is named', async (t) => {
  const { controller, id, asks } = await withNic(t, 'host1');
  const verify = (query: string) =>
    controller.client.get(`${WEFT}/networkInterfaces/a/flowVerify?${query}`);
  const told = await verify('direction=Inbound&protocol=TCP&local=:443&remote=10.1.1.5:5000');
  t.is(told.status, 200, told.text);
  t.is(told.at('access'), 'Allow');
  t.is(told.at('host'), 'host1');
  const tcp = { direction: 'inbound', protocol: 6, localPort: 443, remotePort: 5000 };
  t.deepEqual(asks[0], { portId: id, remote: '10.1.1.5', ...tcp });
  await verify('direction=outbound&protocol=icmp&local=fd00::4&remote=fd00::5');
  const icmp = { direction: 'outbound', protocol: 58, local: 'fd00::4', remote: 'fd00::5' };
  t.deepEqual(asks[1], { portId: id, ...icmp });
  const whole = { direction: 'inbound', protocol: 'udp', local: ':1', remote: '10.1.1.5:2' };
  for (const [name, value] of Object.entries({
    direction: 'up',
    protocol: '256',
    local: '1',
    remote: ':2',
  })) {
    const query = new URLSearchParams({ ...whole, [name]: value });
    t.is((await verify(query.toString())).at('error.target'), name);
  }
});

function hostTarget(id: string): TargetState {
  const state = { connected: true, appliedRevision: 1, softwareVersion: '', since: 0 };
  return { kind: 'host', id, ...state, resourceCount: 0, faults: [] };
}

test('flows of one host are asked of that host; a host that is none is said to be', async (t) => {
  const { controller, id } = await withNic(t, 'host1');
  controller.realised.known.push(hostTarget('host1'));
  const one = await controller.client.get(`${WEFT}/flows?host=HOST1`);
  t.is(one.at('value.0.portId'), id, one.text);
  t.is((await controller.client.get(`${WEFT}/flows?host=host7`)).at('error.target'), 'host');
});

test('counters of a list are summed over hosts; rules that nobody has used are there too', async (t) => {
  const { controller } = await withNic(t, 'host1');
  const { client, realised } = controller;
  for (const id of ['host1', 'host2', 'host9']) realised.known.push(hostTarget(id));
  await expectCreated(client, '/accessControlLists/web', { inboundDefaultAction: 'Deny' });
  const rule = (priority: number, type: string) => ({
    ...{ action: 'Allow', protocol: 'TCP', priority, type },
    ...{ sourceAddressPrefix: '*', sourcePortRange: '*' },
    ...{ destinationAddressPrefix: '*', destinationPortRange: '443' },
  });
  const rules = '/accessControlLists/web/aclRules';
  await expectCreated(client, `${rules}/late`, rule(300, 'Inbound'));
  await expectCreated(client, `${rules}/http`, rule(200, 'Inbound'));
  await expectCreated(client, `${rules}/out`, rule(100, 'Outbound'));
  const counters = await client.get(`${WEFT}/AccessControlLists/Web/counters`);
  t.is(counters.status, 200, counters.text);
  t.deepEqual(
    counters.listAt('value').map((row) => Object.values(row as object).join(' ')),
    [
      `${rules}/http inbound 200 false Allow 10`,
      `${rules}/late inbound 300 false Allow 0`,
      '/accessControlLists/web inbound true Deny 4',
      `${rules}/out outbound 100 false Allow 0`,
      '/accessControlLists/web outbound true Allow 0',
    ],
  );
  t.is(counters.at('missing.0.host'), 'host9');
  t.is((await client.get(`${WEFT}/accessControlLists/none/counters`)).status, 404);
});
