/** Access control lists and security tags in goal states: who is told, and what. */
import test from 'ava';
import { Compiler, type DocumentInput } from '../../../../controller/compiler/compiler.ts';
import type { JsonObject } from '../../../../controller/store/store.ts';
import { resourceCodec } from '../../../../schema/southbound/codec.ts';
import type { Resource } from '../../../../schema/southbound/messages.ts';
import { AclAction, AclDirection, AddressTag } from '../../../../schema/southbound/messages.ts';
import {
  accessControlListDocument,
  logicalNetworkDocument,
  networkInterfaceDocument,
  securityTagDocument,
  serverDocument,
  virtualNetworkDocument,
} from '../../../fixtures/desired-documents.ts';

const FILTER = '/accessControlLists/Filter';
const FRONT = '/securityTags/Front';

interface Use {
  readonly onSubnet?: string;
  readonly onInterface?: string;
  readonly tags?: readonly string[];
}

function documents({ onSubnet, onInterface, tags = [] }: Use): DocumentInput[] {
  const list = (accessControlList: string | undefined) =>
    accessControlList === undefined ? {} : { accessControlList };
  return [
    { key: 'logicalnetworks/hnvpa', value: logicalNetworkDocument() },
    ...['host1', 'host2'].map((id, at) => ({
      key: `servers/${id}`,
      value: serverDocument({ id, providerAddress: `192.0.2.1${at}` }),
    })),
    {
      key: 'virtualnetworks/blue',
      value: virtualNetworkDocument({
        id: 'Blue',
        subnets: [
          { id: 'Web', prefix: '10.0.0.0/24', vni: 5001, ...list(onSubnet) },
          { id: 'Data', prefix: '10.0.1.0/24', vni: 5002 },
        ],
      }),
    },
    { key: 'networkinterfaces/web', value: nic('web', 'Web', '10.0.0.4', tags) },
    {
      key: 'networkinterfaces/data',
      value: networkInterfaceDocument({
        id: 'data',
        mac: '001DD8000002',
        addresses: [
          {
            subnet: '/virtualNetworks/Blue/subnets/Data',
            address: '10.0.1.4',
            ...list(onInterface),
          },
        ],
      }),
    },
  ];
}

function nic(id: string, subnet: string, address: string, tags: readonly string[]): JsonObject {
  return networkInterfaceDocument({
    id,
    mac: '001DD8000001',
    securityTags: tags,
    addresses: [{ subnet: `/virtualNetworks/Blue/subnets/${subnet}`, address }],
  });
}

const FILTER_DOCUMENT: DocumentInput = {
  key: 'accesscontrollists/filter',
  value: accessControlListDocument({ id: 'Filter', rules: [{ priority: 200 }] }),
};

/** `web` at host1, `data` at host2. */
function compiled(use: Use, ...more: readonly DocumentInput[]): Compiler {
  const compiler = new Compiler();
  compiler.apply({
    revision: 1,
    documents: [...documents(use), ...more],
    placements: [
      { interfaceInstanceId: 'nic-web', serverId: 'host1' },
      { interfaceInstanceId: 'nic-data', serverId: 'host2' },
    ],
  });
  return compiler;
}

function told(compiler: Compiler, host: string, key: string): Resource | undefined {
  const bytes = compiler.slice(`host/${host}`)?.resources.get(key)?.bytes;
  return bytes === undefined ? undefined : resourceCodec.decode(bytes);
}

test('a list goes to hosts with a port it applies to, through the subnet or the ipConfiguration', (t) => {
  const onSubnet = compiled({ onSubnet: FILTER }, FILTER_DOCUMENT);
  t.truthy(told(onSubnet, 'host1', 'acl/acl-Filter'));
  t.is(told(onSubnet, 'host2', 'acl/acl-Filter'), undefined);
  const web = told(onSubnet, 'host1', 'subnet/subnet-Blue-Web')?.virtualSubnet;
  t.is(web?.accessControlListId, 'acl-Filter');

  const onInterface = compiled({ onInterface: FILTER.toLowerCase() }, FILTER_DOCUMENT);
  t.is(told(onInterface, 'host1', 'acl/acl-Filter'), undefined);
  t.truthy(told(onInterface, 'host2', 'acl/acl-Filter'));
  const [configuration] = told(onInterface, 'host2', 'port/nic-data')?.port?.ipConfigurations ?? [];
  t.is(configuration?.accessControlListId, 'acl-Filter');
});

test('a list is told in order of priority, with what its texts stand for', (t) => {
  const rules = accessControlListDocument({
    id: 'Filter',
    inboundDefault: 'Deny',
    rules: [
      {
        priority: 300,
        type: 'Outbound',
        action: 'Deny',
        protocol: 'TCP',
        destination: '10.0.0.0/8,2001:db8::1,INTERNET',
        destinationPorts: '80,8000-8080',
      },
      { priority: 200, protocol: 'ICMPv6', source: 'VIRTUALNETWORK' },
    ],
  });
  const compiler = compiled(
    { onSubnet: FILTER },
    { key: 'accesscontrollists/filter', value: rules },
  );
  const list = told(compiler, 'host1', 'acl/acl-Filter')?.accessControlList;
  t.is(list?.inboundDefault, AclAction.ACL_DENY);
  t.is(list?.outboundDefault, AclAction.ACL_PERMIT);
  const [first, second] = list?.rules ?? [];
  t.like(first, { priority: 200, protocol: 58, direction: AclDirection.ACL_INBOUND });
  t.deepEqual(first?.source?.tags, [AddressTag.VIRTUAL_NETWORK]);
  t.is(first?.destination, undefined, '* is every address');
  t.like(second, {
    action: AclAction.ACL_DENY,
    protocol: 6,
    resourceRef: `${FILTER}/aclRules/r300`,
  });
  t.deepEqual(second?.destination?.tags, [AddressTag.INTERNET]);
  t.deepEqual(
    second?.destination?.prefixes.map(({ address, len }) => [address.length, len]),
    [
      [4, 8],
      [16, 128],
    ],
  );
  t.deepEqual(second?.destinationPorts, [
    { from: 80, to: 80 },
    { from: 8000, to: 8080 },
  ]);
  t.deepEqual(second?.sourcePorts, []);
});

test('a rule changed alters the list and nothing else', (t) => {
  const compiler = compiled({ onSubnet: FILTER }, FILTER_DOCUMENT);
  const value = accessControlListDocument({ id: 'Filter', rules: [{ priority: 201 }] });
  const changes = compiler.apply({
    revision: 2,
    documents: [{ key: FILTER_DOCUMENT.key, value }],
    placements: [],
  });
  t.deepEqual(
    [...changes].map(([target, keys]) => [target, [...keys.keys()]]),
    [['host/host1', ['acl/acl-Filter']]],
  );
});

test('a security tag is the addresses of the interfaces that carry it, told to the hosts of their network', (t) => {
  const tag: DocumentInput = { key: 'securitytags/front', value: securityTagDocument('Front') };
  const value = accessControlListDocument({
    id: 'Filter',
    rules: [{ priority: 200, sourceTags: [FRONT] }],
  });
  const list: DocumentInput = { key: FILTER_DOCUMENT.key, value };
  const compiler = compiled({ onInterface: FILTER, tags: [FRONT] }, tag, list);
  const key = 'tag/vnet-Blue/tag-Front';
  t.deepEqual(told(compiler, 'host2', key)?.securityTag?.addresses, [Uint8Array.of(10, 0, 0, 4)]);
  const [rule] = told(compiler, 'host2', 'acl/acl-Filter')?.accessControlList?.rules ?? [];
  t.deepEqual(rule?.source?.securityTagIds, ['tag-Front']);

  const untagged = nic('web', 'Web', '10.0.0.4', []);
  const documents = [{ key: 'networkinterfaces/web', value: untagged }];
  const changes = compiler.apply({ revision: 2, documents, placements: [] });
  t.is(told(compiler, 'host2', key), undefined, 'nobody carries it: the empty set');
  t.deepEqual([...(changes.get('host/host2')?.keys() ?? [])], [key]);
});

test('a list with a rule that cannot be read is left out whole, and counted', (t) => {
  const value = accessControlListDocument({
    id: 'Filter',
    rules: [{ priority: 200, source: 'x' }],
  });
  const compiler = compiled({ onSubnet: FILTER }, { key: FILTER_DOCUMENT.key, value });
  t.is(compiler.counters.documentsUnreadable, 1);
  t.is(told(compiler, 'host1', 'acl/acl-Filter'), undefined);
});

test('a list on a security tag goes to the hosts of its carriers, whose ports name tag and list', (t) => {
  const list = (...securityTags: readonly string[]): DocumentInput => ({
    key: 'accesscontrollists/filter',
    value: accessControlListDocument({ id: 'Filter', securityTags, rules: [{ priority: 200 }] }),
  });
  const tag = { key: 'securitytags/front', value: securityTagDocument('Front') };
  const compiler = compiled({ tags: [FRONT.toLowerCase()] }, tag, list(FRONT));
  const tagLists = () => told(compiler, 'host1', 'port/nic-web')?.port?.tagLists;
  t.deepEqual(tagLists(), [{ securityTagRef: FRONT, accessControlListId: 'acl-Filter' }]);
  t.truthy(told(compiler, 'host1', 'acl/acl-Filter'));
  t.is(told(compiler, 'host2', 'acl/acl-Filter'), undefined);
  t.deepEqual(told(compiler, 'host2', 'port/nic-data')?.port?.tagLists, []);

  compiler.apply({ revision: 2, documents: [list()], placements: [] });
  t.deepEqual(tagLists(), [], 'the list lets go of the tag');
  t.is(told(compiler, 'host1', 'acl/acl-Filter'), undefined);

  compiler.apply({ revision: 3, documents: [list(FRONT)], placements: [] });
  t.is(tagLists()?.length, 1);
  const plain = { key: 'networkinterfaces/web', value: nic('web', 'Web', '10.0.0.4', []) };
  compiler.apply({ revision: 4, documents: [plain], placements: [] });
  t.deepEqual(tagLists(), [], 'the interface lets go of the tag');
});

test('lists of several tags come in order of the tags’ names, and a list made again under its name is another', (t) => {
  const list = (id: string, tag: string, instanceId: string): DocumentInput => ({
    key: `accesscontrollists/${id}`,
    value: accessControlListDocument({ id, instanceId, securityTags: [tag], rules: [] }),
  });
  const back = '/securityTags/back';
  const compiler = compiled(
    { tags: [FRONT, back] },
    { key: 'securitytags/front', value: securityTagDocument('front') },
    { key: 'securitytags/back', value: securityTagDocument('back') },
    list('a', FRONT, 'a1'),
    list('b', back, 'b1'),
  );
  const ids = () =>
    told(compiler, 'host1', 'port/nic-web')?.port?.tagLists.map(
      ({ accessControlListId }) => accessControlListId,
    );
  t.deepEqual(ids(), ['b1', 'a1']);
  compiler.apply({ revision: 2, documents: [list('b', back, 'b2')], placements: [] });
  t.deepEqual(ids(), ['b2', 'a1']);
});
