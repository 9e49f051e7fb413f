/** One after another for each name: what reads, decides and then writes must not overtake itself. */
export type InTurn = <T>(name: string, action: () => Promise<T>) => Promise<T>;

export function createTurns(): InTurn {
  const last = new Map<string, Promise<unknown>>();
  return async (name, action) => {
    const before = last.get(name);
    const turn = (async () => {
      await before?.catch(() => undefined);
      return action();
    })();
    last.set(name, turn);
    try {
      return await turn;
    } finally {
      if (last.get(name) === turn) last.delete(name);
    }
  };
}
