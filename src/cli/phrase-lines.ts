/** A recovery phrase for paper: numbered, four words to a line. */

const perLine = 4;

export function phraseLines(phrase: string): readonly string[] {
  const words = phrase.split(' ').map((word, index) => `${String(index + 1).padStart(2)} ${word.padEnd(10)}`);
  const rows = Array.from({ length: Math.ceil(words.length / perLine) }, (_, row) =>
    `  ${words.slice(row * perLine, (row + 1) * perLine).join('')}`.trimEnd(),
  );
  return [
    'RECOVERY PHRASE (shown once: write it down; it restores everything, and whoever has it can read what you keep):',
    ...rows,
  ];
}
