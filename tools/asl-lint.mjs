// Lints state machines: node tools/asl-lint.mjs statemachine/*.asl.json
// The service is AWS's own, the one behind its toolkits for editors. Any finding, warnings included, fails.
import { readFileSync } from 'node:fs';
import { getLanguageService } from 'amazon-states-language-service';
import { TextDocument } from 'vscode-languageserver-textdocument';

const service = getLanguageService({});
let findings = 0;
for (const file of process.argv.slice(2)) {
  const text = readFileSync(file, 'utf8');
  JSON.parse(text); // the service forgives commas and comments, Step Functions does not
  const document = TextDocument.create(file, 'asl', 1, text);
  const diagnostics = await service.doValidation(document, service.parseJSONDocument(document));
  for (const { message, range } of diagnostics) {
    console.error(`${file}:${range.start.line + 1}:${range.start.character + 1}: ${message}`);
  }
  findings += diagnostics.length;
  console.log(`${file}: ${Object.keys(JSON.parse(text).States).length} states, ${diagnostics.length} findings`);
}
process.exitCode = findings === 0 ? 0 : 1;
