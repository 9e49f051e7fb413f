/** How figures look to people. */

/** `1.2 GB`: decimal units, as disks are sold. */
export function formatSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 9.95 ? 0 : 1;
  return `${value.toFixed(digits).replace(/\.0$/, '')} ${units[unit]}`;
}

/** `12 d`, `3 h`, `40 s`: the largest unit that fits. */
export function formatDuration(seconds: number): string {
  const units: [number, string][] = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
  ];
  const [length, name] = units.find(([length]) => seconds >= length) ?? [1, 's'];
  return `${Math.floor(Math.max(0, seconds) / length)} ${name}`;
}

/** `2026-11-21 04:30:12Z`, from unix seconds. */
export function formatTime(seconds: number): string {
  const time = new Date(seconds * 1000);
  return Number.isNaN(time.getTime()) ? 'unknown' : `${time.toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** `2,140` */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** `1 message`, `2 messages` */
export function formatNumber(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Rows with their columns aligned, two spaces between; the last column is not padded. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, charactersOf(cell))));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === row.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - charactersOf(cell)),
      )
      .join('  ')
      .trimEnd(),
  );
}

/** Code points: near enough to columns for addresses and names. */
function charactersOf(text: string): number {
  return Array.from(text).length;
}
