/**
 * The goal state of one moment, unit by unit and only where somebody looks: for questions that must not change what targets are told
 * (Compiler.preview). Nodes are pure, so compiling a unit again costs time and nothing else. Called by controller/what-if.
 */
import type { ResourceContent } from '../goal-state/resource.ts';
import type { ModelView } from './model-view.ts';
import type { CompilerNode, CompilerSettings } from './node.ts';

export interface UnitName {
  readonly node: string;
  readonly unit: string;
}

export class CompiledState {
  readonly model: ModelView;
  /** Units that the change looked at can alter. */
  readonly dirty: readonly UnitName[];
  readonly #nodes: ReadonlyMap<string, CompilerNode>;
  readonly #settings: CompilerSettings;

  constructor(parts: {
    readonly model: ModelView;
    readonly dirty: readonly UnitName[];
    readonly nodes: readonly CompilerNode[];
    readonly settings: CompilerSettings;
  }) {
    this.model = parts.model;
    this.dirty = parts.dirty;
    this.#nodes = new Map(parts.nodes.map((node) => [node.name, node]));
    this.#settings = parts.settings;
  }

  /** What the unit publishes; nothing for a unit that is not there. */
  compile({ node, unit }: UnitName): readonly ResourceContent[] {
    const output = this.#nodes.get(node)?.compile(unit, this.model, this.#settings);
    return output?.published.map(({ content }) => content) ?? [];
  }
}
