/** Questions under /networking/weft/v1: put to the hosts that can answer, joined, and refused in words where nobody can. */
import test, { type ExecutionContext } from 'ava';
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
const NO_TRAFFIC = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0, drops: {} };

/** Controllers ask hosts by name; these hosts answer from a table of ports each has. */
function hosts(ports: Readonly<Record<string, readonly string[]>>): AskTarget {
  return async (host, method, question) => {
    const own = ports[host];
    if (own === undefined)
      throw new QuestionFault(`host/${host}`, 'SDN_TARGET_AWAY', `${host} is away`);
    const answer = await answerQuestion(
      {
        flows: async ({ portId }) =>
          own.filter((id) => portId === undefined || id === portId).map((id) => flowOf(id)),
        switchAnswer: (asked) => Promise.resolve(SWITCH_ANSWERS[asked] as never),
        probe: () => Promise.reject(new Error('no switch')),
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
const SWITCH_ANSWERS: Readonly<Record<string, unknown>> = {
  effectiveRoutes: { subnets: [{ resourceRef: '/s', routes: [ROUTE], total: 1 }] },
  effectiveRules: { addresses: [{ ipConfigurations: [], lists: [] }] },
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

async function withNic(
  t: ExecutionContext,
  attachedTo: string | undefined,
): Promise<{ controller: Controller; id: string }> {
  const ports: Record<string, string[]> = { host1: [], host2: [] };
  const controller = await startController(t, { ask: hosts(ports) });
  await layGround(controller.client);
  const nic = await expectCreated(controller.client, '/networkInterfaces/a', nicProperties());
  const id = nic.textAt('instanceId');
  if (attachedTo !== undefined) {
    controller.realised.servers.set(id, attachedTo);
    ports[attachedTo]?.push(id);
  }
  return { controller, id };
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
