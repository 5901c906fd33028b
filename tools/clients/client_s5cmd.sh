# s5cmd: cp, with parts of 5 MiB where the file is larger.
set -euo pipefail
export AWS_CONFIG_FILE=/dev/null S3_ENDPOINT_URL=$ENDPOINT
s5cmd --log error cp --metadata Author-Name=Anna "$FILES/single" "s3://$BUCKET/s5cmd/single"
s5cmd --log error cp --metadata Author-Name=Anna --part-size 5 "$FILES/multipart" "s3://$BUCKET/s5cmd/multipart"
echo 'presigned: not offered'
echo 'form: not offered'
