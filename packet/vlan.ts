/**
 * VLAN tag — IEEE 802.1Q clause 9.6 (customer tag, 0x8100; service tag, 0x88a8). `at` is the tag's first byte after the EtherType that
 * announced it.
 *
 *   0                         2         4
 *   | PCP 3 | DEI 1 | VID 12  | type    | payload …
 *
 * Called by flow-key and dump, which skip up to VLAN_TAGS_MAX tags.
 */
import { Drop } from './drop.ts';
import { EtherType } from './ethernet.ts';

export const TAG_LEN = 4;
/** Highest usable VID; 0 is a priority tag, 4095 reserved. */
export const VID_MAX = 4094;

export function isTag(etherType: number): boolean {
  return etherType === EtherType.VLAN || etherType === EtherType.SERVICE_VLAN;
}

/** Must pass before any accessor is used on [at, end). */
export function check(_view: DataView, at: number, end: number): Drop {
  return end - at < TAG_LEN ? Drop.VlanTruncated : Drop.None;
}

export function vid(view: DataView, at: number): number {
  return view.getUint16(at) & 0x0fff;
}

/** 0 … 7 */
export function priority(view: DataView, at: number): number {
  return view.getUint8(at) >>> 5;
}

export function dropEligible(view: DataView, at: number): boolean {
  return (view.getUint8(at) & 0x10) !== 0;
}

/** EtherType of what follows the tag. */
export function etherType(view: DataView, at: number): number {
  return view.getUint16(at + 2);
}

export interface Repr {
  readonly priority: number;
  readonly dropEligible: boolean;
  readonly vid: number;
  readonly etherType: number;
}

export function parse(view: DataView, at: number): Repr {
  return {
    priority: priority(view, at),
    dropEligible: dropEligible(view, at),
    vid: vid(view, at),
    etherType: etherType(view, at),
  };
}

export function reprLen(_repr: Repr): number {
  return TAG_LEN;
}

export function emit(repr: Repr, view: DataView, at: number): void {
  view.setUint16(at, (repr.priority << 13) | (repr.dropEligible ? 0x1000 : 0) | repr.vid);
  view.setUint16(at + 2, repr.etherType);
}
