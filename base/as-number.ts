/**
 * AS numbers as text: plain, or asdot `high.low` (RFC 5396), which MS-NCNBI calls extAsNumber and writes with a leading `0.` below
 * 65536 (§3.1.5.17.2). Four octets (RFC 6793); 0 (RFC 7607) and AS_TRANS 23456 are nobody's. Called by the northbound and the CLI.
 */

const PLAIN = /^[0-9]{1,10}$/;
const DOTTED = /^([0-9]{1,5})\.([0-9]{1,5})$/;
const AS_NUMBER_MAX = 0xffff_ffff;
const AS_TRANS = 23_456;

/** Undefined where the text is no AS number that anybody may have. */
export function parseAsNumber(text: string): number | undefined {
  const dotted = DOTTED.exec(text);
  const [high, low] = [Number(dotted?.[1] ?? 0), Number(dotted?.[2] ?? 0)];
  if (dotted !== null && (high > 0xffff || low > 0xffff)) return undefined;
  if (dotted === null && !PLAIN.test(text)) return undefined;
  const number = dotted === null ? Number(text) : high * 0x1_0000 + low;
  return number === 0 || number === AS_TRANS || number > AS_NUMBER_MAX ? undefined : number;
}

/** 64512 → `0.64512`. */
export function formatExtAsNumber(number: number): string {
  return `${Math.floor(number / 0x1_0000)}.${number % 0x1_0000}`;
}
