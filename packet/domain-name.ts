/**
 * Domain names on the wire, uncompressed — RFC 1035 §3.1: labels of a length byte and 1 … 63 bytes, ended by a zero byte, 255 bytes in
 * all. The form of DNSSL (RFC 8106 §5.2) and of DHCP's options.
 *
 * Text is ASCII without a dot at the end, the labels as they are: letters, digits, hyphen and underscore. Called by ndp, dhcpv6-option, dhcp
 * services.
 */
const LABEL_LEN_MAX = 63;
const NAME_LEN_MAX = 255;
const LABEL = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/i;

/** Bytes of the name; undefined for text that is no host's name. */
export function encodeDomainName(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  for (const label of text.split('.')) {
    if (label.length > LABEL_LEN_MAX || !LABEL.test(label)) return undefined;
    bytes.push(label.length);
    for (const letter of label) bytes.push(letter.charCodeAt(0));
  }
  bytes.push(0);
  return bytes.length > NAME_LEN_MAX ? undefined : Uint8Array.from(bytes);
}

/**
 * Text of the name that fills `bytes`. Without a zero byte at the end it is a partial name, which reads the same; undefined
 * where the bytes are no name, or no host's.
 */
export function decodeDomainName(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0 || bytes.length > NAME_LEN_MAX) return undefined;
  const labels: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const len = bytes[at] ?? 0;
    if (len === 0) break;
    const end = at + 1 + len;
    if (len > LABEL_LEN_MAX || end > bytes.length) return undefined;
    const label = String.fromCharCode(...bytes.slice(at + 1, end));
    if (!LABEL.test(label)) return undefined;
    labels.push(label);
    at = end;
  }
  return labels.length === 0 || at < bytes.length - 1 ? undefined : labels.join('.');
}
