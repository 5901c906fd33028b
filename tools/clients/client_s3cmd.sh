# s3cmd: put, with parts of 5 MB where the file is larger.
set -euo pipefail
s3() {
  s3cmd --config=/dev/null --access_key=test --secret_key=test --region=us-east-1 --no-ssl --quiet \
    --host="${ENDPOINT#http://}" --host-bucket="${ENDPOINT#http://}" "$@"
}
metadata=--add-header=x-amz-meta-Author-Name:Anna
s3 put "$metadata" "$FILES/single" "s3://$BUCKET/s3cmd/single"
s3 put "$metadata" --multipart-chunk-size-mb=5 "$FILES/multipart" "s3://$BUCKET/s3cmd/multipart"
echo 'presigned: not offered'
echo 'form: not offered'
