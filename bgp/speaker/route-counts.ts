/** Routes in UPDATEs of one neighbour and family, in the shape of MS-NCNBI bgpPeers (§3.1.5.17.2.2). Counted by rib-in and rib-out. */
export interface RouteCounts {
  updateReceivedCount: number;
  withdrawalReceivedCount: number;
  updateSentCount: number;
  withdrawalSentCount: number;
}

export function newRouteCounts(): RouteCounts {
  return {
    updateReceivedCount: 0,
    withdrawalReceivedCount: 0,
    updateSentCount: 0,
    withdrawalSentCount: 0,
  };
}
