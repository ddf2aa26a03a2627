/** `weft get|put|delete PATH`: any resource of the northbound API, as JSON. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { messageOf } from '../../base/errors.ts';
import { NorthboundFault } from '../../fabric/northbound-client.ts';
import { UsageFault } from '../fault-report.ts';
import { textAt } from '../fields.ts';
import { deleteResource } from '../resources.ts';
import type { Session } from '../session.ts';

export function addResourceCommands(program: Command, session: Session): void {
  program
    .command('get <path>')
    .description('any resource or collection as JSON, e.g. /virtualNetworks/blue')
    .action((path: string) => get(session, path));
  program
    .command('put <path>')
    .description('create or replace a resource from JSON, and wait until it is provisioned')
    .requiredOption('-f, --file <file>', 'file with the JSON body, - for standard input')
    .option('--if-match <etag>', 'only when the resource still has this etag')
    .action((path: string, options: { file: string; ifMatch?: string }) =>
      put(session, path, options),
    );
  program
    .command('delete <path>')
    .description('delete a resource, and wait until it is gone')
    .action((path: string) => deleteResource(session, path));
}

async function get(session: Session, path: string): Promise<void> {
  const response = await session.northbound().raw('GET', path);
  const { status, body } = response;
  if (status < 200 || status >= 300) {
    throw new NorthboundFault(`GET ${path}`, status, {
      code: textAt(body, 'error', 'code') || 'Unknown',
      message: textAt(body, 'error', 'message') || 'no message',
    });
  }
  session.shell.stdout.write(`${JSON.stringify(body, null, 2)}\n`);
}

async function put(
  session: Session,
  path: string,
  options: { file: string; ifMatch?: string },
): Promise<void> {
  const body = await readBody(session, options.file);
  const { ifMatch } = options;
  const put = session.northbound().put(path, body, ifMatch === undefined ? {} : { ifMatch });
  const resource = await session.waiting(`putting ${path}`, put);
  session.shell.stdout.write(`${JSON.stringify(resource, null, 2)}\n`);
}

async function readBody(session: Session, file: string): Promise<unknown> {
  let text: string;
  try {
    text = file === '-' ? await session.shell.readStdin() : await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageFault(`${file} cannot be read: ${messageOf(cause)}`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageFault(`${file} is not JSON: ${messageOf(cause)}`);
  }
}
