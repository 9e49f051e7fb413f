/**
 * Joins of JSON values: for two values of the same thing, the one that both become. Each is commutative, associative and idempotent, and what
 * is built of them is as well, so that states may meet in any order and as often as they like. What is absent gives way to what is there.
 */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
export type JsonObject = { readonly [name: string]: Json };
export type Join<T> = (a: T, b: T) => T;

/** JSON with the members of each object in the order of their names: one text for one value. */
export function canonicalJson(value: Json): string {
  return JSON.stringify(value, (_name, member: Json) => (isObject(member) ? sorted(member) : member));
}

function sorted(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Of two whole values the one with the greater canonical text: for what never changes, where a difference is nobody's intention. */
export function whole<T>(a: T, b: T): T {
  return canonicalJson(a as Json) >= canonicalJson(b as Json) ? a : b;
}

/** The value of higher rank; of the same rank both joined. */
export function ranked<T>(rank: (value: T) => number, join: Join<T> = whole): Join<T> {
  return (a, b) => {
    const [first, second] = [rank(a), rank(b)];
    if (first === second) return join(a, b);
    return first > second ? a : b;
  };
}

/** A text, or the empty one for anything else. */
export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

export const either: Join<Json> = (a, b) => a === true || b === true;
export const greatest: Join<Json> = (a, b) => Math.max(Number(a), Number(b));
export const least: Join<Json> = (a, b) => Math.min(Number(a), Number(b));

/** Member by member; those without a join of their own, also the unknown ones, by `rest`. */
export function members(joins: Readonly<Record<string, Join<Json>>>, rest: Join<Json> = whole): Join<Json> {
  return (a, b) => {
    if (!isObject(a) || !isObject(b)) return whole(a, b);
    const names = new Set([...Object.keys(a), ...Object.keys(b)]);
    return Object.fromEntries(
      [...names].map((name) => {
        const [mine, theirs] = [ownMember(a, name), ownMember(b, name)];
        if (mine === undefined || theirs === undefined) return [name, (mine ?? theirs) as Json];
        return [name, (Object.hasOwn(joins, name) ? (joins[name] ?? rest) : rest)(mine, theirs)];
      }),
    );
  };
}

/** Not what every object inherits: names come from other devices. */
function ownMember(value: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

/** An object with names of any kind, its values joined. */
export function entries(join: Join<Json>): Join<Json> {
  return members({}, join);
}
