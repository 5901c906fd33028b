// Asks an independent IAM evaluator what each role may do: node tools/role-table.mjs local/tests/infra/testdata It
// reads role-table.json, and the roles and bucket policies as deployed, which local/tests/infra compares with the
// template. A request is allowed only if both the role and the bucket allow it. The policies for people are read from
// docs/review.md.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runSimulation } from '@cloud-copilot/iam-simulate';

const account = '000000000000';
const folder = process.argv[2];
const read = (name) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
const roles = read('roles.json');
const table = read('role-table.json');
const buckets = read('policies/three-bucket-clean-only.json');
const principals = read('policy-table.json').principals;

// The policies of KMS keys let IAM decide, as the quarantine key's does and as those of keys made in the console do.
const keyPolicy = { Version: '2012-10-17', Statement: [
  { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'kms:*', Resource: '*' }] };

// The managed policy AWSLambdaVPCAccessExecutionRole, which SAM attaches to functions in a VPC, allows these:
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSLambdaVPCAccessExecutionRole.html
const interfaces = { Effect: 'Allow', Resource: '*', Action: [
  'ec2:CreateNetworkInterface', 'ec2:DescribeNetworkInterfaces', 'ec2:DescribeSubnets', 'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses', 'ec2:UnassignPrivateIpAddresses'] };

const people = Object.fromEntries([...readFileSync(join(folder, '../../../../docs/review.md'), 'utf8')
  .matchAll(/<!-- policy (\w+) -->\n```json\n(.*?)\n```/gs)].map(([, who, text]) => [
  `the ${who}`, JSON.parse(text.replaceAll('123456789012', account).replaceAll('eu-central-1', 'us-east-1'))]));

// policyOf returns all statements of a role as one policy.
function policyOf(owner) {
  if (people[owner]) return { name: owner, policy: people[owner] };
  const statements = roles.filter((s) => s.owner === owner).map((s) => (
    { Effect: s.denied ? 'Deny' : 'Allow', Action: s.actions, Resource: s.resource,
      ...(s.only && { Condition: s.only }) }));
  if (statements.some((s) => s.Effect === 'Deny')) statements.push(interfaces);
  if (statements.length === 0) throw new Error(`roles.json: got no role of ${owner}, want one`);
  return { name: owner, policy: { Version: '2012-10-17', Statement: statements } };
}

// expand replaces the table's short names by ARNs.
function expand(resource) {
  const [head, ...key] = resource.split('/');
  if (!resource.startsWith('arn:') && !table.resources[head]) {
    throw new Error(`role-table.json: got the resource ${resource}, want an ARN or one of its short names`);
  }
  return [table.resources[head] ?? head, ...key].join('/');
}

let asked = 0, wrong = 0;
for (const row of table.rows) {
  const [owner, actions, resource, expected, context = {}] = row;
  const arn = principals[owner] ?? `arn:aws:iam::${account}:role/lazaret-${owner.replaceAll(' ', '')}`;
  const name = /^arn:aws:s3:::lazaret-(\w+)-\d/.exec(expand(resource))?.[1];
  for (const action of actions.split(' ')) {
    const answer = await runSimulation({
      request: {
        principal: arn.replace(/^arn:aws:iam::(\d+):role\/(.+)$/, 'arn:aws:sts::$1:assumed-role/$2/session'), action,
        contextVariables: { 'aws:SecureTransport': 'true', 'aws:PrincipalArn': arn, ...context },
        resource: { resource: expand(resource), accountId: account },
      },
      identityPolicies: [policyOf(owner)], serviceControlPolicies: [], resourceControlPolicies: [],
      resourcePolicy: action.startsWith('kms:') ? keyPolicy : buckets[name],
    }, {});
    asked++;
    const got = answer.errors ? JSON.stringify(answer.errors) : answer.overallResult === 'Allowed' ? 'allow' : 'deny';
    if (got !== expected) {
      wrong++;
      console.error(`${owner}: ${action} on ${resource}: got ${got} (${answer.overallResult}), want ${expected}`);
    }
  }
}
console.log(`${table.rows.length} rows, ${asked} requests, ${wrong} not as expected`);
process.exitCode = asked > 0 && wrong === 0 ? 0 : 1;
