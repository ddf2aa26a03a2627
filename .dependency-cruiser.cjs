// The import table of docs/architecture.md, enforced. A folder may import what `allowed` lists for it and itself.
const MAY_IMPORT = {
  base: [],
  native: ['base'],
  packet: ['base'],
  schema: ['base'],
  'bgp/(?!edge/|control/)': ['base', 'bgp/(?!edge/|control/)'],
  'bgp/control': ['base', 'native', 'schema/southbound', 'bgp/(?!edge/)'],
  'bgp/edge': [
    'base',
    'packet',
    'native',
    'schema/southbound',
    'agent',
    'bgp',
    'dataplane/(engine|port|limits)',
  ],
  agent: ['base', 'schema/southbound'],
  'dataplane/engine': ['base', 'packet', 'dataplane/limits'],
  'dataplane/port': ['base', 'packet', 'native', 'dataplane/limits'],
  'dataplane/(?!engine/|port/)': [
    'base',
    'packet',
    'native',
    'schema/southbound',
    'agent',
    'bgp/speaker',
    'slb/hashing',
    'dataplane',
  ],
  slb: [
    'base',
    'packet',
    'native',
    'schema/southbound',
    'agent',
    'bgp/(speaker|control)',
    'dataplane/(engine|port|limits)',
  ],
  gateway: [
    'base',
    'packet',
    'native',
    'schema/southbound',
    'agent',
    'bgp/speaker',
    'dataplane/(engine|port|limits)',
  ],
  controller: ['base', 'schema'],
  '(arm|compute|storage|identity|portal)': ['base', 'schema/northbound'],
};
const FOLDERS =
  'base|packet|native|schema|agent|dataplane|bgp|slb|gateway|controller|arm|compute|storage|identity|portal|cli|fabric|test|bench|tools';

/** What roles that forward take of the diagnostics: the rest they import as types. */
const WITHOUT_TYPEBOX =
  '^schema/southbound/diagnostics/(capture|limits|probe-names|question-shapes|shape|slb-names)\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'nobody-imports-the-top',
      severity: 'error',
      from: { pathNot: '^(cli|fabric|test|bench|tools)/' },
      to: { path: '^(cli|fabric|test|bench|tools)/' },
    },
    {
      name: 'nobody-imports-tests',
      severity: 'error',
      from: { pathNot: '^(test|bench)/' },
      to: { path: '^(test|bench)/' },
    },
    {
      name: 'roles-load-no-schemas',
      severity: 'error',
      comment: 'TypeBox took a third of the start of a role that has no use for it but types',
      from: { path: '^(agent|dataplane|slb|bgp)/' },
      to: {
        path: '^schema/southbound/diagnostics/',
        pathNot: WITHOUT_TYPEBOX,
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'what-roles-load-is-small',
      severity: 'error',
      from: { path: WITHOUT_TYPEBOX },
      to: {
        pathNot: `^base/|^schema/southbound/messages|${WITHOUT_TYPEBOX}`,
        dependencyTypesNot: ['type-only'],
      },
    },
    ...Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
      name: `imports-of-${folder.replace(/\W+/g, '-')}`,
      severity: 'error',
      comment: `${folder} may import only: ${allowed.join(', ') || 'nothing of ours'}`,
      from: { path: `^${folder}${folder.includes('(?!') ? '' : '/'}` },
      to: {
        path: `^(${FOLDERS})/`,
        pathNot: [folder, ...allowed].map(
          (name) => `^${name}${name.includes('(?!') ? '' : '(/|\\.)'}`,
        ),
      },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules|dist' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
