/** Cases of wire-spec/bridges.md. */
import { collection, type Case } from './cases.ts';
import { addMailSubmissions } from './mail-out.ts';
import { addDecoding, mapRulesOf } from './structures.ts';

const sectionOf: Readonly<Record<string, string>> = {
  'mail-capability': 'bridges.md section 2',
  'mail-submission': 'bridges.md section 3',
};

export function bridges(): readonly Case[] {
  const cases = collection();
  for (const rule of mapRulesOf('bridges.md'))
    addDecoding(cases, rule, sectionOf[rule] ?? 'bridges.md section 4');
  addMailSubmissions(cases);
  return cases.cases;
}
