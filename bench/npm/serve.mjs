// Answers commands, one a line, with JSON, one line each: what a command returned and the CPU time that it cost this
// process, in microseconds, the collection of its own garbage included.
import { createInterface } from 'node:readline';

export async function serve(commands) {
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const [name, ...args] = JSON.parse(line);
    globalThis.gc();
    const before = process.cpuUsage();
    let result, error;
    try { result = await commands[name](...args); } catch (e) { error = String(e.stack ?? e); }
    const used = process.cpuUsage(before);
    process.stdout.write(JSON.stringify({ cpu: used.user + used.system, result, error }) + '\n');
  }
}
