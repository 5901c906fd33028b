# The AWS CLI: s3 cp, which uploads files of more than 8 MB in parts, and a presigned URL for reading.
set -euo pipefail
export AWS_ENDPOINT_URL=$ENDPOINT AWS_CONFIG_FILE=/dev/null
aws s3 cp --only-show-errors --metadata Author-Name=Anna "$FILES/single" "s3://$BUCKET/awscli/single"
aws s3 cp --only-show-errors --metadata Author-Name=Anna "$FILES/multipart" "s3://$BUCKET/awscli/multipart"
aws s3api put-object --bucket "$BUCKET" --key awscli/checksum --body "$FILES/single" \
  --checksum-algorithm SHA256 >/dev/null
echo 'presigned: not offered'
echo 'form: not offered'
