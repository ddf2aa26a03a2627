/** What `up` prints when everything works: what exists, how to reach it, and what to try next. */
import { describeExposed, type FabricStatus } from './fabric-status.ts';
import { defaultStateDirectory, type StateDirectory } from './state-directory.ts';
import { listVms, type VmRecord } from './vm.ts';

export function summary(status: FabricStatus, state: StateDirectory): string {
  const vms = [...listVms(state)].sort((a, b) => a.name.localeCompare(b.name));
  return [
    '',
    `Weft is up: fabric '${status.fabric.name}', state in ${state.root}`,
    '',
    ...table([
      ['ROLE', 'NAME', 'PID', 'NAMESPACE', 'ADDRESS', 'HEALTH'],
      ...status.roles.map((role) => [
        role.role,
        role.name,
        String(role.pid),
        role.namespace,
        role.address,
        role.health,
      ]),
    ]),
    '',
    ...(vms.length === 0 ? [] : [...machines(vms), '']),
    `Northbound API   ${status.northbound}/networking/v1   OpenAPI: ${status.northbound}/networking/weft/v1/openapi.json`,
    ...(status.exposed === undefined
      ? []
      : [`From this machine: ${describeExposed(status.exposed)}`]),
    '',
    'Try next',
    ...suggestions(status, vms, state).map((line) => `  ${line}`),
  ].join('\n');
}

function machines(vms: readonly VmRecord[]): readonly string[] {
  return table([
    ['VM', 'HOST', 'ADDRESS', 'NAMESPACE'],
    ...vms.map((vm) => [vm.name, vm.host, vm.address, vm.namespace]),
  ]);
}

function suggestions(
  status: FabricStatus,
  vms: readonly VmRecord[],
  state: StateDirectory,
): readonly string[] {
  // Other than by default, every command has to be told.
  const isDefault = state.root === defaultStateDirectory();
  const weft = isDefault ? 'npx weft' : `npx weft --state ${state.root}`;
  const [first, second] = vms;
  const outside = status.roles.some(({ role }) => role === 'edge')
    ? [`${weft} public-ip list`, `${weft} inside outside -- busybox ping -c 3 203.0.113.1`]
    : [];
  const balancer = status.roles.some(({ role }) => role === 'mux')
    ? [`${weft} lb create web --port 80 --backend blue-web1,blue-web3`]
    : [];
  const traffic =
    first === undefined || second === undefined
      ? []
      : [`${weft} vm exec ${first.name} -- busybox ping -c 3 ${second.address}`];
  return [
    `${weft} status`,
    ...traffic,
    ...(vms.length === 0 ? [] : [...outside, ...balancer]),
    `${weft} vnet list`,
    `eval "$(${weft} env)"; curl --cacert "$WEFT_CA" --cert "$WEFT_CERT" --key "$WEFT_KEY" "$WEFT_NC_URL/networking/v1/virtualNetworks"`,
    isDefault ? 'npm run down' : `npm run down -- --state ${state.root}`,
  ];
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
