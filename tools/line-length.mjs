// Checks that no line has more than 120 columns: node tools/line-length.mjs It reads the files that git knows, apart
// from Go (golangci-lint's lll checks it) and Markdown (its tables are longer).
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const most = 120;
const checked = /(\.(ya?ml|json|toml|py|mjs|js|sh|xml)|(^|\/)(Makefile|Dockerfile))$|^(scripts|\.ci)\//;
const excepted = [
  /(^|\/)testdata\//, // golden files and tables, one row a line
  /^local\/plan\/\w+\/[\w-]+\.json$/, // the addresses of sources
  /package-lock\.json$/, // npm writes it
  /^docs\/schemas\//, // a description in JSON is one string
  /^events\/(dispatch|report)(-[\w-]+)?\.json$/, // the body of an SQS message, or a cause, is one string
];

const files = execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' }).split('\0')
  .filter((file) => checked.test(file) && !excepted.some((pattern) => pattern.test(file)));
let wrong = 0;
for (const file of files) {
  readFileSync(file, 'utf8').split('\n').forEach((line, i) => {
    if ([...line].length <= most) return;
    wrong++;
    console.error(`${file}:${i + 1}: got ${[...line].length} columns, want ${most} at most`);
  });
}
console.log(`${files.length} files, ${wrong} lines of more than ${most} columns`);
process.exitCode = files.length > 0 && wrong === 0 ? 0 : 1;
