// Package infra_test holds template.yaml and the templates of infra/ to what the rest of the repository says: to the
// metrics that functions emit, to the tables of who may do what (testdata), and to the documents. It also checks what
// CloudFormation would not report before a deployment. It reads the templates and deploys nothing.
package infra_test
