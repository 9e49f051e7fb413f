/** Cases of wire-spec/bridges.md. */
import { collection, type Case } from './cases.ts';
import { addDecoding, mapRulesOf } from './structures.ts';

const sectionOf: Readonly<Record<string, string>> = {
  'mail-capability': 'bridges.md section 2',
};

export function bridges(): readonly Case[] {
  const cases = collection();
  for (const rule of mapRulesOf('bridges.md'))
    addDecoding(cases, rule, sectionOf[rule] ?? 'bridges.md section 4');
  return cases.cases;
}
