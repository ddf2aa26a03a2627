/** `weft revisions`: history as people read it. */
import test from 'ava';
import { scriptedController } from './scripted-controller.ts';

const PATH = 'GET /networking/weft/v1/revisions';
const cause = { client: 'admin', requestId: 'r-1', summary: 'PUT /virtualNetworks/blue' };
const AT = Date.UTC(2026, 0, 2, 3, 4, 5);
const entry = (revision: number): object => ({ revision, at: AT, cause, trees: [] });
const tree = { key: 'virtualnetworks/blue', resourceRef: '/virtualNetworks/blue' };

test('list follows pages until it has what was asked for', async (t) => {
  const controller = await scriptedController({
    [`${PATH}?limit=3`]: {
      body: {
        value: [entry(9), entry(8)],
        nextLink: '/networking/weft/v1/revisions?before=8&limit=3',
      },
    },
    [`${PATH}?before=8&limit=3`]: { body: { value: [entry(7), entry(6)], nextLink: '' } },
  });
  t.is(
    (await controller.weft('revisions', 'list', '--limit', '3')).out,
    [
      'REVISION  TIME                 CLIENT  CHANGE',
      '       9  2026-01-02 03:04:05  admin   PUT /virtualNetworks/blue',
      '       8  2026-01-02 03:04:05  admin   PUT /virtualNetworks/blue',
      '       7  2026-01-02 03:04:05  admin   PUT /virtualNetworks/blue',
      '',
    ].join('\n'),
  );
  await controller.close();
});

test('a difference is one line per value, without what the controller writes by itself', async (t) => {
  const subnet = {
    ...{ resourceId: 'db', resourceRef: '/virtualNetworks/blue/subnets/db', instanceId: 'i' },
    ...{ etag: 'e', properties: { addressPrefix: '10.0.2.0/24', acl: { resourceRef: '/acls/a' } } },
  };
  const path = ['properties', 'subnets'];
  const controller = await scriptedController({
    [`${PATH}/diff?from=3&to=5`]: {
      body: {
        from: 3,
        to: 5,
        isTruncated: false,
        trees: [
          {
            ...{ ...tree, kind: 'updated' },
            differences: [
              { kind: 'changed', path: ['etag'], before: 'a', after: 'b' },
              { kind: 'added', path: [...path, 'db'], after: subnet },
              { kind: 'changed', path: [...path, 'web', 'x~y'], before: 1, after: '\u001b[2J' },
            ],
          },
          {
            ...{ key: 'k', resourceRef: '/networkInterfaces/n', kind: 'deleted' },
            before: {
              instanceId: 'n',
              properties: { ipConfigurations: [{ resourceId: 'p', a: 1 }] },
            },
          },
        ],
      },
    },
  });
  t.is(
    (await controller.weft('revisions', 'diff', '3', '5')).out,
    [
      '~ /virtualNetworks/blue',
      '    + /properties/subnets/db/properties/addressPrefix  "10.0.2.0/24"',
      '    + /properties/subnets/db/properties/acl/resourceRef  "/acls/a"',
      '    ~ /properties/subnets/web/x~0y  1 → "\\u001b[2J"',
      '- /networkInterfaces/n',
      '    - /properties/ipConfigurations/p/resourceId  "p"',
      '    - /properties/ipConfigurations/p/a  1',
      '',
    ].join('\n'),
  );
  await controller.close();
});

test('equal revisions, and a restore that changes nothing, say so', async (t) => {
  const controller = await scriptedController({
    [`${PATH}/diff?from=5`]: { body: { from: 5, to: 5, trees: [], isTruncated: false } },
    'POST /networking/weft/v1/revisions/5/restore': { body: { restored: 5, revision: 5 } },
    'POST /networking/weft/v1/revisions/4/restore': { body: { restored: 4, revision: 6 } },
  });
  t.is((await controller.weft('revisions', 'diff', '5')).out, 'revisions 5 and 5 are equal\n');
  const same = await controller.weft('revisions', 'restore', '5');
  t.is(same.out, 'nothing differs from revision 5\n');
  const back = await controller.weft('revisions', 'restore', '4');
  t.is(back.out, 'revision 6 puts back what revision 4 was\n');
  await controller.close();
});

test('an unknown revision is refused with where to look, a misspelt one is a wrong command line', async (t) => {
  const controller = await scriptedController({});
  const unknown = await controller.weft('revisions', 'show', '99');
  t.is(unknown.code, 1);
  t.regex(unknown.err, /weft revisions list/);
  t.is((await controller.weft('revisions', 'show', 'x')).code, 2);
  t.is((await controller.weft('revisions', 'show', '-1')).code, 2);
  await controller.close();
});
