/** Pieces of JSON schemas: strict, because what is not described is refused. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** An object of these members and no others; names that end in `?` may be absent. */
export function object(members: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const entries = Object.entries(members);
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, schema]) => [name.replace('?', ''), schema])),
    required: entries.map(([name]) => name).filter((name) => !name.endsWith('?')),
    additionalProperties: false,
  };
}

export function list(items: JsonSchema, minItems: number, maxItems: number): JsonSchema {
  return { type: 'array', items, minItems, maxItems };
}

export function integer(minimum: number, maximum: number): JsonSchema {
  return { type: 'integer', minimum, maximum };
}

export function text(maxLength: number, pattern?: string): JsonSchema {
  return { type: 'string', minLength: 1, maxLength, ...(pattern === undefined ? {} : { pattern }) };
}

export function oneOf(values: readonly unknown[]): JsonSchema {
  return { enum: values };
}

/** A whole number in a path or query. */
export const digits: JsonSchema = { type: 'string', pattern: '^(0|[1-9][0-9]{0,14})$' };

/** Base64url without padding of `min` to `max` bytes. */
export function binary(min: number, max = min): JsonSchema {
  return {
    type: 'string',
    contentEncoding: 'base64url',
    pattern: '^[A-Za-z0-9_-]*$',
    minLength: textLength(min),
    maxLength: textLength(max),
  };
}

function textLength(bytes: number): number {
  return Math.ceil((bytes * 4) / 3);
}

/** Unix time in seconds, below 2^40. */
export const time: JsonSchema = integer(0, 2 ** 40 - 1);
/** A number of bytes. */
export const byteCount: JsonSchema = integer(0, 2 ** 50);
