/** Nodes of the diagrams of one header space; a policy that needs more is answered with an error, never with a part of the answer. */
export const HEADER_SPACE_NODES_MAX = 200_000;

/** Comparisons that one header space may spend, about a second's worth; further ones are refused likewise. */
export const HEADER_SPACE_STEPS_MAX = 50_000_000;
