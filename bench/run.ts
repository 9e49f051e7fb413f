/** `npm run bench [-- NAME...] [--quick] [--json]`: runs benchmarks and prints what they measured. */
import { core } from './core/core.ts';
import { fetch } from './fetch/fetch.ts';
import { silence } from './silence/silence.ts';
import { machine, tableLine, type Bench } from './report.ts';

const benches: readonly Bench[] = [core, fetch, silence];

async function main(argv: readonly string[]): Promise<number> {
  const names = argv.filter((argument) => !argument.startsWith('--'));
  const flags = new Set(argv.filter((argument) => argument.startsWith('--')));
  const unknown = [
    ...names.filter((name) => !benches.some((bench) => bench.name === name)),
    ...[...flags].filter((flag) => flag !== '--json' && flag !== '--quick'),
  ];
  if (unknown.length > 0) {
    console.error(
      `unknown: ${unknown.join(' ')}; there is ${benches.map(({ name }) => name).join(', ')}, --quick, --json`,
    );
    return 2;
  }
  const json = flags.has('--json');
  if (!json) console.log(machine());
  for (const bench of benches.filter(({ name }) => names.length === 0 || names.includes(name)))
    for await (const metric of bench.run({ quick: flags.has('--quick') }))
      console.log(json ? JSON.stringify({ ...metric, machine: machine() }) : tableLine(metric));
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
