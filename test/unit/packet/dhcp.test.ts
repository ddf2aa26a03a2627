/** DHCP messages: round trips, overloaded and long options, truncations, impossible lengths. */
import test from 'ava';
import fc from 'fast-check';
import * as dhcp from '../../../packet/dhcp.ts';
import { find, OptionCode, textOption, uint8Option } from '../../../packet/dhcp-option.ts';
import { Drop } from '../../../packet/drop.ts';
import { ADDRESS_A, DHCP_REPR, dirtyView } from './frames.ts';

function emitted(repr: Partial<dhcp.Repr> = {}): DataView {
  const whole = { ...DHCP_REPR, ...repr };
  const view = dirtyView(dhcp.reprLen(whole));
  dhcp.emit(whole, view, 0);
  return view;
}

test('a message survives emit and parse, unknown options too', (t) => {
  const view = emitted();
  t.is(view.byteLength, dhcp.MESSAGE_LEN_MIN);
  t.is(dhcp.check(view, 0, view.byteLength), Drop.None);
  t.deepEqual(dhcp.parse(view, 0, view.byteLength), DHCP_REPR);
  t.is(dhcp.messageType(view, 0, view.byteLength), dhcp.MessageType.DISCOVER);
  const requested = OptionCode.REQUESTED_ADDRESS;
  t.is(dhcp.addressOption(view, 0, view.byteLength, requested), ADDRESS_A);
  t.is(dhcp.addressOption(view, 0, view.byteLength, OptionCode.SERVER_ID), undefined);
});

test('RFC 3396: a value longer than 255 bytes is split and joined again', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700, size: 'max' }), (data) => {
      const options = [uint8Option(53, 1), { code: 121, data }, textOption(12, 'n')];
      const view = emitted({ options });
      t.is(dhcp.check(view, 0, view.byteLength), Drop.None);
      t.deepEqual(dhcp.parse(view, 0, view.byteLength).options, options);
    }),
  );
});

test('RFC 2132 §9.3: overloaded file and sname carry options after those of the options field', (t) => {
  const file = new Uint8Array(128);
  file.set([3, 4, 10, 0, 0, 1, 255]);
  const sname = new Uint8Array(64);
  sname.set([0, 12, 2, 0x76, 0x31, 255]);
  const options = [uint8Option(53, 1), uint8Option(OptionCode.OVERLOAD, 3)];
  const view = emitted({ file, sname, options });
  t.deepEqual(
    dhcp.parse(view, 0, view.byteLength).options.map(({ code }) => code),
    [53, 52, 3, 12],
  );
  sname.fill(7);
  const broken = emitted({ file, sname, options });
  t.is(dhcp.check(broken, 0, broken.byteLength), Drop.DhcpBadOption);
  file.fill(9);
  const brokenFile = emitted({ file, sname, options });
  t.is(dhcp.check(brokenFile, 0, brokenFile.byteLength), Drop.DhcpBadOption);
});

test('truncated fixed parts, wrong cookies and options past the end are named', (t) => {
  const view = emitted();
  for (let bytes = 0; bytes < dhcp.HEADER_LEN; bytes += 1) {
    t.is(dhcp.check(view, 0, bytes), Drop.DhcpTruncated);
  }
  t.is(dhcp.check(view, 0, 241), Drop.DhcpBadOption);
  t.is(dhcp.check(view, 0, 242), Drop.DhcpBadOption);
  t.is(dhcp.check(view, 0, 243), Drop.None, 'one whole option, no END');
  view.setUint8(241, 255);
  t.is(dhcp.check(view, 0, view.byteLength), Drop.DhcpBadOption);
  view.setUint8(236, 0);
  t.is(dhcp.check(view, 0, view.byteLength), Drop.DhcpBadCookie);
});

test('a message type of another length, or none, is type 0', (t) => {
  const none = emitted({ options: [textOption(12, 'n')] });
  t.is(dhcp.messageType(none, 0, none.byteLength), 0);
  const long = emitted({ options: [{ code: 53, data: Uint8Array.of(1, 1) }] });
  t.is(dhcp.messageType(long, 0, long.byteLength), 0);
});

test('more than DHCP_OPTIONS_MAX options are refused', (t) => {
  const many = Array.from({ length: 257 }, (_, index) => ({
    code: 1 + (index % 250),
    data: new Uint8Array(),
  }));
  const view = emitted({ options: many });
  t.is(dhcp.check(view, 0, view.byteLength), Drop.DhcpBadOption);
});

test('options after END are not there', (t) => {
  const view = emitted({ options: [uint8Option(53, 1)] });
  view.setUint8(244, OptionCode.ROUTER);
  t.is(find(view, 240, view.byteLength, OptionCode.ROUTER), -1);
});
