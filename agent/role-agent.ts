/** The southbound agent of a role's process, by its command line. Called by the roles' processes. */
import { join } from 'node:path';
import { type Agent, type AgentOptions, startAgent } from './agent.ts';
import type { RoleArguments } from './role-arguments.ts';

/** Resolves when the goal state saved in the role's state directory is in force. */
export function startRoleAgent(
  { id, controller, stateDirectory }: RoleArguments,
  options: Omit<AgentOptions, 'id' | 'controller' | 'savedGoalPath'>,
): Promise<Agent> {
  const savedGoalPath = join(stateDirectory, 'goal-state.bin');
  return startAgent({ ...options, id, controller, savedGoalPath });
}
