/** `npm run bench [-- NAME...] [--quick] [--json] [--gigabytes=N]`: runs benchmarks and prints what they measured. */
import { core } from './core/core.ts';
import { fetch, parts as fetchParts } from './fetch/fetch.ts';
import { silence } from './silence/silence.ts';
import { smtp } from './smtp/smtp.ts';
import { largeFile } from './core/large-file.ts';
import { machine, tableLine, type Bench } from './report.ts';

const benches: readonly Bench[] = [core, fetch, smtp, silence];
/** Parts of others, for who wants nothing else. */
const single: readonly Bench[] = [largeFile, ...fetchParts];

async function main(argv: readonly string[]): Promise<number> {
  const names = argv.filter((argument) => !argument.startsWith('--'));
  const flags = new Set(argv.filter((argument) => argument.startsWith('--')));
  const [sized] = [...flags].filter((flag) => /^--gigabytes=[1-9]\d{0,2}$/.test(flag));
  const all = [...benches, ...single];
  const unknown = [
    ...names.filter((name) => !all.some((bench) => bench.name === name)),
    ...[...flags].filter((flag) => flag !== '--json' && flag !== '--quick' && flag !== sized),
  ];
  if (unknown.length > 0) {
    console.error(
      `unknown: ${unknown.join(' ')}; there is ${all.map(({ name }) => name).join(', ')}, --quick, --json, --gigabytes=N`,
    );
    return 2;
  }
  const options = {
    quick: flags.has('--quick'),
    ...(sized === undefined ? {} : { gigabytes: Number(sized.split('=')[1]) }),
  };
  const json = flags.has('--json');
  if (!json) console.log(machine());
  for (const bench of names.length === 0 ? benches : all.filter(({ name }) => names.includes(name)))
    for await (const metric of bench.run(options))
      console.log(json ? JSON.stringify({ ...metric, machine: machine() }) : tableLine(metric));
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
