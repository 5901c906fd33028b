// Asks an independent IAM evaluator who may do what: node tools/policy-table.mjs local/tests/infra/testdata
// It reads policy-table.json and the bucket policies as deployed, which local/tests/infra compares with the template.
// Every answer that is not the table's fails.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { anonymousPrincipal, runSimulation } from '@cloud-copilot/iam-simulate';

const account = '000000000000';
const outcomes = { ExplicitlyDenied: 'deny', Allowed: 'allow', ImplicitlyDenied: 'none' };

// The caller's own permissions allow everything, so that only the bucket's policy can refuse.
const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };

// caller returns the principal that signs a request: the session of a role, if the table names a role.
function caller(arn) {
  const role = /^arn:aws:iam::(\d{12}):role\/(.+)$/.exec(arn);
  return arn === '' ? anonymousPrincipal : role ? `arn:aws:sts::${role[1]}:assumed-role/${role[2]}/session` : arn;
}

function simulation(row, arn, resourcePolicy) {
  const context = { 'aws:SecureTransport': row.insecure ? 'false' : 'true' };
  // A service that calls by itself has no ARN of a principal, and no permissions of its own.
  const service = arn.endsWith('.amazonaws.com');
  if (service) Object.assign(context, { 'aws:PrincipalIsAWSService': 'true', 'aws:SourceArn': row.sourceArn });
  else if (arn !== '') context['aws:PrincipalArn'] = arn;
  if (row.copySource) context['s3:x-amz-copy-source'] = row.copySource;
  for (const [key, value] of Object.entries(row.objectTags ?? {})) context[`s3:ExistingObjectTag/${key}`] = value;
  for (const [key, value] of Object.entries(row.requestTags ?? {})) context[`s3:RequestObjectTag/${key}`] = value;
  if (row.requestTags) context['s3:RequestObjectTagKeys'] = Object.keys(row.requestTags);
  const bucket = `arn:aws:s3:::lazaret-${row.bucket}-${account}-us-east-1`;
  const key = row.key ?? 'docs/a.txt';
  return {
    request: {
      principal: caller(arn), action: row.action, contextVariables: context,
      resource: { resource: key === '' ? bucket : `${bucket}/${key}`, accountId: account },
    },
    identityPolicies: arn === '' || service ? [] : [{ name: 'everything', policy: everything }],
    serviceControlPolicies: [], resourceControlPolicies: [], resourcePolicy,
  };
}

const folder = process.argv[2];
const table = JSON.parse(readFileSync(join(folder, 'policy-table.json'), 'utf8'));
let asked = 0, wrong = 0;
for (const row of table.rows) {
  const before = asked;
  for (const setting of row.settings ?? Object.keys(table.settings)) {
    const policies = JSON.parse(readFileSync(join(folder, 'policies', `${setting}.json`), 'utf8'));
    if (!row.settings && !policies[row.bucket]) continue; // a layout without this bucket
    const answer = await runSimulation(simulation(row, table.principals[row.principal], policies[row.bucket]), {});
    const ignored = answer.result?.ignoredContextKeys ?? [];
    const got = answer.errors ? JSON.stringify(answer.errors) : outcomes[answer.overallResult];
    asked++;
    if (got !== row.expected || ignored.length > 0) {
      wrong++;
      console.error(`${row.name}, under ${setting}: got ${got}, want ${row.expected}`);
      if (ignored.length > 0) console.error(`  got condition keys that S3 does not send: ${ignored.join(', ')}`);
    }
  }
  if (asked === before) {
    wrong++;
    console.error(`${row.name}: got no setting with this bucket, want one at least`);
  }
}
console.log(`${table.rows.length} rows, ${asked} requests, ${wrong} not as expected`);
process.exitCode = asked > 0 && wrong === 0 ? 0 : 1;
