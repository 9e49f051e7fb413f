/** A map that keeps what was used last. */
export interface Recent<T> {
  get(name: string): T | undefined;
  set(name: string, value: T): void;
  delete(name: string): void;
}

export function createRecent<T>(max: number): Recent<T> {
  const values = new Map<string, T>();
  return {
    get(name) {
      const value = values.get(name);
      if (value === undefined) return undefined;
      values.delete(name);
      values.set(name, value);
      return value;
    },
    set(name, value) {
      values.delete(name);
      values.set(name, value);
      const oldest = values.keys().next();
      if (values.size > max && oldest.done !== true) values.delete(oldest.value);
    },
    delete: (name) => void values.delete(name),
  };
}
