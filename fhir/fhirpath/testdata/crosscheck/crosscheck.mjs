// Evaluates expressions.json with npm's fhirpath on resources from stdin, one a line, and writes an array of results
// per resource.
import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(pathToFileURL(process.argv[2] + '/'));
const fhirpath = require('fhirpath');
const model = require('fhirpath/fhir-context/r4');
const expressions = JSON.parse(readFileSync(process.argv[3], 'utf8'));
const compiled = {};
for (const [type, list] of Object.entries(expressions)) {
  compiled[type] = list.map((e) => fhirpath.compile(e, model));
}
const out = [];
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const resource = JSON.parse(line);
  const all = [...compiled['*'], ...(compiled[resource.resourceType] || [])];
  out.push(JSON.stringify(all.map((f) => {
    try { return f(resource, {}); } catch (e) { return { error: String(e.message) }; }
  })));
  if (out.length >= 1000) process.stdout.write(out.splice(0).join('\n') + '\n');
}
process.stdout.write(out.join('\n') + '\n');
