/** Callers who ask for the same thing at the same time share one answer. */
export function createFlights<T>(): (name: string, action: () => Promise<T>) => Promise<T> {
  const underWay = new Map<string, Promise<T>>();
  return (name, action) => {
    const shared = underWay.get(name);
    if (shared) return shared;
    const flight = action().finally(() => underWay.delete(name));
    underWay.set(name, flight);
    return flight;
  };
}
