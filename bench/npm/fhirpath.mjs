// The side of npm's fhirpath: node --expose-gc fhirpath.mjs ENGINES EXPRESSIONS.json RESOURCES.ndjson
// Commands: round decodes and evaluates all and gives the number of values; values FILE writes, per resource, a line with
// an array of results.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { serve } from './serve.mjs';

const [engines, expressions, resources] = process.argv.slice(2);
const require = createRequire(pathToFileURL(engines + '/'));
const fhirpath = require('fhirpath');
const model = require('fhirpath/fhir-context/r4');
const compiled = {};
for (const [type, list] of Object.entries(JSON.parse(readFileSync(expressions, 'utf8')))) {
  compiled[type] = list.map((e) => fhirpath.compile(e, model));
}
const lines = readFileSync(resources, 'utf8').split('\n').filter((line) => line);

await serve({
  round() {
    let found = 0;
    for (const line of lines) {
      const resource = JSON.parse(line);
      for (const f of compiled[resource.resourceType]) found += f(resource).length;
    }
    return found;
  },
  values(file) {
    const results = lines.map((line) => {
      const resource = JSON.parse(line);
      return JSON.stringify(compiled[resource.resourceType].map((f) => f(resource)));
    });
    writeFileSync(file, results.join('\n') + '\n');
  },
});
