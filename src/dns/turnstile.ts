/** So many at a time; the others wait in their order. */
export type Turnstile = <T>(action: () => Promise<T>) => Promise<T>;

export function createTurnstile(max: number): Turnstile {
  const waiting: (() => void)[] = [];
  let inside = 0;
  return async (action) => {
    if (inside >= max) await new Promise<void>((enter) => waiting.push(enter));
    else inside++;
    try {
      return await action();
    } finally {
      // Whoever waited longest takes the place over.
      const next = waiting.shift();
      if (next) next();
      else inside--;
    }
  };
}
