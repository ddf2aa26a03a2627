/** What ours is in a run: the commit. */
import { attempt } from '../fabric/command.ts';

/** Commit of the tree that was built. */
export async function treeVersion(): Promise<string> {
  const { stdout, code } = await attempt(['git', 'describe', '--always', '--dirty']);
  return code === 0 ? `commit ${stdout.trim()}` : 'no commit';
}
