/** Generated from the schemas of questions by tools/generate-question-shapes.ts. Do not edit. */
import type { Shape } from './shape.ts';

export type QuestionMethod =
  | 'bgpAdvertised'
  | 'bgpExports'
  | 'bgpPeers'
  | 'bgpReceived'
  | 'bgpRoutes'
  | 'bgpTrace'
  | 'captures'
  | 'counters'
  | 'edgeCounters'
  | 'edgeNeighbours'
  | 'edgeRoutes'
  | 'edgeTrace'
  | 'effectiveRoutes'
  | 'effectiveRules'
  | 'flowLog'
  | 'flowVerify'
  | 'flows'
  | 'muxCounters'
  | 'muxStatus'
  | 'muxTrace'
  | 'natMappings'
  | 'nextHop'
  | 'probe'
  | 'probeSeen'
  | 'probeWatch'
  | 'probes'
  | 'providerPing'
  | 'readCapture'
  | 'ruleCounters'
  | 'snat'
  | 'startCapture'
  | 'stopCapture'
  | 'trace'
  | 'virtualAddresses';

export const QUESTION_SHAPES: Readonly<Record<QuestionMethod, Shape>> = {
  bgpAdvertised: {"type":"object","required":["address","limit"],"properties":{"address":{"type":"string","maxLength":64},"limit":{"type":"integer","minimum":1,"maximum":2000}},"additionalProperties":false},
  bgpExports: {"type":"object","properties":{},"additionalProperties":false},
  bgpPeers: {"type":"object","properties":{},"additionalProperties":false},
  bgpReceived: {"type":"object","required":["address","limit"],"properties":{"address":{"type":"string","maxLength":64},"limit":{"type":"integer","minimum":1,"maximum":2000}},"additionalProperties":false},
  bgpRoutes: {"type":"object","required":["limit"],"properties":{"limit":{"type":"integer","minimum":1,"maximum":2000}},"additionalProperties":false},
  bgpTrace: {"type":"object","required":["prefix"],"properties":{"prefix":{"type":"string","maxLength":64}},"additionalProperties":false},
  captures: {"type":"object","properties":{},"additionalProperties":false},
  counters: {"type":"object","properties":{"portId":{"type":"string"}},"additionalProperties":false},
  edgeCounters: {"type":"object","properties":{},"additionalProperties":false},
  edgeNeighbours: {"type":"object","properties":{},"additionalProperties":false},
  edgeRoutes: {"type":"object","properties":{"destination":{"type":"string","maxLength":64},"limit":{"type":"integer","minimum":1,"maximum":10000}},"additionalProperties":false},
  edgeTrace: {"type":"object","required":["source","destination","protocol"],"properties":{"vni":{"type":"integer","minimum":1,"maximum":16777215},"link":{"type":"string","maxLength":15},"source":{"type":"string","maxLength":64},"destination":{"type":"string","maxLength":64},"protocol":{"type":"integer","minimum":0,"maximum":255},"sourcePort":{"type":"integer","minimum":0,"maximum":65535},"destinationPort":{"type":"integer","minimum":0,"maximum":65535}},"additionalProperties":false},
  effectiveRoutes: {"type":"object","required":["portId","limit"],"properties":{"portId":{"type":"string","maxLength":128},"limit":{"type":"integer","minimum":1,"maximum":2000}},"additionalProperties":false},
  effectiveRules: {"type":"object","required":["portId","limit"],"properties":{"portId":{"type":"string","maxLength":128},"limit":{"type":"integer","minimum":1,"maximum":1500},"direction":{"anyOf":[{"type":"string","const":"inbound"},{"type":"string","const":"outbound"}]}},"additionalProperties":false},
  flowLog: {"type":"object","required":["limit"],"properties":{"portId":{"type":"string","maxLength":128},"after":{"type":"integer","minimum":0},"limit":{"type":"integer","minimum":1,"maximum":1000}},"additionalProperties":false},
  flowVerify: {"type":"object","required":["portId","direction","protocol","remote"],"properties":{"portId":{"type":"string","maxLength":128},"direction":{"anyOf":[{"type":"string","const":"inbound"},{"type":"string","const":"outbound"}]},"protocol":{"type":"integer","minimum":0,"maximum":255},"local":{"type":"string","maxLength":64},"remote":{"type":"string","maxLength":64},"localPort":{"type":"integer","minimum":0,"maximum":65535},"remotePort":{"type":"integer","minimum":0,"maximum":65535}},"additionalProperties":false},
  flows: {"type":"object","required":["limit"],"properties":{"portId":{"type":"string"},"limit":{"type":"integer","minimum":1,"maximum":1000}},"additionalProperties":false},
  muxCounters: {"type":"object","properties":{},"additionalProperties":false},
  muxStatus: {"type":"object","properties":{"address":{"type":"string","maxLength":64}},"additionalProperties":false},
  muxTrace: {"type":"object","required":["source","destination","destinationPort"],"properties":{"source":{"type":"string","maxLength":64},"destination":{"type":"string","maxLength":64},"protocol":{"anyOf":[{"type":"number","const":6},{"type":"number","const":17}]},"sourcePort":{"type":"integer","minimum":0,"maximum":65535},"destinationPort":{"type":"integer","minimum":0,"maximum":65535},"opening":{"type":"boolean"}},"additionalProperties":false},
  natMappings: {"type":"object","properties":{"inside":{"type":"string","maxLength":64},"limit":{"type":"integer","minimum":1,"maximum":10000}},"additionalProperties":false},
  nextHop: {"type":"object","required":["portId","destination"],"properties":{"portId":{"type":"string","maxLength":128},"destination":{"type":"string","maxLength":64},"source":{"type":"string","maxLength":64}},"additionalProperties":false},
  probe: {"type":"object","required":["portId","packet","timeoutMs"],"properties":{"portId":{"type":"string","maxLength":128},"packet":{"type":"object","required":["source","destination","protocol","id"],"properties":{"source":{"type":"string","maxLength":64},"destination":{"type":"string","maxLength":64},"protocol":{"anyOf":[{"type":"number","const":1},{"type":"number","const":6},{"type":"number","const":58}]},"destinationPort":{"type":"integer","minimum":1,"maximum":65535},"id":{"type":"integer","minimum":61440,"maximum":65535},"sequence":{"type":"integer","minimum":0,"maximum":65535},"length":{"type":"integer","minimum":8,"maximum":8960}},"additionalProperties":false},"timeoutMs":{"type":"integer","minimum":1,"maximum":3000}},"additionalProperties":false},
  probeSeen: {"type":"object","required":["portId","packet"],"properties":{"portId":{"type":"string","maxLength":128},"packet":{"type":"object","required":["source","destination","protocol","id"],"properties":{"source":{"type":"string","maxLength":64},"destination":{"type":"string","maxLength":64},"protocol":{"anyOf":[{"type":"number","const":1},{"type":"number","const":6},{"type":"number","const":58}]},"destinationPort":{"type":"integer","minimum":1,"maximum":65535},"id":{"type":"integer","minimum":61440,"maximum":65535},"sequence":{"type":"integer","minimum":0,"maximum":65535},"length":{"type":"integer","minimum":8,"maximum":8960}},"additionalProperties":false}},"additionalProperties":false},
  probeWatch: {"type":"object","required":["portId","packet","forMs"],"properties":{"portId":{"type":"string","maxLength":128},"packet":{"type":"object","required":["source","destination","protocol","id"],"properties":{"source":{"type":"string","maxLength":64},"destination":{"type":"string","maxLength":64},"protocol":{"anyOf":[{"type":"number","const":1},{"type":"number","const":6},{"type":"number","const":58}]},"destinationPort":{"type":"integer","minimum":1,"maximum":65535},"id":{"type":"integer","minimum":61440,"maximum":65535},"sequence":{"type":"integer","minimum":0,"maximum":65535},"length":{"type":"integer","minimum":8,"maximum":8960}},"additionalProperties":false},"forMs":{"type":"integer","minimum":1,"maximum":10000}},"additionalProperties":false},
  probes: {"type":"object","properties":{"probeId":{"type":"string","maxLength":128}},"additionalProperties":false},
  providerPing: {"type":"object","required":["destination","timeoutMs"],"properties":{"destination":{"type":"string","maxLength":64},"length":{"type":"integer","minimum":8,"maximum":8960},"timeoutMs":{"type":"integer","minimum":1,"maximum":3000}},"additionalProperties":false},
  readCapture: {"type":"object","required":["id"],"properties":{"id":{"type":"integer","minimum":0}},"additionalProperties":false},
  ruleCounters: {"type":"object","required":["limit"],"properties":{"listId":{"type":"string","maxLength":128},"limit":{"type":"integer","minimum":1,"maximum":4098}},"additionalProperties":false},
  snat: {"type":"object","properties":{"vipId":{"type":"string","maxLength":128},"portId":{"type":"string","maxLength":128}},"additionalProperties":false},
  startCapture: {"type":"object","required":["filter"],"properties":{"filter":{"type":"object","properties":{}},"snapLen":{"type":"integer","minimum":1},"packetsMax":{"type":"integer","minimum":1},"bytesMax":{"type":"integer","minimum":1},"secondsMax":{"type":"integer","minimum":1}},"additionalProperties":false},
  stopCapture: {"type":"object","required":["id"],"properties":{"id":{"type":"integer","minimum":0}},"additionalProperties":false},
  trace: {"anyOf":[{"type":"object","required":["portId","packet"],"properties":{"portId":{"type":"string","maxLength":128},"packet":{"type":"object","required":["destination","protocol"],"properties":{"source":{"type":"string","maxLength":64},"destination":{"type":"string","maxLength":64},"protocol":{"type":"integer","minimum":0,"maximum":255},"sourcePort":{"type":"integer","minimum":0,"maximum":65535},"destinationPort":{"type":"integer","minimum":0,"maximum":65535},"tcpFlags":{"type":"integer","minimum":0,"maximum":255},"icmpType":{"type":"integer","minimum":0,"maximum":255},"icmpCode":{"type":"integer","minimum":0,"maximum":255},"identifier":{"type":"integer","minimum":0,"maximum":65535},"ttl":{"type":"integer","minimum":0,"maximum":255},"length":{"type":"integer","minimum":20,"maximum":9000},"dontFragment":{"type":"boolean"},"sourceMac":{"type":"string","maxLength":32},"destinationMac":{"type":"string","maxLength":32}},"additionalProperties":false},"answers":{"type":"object","properties":{"sent":{"type":"object","required":["source","destination"],"properties":{"source":{"type":"string","maxLength":64},"sourcePort":{"type":"integer","minimum":0,"maximum":65535},"destination":{"type":"string","maxLength":64},"destinationPort":{"type":"integer","minimum":0,"maximum":65535}},"additionalProperties":false},"came":{"type":"object","required":["source","destination"],"properties":{"source":{"type":"string","maxLength":64},"sourcePort":{"type":"integer","minimum":0,"maximum":65535},"destination":{"type":"string","maxLength":64},"destinationPort":{"type":"integer","minimum":0,"maximum":65535}},"additionalProperties":false}},"additionalProperties":false}},"additionalProperties":false},{"type":"object","required":["tunnel","frame"],"properties":{"tunnel":{"type":"object","required":["source","vni"],"properties":{"source":{"type":"string"},"vni":{"type":"integer"}}},"frame":{"type":"string","maxLength":12028},"answers":{"type":"object","properties":{"sent":{"type":"object","required":["source","destination"],"properties":{"source":{"type":"string","maxLength":64},"sourcePort":{"type":"integer","minimum":0,"maximum":65535},"destination":{"type":"string","maxLength":64},"destinationPort":{"type":"integer","minimum":0,"maximum":65535}},"additionalProperties":false},"came":{"type":"object","required":["source","destination"],"properties":{"source":{"type":"string","maxLength":64},"sourcePort":{"type":"integer","minimum":0,"maximum":65535},"destination":{"type":"string","maxLength":64},"destinationPort":{"type":"integer","minimum":0,"maximum":65535}},"additionalProperties":false}},"additionalProperties":false}},"additionalProperties":false},{"type":"object","required":["tunnel","packet"],"properties":{"tunnel":{"type":"object","required":["source","vni"],"properties":{"source":{"type":"string"},"vni":{"type":"integer"}}},"packet":{"type":"object","required":["destination","protocol"],"properties":{"source":{"type":"string","maxLength":64},"destination":{"type":"string","maxLength":64},"protocol":{"type":"integer","minimum":0,"maximum":255},"sourcePort":{"type":"integer","minimum":0,"maximum":65535},"destinationPort":{"type":"integer","minimum":0,"maximum":65535},"tcpFlags":{"type":"integer","minimum":0,"maximum":255},"icmpType":{"type":"integer","minimum":0,"maximum":255},"icmpCode":{"type":"integer","minimum":0,"maximum":255},"identifier":{"type":"integer","minimum":0,"maximum":65535},"ttl":{"type":"integer","minimum":0,"maximum":255},"length":{"type":"integer","minimum":20,"maximum":9000},"dontFragment":{"type":"boolean"},"sourceMac":{"type":"string","maxLength":32},"destinationMac":{"type":"string","maxLength":32}},"additionalProperties":false},"answers":{"type":"object","properties":{"sent":{"type":"object","required":["source","destination"],"properties":{"source":{"type":"string","maxLength":64},"sourcePort":{"type":"integer","minimum":0,"maximum":65535},"destination":{"type":"string","maxLength":64},"destinationPort":{"type":"integer","minimum":0,"maximum":65535}},"additionalProperties":false},"came":{"type":"object","required":["source","destination"],"properties":{"source":{"type":"string","maxLength":64},"sourcePort":{"type":"integer","minimum":0,"maximum":65535},"destination":{"type":"string","maxLength":64},"destinationPort":{"type":"integer","minimum":0,"maximum":65535}},"additionalProperties":false}},"additionalProperties":false}},"additionalProperties":false}]},
  virtualAddresses: {"type":"object","properties":{"address":{"type":"string","maxLength":64}},"additionalProperties":false},
};
