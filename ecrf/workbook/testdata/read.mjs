// Prints the sheets of a workbook as JSON, read by npm's exceljs: node read.mjs ENGINES FILE
// A cell is its type and its value; nothing may be a formula.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const ExcelJS = createRequire(pathToFileURL(process.argv[2] + '/'))('exceljs');
const names = Object.fromEntries(Object.entries(ExcelJS.ValueType).map(([name, n]) => [n, name]));
const workbook = new ExcelJS.Workbook();
await workbook.xlsx.readFile(process.argv[3]);
const sheets = {};
workbook.eachSheet((sheet) => {
  const rows = (sheets[sheet.name] = []);
  sheet.eachRow((row) => {
    const cells = [];
    row.eachCell({ includeEmpty: true }, (cell) => cells.push(cell.value === null ? null : names[cell.type] + ' ' + cell.text + (cell.numFmt && cell.numFmt !== 'General' ? ' ' + cell.numFmt : '')));
    rows.push(cells);
  });
});
console.log(JSON.stringify(sheets));
