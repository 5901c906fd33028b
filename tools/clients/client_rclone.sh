# rclone: copyto, with parts of 5 MiB for larger files. The provider is Other: for the provider AWS, rclone sends a
# checksum after the body, which its SDK does over TLS only. copyto first asks for the object, and gets 403 for a key
# that does not exist or has no verdict yet. --s3-no-head and --no-check-dest prevent that request; --ignore-times does
# not.
set -euo pipefail
export RCLONE_CONFIG=/dev/null RCLONE_CONFIG_L_TYPE=s3 RCLONE_CONFIG_L_PROVIDER=Other RCLONE_CONFIG_L_ENV_AUTH=true
export RCLONE_CONFIG_L_ENDPOINT=$ENDPOINT RCLONE_CONFIG_L_REGION=us-east-1 RCLONE_CONFIG_L_FORCE_PATH_STYLE=true
flags=(--header-upload 'X-Amz-Meta-Author-Name: Anna' --no-check-dest --s3-no-head --s3-no-check-bucket --retries 1)
rclone copyto "${flags[@]}" "$FILES/single" "l:$BUCKET/rclone/single"
rclone copyto "${flags[@]}" --s3-upload-cutoff 5M --s3-chunk-size 5M "$FILES/multipart" "l:$BUCKET/rclone/multipart"
echo 'presigned: not offered'
echo 'form: not offered'
