// Lints state machines: node tools/asl-lint.mjs statemachine/*.asl.json
// It uses the language service of AWS's toolkits for editors. Every finding fails, including warnings.
import { readFileSync } from 'node:fs';
import { getLanguageService } from 'amazon-states-language-service';
import { TextDocument } from 'vscode-languageserver-textdocument';

const service = getLanguageService({});
const files = process.argv.slice(2);
let findings = 0;
for (const file of files) {
  const text = readFileSync(file, 'utf8');
  JSON.parse(text); // the service accepts trailing commas and comments, and Step Functions does not
  const document = TextDocument.create(file, 'asl', 1, text);
  const diagnostics = await service.doValidation(document, service.parseJSONDocument(document));
  for (const { message, range } of diagnostics) {
    console.error(`${file}:${range.start.line + 1}:${range.start.character + 1}: ${message}`);
  }
  findings += diagnostics.length;
  console.log(`${file}: ${Object.keys(JSON.parse(text).States).length} states, ${diagnostics.length} findings`);
}
if (files.length === 0) console.error('asl-lint: got no files, want state machines as arguments');
process.exitCode = files.length > 0 && findings === 0 ? 0 : 1;
