/** Names of resources. Resource paths and resourceIds compare case-insensitively: a Ref is lower-cased, `/virtualnetworks/blue/subnets/web`. */
export type Ref = string;

export function refOf(resourceRef: string): Ref {
  return resourceRef.toLowerCase();
}
