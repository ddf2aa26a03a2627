/** Units as types: a duration in milliseconds cannot be passed where seconds or bytes are meant. */

declare const unit: unique symbol;
type Quantity<Name extends string> = number & { readonly [unit]: Name };

/** A duration, or an instant on a Clock, in milliseconds. */
export type Millis = Quantity<'ms'>;

export function millis(value: number): Millis {
  return value as Millis;
}

export function seconds(value: number): Millis {
  return (value * 1000) as Millis;
}

export function minutes(value: number): Millis {
  return (value * 60_000) as Millis;
}
