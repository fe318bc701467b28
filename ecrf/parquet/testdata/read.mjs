// Prints a Parquet file as JSON, read by npm's hyparquet: node read.mjs ENGINES FILE
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const { parquetReadObjects, parquetMetadata, parquetSchema } = await import(pathToFileURL(join(process.argv[2], 'node_modules/hyparquet/src/index.js')));
const bytes = readFileSync(process.argv[3]);
const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
const metadata = parquetMetadata(file);
const columns = parquetSchema(metadata).children.map(({ element: e }) => e.name + ' ' + (e.logical_type?.type ?? e.type) + (e.scale ? ` ${e.precision},${e.scale}` : ''));
const rows = await parquetReadObjects({ file, metadata });
const shown = (key, v) => (typeof v === 'bigint' ? Number(v) : v);
console.log(JSON.stringify({ columns, rows }, shown));
