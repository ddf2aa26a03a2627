/** What a controller would send a mux about the one virtual address of the benchmark, or about one with many backends. Called by mux.ts and tables.ts. */
import { defined } from '../../base/assert.ts';
import { ipAddressBytes, parseIpWords } from '../../base/ip-words.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import {
  type Backend,
  type LoadBalancingRule,
  LoadDistribution,
  type Resource,
} from '../../schema/southbound/messages.ts';
import {
  BACKENDS,
  backendAddress,
  backendMac,
  DATAGRAM_PORT,
  ECHO_PORT,
  IPERF_PORT,
  VIP,
  VNI,
  WEB_PORT,
} from './addresses.ts';

export function muxGoal(): readonly Resource[] {
  const backends = Array.from({ length: BACKENDS }, (_, index) => backend(index + 1));
  const rules = [
    rule('web', IpProtocol.TCP, WEB_PORT, 'all'),
    rule('datagrams', IpProtocol.UDP, DATAGRAM_PORT, 'all'),
    rule('iperf', IpProtocol.TCP, IPERF_PORT, 'first'),
    rule('echo', IpProtocol.TCP, ECHO_PORT, 'first'),
  ];
  return [pool('all', backends), pool('first', backends.slice(0, 1)), virtualIp(rules)];
}

/** An address with one rule, to so many backends. */
export function poolOf(count: number): readonly Resource[] {
  const backends = Array.from({ length: count }, (_, index) => ({
    ...backend(1),
    address: bytesOf(`10.0.${index >> 8}.${index & 0xff}`),
    mac: backendMac(index),
  }));
  return [pool('all', backends), virtualIp([rule('web', IpProtocol.TCP, WEB_PORT, 'all')])];
}

function virtualIp(rules: LoadBalancingRule[]): Resource {
  return {
    key: 'vip/web',
    version: 1,
    virtualIp: {
      id: 'web',
      resourceRef: '/loadBalancers/lb/frontendIPConfigurations/web',
      address: bytesOf(VIP),
      vnetId: 'blue',
      internal: false,
      subnetId: '',
      rules,
    },
  };
}

function bytesOf(text: string): Uint8Array {
  return ipAddressBytes(defined(parseIpWords(text), text));
}

function backend(at: number): Backend {
  return {
    address: bytesOf(`10.0.0.${at}`),
    vni: VNI,
    mac: backendMac(at),
    providerAddress: bytesOf(backendAddress(at)),
    portId: `backend${at}`,
    resourceRef: `/networkInterfaces/backend${at}/ipConfigurations/ip`,
    weight: 1,
    draining: false,
  };
}

function pool(id: string, backends: Backend[]): Resource {
  const resourceRef = `/loadBalancers/lb/backendAddressPools/${id}`;
  return {
    key: `pool/${id}`,
    version: 1,
    backendPool: { id, resourceRef, vnetId: 'blue', backends },
  };
}

/** By floating IP: the backends hold the virtual address themselves. */
function rule(id: string, protocol: number, port: number, poolId: string): LoadBalancingRule {
  return {
    ...{ id, protocol, port, poolId, backendPort: port },
    resourceRef: `/loadBalancers/lb/loadBalancingRules/${id}`,
    floatingIp: true,
    distribution: LoadDistribution.LOAD_DISTRIBUTION_FIVE_TUPLE,
    idleTimeoutSec: 240,
    tcpReset: false,
    healthId: '',
  };
}
